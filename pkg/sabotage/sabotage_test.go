package sabotage

import (
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/airworthy/airworthy/fixtures"
	"github.com/airworthy/airworthy/pkg/conformance"
	"github.com/airworthy/airworthy/pkg/platform"
)

func shipped(t *testing.T) []Sabotage {
	t.Helper()
	fsys, err := fs.Sub(fixtures.FS, "sabotage")
	if err != nil {
		t.Fatal(err)
	}
	all, err := Load(fsys)
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// A check that nobody has seen fail cannot be core.
func TestEveryCoreCheckHasASabotage(t *testing.T) {
	coverage := Coverage(shipped(t))
	for _, check := range conformance.All() {
		if check.Level == conformance.Core && len(coverage[check.ID]) == 0 {
			t.Errorf("%s is core and owns no sabotage: add fixtures/sabotage/%s/NAME.yaml", check.ID, check.ID)
		}
	}
}

func TestNoTwoSabotagesOfAGroupNameOneCheck(t *testing.T) {
	groups, err := Groups(shipped(t), nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, g := range groups {
		owner := map[string]string{}
		for _, s := range g.Sabotages {
			for id := range s.Expect {
				if owner[id] != "" {
					t.Errorf("group %s: %s and %s both name %s, so neither proves it", g.Name, owner[id], s.ID(), id)
				}
				owner[id] = s.ID()
			}
		}
	}
}

func TestLoadReportsEveryProblem(t *testing.T) {
	_, err := Load(fstest.MapFS{
		"executor.xcom/empty.yaml": {Data: []byte("title: nothing\ngroup: a\nexpect: {executor.xcom: x}\n")},
		"executor.xcom/other.yaml": {Data: []byte("title: t\ngroup: a\nvalues: {a: 1}\nexpect: {executor.nothing: '('}\n")},
		"executor.xcom/typo.yaml":  {Data: []byte("titel: t\n")},
		"executor.xcom/up.yaml":    {Data: []byte("title: t\ngroup: a\nvalues: {a: 1}\ninstall: x\n")},
		"executor.xcom/fine.yaml":  {Data: []byte("title: t\ngroup: a\nvalues: {a: 1}\nexpect: {executor.xcom: x}\n")},
		"executor.xcom/both.yaml":  {Data: []byte("title: t\ngroup: b\nvalues: {a: 1}\ninstall: '('\nexpect: {executor.xcom: x}\n")},
		"executor.lost/owner.yaml": {Data: []byte("title: t\ngroup: c\nvalues: {a: 1}\ninstall: x\n")},
	})
	if err == nil {
		t.Fatal("no error")
	}
	for _, want := range []string{
		"executor.xcom/empty.yaml: it changes nothing",
		"expect must name the check that owns the sabotage, executor.xcom",
		"expect names executor.nothing, which is no check of the catalogue",
		"error parsing regexp",
		"field titel not found",
		"executor.xcom/up: it has install and shares group a: give it a group of its own",
		"it has both install and expect",
		"install: error parsing regexp",
		"executor.lost/owner.yaml: its folder is executor.lost, which is no check of the catalogue",
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q is not said in:\n%v", want, err)
		}
	}
}

func TestCompare(t *testing.T) {
	g := Group{Name: "a", Sabotages: []Sabotage{{Check: "executor.xcom", Name: "n", Expect: map[string]string{"executor.xcom": "squares"}}}}
	for _, test := range []struct {
		name    string
		records []conformance.Record
		want    []Finding
	}{
		{"caught", []conformance.Record{{Check: "executor.xcom", Outcome: conformance.Failed, Reason: "the squares are wrong"}},
			[]Finding{{Sabotage: "executor.xcom/n", Check: "executor.xcom", Caught: true, Reason: "the squares are wrong"}}},
		{"passed", []conformance.Record{{Check: "executor.xcom", Outcome: conformance.Passed}},
			[]Finding{{Sabotage: "executor.xcom/n", Check: "executor.xcom", Wrong: "the check passed; it should have failed"}}},
		{"another reason", []conformance.Record{{Check: "executor.xcom", Outcome: conformance.Failed, Reason: "timed out"}},
			[]Finding{{Sabotage: "executor.xcom/n", Check: "executor.xcom", Reason: "timed out", Wrong: `the check failed for another reason than "squares"`}}},
		{"missing", nil,
			[]Finding{{Sabotage: "executor.xcom/n", Check: "executor.xcom", Wrong: "the check left no result behind"}}},
		{"a bystander fell", []conformance.Record{
			{Check: "executor.xcom", Outcome: conformance.Failed, Reason: "squares"}, {Check: "logs.live", Outcome: conformance.Blocked, Reason: "down"}},
			[]Finding{{Sabotage: "executor.xcom/n", Check: "executor.xcom", Caught: true, Reason: "squares"},
				{Sabotage: "group a", Check: "logs.live", Reason: "down", Wrong: "no sabotage of the group names this check, and it blocked"}}},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := g.Compare(test.records)
			if len(got) != len(test.want) {
				t.Fatalf("got %+v", got)
			}
			for i := range got {
				if got[i] != test.want[i] {
					t.Errorf("got %+v\nwant %+v", got[i], test.want[i])
				}
			}
		})
	}
}

