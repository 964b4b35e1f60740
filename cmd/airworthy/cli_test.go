package main

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/airworthy/airworthy/pkg/conformance"
	"github.com/airworthy/airworthy/pkg/conformance/reportv1"
	"github.com/airworthy/airworthy/pkg/evidence"
	"github.com/airworthy/airworthy/pkg/evidence/verdict"
)

// call runs one command line in an empty folder, away from any real engine.
func call(t *testing.T, args ...string) (code int, out, errs string) {
	t.Helper()
	t.Chdir(t.TempDir())
	return callHere(t, args...)
}

func callHere(t *testing.T, args ...string) (code int, out, errs string) {
	t.Helper()
	var o, e bytes.Buffer
	dir := t.TempDir()
	a := newApp(environ{
		Cache: filepath.Join(dir, "cache"), State: filepath.Join(dir, "state"),
		DockerHost: "unix://" + filepath.Join(dir, "absent.sock"), CI: true,
	}, &o, &e)
	code = a.execute(context.Background(), args)
	return code, o.String(), e.String()
}

// write makes a file below the working directory.
func write(t *testing.T, name, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func TestMistakesAreUsageErrors(t *testing.T) {
	for _, tc := range []struct {
		name string
		file string // content of run.yaml
		args []string
		want []string // all of these in the error
	}{
		{"unknown command", "", []string{"fly"}, []string{`unknown command "fly"`}},
		{"unknown flag", "", []string{"e2e", "--fast"}, []string{"unknown flag: --fast", "airworthy e2e --help"}},
		{"argument too many", "", []string{"up", "now"}, []string{`unknown command "now"`, "airworthy up --help"}},
		{"run file as argument not there", "", []string{"e2e", "absent.yaml"}, []string{"absent.yaml", "environments/local.yaml"}},
		{"run files by flag and as arguments", "name: one\napiVersion: airworthy.dev/v1alpha1\n", []string{"e2e", "-f", "run.yaml", "run.yaml"}, []string{"not both"}},
		{"two stacks of one name", "name: one\napiVersion: airworthy.dev/v1alpha1\n", []string{"e2e", "run.yaml", "./run.yaml"}, []string{"must differ from that of run.yaml", `"one"`}},
		{"argument missing", "", []string{"verify"}, []string{"accepts 1 arg(s), received 0", "airworthy verify --help"}},
		{"unknown format", "", []string{"checks", "-o", "xml"}, []string{`unknown format "xml": use one of table, json, markdown`}},
		{"unknown check", "", []string{"e2e", "--check", "executor.teleport"}, []string{`check "executor.teleport" is not in the catalogue`, "airworthy checks"}},
		{"unknown checks", "", []string{"checks", "a.b", "c.d"}, []string{`checks ["a.b" "c.d"] are not in the catalogue`}},
		{"no attempt", "", []string{"test", "--repeat", "0"}, []string{"--repeat 0: at least one attempt"}},
		{"no process", "", []string{"e2e", "--procs", "0"}, []string{"--procs 0: use 1 to 64"}},
		{"no sabotage of that name", "", []string{"sabotage", "executor.teleport"}, []string{`"executor.teleport"`}},
		{"run file not there", "", []string{"e2e", "-f", "absent.yaml"}, []string{"absent.yaml", "environments/local.yaml"}},
		{"unknown key and wrong type", "apiVersion: airworthy.dev/v1alpha1\nclutser: {}\ncluster:\n  workers: many\n",
			[]string{"e2e", "-f", "run.yaml"}, []string{"run.yaml:2:1: clutser:", "run.yaml:4:3: cluster.workers: must be a whole number"}},
		{"wrong setting", "", []string{"up", "--set", "cluster.workers=many"}, []string{"--set cluster.workers=many: cluster.workers:"}},
		{"chart not there", "", []string{"e2e", "--set", "platform.adapter=official", "--set", "platform.chart=absent.tgz"}, []string{"platform.chart", "absent.tgz"}},
		{"not a run directory", "", []string{"verify", "."}, []string{". is not a run directory: it has no plan.json"}},
		{"directory not there", "", []string{"report", "out/absent"}, []string{"out/absent is not there"}},
		{"no stack stands", "", []string{"test"}, []string{"no stack stands: bring one up with `airworthy up`"}},
		{"that stack does not stand", "", []string{"test", "gone"}, []string{"airworthy up"}},
		{"bench of DAG files in the image", "platform: {dagDelivery: baked}\napiVersion: airworthy.dev/v1alpha1\n", []string{"bench", "-f", "run.yaml"},
			[]string{"platform.dagDelivery: baked", "--set platform.dagDelivery=mounted"}},
		{"bench of a cluster that is not ours", "cluster: {kind: existing, kubeconfig: run.yaml}\napiVersion: airworthy.dev/v1alpha1\n",
			[]string{"bench", "-f", "run.yaml"}, []string{"use a run file with cluster.kind: kind"}},
		{"name and all", "", []string{"down", "one", "--all"}, []string{"give a name or --all, not both"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Chdir(t.TempDir())
			if tc.file != "" {
				write(t, "run.yaml", tc.file)
			}
			code, out, errs := callHere(t, tc.args...)
			if code != exitUsage {
				t.Errorf("exit code %d, want 2", code)
			}
			for _, w := range tc.want {
				if !strings.Contains(errs, w) {
					t.Errorf("error does not hold %q:\n%s", w, errs)
				}
			}
			if out != "" {
				t.Errorf("printed %q to the output", out)
			}
			if _, err := os.Stat("out"); err == nil {
				t.Error("left a directory out behind")
			}
		})
	}
}

func TestNoEngineIsNoVerdict(t *testing.T) {
	for _, args := range [][]string{{"e2e"}, {"up"}, {"down"}, {"images", "list"}, {"sabotage"}} {
		t.Run(args[0], func(t *testing.T) {
			t.Chdir(t.TempDir())
			code, _, errs := callHere(t, args...)
			if code != exitCannotTest || !strings.Contains(errs, "absent.sock") {
				t.Errorf("exit code %d, want 3, with the address in the error:\n%s", code, errs)
			}
			if _, err := os.Stat("out"); err == nil {
				t.Error("left a directory out behind")
			}
		})
	}
}

func TestHelpHasExamples(t *testing.T) {
	var o, e bytes.Buffer
	root := newApp(environ{}, &o, &e).rootCommand()
	for _, c := range root.Commands() {
		if c.Name() == "help" || c.Name() == "completion" {
			continue
		}
		if c.Example == "" || c.Short == "" {
			t.Errorf("%s has no example or no short help", c.Name())
		}
		for _, sub := range c.Commands() {
			if sub.Example == "" || sub.Short == "" {
				t.Errorf("%s %s has no example or no short help", c.Name(), sub.Name())
			}
		}
	}
}

func TestChecksAsJSON(t *testing.T) {
	code, out, errs := call(t, "checks", "executor.pod_per_task", "-o", "json")
	if code != 0 {
		t.Fatal(errs)
	}
	var got []map[string]any
	if err := json.Unmarshal([]byte(out), &got); err != nil {
		t.Fatal(err)
	}
	if len(got) != 1 || got[0]["id"] != "executor.pod_per_task" || got[0]["area"] != "executor" || got[0]["level"] != "core" {
		t.Fatalf("got %s", out)
	}
	for _, key := range []string{"title", "requires", "sabotages", "sources", "since", "why"} {
		if got[0][key] == nil {
			t.Errorf("%s is missing or null", key)
		}
	}
}

func TestChecksPageIsCurrent(t *testing.T) {
	page, err := os.ReadFile("../../docs/checks.md")
	if err != nil {
		t.Fatal(err)
	}
	code, out, errs := call(t, "checks", "-o", "markdown")
	if code != 0 {
		t.Fatal(errs)
	}
	if out != string(page) {
		t.Error("docs/checks.md is not current: run `make docs`")
	}
}

func TestCompletion(t *testing.T) {
	for _, tc := range []struct {
		name string
		args []string
		want string
	}{
		{"ids of checks", []string{"checks", "executor.pod_per"}, "executor.pod_per_task\t"},
		{"values of --check", []string{"e2e", "--check", "executor.xc"}, "executor.xcom\t"},
		{"formats", []string{"images", "list", "-o", ""}, "table\njson\n"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			code, out, errs := call(t, append([]string{"__complete"}, tc.args...)...)
			if code != 0 || !strings.HasPrefix(out, tc.want) {
				t.Errorf("exit code %d, got %q %s", code, out, errs)
			}
		})
	}
}

