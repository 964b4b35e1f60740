package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/airworthy/airworthy/pkg/config"
	"github.com/airworthy/airworthy/pkg/conformance"
	"github.com/airworthy/airworthy/pkg/conformance/reportv1"
)

func documentOf(v conformance.Verdict, counts reportv1.Counts, outcomes map[string]conformance.Outcome) *reportv1.Document {
	doc := &reportv1.Document{Verdict: v, Counts: counts}
	for id, o := range outcomes {
		c := reportv1.Check{ID: id, Outcome: o}
		if o == conformance.Unsupported {
			c.Reason = "nobody claims it"
		}
		doc.Checks = append(doc.Checks, c)
	}
	return doc
}

func TestSeveralStacks(t *testing.T) {
	good := outcome{name: "one", dir: "out/one", doc: documentOf(conformance.Conformant, reportv1.Counts{Passed: 2, Unsupported: 2},
		map[string]conformance.Outcome{"a.both": conformance.Passed, "a.first": conformance.Passed, "a.second": conformance.Unsupported, "a.none": conformance.Unsupported})}
	other := outcome{name: "two", dir: "out/two", doc: documentOf(conformance.Conformant, reportv1.Counts{Passed: 2, Unsupported: 2},
		map[string]conformance.Outcome{"a.both": conformance.Passed, "a.first": conformance.Unsupported, "a.second": conformance.Passed, "a.none": conformance.Unsupported})}
	bad := outcome{name: "bad", dir: "out/bad", err: verdictError(conformance.NotConformant),
		doc: documentOf(conformance.NotConformant, reportv1.Counts{Failed: 1}, map[string]conformance.Outcome{"a.none": conformance.Failed})}
	broken := outcome{name: "broken", err: errors.New("no engine")}
	for _, tc := range []struct {
		name string
		all  []outcome
		code int
		want []string
	}{
		{"all conformant", []outcome{good, other}, exitConformant, []string{"out/two", "in none of these stacks: a.none: nobody claims it\n", "4 passed, 0 failed\n"}},
		{"one not conformant", []outcome{good, bad, other}, exitNotConformant, []string{"4 passed, 1 failed\n"}},
		{"one without a verdict", []outcome{broken, good}, exitCannotTest, []string{"no verdict", "no engine"}},
		{"a failure weighs more than no verdict", []outcome{broken, bad}, exitNotConformant, nil},
		{"whatever came first", []outcome{bad, broken}, exitNotConformant, nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var out bytes.Buffer
			a := newApp(environ{}, &out, &out)
			a.outDir = t.TempDir()
			runs, s := make([]config.Run, len(tc.all)), reportv1.Several{Stacks: make([]reportv1.Flown, len(tc.all))}
			for i, o := range tc.all {
				runs[i].Name = o.name
			}
			err := a.several(context.Background(), runs, s, turns{fly: func(i int) outcome { return tc.all[i] }})
			if code := complain(&out, err); code != tc.code {
				t.Errorf("exit code %d, want %d", code, tc.code)
			}
			for _, w := range tc.want {
				if !strings.Contains(out.String(), w) {
					t.Errorf("%q is not in:\n%s", w, out.String())
				}
			}
		})
	}
}

func TestSeveralStacksAfterAnInterrupt(t *testing.T) {
	var out bytes.Buffer
	ctx, cancel := context.WithCancel(context.Background())
	flown := 0
	a := newApp(environ{}, &out, &out)
	a.outDir = t.TempDir()
	s := reportv1.Several{Stacks: make([]reportv1.Flown, 2)}
	err := a.several(ctx, []config.Run{{Name: "one"}, {Name: "two"}}, s, turns{fly: func(int) outcome {
		flown++
		cancel()
		return outcome{err: ctx.Err()}
	}})
	if flown != 1 || complain(&out, err) != exitCannotTest {
		t.Errorf("%d stacks were begun, exit code %d", flown, complain(&out, err))
	}
	if !strings.Contains(out.String(), "it was not begun: interrupted") {
		t.Errorf("the second stack is not spoken of:\n%s", out.String())
	}
}

