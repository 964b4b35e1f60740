package reportv1

import (
	"encoding/xml"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/airworthy/airworthy/internal/golden"
	"github.com/airworthy/airworthy/pkg/conformance"
)

var start = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

// facts of a run on images of every source.
func facts() Facts {
	return Facts{
		Run: "local-20260102T030405Z", Airworthy: "0.1.0",
		Command: []string{"airworthy", "e2e", "--file", "environments/local.yaml", "--set", "it's"},
		RunFile: "environments/local.yaml", Started: start, Ended: start.Add(4 * time.Minute),
		Platform:      Platform{Adapter: "reference", Chart: "reference", Version: "0.1.0", Digest: "sha256:1111"},
		Airflow:       Airflow{Asked: "3.2.2", Reported: "3.2.2", Image: "apache/airflow:3.2.2"},
		Kubernetes:    Kubernetes{Kind: "kind", Version: "v1.36.3", Nodes: 1, Image: "kindest/node:v1.36.3"},
		Database:      Database{Kind: "postgres", Version: "15.14", Image: "postgres:15"},
		ObjectStorage: ObjectStorage{Kind: "minio", Image: "minio/minio:latest"},
		Images: []Image{
			{Ref: "postgres:15", Role: "service", Source: "pulled", Digest: "sha256:2222", From: "postgres:15"},
			{Ref: "apache/airflow:3.2.2", Role: "workload", Source: "built", ID: "sha256:3333", From: "recipe airflow sha256:aaaa"},
			{Ref: "minio/minio:latest", Role: "service", Source: "mirrored", Digest: "sha256:4444", From: "mirror.example/minio/minio:latest"},
			{Ref: "kindest/node:v1.36.3", Role: "node", Source: "bundled", Digest: "sha256:5555", From: "bundle.tar"},
			{Ref: "odd:1", Source: "", ID: "sha256:6666"},
		},
		Timings: Timings{
			Setup: []Step{
				{Name: "cluster", Took: 14321500 * time.Microsecond},
				{Name: "postgres", Offset: 1200 * time.Millisecond, Took: 900 * time.Millisecond, Error: "port 5432 | is taken"},
			},
			SetupTook: 90 * time.Second, ChecksTook: 125400 * time.Millisecond, CleanupTook: 3 * time.Second, Total: 240 * time.Second,
		},
		Harness: Harness{MaxRSSBytes: 151_000_000, CPUSeconds: 7.5, RunCPUSeconds: 300, StackBytes: 4_200_000_000, ProgramBytes: 850_000_000},
	}
}

func record(check string, attempt int, o conformance.Outcome, reason string, evidence ...string) conformance.Record {
	return conformance.Record{
		Check: check, Attempt: attempt, Outcome: o, Reason: reason, Evidence: evidence,
		Started: start.Add(100 * time.Second), Took: 12345678 * time.Microsecond, Process: 2,
	}
}

// planOf plans these checks of the catalogue.
func planOf(t *testing.T, ids ...string) conformance.Plan {
	t.Helper()
	plan := conformance.Plan{Profile: conformance.Core, Features: []conformance.Feature{conformance.FeatureKubernetesExecutor}}
	for _, id := range ids {
		c, ok := conformance.Find(id)
		if !ok {
			t.Fatalf("no check %s", id)
		}
		// The reports must not change when a sentence of the catalogue does.
		c.Why = "Why " + c.ID + " matters."
		plan.Checks = append(plan.Checks, conformance.Planned{Check: c})
	}
	return plan
}

func conformantRun(t *testing.T) Document {
	plan := planOf(t, "executor.xcom", "logs.live")
	return New(facts(), conformance.Judge(plan, []conformance.Record{
		record("executor.xcom", 1, conformance.Passed, "", "checks/executor.xcom/attempt-1/timeline.txt"),
		record("logs.live", 1, conformance.Passed, ""), record("logs.live", 2, conformance.Passed, ""),
	}))
}

// mixedRun has every outcome, and texts that each format must escape.
func mixedRun(t *testing.T) Document {
	plan := planOf(t, "dags.appears", "executor.xcom", "executor.retries", "executor.pod_killed", "logs.live", "logs.per_try", "logs.persisted", "platform.versions")
	plan.Checks[0].Unsupported, plan.Checks[0].Because = "live-dags", "the image brings its <own> DAG files"
	plan.NotOffered = []conformance.Absence{{Feature: "grafana", Because: "none is brought"}, {Feature: "live-dags", Because: "the image brings its <own> DAG files"}}
	plan.Checks[4].Skipped = "left out by hand"
	f := facts()
	f.Airflow.Reported = "3.2.1"
	f.Problems = []string{"interrupted by SIGTERM"}
	var many []string
	for _, name := range strings.Split("abcdefghij", "") {
		many = append(many, "checks/executor.xcom/attempt-1/logs/"+name+".log")
	}
	return New(f, conformance.Judge(plan, []conformance.Record{
		record("executor.xcom", 1, conformance.Failed, "expected <pod_a> | <pod_b> within 30s\nlast seen: `Pending` *for ever*", many...),
		record("executor.retries", 1, conformance.Blocked, "the database does not answer: connection refused"),
		record("executor.pod_killed", 1, conformance.Passed, ""), record("executor.pod_killed", 1, conformance.Failed, "again"),
		record("logs.persisted", 1, conformance.Passed, ""),
		record("platform.versions", 1, conformance.Passed, ""),
		record("logs.unknown", 1, conformance.Passed, ""),
	}))
}

