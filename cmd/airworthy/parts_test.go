package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/airworthy/airworthy/pkg/config"
	"github.com/airworthy/airworthy/pkg/conformance"
	"github.com/airworthy/airworthy/pkg/conformance/reportv1"
	"github.com/airworthy/airworthy/pkg/environment"
	"github.com/airworthy/airworthy/pkg/stack/standing"
)

func TestReadEnviron(t *testing.T) {
	for _, tc := range []struct {
		name string
		vars map[string]string
		want environ
		err  string
	}{
		{"home alone", map[string]string{"HOME": "/h"}, environ{Cache: "/h/.cache/airworthy", State: "/h/.local/state/airworthy"}, ""},
		{"folders of their own", map[string]string{"XDG_CACHE_HOME": "/c", "XDG_STATE_HOME": "/s"}, environ{Cache: "/c/airworthy", State: "/s/airworthy"}, ""},
		{"relative folders do not count", map[string]string{"HOME": "/h", "XDG_CACHE_HOME": "c"}, environ{Cache: "/h/.cache/airworthy", State: "/h/.local/state/airworthy"}, ""},
		{"switches", map[string]string{"HOME": "/h", "CI": "true", "NO_COLOR": "1", "DOCKER_HOST": "tcp://x:1"},
			environ{Cache: "/h/.cache/airworthy", State: "/h/.local/state/airworthy", CI: true, NoColor: true, DockerHost: "tcp://x:1"}, ""},
		{"a proxy, whichever case it is in", map[string]string{"HOME": "/h", "https_proxy": "http://p:1", "NO_PROXY": "localhost"},
			environ{Cache: "/h/.cache/airworthy", State: "/h/.local/state/airworthy", Proxy: map[string]string{
				"HTTPS_PROXY": "http://p:1", "https_proxy": "http://p:1", "NO_PROXY": "localhost", "no_proxy": "localhost"}}, ""},
		{"CI=false is off", map[string]string{"HOME": "/h", "CI": "false"}, environ{Cache: "/h/.cache/airworthy", State: "/h/.local/state/airworthy"}, ""},
		{"nothing", nil, environ{}, "set HOME"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, err := readEnviron(func(name string) (string, bool) { v, ok := tc.vars[name]; return v, ok })
			if tc.err != "" {
				if err == nil || !strings.Contains(err.Error(), tc.err) {
					t.Errorf("got %v, want %q", err, tc.err)
				}
				return
			}
			if err != nil || !reflect.DeepEqual(got, tc.want) {
				t.Errorf("got %+v, %v, want %+v", got, err, tc.want)
			}
		})
	}
}

func TestComplain(t *testing.T) {
	for _, tc := range []struct {
		name string
		err  error
		code int
		text string
	}{
		{"nothing", nil, 0, ""},
		{"without a code", errors.New("no disk"), 3, "airworthy: no disk\n"},
		{"usage", usageError(errors.New("bad key")), 2, "airworthy: bad key\n"},
		{"wrapped usage", fmt.Errorf("x: %w", usageError(errors.New("bad key"))), 2, "airworthy: x: bad key\n"},
		{"a verdict was printed already", verdictError(conformance.NotConformant), 1, ""},
		{"a context that nobody interrupted", fmt.Errorf("wait: %w", context.Canceled), 3, "airworthy: wait: context canceled\n"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var b bytes.Buffer
			if code := complain(&b, tc.err); code != tc.code || b.String() != tc.text {
				t.Errorf("got %d %q, want %d %q", code, b.String(), tc.code, tc.text)
			}
		})
	}
}

func TestInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	ended := fmt.Errorf("wait: %w", context.Canceled)
	if err := interrupted(ctx, ended); err.Error() != "wait: context canceled" {
		t.Errorf("while nobody has interrupted: %v", err)
	}
	cancel()
	if err := interrupted(ctx, ended); err.Error() != "interrupted: wait: context canceled" {
		t.Errorf("after a signal: %v", err)
	}
	if err := interrupted(ctx, nil); err != nil {
		t.Errorf("what had ended well: %v", err)
	}
}

func TestSelectionPlan(t *testing.T) {
	features := []conformance.Feature{conformance.FeatureKubernetesExecutor}
	run := config.Run{Profile: "core", Checks: config.Checks{Skip: []string{"executor.retries"}}}
	p, err := selection{checks: []string{"executor.xcom", "executor.retries"}}.plan(run, features, nil)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := runnable(p), []string{"executor.xcom"}; !reflect.DeepEqual(got, want) {
		t.Errorf("runs %v, want %v", got, want)
	}
	if len(p.Checks) < 20 {
		t.Errorf("the plan lists %d checks: what is left out must stay in it", len(p.Checks))
	}
	if v := conformance.Judge(p, []conformance.Record{{Check: "executor.xcom", Attempt: 1, Outcome: conformance.Passed}}).Verdict; v != conformance.Inconclusive {
		t.Errorf("a hand-picked part gives %s, want inconclusive", v)
	}
}

