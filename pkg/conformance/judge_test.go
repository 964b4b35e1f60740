package conformance

import (
	"math/rand/v2"
	"reflect"
	"testing"
	"time"
)

var start = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

func core(id string) Planned     { return Planned{Check: Check{ID: id, Level: Core}} }
func extended(id string) Planned { return Planned{Check: Check{ID: id, Level: Extended}} }
func skipped(p Planned) Planned  { p.Skipped = "left out by hand"; return p }

func unsupported(p Planned) Planned { p.Unsupported = "volume-logs"; return p }

func because(p Planned) Planned { p = unsupported(p); p.Because = "logs go elsewhere"; return p }

func record(check string, attempt int, o Outcome, reason string) Record {
	return Record{Check: check, Attempt: attempt, Outcome: o, Reason: reason, Started: start, Took: time.Second}
}

func TestJudgeOneCheck(t *testing.T) {
	const id = "a.b"
	tests := []struct {
		name    string
		planned Planned
		records []Record
		outcome Outcome
		reason  string
		verdict Verdict
	}{
		{"passed", core(id), []Record{record(id, 1, Passed, "")}, Passed, "", Conformant},
		{"every attempt passed", core(id), []Record{record(id, 2, Passed, ""), record(id, 1, Passed, "")}, Passed, "", Conformant},
		{"failed", core(id), []Record{record(id, 1, Failed, "no pod")}, Failed, "no pod", NotConformant},
		{"failed without a reason", core(id), []Record{record(id, 1, Failed, "")}, Failed, "no reason was recorded", NotConformant},
		{"one attempt failed", core(id), []Record{record(id, 1, Passed, ""), record(id, 2, Failed, "no pod"), record(id, 3, Passed, "")}, Failed, "attempt 2 of 3: no pod", NotConformant},
		{"failed beats blocked", core(id), []Record{record(id, 1, Blocked, "no database"), record(id, 2, Failed, "no pod")}, Failed, "attempt 2 of 2: no pod", NotConformant},
		{"blocked", core(id), []Record{record(id, 1, Blocked, "no database")}, Blocked, "no database", Inconclusive},
		{"blocked, then passed", core(id), []Record{record(id, 1, Blocked, "no database"), record(id, 2, Passed, "")}, Blocked, "attempt 1 of 2: no database", Inconclusive},
		{"missing", core(id), nil, Missing, "planned, and left no result behind", Inconclusive},
		{"interrupted", core(id), []Record{record(id, 1, Missing, "killed")}, Missing, "killed", Inconclusive},
		{"interrupted, then passed", core(id), []Record{record(id, 1, Missing, "killed"), record(id, 2, Passed, "")}, Missing, "attempt 1 of 2: killed", Inconclusive},
		{"the first attempt is not there", core(id), []Record{record(id, 2, Passed, "")}, Missing, "attempt 1 left no result behind, attempt 2 did", Inconclusive},
		{"skipped by the plan", skipped(core(id)), nil, Skipped, "left out by hand", Inconclusive},
		{"skipped by the plan and recorded so", skipped(core(id)), []Record{record(id, 1, Skipped, "by hand")}, Skipped, "left out by hand", Inconclusive},
		{"skipped by the plan, and passed", skipped(core(id)), []Record{record(id, 1, Passed, "")}, Contradictory, "planned as skipped (left out by hand), and attempt 1 was recorded as passed: no reason was recorded", Inconclusive},
		{"skipped while it ran", core(id), []Record{record(id, 1, Skipped, "not today")}, Skipped, "not today", Inconclusive},
		{"unsupported", unsupported(core(id)), nil, Unsupported, "the platform does not claim volume-logs", Inconclusive},
		{"unsupported, and why", because(core(id)), nil, Unsupported, "the platform does not claim volume-logs: logs go elsewhere", Inconclusive},
		{"unsupported and skipped", skipped(unsupported(core(id))), nil, Unsupported, "the platform does not claim volume-logs", Inconclusive},
		{"unsupported, and failed", unsupported(core(id)), []Record{record(id, 1, Failed, "no pod")}, Contradictory, "planned as unsupported (the platform does not claim volume-logs), and attempt 1 was recorded as failed: no pod", Inconclusive},
		{"recorded as unsupported", core(id), []Record{record(id, 1, Unsupported, "x")}, Contradictory, "attempt 1 was recorded as unsupported, and the platform claims what the check needs", Inconclusive},
		{"an attempt twice", core(id), []Record{record(id, 1, Passed, ""), record(id, 1, Passed, "")}, Contradictory, "attempt 1 was recorded twice: as passed and as passed", Inconclusive},
		{"an attempt twice, one failed", core(id), []Record{record(id, 1, Passed, ""), record(id, 1, Failed, "x")}, Contradictory, "attempt 1 was recorded twice: as failed and as passed", Inconclusive},
		{"an attempt twice, another failed", core(id), []Record{record(id, 1, Passed, ""), record(id, 1, Passed, ""), record(id, 2, Failed, "no pod")}, Failed, "attempt 2 of 3: no pod", NotConformant},
		{"attempt 0", core(id), []Record{record(id, 0, Passed, "")}, Contradictory, "attempt 0 was recorded: attempts count from 1", Inconclusive},
		{"an outcome nobody knows", core(id), []Record{record(id, 1, "fine", "")}, Contradictory, `attempt 1 was recorded with the outcome "fine", which is not known`, Inconclusive},
		{"no outcome", core(id), []Record{record(id, 1, "", "")}, Contradictory, `attempt 1 was recorded with the outcome "", which is not known`, Inconclusive},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := Judge(Plan{Profile: Core, Checks: []Planned{tt.planned}}, tt.records)
			if len(got.Checks) != 1 || len(got.Errors) != 0 {
				t.Fatalf("checks %+v, errors %q", got.Checks, got.Errors)
			}
			if j := got.Checks[0]; j.Outcome != tt.outcome || j.Reason != tt.reason {
				t.Errorf("%s: %s\nwant %s: %s", j.Outcome, j.Reason, tt.outcome, tt.reason)
			}
			if got.Verdict != tt.verdict {
				t.Errorf("verdict is %s (%s), want %s", got.Verdict, got.Reason, tt.verdict)
			}
			if got.Counts.Planned != 1 {
				t.Errorf("counts are %+v", got.Counts)
			}
		})
	}
}

