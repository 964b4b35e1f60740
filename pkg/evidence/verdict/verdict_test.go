package verdict

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/airworthy/airworthy/pkg/conformance"
	"github.com/airworthy/airworthy/pkg/conformance/reportv1"
	"github.com/airworthy/airworthy/pkg/evidence"
)

const secret = "hunter2hunter2"

// newRun is a run directory with a plan of two checks.
func newRun(t *testing.T) *evidence.Dir {
	t.Helper()
	dir, err := evidence.Create(t.TempDir(), "local", []string{secret})
	if err != nil {
		t.Fatal(err)
	}
	plan := conformance.Plan{Profile: conformance.Core}
	for _, c := range []conformance.Check{conformance.ExecutorXCom, conformance.LogsLive} {
		plan.Checks = append(plan.Checks, conformance.Planned{Check: c})
	}
	if err := dir.WritePlan(plan); err != nil {
		t.Fatal(err)
	}
	return dir
}

func finish(t *testing.T, dir *evidence.Dir, check string, o conformance.Outcome, reason string) {
	t.Helper()
	r, err := dir.Begin(check, 0)
	if err != nil {
		t.Fatal(err)
	}
	r.Fact("answer", map[string]string{"url": "postgresql://a:b c@h", "password": "x", "text": secret})
	if err := r.Finish(Record(o, reason)); err != nil {
		t.Fatal(err)
	}
}

func facts() reportv1.Facts {
	return reportv1.Facts{
		Airworthy: "0.1.0", Command: []string{"airworthy", "e2e", "--password=" + secret},
		Images:  []reportv1.Image{{Ref: "apache/airflow:3.2.2", Source: "built", ID: "sha256:1"}},
		Timings: reportv1.Timings{Total: 90 * time.Second},
	}
}

func write(t *testing.T, dir *evidence.Dir) reportv1.Document {
	t.Helper()
	doc, err := Write(dir, facts())
	if err != nil {
		t.Fatal(err)
	}
	return doc
}

func TestALeakTakesTheVerdictBack(t *testing.T) {
	for _, outcome := range []conformance.Outcome{conformance.Passed, conformance.Failed} {
		dir := newRun(t)
		finish(t, dir, "executor.xcom", outcome, "because")
		finish(t, dir, "logs.live", conformance.Passed, "")
		// Not through the directory, which would have redacted it.
		if err := os.WriteFile(filepath.Join(dir.Path(), "planted.log"), []byte("password "+secret), 0o644); err != nil {
			t.Fatal(err)
		}
		doc := write(t, dir)
		if doc.Verdict != conformance.Inconclusive || doc.Verdict.ExitCode() != 3 || !strings.HasSuffix(doc.Reason, ": look into planted.log") {
			t.Errorf("with a check that %s the verdict is %s: %s", outcome, doc.Verdict, doc.Reason)
		}
		got, err := Verify(dir.Path())
		if err != nil || len(got.Differences) != 0 || got.Document.Verdict != conformance.Inconclusive {
			t.Errorf("verify says %s, %q, %v", got.Document.Verdict, got.Differences, err)
		}
	}
}