// flown makes a sealed run directory whose checks had the given outcome.
func flown(t *testing.T, outcome conformance.Outcome) string {
	t.Helper()
	return flownIn(t, t.TempDir(), "local", outcome)
}

// flownIn is flown of a stack below a directory.
func flownIn(t *testing.T, base, name string, outcome conformance.Outcome) string {
	t.Helper()
	dir, err := evidence.Create(base, name, nil)
	if err != nil {
		t.Fatal(err)
	}
	plan, err := selection{}.planAll()
	if err != nil {
		t.Fatal(err)
	}
	if err := dir.WritePlan(plan); err != nil {
		t.Fatal(err)
	}
	for _, p := range plan.Checks {
		r, err := dir.Begin(p.Check.ID, 1)
		if err != nil {
			t.Fatal(err)
		}
		rec := verdict.Record(outcome, "because")
		rec.Took = time.Second
		if err := r.Finish(rec); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := verdict.Write(dir, reportv1.Facts{Command: []string{"airworthy", "e2e"}}); err != nil {
		t.Fatal(err)
	}
	return dir.Path()
}

// planAll plans every core check on a platform that claims every feature.
func (s selection) planAll() (conformance.Plan, error) {
	var features []conformance.Feature
	for _, c := range conformance.All() {
		features = append(features, c.Requires...)
	}
	return conformance.NewPlan(conformance.Core, features, nil, nil)
}

func TestVerifyGivesTheVerdict(t *testing.T) {
	for _, tc := range []struct {
		name    string
		outcome conformance.Outcome
		code    int
		want    string
	}{
		{"conformant", conformance.Passed, 0, "verdict: conformant"},
		{"not conformant", conformance.Failed, 1, "verdict: not-conformant"},
		{"inconclusive", conformance.Blocked, 3, "verdict: inconclusive"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			dir := flown(t, tc.outcome)
			code, out, errs := call(t, "verify", dir)
			if code != tc.code || !strings.Contains(out, tc.want) {
				t.Errorf("exit code %d, want %d; got %s%s", code, tc.code, out, errs)
			}
		})
	}
}