func TestSelectionRunsWhatIsNamed(t *testing.T) {
	named := conformance.DatabaseOutage
	if named.Level != conformance.Extended {
		t.Fatalf("%s is %s: choose an extended check", named.ID, named.Level)
	}
	p, err := selection{checks: []string{named.ID}}.plan(config.Run{Profile: "core"}, named.Requires, nil)
	if err != nil {
		t.Fatal(err)
	}
	if got := runnable(p); !reflect.DeepEqual(got, []string{named.ID}) {
		t.Errorf("runs %v, want the extended check that was named", got)
	}
}

func TestSuiteArgs(t *testing.T) {
	r := suiteRun{binary: "/b/platform.test", runDir: "/o/r", handoff: "/s/local.json", secrets: "/proc/1/fd/2", attempt: 2, checks: []string{"a.b", "c.d"}, procs: 3}
	got := strings.Join(r.args(), "\n")
	for _, want := range []string{
		"--procs=3", "--seed=1", "--label-filter=check: containsAny {a.b,c.d}",
		"/b/platform.test\n--\n-airworthy.run=/o/r\n-airworthy.stack=/s/local.json\n-airworthy.secrets=/proc/1/fd/2\n-airworthy.attempt=2",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in:\n%s", want, got)
		}
	}
}

// The suites, which are other processes, read what lies on no disk.
func TestSecretsInMemory(t *testing.T) {
	file, err := inMemory([]string{"decrypted"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { file.Close() })
	for range 2 { // each of the processes reads it from its beginning
		text, err := exec.CommandContext(t.Context(), "cat", pathOf(file)).Output()
		if err != nil || strings.TrimSpace(string(text)) != `["decrypted"]` {
			t.Errorf("got %q, %v", text, err)
		}
	}
	read, err := standing.ReadSecrets(pathOf(file))
	if err != nil || !reflect.DeepEqual(read, []string{"decrypted"}) {
		t.Errorf("got %q, %v", read, err)
	}
}

// program writes a shell script to stand in for ginkgo.
func program(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "ginkgo")
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"+text), 0o755); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestSuiteRun(t *testing.T) {
	for _, tc := range []struct {
		name, script, err string
	}{
		{"passes", "exit 0", ""},
		{"a failed spec is no error", "exit 1", ""},
		{"killed", "kill -KILL $$", "run the suites: signal: killed"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var log bytes.Buffer
			err := suiteRun{ginkgo: program(t, tc.script), log: &log}.run(t.Context())
			if got := fmt.Sprint(err); (err != nil || tc.err != "") && got != tc.err {
				t.Errorf("got %q, want %q", got, tc.err)
			}
		})
	}
	if err := (suiteRun{ginkgo: "/absent", log: &bytes.Buffer{}}).run(t.Context()); err == nil || !strings.Contains(err.Error(), "start the suites") {
		t.Errorf("got %v", err)
	}
}

func TestSuiteIsInterruptedOnce(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	began := filepath.Join(t.TempDir(), "began")
	script := program(t, `trap 'echo interrupted; exit 130' INT; : > `+began+`; while :; do sleep 0.05; done`)
	var log bytes.Buffer
	go func() {
		for {
			if _, err := os.Stat(began); err == nil {
				cancel()
				return
			}
			time.Sleep(10 * time.Millisecond)
		}
	}()
	err := suiteRun{ginkgo: script, log: &log}.run(ctx)
	if !errors.Is(err, context.Canceled) || strings.Count(log.String(), "interrupted") != 1 {
		t.Errorf("got %v, log %q", err, log.String())
	}
}