func TestCompareInstall(t *testing.T) {
	s := Sabotage{Check: "platform.components_ready", Name: "n", Install: "CrashLoop.*no such database"}
	for _, test := range []struct {
		name string
		err  error
		want Finding
	}{
		{"caught", errors.New("CrashLoopBackOff\nno such database"), Finding{Caught: true, Reason: "CrashLoopBackOff\nno such database"}},
		{"came up", nil, Finding{Wrong: "the platform came up; its install should have failed"}},
		{"another reason", errors.New("not within 6m"), Finding{Reason: "not within 6m", Wrong: `the install failed for another reason than "CrashLoop.*no such database"`}},
	} {
		t.Run(test.name, func(t *testing.T) {
			test.want.Sabotage, test.want.Check = "platform.components_ready/n", "install"
			if got := s.compareInstall(test.err); got != test.want {
				t.Errorf("got %+v\nwant %+v", got, test.want)
			}
		})
	}
}

func TestApplyMergesAndKeepsNulls(t *testing.T) {
	g := Group{Sabotages: []Sabotage{
		{Values: map[string]any{"a": map[string]any{"b": nil}}},
		{Values: map[string]any{"a": map[string]any{"c": 2}}, Overlays: []platform.Overlay{{Kind: "Role", Name: "x", Delete: true}}},
	}}
	before := map[string]any{"a": map[string]any{"b": 1, "d": 4}}
	spec := platform.Spec{Values: before}
	g.Apply(&spec)
	a := spec.Values["a"].(map[string]any)
	if v, ok := a["b"]; !ok || v != nil || a["c"] != 2 || a["d"] != 4 || len(spec.Overlays) != 1 {
		t.Errorf("got %v, %v", spec.Values, spec.Overlays)
	}
	if before["a"].(map[string]any)["b"] != 1 {
		t.Error("the values given were changed")
	}
}

// The composed settings are Python that no Go compiler has seen.
func TestLocalSettingsAreSoundPython(t *testing.T) {
	python, err := exec.LookPath("python3")
	if err != nil {
		t.Fatal("python3 is needed to check what the sabotages put into Airflow: install it")
	}
	groups, err := Groups(shipped(t), nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, g := range groups {
		settings := g.localSettings()
		if settings == "" {
			continue
		}
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, "airflow_local_settings.py"), []byte(settings), 0o600); err != nil {
			t.Fatal(err)
		}
		probe := exec.Command(python, "-c", `import airflow_local_settings as s, inspect
for name, parameter in (("pod_mutation_hook", "pod"), ("task_policy", "task")):
    hook = getattr(s, name, None)
    assert hook is None or list(inspect.signature(hook).parameters) == [parameter], name
`)
		probe.Dir = dir
		if out, err := probe.CombinedOutput(); err != nil {
			t.Errorf("group %s: %v\n%s", g.Name, err, out)
		}
	}
}

