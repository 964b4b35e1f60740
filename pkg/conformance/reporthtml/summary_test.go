package reporthtml

import (
	"bytes"
	"strings"
	"testing"

	"github.com/airworthy/airworthy/internal/golden"
	"github.com/airworthy/airworthy/pkg/conformance/reportv1"
)

func TestSummaryPage(t *testing.T) {
	good, mixed := document(t, "conformant"), document(t, "mixed")
	d := reportv1.Summarize(reportv1.Several{
		Name: "several-20260102T030405Z", Airworthy: "0.1.0", SideBySide: 2, Command: []string{"airworthy", "e2e", "a.yaml"},
		Stacks: []reportv1.Flown{
			{Name: "one", Run: "one-20260102T030405Z", Report: &good},
			{Name: "two", Run: "two-20260102T030405Z", Report: &mixed, Error: "clean-up: <left>"},
			{Name: "three", Run: "three-20260102T030405Z", Error: "no <engine> answers"},
		},
	})
	page, err := Summary(d)
	if err != nil {
		t.Fatal(err)
	}
	again, err := Summary(d)
	if err != nil || !bytes.Equal(page, again) {
		t.Errorf("made again it differs: %v", err)
	}
	text := bare(t, string(page))
	golden.Equal(t, "testdata/summary.html", []byte(text))
	for _, link := range []string{`href="../one-20260102T030405Z/report.html"`, `href="../two-20260102T030405Z/report.html#check-executor.xcom"`, `href="../three-20260102T030405Z/"`} {
		if !strings.Contains(text, link) {
			t.Errorf("%s is missing", link)
		}
	}
	// What is linked lies beside the page; everything else must be in it.
	inspect(t, strings.ReplaceAll(text, `href="../`, `href="./`))
}