func TestTail(t *testing.T) {
	w := &tail{max: 10}
	for _, s := range []string{"first\n", "second\n", "third\n"} {
		if _, err := w.Write([]byte(s)); err != nil {
			t.Fatal(err)
		}
	}
	if got, want := w.lines(), "third"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestSummary(t *testing.T) {
	doc := reportv1.Document{
		Verdict: "not-conformant", Reason: "1 check failed: executor.xcom",
		Counts:   reportv1.Counts{Planned: 5, Passed: 1, Failed: 1, Missing: 1, Skipped: 1, Unsupported: 1},
		Problems: []string{"clean-up: the network stayed\nin use"},
		Checks: []reportv1.Check{
			{ID: "dags.appears", Outcome: conformance.Passed},
			{ID: "executor.xcom", Outcome: conformance.Failed, Reason: "expected 3\ngot 2",
				Evidence: []string{"checks/executor.xcom/attempt-1/facts/run.json", "checks/executor.xcom/attempt-1/timeline.txt"}},
			{ID: "logs.live", Outcome: conformance.Missing, Reason: "planned, and left no result behind"},
			{ID: "logs.content", Outcome: conformance.Skipped, Reason: "left out by hand"},
			{ID: "ingress.hsts", Outcome: conformance.Unsupported, Reason: "the platform does not claim ingress, hsts: nobody asked"},
			{ID: "logs.volume", Outcome: conformance.Unsupported, Reason: "the platform does not claim volume-logs"},
			{ID: "logs.volume.big", Outcome: conformance.Unsupported, Reason: "the platform does not claim volume-logs"},
		},
		Harness: reportv1.Resources{MaxRSSBytes: 150_000_000, CPUSeconds: 4.25, CPUShare: new(0.031)},
	}
	var b bytes.Buffer
	printSummary(&b, doc, "out/local-1", []phase{{"set-up", 60 * time.Second}, {"checks", 90500 * time.Millisecond}})
	want := `
verdict: not-conformant - 1 check failed: executor.xcom
  failed executor.xcom: expected 3
    got 2
    evidence: out/local-1/checks/executor.xcom/attempt-1
  problem: clean-up: the network stayed
    in use
  missing: logs.live: planned, and left no result behind
  unsupported: ingress.hsts: the platform does not claim ingress, hsts: nobody asked
  unsupported: logs.volume, logs.volume.big: the platform does not claim volume-logs
  left out by hand: 1 checks
airworthy itself: at most 150.0 MB of memory, 4.2 s of processor time (3.1% of the machine's during the run)
how long: set-up 60.0s, checks 90.5s, total 150.5s
report: out/local-1/report.html
run directory: out/local-1
1 passed, 1 failed, 1 missing, 1 skipped, 1 unsupported
`
	if b.String() != want {
		t.Errorf("got:\n%s\nwant:\n%s", b.String(), want)
	}
}

func TestCountsLine(t *testing.T) {
	for _, tc := range []struct {
		name   string
		counts reportv1.Counts
		want   string
	}{
		{"all ran", reportv1.Counts{Planned: 26, Passed: 26}, "26 passed, 0 failed"},
		{"the set-up failed", reportv1.Counts{Planned: 26, Missing: 26}, "0 passed, 0 failed, 26 missing"},
		{"one of each", reportv1.Counts{Planned: 7, Passed: 1, Failed: 1, Blocked: 1, Missing: 1, Contradictory: 1, Skipped: 1, Unsupported: 1},
			"1 passed, 1 failed, 1 blocked, 1 missing, 1 contradictory, 1 skipped, 1 unsupported"},
		{"nothing was planned", reportv1.Counts{}, "0 passed, 0 failed"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got := countsLine(tc.counts); got != tc.want {
				t.Errorf("got %q, want %q", got, tc.want)
			}
		})
	}
}

func TestRemovedText(t *testing.T) {
	for _, tc := range []struct {
		name string
		left environment.Left
		want string
	}{
		{"nothing", environment.Left{}, "nothing was left"},
		{"several", environment.Left{Containers: []string{"a", "b"}, Networks: []string{"n"}}, "removed 2 containers (a, b), 1 network (n)"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got := removedText(tc.left); got != tc.want {
				t.Errorf("got %q, want %q", got, tc.want)
			}
		})
	}
}

func TestChecksTook(t *testing.T) {
	at := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	got := checksTook([]conformance.Record{
		{Started: at.Add(5 * time.Second), Took: 20 * time.Second}, {}, {Started: at, Took: 10 * time.Second},
	})
	if want := 25 * time.Second; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if got := checksTook(nil); got != 0 {
		t.Errorf("of nothing: got %s", got)
	}
}

func TestCommandLineHidesSecretsAndPlaces(t *testing.T) {
	a := newApp(environ{}, &bytes.Buffer{}, &bytes.Buffer{})
	root := a.rootCommand()
	cmd, rest, err := root.Find([]string{"e2e", "--set", "name=x", "--set", "platform.values.adminPassword=hunter2", "--out", "/tmp/o", "--keep"})
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.ParseFlags(rest); err != nil {
		t.Fatal(err)
	}
	want := []string{"airworthy", "e2e", "--keep=true", "--set", "name=x", "--set", "platform.values.adminPassword=REDACTED"}
	if got := a.commandLine(cmd); !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestSecondSignalSaysWhatIsLeft(t *testing.T) {
	a := newApp(environ{}, &bytes.Buffer{}, &bytes.Buffer{})
	if got, want := a.leaving(os.Interrupt), "airworthy: interrupt again: ended at once; no stack was standing"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	a.stands("local")
	if got, want := a.leaving(os.Interrupt), "airworthy: interrupt again: ended at once; what the stack local had made is still there: `airworthy down local` removes it"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestSecondSignalNamesEveryStack(t *testing.T) {
	a := newApp(environ{}, &bytes.Buffer{}, &bytes.Buffer{})
	a.stands("one")
	a.stands("two")
	a.stands("three")
	a.gone("two")
	got := a.leaving(os.Interrupt)
	if !strings.Contains(got, "`airworthy down one`") || !strings.Contains(got, "`airworthy down three`") || strings.Contains(got, "two") {
		t.Errorf("got %q", got)
	}
}

func TestNamesText(t *testing.T) {
	for want, got := range map[string]string{
		"a.b":          namesText([]string{"a.b"}, 2),
		"all 2 checks": namesText([]string{"a.b", "c.d"}, 2),
	} {
		if got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}