func emptyRun(*testing.T) Document {
	return New(Facts{Run: "local-20260102T030405Z"}, conformance.Judge(conformance.Plan{Profile: conformance.Core}, nil))
}

func TestReports(t *testing.T) {
	for name, doc := range map[string]func(*testing.T) Document{
		"conformant": conformantRun, "mixed": mixedRun, "empty": emptyRun,
	} {
		t.Run(name, func(t *testing.T) {
			d := doc(t)
			yaml, err := Marshal(d)
			if err != nil {
				t.Fatal(err)
			}
			junit, err := JUnit(d)
			if err != nil {
				t.Fatal(err)
			}
			golden.Equal(t, "testdata/"+name+"/report.yaml", yaml)
			golden.Equal(t, "testdata/"+name+"/report.md", Markdown(d))
			golden.Equal(t, "testdata/"+name+"/junit.xml", junit)

			back, err := Unmarshal(yaml)
			if err != nil {
				t.Fatal(err)
			}
			again, err := Marshal(back)
			if err != nil || string(again) != string(yaml) {
				t.Errorf("read and written again it differs: %v", err)
			}
		})
	}
}

func TestABuiltImageNeverReadsAsThePublishedOne(t *testing.T) {
	const want = "built from packages, not the image published under this name"
	d := conformantRun(t)
	if img := d.Tested.Images[0]; img.Ref != "apache/airflow:3.2.2" || img.Content != want {
		t.Errorf("image is %+v", img)
	}
	if md := string(Markdown(d)); strings.Count(md, want) != 2 { // at Airflow, and in the list of images
		t.Errorf("the page says it %d times:\n%s", strings.Count(md, want), md)
	}
}

func TestJUnitCountsWhatIsNotGreen(t *testing.T) {
	data, err := JUnit(mixedRun(t))
	if err != nil {
		t.Fatal(err)
	}
	var got testSuites
	if err := xml.Unmarshal(data, &got); err != nil {
		t.Fatal(err)
	}
	// Errors: contradictory, blocked, missing, and the record nobody planned.
	if got.Tests != 9 || got.Failures != 1 || got.Errors != 4 || got.Skipped != 2 {
		t.Errorf("%d tests, %d failures, %d errors, %d skipped", got.Tests, got.Failures, got.Errors, got.Skipped)
	}
}

func TestJUnitSurvivesControlCharacters(t *testing.T) {
	plan := planOf(t, "executor.xcom")
	data, err := JUnit(New(facts(), conformance.Judge(plan, []conformance.Record{
		record("executor.xcom", 1, conformance.Failed, "\x1b[31mred\x00 ]]> <&\xff"),
	})))
	if err != nil {
		t.Fatal(err)
	}
	var got testSuites
	if err := xml.Unmarshal(data, &got); err != nil {
		t.Errorf("not XML: %v\n%s", err, data)
	}
}

func TestUnmarshalRefuses(t *testing.T) {
	tests := []struct{ name, data, want string }{
		{"another version", "apiVersion: airworthy.dev/report/v2\n", `decode report: apiVersion is "airworthy.dev/report/v2", this airworthy reads airworthy.dev/report/v1`},
		{"an unknown key", "apiVersion: airworthy.dev/report/v1\nextra: 1\n", "decode report: yaml: unmarshal errors:\n  line 2: field extra not found in type reportv1.Document"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if _, err := Unmarshal([]byte(tt.data)); err == nil || err.Error() != tt.want {
				t.Errorf("error is %v, want %s", err, tt.want)
			}
		})
	}
}

func TestShellLine(t *testing.T) {
	tests := []struct {
		args []string
		want string
	}{
		{[]string{"airworthy", "test", "--profile=core"}, "airworthy test --profile=core"},
		{[]string{"a b", "", "it's", "$HOME", "é"}, `'a b' '' 'it'\''s' '$HOME' 'é'`},
	}
	for _, tt := range tests {
		if got := shellLine(tt.args); got != tt.want {
			t.Errorf("got %s, want %s", got, tt.want)
		}
	}
}

func TestDescribeLeavesTheCallersImagesAlone(t *testing.T) {
	f := facts()
	New(f, conformance.Report{})
	if !reflect.DeepEqual(f, facts()) {
		t.Error("New changed the facts")
	}
}
