package main

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/airworthy/airworthy/pkg/config"
	"github.com/airworthy/airworthy/pkg/conformance"
	"github.com/airworthy/airworthy/pkg/conformance/reportv1"
)

func documentOf(v conformance.Verdict, counts reportv1.Counts, outcomes map[string]conformance.Outcome) *reportv1.Document {
	doc := &reportv1.Document{Verdict: v, Counts: counts}
	for id, o := range outcomes {
		doc.Checks = append(doc.Checks, reportv1.Check{ID: id, Outcome: o})
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
		{"all conformant", []outcome{good, other}, exitConformant, []string{"out/two", "in none of these stacks: a.none\n", "4 passed, 0 failed\n"}},
		{"one not conformant", []outcome{good, bad, other}, exitNotConformant, []string{"4 passed, 1 failed\n"}},
		{"one without a verdict", []outcome{broken, good}, exitCannotTest, []string{"no verdict", "no engine"}},
		{"a failure weighs more than no verdict", []outcome{broken, bad}, exitNotConformant, nil},
		{"whatever came first", []outcome{bad, broken}, exitNotConformant, nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var out bytes.Buffer
			a := newApp(environ{}, &out, &out)
			err := a.several(context.Background(), make([]config.Run, len(tc.all)), func(i int) outcome { return tc.all[i] })
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
	err := newApp(environ{}, &out, &out).several(ctx, []config.Run{{Name: "one"}, {Name: "two"}}, func(int) outcome {
		flown++
		cancel()
		return outcome{name: "one", err: ctx.Err()}
	})
	if flown != 1 || complain(&out, err) != exitCannotTest {
		t.Errorf("%d stacks were begun, exit code %d", flown, complain(&out, err))
	}
}