func TestJudgeARun(t *testing.T) {
	tests := []struct {
		name    string
		profile Level
		checks  []Planned
		records []Record
		verdict Verdict
		reason  string
		errors  []string
	}{
		{"all passed", Core, []Planned{core("a.b"), core("c.d")}, []Record{record("a.b", 1, Passed, ""), record("c.d", 1, Passed, "")}, Conformant, "2 checks passed", nil},
		{"unsupported does not fail it", Core, []Planned{core("a.b"), unsupported(core("c.d"))}, []Record{record("a.b", 1, Passed, "")}, Conformant, "1 check passed, 1 unsupported", nil},
		{"all unsupported", Core, []Planned{unsupported(core("a.b"))}, nil, Inconclusive, "no core check passed", nil},
		{"an empty plan", Core, nil, nil, Inconclusive, "no core check passed", nil},
		{"all skipped", Core, []Planned{skipped(core("a.b")), skipped(core("c.d"))}, nil, Inconclusive, "no check passed, 2 checks without a usable result", nil},
		{"one missing", Core, []Planned{core("a.b"), core("c.d")}, []Record{record("a.b", 1, Passed, "")}, Inconclusive, "1 check without a usable result: c.d", nil},
		{"failed beats missing", Core, []Planned{core("a.b"), core("c.d"), core("e.f")}, []Record{record("e.f", 1, Failed, "x"), record("a.b", 1, Failed, "y")}, NotConformant, "2 checks failed: a.b, e.f", nil},
		{"an extended check fails in the core profile", Core, []Planned{core("a.b"), extended("c.d")}, []Record{record("a.b", 1, Passed, ""), record("c.d", 1, Failed, "x")}, Conformant, "1 check passed", nil},
		{"an extended check fails in the extended profile", Extended, []Planned{core("a.b"), extended("c.d")}, []Record{record("a.b", 1, Passed, ""), record("c.d", 1, Failed, "x")}, NotConformant, "1 check failed: c.d", nil},
		{"only an extended check passed", Extended, []Planned{unsupported(core("a.b")), extended("c.d")}, []Record{record("c.d", 1, Passed, "")}, Inconclusive, "no core check passed", nil},
		{
			"a record that was not planned", Core, []Planned{core("a.b")},
			[]Record{record("a.b", 1, Passed, ""), record("x.y", 2, Failed, "z"), record("x.y", 1, Passed, "")}, Inconclusive,
			`plan and records do not fit together: check "x.y" was recorded (attempt 1 passed, attempt 2 failed) and is not in the plan`,
			[]string{`check "x.y" was recorded (attempt 1 passed, attempt 2 failed) and is not in the plan`},
		},
		{
			"failed beats a record that was not planned", Core, []Planned{core("a.b")},
			[]Record{record("a.b", 1, Failed, "x"), record("x.y", 1, Passed, "")}, NotConformant, "1 check failed: a.b",
			[]string{`check "x.y" was recorded (attempt 1 passed) and is not in the plan`},
		},
		{
			"a check planned twice", Core, []Planned{core("a.b"), core("a.b")}, []Record{record("a.b", 1, Passed, "")}, Inconclusive,
			"plan and records do not fit together: plan lists the check a.b twice", []string{"plan lists the check a.b twice"},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := Judge(Plan{Profile: tt.profile, Checks: tt.checks}, tt.records)
			if got.Verdict != tt.verdict || got.Reason != tt.reason {
				t.Errorf("%s: %s\nwant %s: %s", got.Verdict, got.Reason, tt.verdict, tt.reason)
			}
			if !reflect.DeepEqual(got.Errors, tt.errors) {
				t.Errorf("errors are %q, want %q", got.Errors, tt.errors)
			}
		})
	}
}