// severalFlown is a summary of two stacks that ran and one that left no report.
func severalFlown(t *testing.T, first, second conformance.Outcome) (summary string, runs []string) {
	t.Helper()
	base := t.TempDir()
	runs = []string{flownIn(t, base, "one", first), flownIn(t, base, "two", second)}
	var all []outcome
	for _, dir := range runs {
		doc, err := readReport(dir)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, outcome{dir: dir, doc: &doc, err: verdictError(doc.Verdict)})
	}
	all = append(all, outcome{dir: filepath.Join(base, "three-x"), err: errors.New("no engine")})
	a := newApp(environ{}, io.Discard, io.Discard)
	a.outDir = base
	s := reportv1.Several{Command: []string{"airworthy", "e2e"}, Stacks: make([]reportv1.Flown, 3)}
	_ = a.several(context.Background(), []config.Run{{Name: "one"}, {Name: "two"}, {Name: "three"}}, s, turns{fly: func(i int) outcome { return all[i] }})
	found, err := filepath.Glob(filepath.Join(base, "several-*"))
	if err != nil || len(found) != 1 {
		t.Fatalf("summaries: %v %v", found, err)
	}
	return found[0], runs
}

func TestVerifyOfSeveralStacks(t *testing.T) {
	summary, runs := severalFlown(t, conformance.Passed, conformance.Failed)
	code, out, errs := call(t, "verify", summary)
	if code != exitNotConformant || !strings.Contains(out, "not conformant: two; not decided: three (no report)") {
		t.Fatalf("exit code %d; got %s%s", code, out, errs)
	}
	for format, begins := range map[string]string{"markdown": "# several-", "html": "<!DOCTYPE html>", "yaml": "apiVersion: airworthy.dev/report/v1\nkind: Summary", "junit": "<?xml"} {
		if code, out, errs := call(t, "report", summary, "--format", format); code != 0 || !strings.HasPrefix(out, begins) {
			t.Errorf("%s: exit code %d; got %.80s%s", format, code, out, errs)
		}
	}
	result := filepath.Join(runs[1], "checks", "executor.xcom", "attempt-1", "result.json")
	data, err := os.ReadFile(result)
	if err != nil {
		t.Fatal(err)
	}
	write(t, result, strings.Replace(string(data), `"failed"`, `"passed"`, 1))
	code, out, errs = call(t, "verify", summary)
	for _, want := range []string{"stack two: checks/executor.xcom/attempt-1/result.json is changed", "summary.yaml does not follow from the stacks' records"} {
		if code != exitCannotTest || !strings.Contains(out, want) {
			t.Errorf("exit code %d, %q is not in %s%s", code, want, out, errs)
		}
	}
	if err := os.RemoveAll(runs[0]); err != nil {
		t.Fatal(err)
	}
	if code, out, errs = call(t, "verify", summary); code != exitCannotTest || !strings.Contains(out, "stack one: verify run") {
		t.Errorf("without a run directory: exit code %d; got %s%s", code, out, errs)
	}
}

func TestSummaryIsThereBeforeTheEnd(t *testing.T) {
	a := newApp(environ{}, io.Discard, io.Discard)
	a.outDir = t.TempDir()
	s := reportv1.Several{Stacks: make([]reportv1.Flown, 1)}
	_ = a.several(context.Background(), []config.Run{{Name: "one"}}, s, turns{fly: func(int) outcome {
		found, _ := filepath.Glob(filepath.Join(a.outDir, "several-*", string(summaryYAML)))
		if len(found) != 1 {
			t.Fatal("no summary while a stack is under way")
		}
		if data, err := os.ReadFile(found[0]); err != nil || !strings.Contains(string(data), errNotEnded.Error()) {
			t.Errorf("it says %s, %v", data, err)
		}
		return outcome{}
	}})
}