func TestGroupOnAPlatform(t *testing.T) {
	group := Group{Name: "g", Sabotages: []Sabotage{
		{Check: "database.unicode", Name: "for-mysql", Database: "mysql", Expect: map[string]string{"database.unicode": "x"}},
		{Check: "database.secret_hidden", Name: "secret", Expect: map[string]string{"database.secret_hidden": "x"}},
		{Check: "platform.versions", Name: "any", Expect: map[string]string{"platform.versions": "x"}},
		{Check: "platform.components_ready", Name: "key", Needs: []conformance.Feature{conformance.FeatureDatabaseSecret}, Install: "x"},
	}}
	all := []conformance.Feature{
		conformance.FeatureKubernetesExecutor, conformance.FeatureDatabaseAccess, conformance.FeatureEnvironmentConnections, conformance.FeatureDatabaseSecret,
	}
	for _, row := range []struct {
		name, database string
		features       []conformance.Feature
		leftOut        []string
	}{
		{"everything", "mysql", all, nil},
		{"another database", "postgres", all, []string{"database.unicode/for-mysql: is for mysql"}},
		{"no secret", "mysql", all[:3], []string{"database.secret_hidden/secret: database.secret_hidden needs database-secret, which this platform does not claim",
			"platform.components_ready/key: needs database-secret, which this platform does not claim"}},
	} {
		t.Run(row.name, func(t *testing.T) {
			possible, leftOut := group.On(row.features, row.database)
			if !slices.Equal(leftOut, row.leftOut) || len(possible.Sabotages) != 4-len(row.leftOut) || possible.Name != "g" {
				t.Errorf("left out %q, possible %+v", leftOut, possible)
			}
		})
	}
}

func TestUntried(t *testing.T) {
	g := Group{Name: "g", Sabotages: []Sabotage{
		{Check: "executor.xcom", Name: "a", Expect: map[string]string{"executor.xcom": "x", "executor.mapped_tasks": "y"}},
		{Check: "platform.components_ready", Name: "b", Install: "x"},
	}}
	why := "it could not be tried: no room"
	want := []Finding{
		{Sabotage: "executor.xcom/a", Check: "executor.mapped_tasks", Wrong: why},
		{Sabotage: "executor.xcom/a", Check: "executor.xcom", Wrong: why},
		{Sabotage: "platform.components_ready/b", Check: "install", Wrong: why},
	}
	if got := g.Untried(errors.New("no room")); !slices.Equal(got, want) {
		t.Errorf("got %+v\nwant %+v", got, want)
	}
}

// A group that leaves the platform alone costs no rollout of it.
func TestChangesPlatform(t *testing.T) {
	for name, test := range map[string]struct {
		sabotage Sabotage
		want     bool
	}{
		"values":         {Sabotage{Values: map[string]any{"a": 1}}, true},
		"overlays":       {Sabotage{Overlays: []platform.Overlay{{Kind: "Role", Name: "x", Delete: true}}}, true},
		"local settings": {Sabotage{LocalSettings: "a = 1"}, true},
		"an add-on":      {Sabotage{Addons: map[string]Change{"ingress": {Values: map[string]any{"a": 1}}}}, false},
		"the database":   {Sabotage{SQL: &SQL{"do", "undo"}}, false},
		"what is asked":  {Sabotage{Run: []string{"platform.airflowVersion=1"}}, false},
	} {
		t.Run(name, func(t *testing.T) {
			if got := (Group{Sabotages: []Sabotage{test.sabotage}}).changesPlatform(); got != test.want {
				t.Errorf("got %t, want %t", got, test.want)
			}
			if got := (Group{}).changesPlatform(); got {
				t.Error("a group of nothing changes it")
			}
		})
	}
}