func TestJudgeSumsUp(t *testing.T) {
	plan := Plan{Profile: Core, Checks: []Planned{
		core("b.one"), core("b.two"), unsupported(core("c.one")), core("a.one"), core("a.two"), extended("d.one"),
	}}
	first := record("b.one", 1, Passed, "")
	first.Evidence = []string{"z", "y"}
	second := record("b.one", 2, Passed, "")
	second.Evidence = []string{"x", "z"}
	got := Judge(plan, []Record{second, first, record("a.one", 1, Blocked, "x"), record("b.two", 1, Failed, "y")})
	wantAreas := []AreaSummary{
		{Name: "a", Verdict: Inconclusive, Counts: Counts{Planned: 2, Blocked: 1, Missing: 1}},
		{Name: "b", Verdict: NotConformant, Counts: Counts{Planned: 2, Passed: 1, Failed: 1}},
		{Name: "c", Verdict: "", Counts: Counts{Planned: 1, Unsupported: 1}},
		{Name: "d", Verdict: "", Counts: Counts{Planned: 1, Missing: 1}},
	}
	if !reflect.DeepEqual(got.Areas, wantAreas) {
		t.Errorf("areas are %+v\nwant %+v", got.Areas, wantAreas)
	}
	if want := (Counts{Planned: 6, Passed: 1, Failed: 1, Blocked: 1, Missing: 2, Unsupported: 1}); got.Counts != want {
		t.Errorf("counts are %+v, want %+v", got.Counts, want)
	}
	want := Judged{
		Check: Check{ID: "b.one", Level: Core}, Outcome: Passed, Decides: true, Took: 2 * time.Second,
		Attempts: []Record{first, second}, Evidence: []string{"x", "y", "z"},
	}
	if !reflect.DeepEqual(got.Checks[2], want) {
		t.Errorf("check is %+v\nwant %+v", got.Checks[2], want)
	}
}

func TestJudgeDoesNotDependOnOrder(t *testing.T) {
	plan, err := NewPlan(Core, []Feature{FeatureKubernetesExecutor, FeatureLiveDAGs}, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	var records []Record
	outcomes := []Outcome{Passed, Failed, Blocked, Skipped, Missing, "odd"}
	for i, c := range append(All(), Check{ID: "x.y"}, Check{ID: "w.v"}) {
		for attempt := range 3 {
			records = append(records, record(c.ID, attempt/(1+i%2)+1, outcomes[(i*7+attempt)%len(outcomes)], c.ID))
		}
	}
	want := Judge(plan, records)
	random := rand.New(rand.NewPCG(1, 2))
	for range 20 {
		random.Shuffle(len(records), func(i, j int) { records[i], records[j] = records[j], records[i] })
		random.Shuffle(len(plan.Checks), func(i, j int) { plan.Checks[i], plan.Checks[j] = plan.Checks[j], plan.Checks[i] })
		if got := Judge(plan, records); !reflect.DeepEqual(got, want) {
			t.Fatalf("another order gave\n%+v\nwant\n%+v", got, want)
		}
	}
}

func TestExitCode(t *testing.T) {
	for verdict, want := range map[Verdict]int{Conformant: 0, NotConformant: 1, Inconclusive: 3, "": 3} {
		if got := verdict.ExitCode(); got != want {
			t.Errorf("%q exits with %d, want %d", verdict, got, want)
		}
	}
}