func TestVerifySeesAChange(t *testing.T) {
	dir := flown(t, conformance.Failed)
	result := filepath.Join(dir, "checks", "executor.xcom", "attempt-1", "result.json")
	data, err := os.ReadFile(result)
	if err != nil {
		t.Fatal(err)
	}
	write(t, result, strings.Replace(string(data), `"failed"`, `"passed"`, 1))
	code, out, errs := call(t, "verify", dir)
	if code != exitCannotTest || !strings.Contains(out, "checks/executor.xcom/attempt-1/result.json is changed") ||
		!strings.Contains(errs, "is not as it was sealed") {
		t.Errorf("exit code %d; got %s%s", code, out, errs)
	}
}

func TestReportWritesWhatIsMissing(t *testing.T) {
	dir := flown(t, conformance.Passed)
	for _, f := range []string{"report.md", "report.yaml", "junit.xml", "report.html", "SHA256SUMS", "facts.json"} {
		if err := os.Remove(filepath.Join(dir, f)); err != nil {
			t.Fatal(err)
		}
	}
	code, out, errs := call(t, "report", dir)
	if code != 0 || !strings.Contains(out, "conformant") {
		t.Fatalf("exit code %d; got %s%s", code, out, errs)
	}
	if code, out, errs = call(t, "verify", dir); code != 0 {
		t.Errorf("verify after report: exit code %d; got %s%s", code, out, errs)
	}
}

func TestReportFormats(t *testing.T) {
	dir := flown(t, conformance.Passed)
	for _, tc := range []struct{ format, begins string }{
		{"markdown", "# local-"}, {"html", "<!DOCTYPE html>"}, {"yaml", "apiVersion: airworthy.dev/report/v1"}, {"junit", "<?xml"},
	} {
		t.Run(tc.format, func(t *testing.T) {
			code, out, errs := call(t, "report", dir, "--format", tc.format)
			if code != 0 || !strings.HasPrefix(out, tc.begins) {
				t.Errorf("exit code %d; got %.80s%s", code, out, errs)
			}
		})
	}
	if code, _, errs := call(t, "report", dir, "--format", "pdf"); code != exitUsage || !strings.Contains(errs, "use one of markdown, html, yaml, junit") {
		t.Errorf("exit code %d; got %s", code, errs)
	}
}
