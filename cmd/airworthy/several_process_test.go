package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// asAirworthy makes the test binary airworthy itself: what runs os.Executable
// runs the real thing.
const asAirworthy = "AIRWORTHY_TEST_AS_AIRWORTHY"

func TestMain(m *testing.M) {
	if os.Getenv(asAirworthy) != "" {
		os.Exit(start())
	}
	os.Exit(m.Run())
}

// The stacks of this test come no further than to a kubeconfig that names no cluster:
// it is about the processes, what they tell, and the summary of it.
func TestSideBySideInProcesses(t *testing.T) {
	t.Chdir(t.TempDir())
	home := t.TempDir()
	for name, value := range map[string]string{
		asAirworthy: "1", "HOME": home, "XDG_CACHE_HOME": "", "XDG_STATE_HOME": "", "DOCKER_HOST": "unix://" + filepath.Join(home, "absent.sock"),
	} {
		t.Setenv(name, value)
	}
	write(t, "kubeconfig.yaml", "apiVersion: v1\nkind: Config\n")
	for _, name := range []string{"one", "two"} {
		write(t, name+".yaml", "apiVersion: airworthy.dev/v1alpha1\nname: "+name+"\ncluster: {kind: existing, kubeconfig: kubeconfig.yaml}\n")
	}
	code, out, errs := callHere(t, "e2e", "--side-by-side=2", "--set=timeouts.scale=2", "one.yaml", "two.yaml")
	if code != exitUsage {
		t.Errorf("exit code %d", code)
	}
	for _, want := range []string{"[one] ", "[two] ", "stack 2 of 2: two", "one  inconclusive", "two  inconclusive", "summary: out/several-"} {
		if !strings.Contains(out, want) {
			t.Errorf("%q is missing", want)
		}
	}
	if !strings.Contains(errs, "[two] waits: two and one cannot go at the same time") {
		t.Error("two clusters that may be the same were used at the same time")
	}
	found, err := filepath.Glob("out/several-*/summary.yaml")
	if err != nil || len(found) != 1 {
		t.Fatalf("summaries: %v %v\n%s%s", found, err, out, errs)
	}
	summary, err := os.ReadFile(found[0])
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"has no current context", "runFile: two.yaml", "sideBySide: 2", "airworthy e2e --set timeouts.scale=2 --side-by-side=2 one.yaml two.yaml"} {
		if !strings.Contains(string(summary), want) {
			t.Errorf("%q is not in the summary", want)
		}
	}
	reports, _ := filepath.Glob("out/two-*/report.yaml")
	if len(reports) != 1 {
		t.Fatalf("reports of two: %v", reports)
	}
	report, err := os.ReadFile(reports[0])
	if err != nil || !strings.Contains(string(report), "command: airworthy e2e --set timeouts.scale=2 two.yaml\n") {
		t.Errorf("the report of two does not say how to run it again: %v", err)
	}
	if code, out, errs := callHere(t, "verify", filepath.Dir(found[0])); code != exitCannotTest || !strings.Contains(out, "the summary follows from the records") {
		t.Errorf("verify: exit code %d; got %s%s", code, out, errs)
	}
	if t.Failed() {
		t.Logf("%s\n%s\n%s", out, errs, summary)
	}
}