func TestVerifyMakesTheSameBytes(t *testing.T) {
	dir := newRun(t)
	finish(t, dir, "executor.xcom", conformance.Passed, "")
	finish(t, dir, "logs.live", conformance.Failed, `log says password=`+secret+` and "token": "0123456789abcdef0123"`)
	doc := write(t, dir)
	if doc.Verdict != conformance.NotConformant || doc.Run != dir.Name() {
		t.Errorf("verdict of %s is %s", doc.Run, doc.Verdict)
	}
	// Elsewhere, without the secrets.
	moved := filepath.Join(t.TempDir(), "moved")
	if err := os.CopyFS(moved, os.DirFS(dir.Path())); err != nil {
		t.Fatal(err)
	}
	got, err := Verify(moved)
	if err != nil || len(got.Differences) != 0 {
		t.Errorf("differences are %q, %v", got.Differences, err)
	}
	if !reflect.DeepEqual(got.Document, doc) {
		t.Errorf("document is %+v\nwant %+v", got.Document, doc)
	}
	err = filepath.WalkDir(dir.Path(), func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		if strings.Contains(string(data), secret) {
			t.Errorf("%s holds the secret", path)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

func TestVerifyNamesWhatWasChanged(t *testing.T) {
	tests := []struct {
		name    string
		change  func(dir string) error
		verdict conformance.Verdict
		want    []string
	}{
		{
			"a report made green by hand",
			func(dir string) error { return edit(dir+"/report.yaml", "not-conformant", "conformant") },
			conformance.NotConformant,
			[]string{"report.yaml is changed", `report.yaml does not follow from the records: line 4 is "verdict: conformant" and should be "verdict: not-conformant"`},
		},
		{
			"a result made green by hand",
			func(dir string) error {
				return edit(dir+"/checks/logs.live/attempt-1/result.json", `"failed"`, `"passed"`)
			},
			conformance.Conformant,
			[]string{
				"checks/logs.live/attempt-1/result.json is changed",
				`report.yaml does not follow from the records: line 4 is "verdict: not-conformant" and should be "verdict: conformant"`,
				"report.md does not follow from the records", "junit.xml does not follow from the records",
				"report.html does not follow from the records",
			},
		},
		{
			"evidence put in another's place",
			func(dir string) error {
				return edit(dir+"/checks/logs.live/attempt-1/facts/answer.json", `"url"`, `"uri"`)
			},
			conformance.NotConformant,
			[]string{"checks/logs.live/attempt-1/facts/answer.json is changed", "report.html does not follow from the records: line "},
		},
		{
			"a result taken away",
			func(dir string) error { return os.RemoveAll(dir + "/checks/logs.live") },
			conformance.Inconclusive,
			[]string{
				"checks/logs.live/attempt-1/facts/answer.json is missing", "checks/logs.live/attempt-1/result.json is missing",
				"checks/logs.live/attempt-1/timeline.txt is missing",
				"report.yaml does not follow from the records", "report.md does not follow from the records", "junit.xml does not follow from the records",
				"report.html does not follow from the records",
			},
		},
		{
			"a file put in",
			func(dir string) error { return os.WriteFile(dir+"/note.txt", nil, 0o600) },
			conformance.NotConformant, []string{"note.txt is extra"},
		},
		{
			"a report and the sums taken away",
			func(dir string) error { return errors.Join(os.Remove(dir+"/report.md"), os.Remove(dir+"/SHA256SUMS")) },
			conformance.NotConformant,
			[]string{"verify sums: read SHA256SUMS: no such file or directory", "report.md cannot be compared: read report.md: no such file or directory"},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dir := newRun(t)
			finish(t, dir, "executor.xcom", conformance.Passed, "")
			finish(t, dir, "logs.live", conformance.Failed, "no line")
			write(t, dir)
			if err := tt.change(dir.Path()); err != nil {
				t.Fatal(err)
			}
			got, err := Verify(dir.Path())
			if err != nil {
				t.Fatal(err)
			}
			if got.Document.Verdict != tt.verdict {
				t.Errorf("verdict is %s, want %s", got.Document.Verdict, tt.verdict)
			}
			if len(got.Differences) != len(tt.want) {
				t.Fatalf("differences are %q, want %q", got.Differences, tt.want)
			}
			for i, want := range tt.want {
				if !strings.HasPrefix(got.Differences[i], want) {
					t.Errorf("difference %d is %q, want %q", i+1, got.Differences[i], want)
				}
			}
		})
	}
}

func edit(path, from, to string) error {
	data, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	return os.WriteFile(path, []byte(strings.Replace(string(data), from, to, 1)), 0o600)
}

func TestAnInterruptedAttemptIsNotPassedByAnother(t *testing.T) {
	dir := newRun(t)
	finish(t, dir, "executor.xcom", conformance.Passed, "")
	if _, err := dir.Begin("logs.live", 1); err != nil {
		t.Fatal(err)
	}
	finish(t, dir, "logs.live", conformance.Passed, "")
	doc := write(t, dir)
	if doc.Verdict != conformance.Inconclusive || doc.Checks[1].Outcome != conformance.Missing {
		t.Errorf("verdict is %s, the check is %s", doc.Verdict, doc.Checks[1].Outcome)
	}
	const want = "attempt 1 of 2: begun and left no result behind, its process was interrupted"
	if doc.Checks[1].Reason != want {
		t.Errorf("reason is %q, want %q", doc.Checks[1].Reason, want)
	}
}

func TestAResultThatCannotBeReadIsInconclusive(t *testing.T) {
	dir := newRun(t)
	finish(t, dir, "executor.xcom", conformance.Passed, "")
	finish(t, dir, "logs.live", conformance.Passed, "")
	if err := dir.WriteFile("checks/logs.live/attempt-2/result.json", []byte("{")); err != nil {
		t.Fatal(err)
	}
	doc := write(t, dir)
	const want = "read checks/logs.live/attempt-2/result.json: unexpected end of JSON input"
	if doc.Verdict != conformance.Inconclusive || !reflect.DeepEqual(doc.Errors, []string{want}) {
		t.Errorf("verdict is %s (%s), errors are %q", doc.Verdict, doc.Reason, doc.Errors)
	}
}

func TestWithoutAPlanThereIsNoVerdict(t *testing.T) {
	dir, err := evidence.Create(t.TempDir(), "local", nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Write(dir, facts()); err == nil || err.Error() != "write report: read plan.json: no such file or directory" {
		t.Errorf("write gave %v", err)
	}
	if _, err := Verify(dir.Path()); err == nil || err.Error() != "verify run: read plan.json: no such file or directory" {
		t.Errorf("verify gave %v", err)
	}
}

// The file form of a record and the judged one must hold the same fields.
func TestRecordsHaveTheSameFields(t *testing.T) {
	file, judged := reflect.TypeFor[evidence.Record](), reflect.TypeFor[conformance.Record]()
	for i := range max(file.NumField(), judged.NumField()) {
		a, b := file.Field(i), judged.Field(i)
		if a.Name != b.Name || a.Tag != b.Tag {
			t.Errorf("field %d is %s %s and %s %s", i, a.Name, a.Tag, b.Name, b.Tag)
		}
	}
}
