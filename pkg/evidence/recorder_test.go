package evidence

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"
)

func begin(t *testing.T, d *Dir, check string, attempt int) *Recorder {
	t.Helper()
	r, err := d.Begin(check, attempt)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestRecordRoundTrip(t *testing.T) {
	d := newDir(t, "hunter2x")
	r := begin(t, d, "executor.xcom", 1)
	r.Step("triggering the run with hunter2x\nand waiting")
	r.StepAt(r.Started(), "told afterwards")
	r.Fact("task instances", map[string]any{"state": "failed", "conn": "a hunter2x"})
	log := r.Log("scheduler.log")
	if _, err := io.WriteString(log, "no newline, hunter2x"); err != nil {
		t.Fatal(err)
	}
	if err := r.Finish(Record{
		Outcome: "failed", Reason: "said hunter2x", Started: noon, Took: 1500 * time.Millisecond,
		Evidence: []string{"cluster/logs/airflow/scheduler-0/scheduler.log"},
	}); err != nil {
		t.Fatal(err)
	}
	records, interrupted, err := d.ReadRecords()
	if err != nil || len(interrupted) != 0 {
		t.Fatal(interrupted, err)
	}
	want := []Record{{
		Check: "executor.xcom", Attempt: 1, Outcome: "failed", Reason: "said [redacted]",
		Started: noon.UTC(), Took: 1500 * time.Millisecond,
		Evidence: []string{
			"checks/executor.xcom/attempt-1/facts/task instances.json",
			"checks/executor.xcom/attempt-1/logs/scheduler.log",
			"checks/executor.xcom/attempt-1/timeline.txt",
			"cluster/logs/airflow/scheduler-0/scheduler.log",
		},
	}}
	if !reflect.DeepEqual(records, want) {
		t.Errorf("read %+v\nwant %+v", records, want)
	}
	at := AttemptDir("executor.xcom", 1)
	if got := read(t, d, at+"/logs/scheduler.log"); got != "no newline, [redacted]" {
		t.Errorf("log holds %q", got)
	}
	if told := regexp.MustCompile(`(?m)^([\d:.]+) +([\d.]+)s told`).FindStringSubmatch(read(t, d, at+"/timeline.txt")); told == nil ||
		told[1] != r.Started().Format("15:04:05.000") || told[2] != "0.000" {
		t.Errorf("what was told afterwards stands at %q", told)
	}
	timeline := regexp.MustCompile(`(?m)^[\d:.]+ +[\d.]+s `).ReplaceAllString(read(t, d, at+"/timeline.txt"), "")
	if want := "told afterwards\nbegin executor.xcom\ntriggering the run with [redacted]\n    and waiting\nfailed said [redacted]\n"; timeline != want {
		t.Errorf("timeline is %q, want %q", timeline, want)
	}
}

func TestFinishFillsInWhatIsEmpty(t *testing.T) {
	d := newDir(t)
	r := begin(t, d, "a.b", 0)
	if err := r.Finish(Record{Check: "x.y", Attempt: 9, Outcome: "passed"}); err != nil {
		t.Fatal(err)
	}
	records, _, err := d.ReadRecords()
	if err != nil || len(records) != 1 {
		t.Fatal(records, err)
	}
	if rec := records[0]; rec.Check != "a.b" || rec.Attempt != 1 || !rec.Started.Equal(r.Started()) || rec.Took <= 0 {
		t.Errorf("record is %+v", rec)
	}
}

func TestBeginRefusesAnAttemptTwice(t *testing.T) {
	d := newDir(t)
	begin(t, d, "a.b", 1)
	if _, err := d.Begin("a.b", 1); !errors.Is(err, fs.ErrExist) {
		t.Errorf("attempt 1 again: %v", err)
	}
	if r := begin(t, d, "a.b", 0); r.Attempt() != 2 || r.Folder() != "checks/a.b/attempt-2" {
		t.Errorf("the next free attempt is %d in %s", r.Attempt(), r.Folder())
	}
	for _, check := range []string{"", "..", "a/b"} {
		if _, err := d.Begin(check, 1); err == nil {
			t.Errorf("check %q was begun", check)
		}
	}
}

func TestFinishRefuses(t *testing.T) {
	r := begin(t, newDir(t), "a.b", 1)
	if err := r.Finish(Record{}); err == nil || err.Error() != "finish check a.b, attempt 1: the outcome is empty" {
		t.Errorf("without an outcome: %v", err)
	}
	if err := r.Finish(Record{Outcome: "passed"}); err != nil {
		t.Error(err)
	}
	if err := r.Finish(Record{Outcome: "failed"}); err == nil || err.Error() != "finish check a.b, attempt 1: it is finished already" {
		t.Errorf("a second time: %v", err)
	}
}

func TestFinishReturnsWhatCouldNotBeWritten(t *testing.T) {
	d := newDir(t)
	r := begin(t, d, "a.b", 1)
	if err := d.WriteFile(r.Folder()+"/logs", []byte("in the way")); err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(r.Log("x"), "text"); err != nil {
		t.Errorf("a log that cannot be opened refuses text: %v", err)
	}
	r.Fact("channel", make(chan int))
	err := r.Finish(Record{Outcome: "passed"})
	if err == nil || !strings.Contains(err.Error(), "logs/x.log") || !strings.Contains(err.Error(), "facts/channel.json: json: unsupported type: chan int") {
		t.Errorf("error is %v", err)
	}
	if records, _, _ := d.ReadRecords(); len(records) != 1 {
		t.Errorf("the result was lost: %v", records)
	}
}

func TestReadRecordsNamesWhatDoesNotBelong(t *testing.T) {
	d := newDir(t)
	if err := begin(t, d, "a.b", 1).Finish(Record{Outcome: "passed"}); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(
		d.WriteFile("checks/c.d/attempt-1/result.json", []byte("{")),
		d.WriteFile("checks/e.f/attempt-1/result.json", []byte(`{"check":"a.b","attempt":2}`)),
		d.WriteFile("checks/g.h/attempt-x/result.json", []byte(`{}`)),
	); err != nil {
		t.Fatal(err)
	}
	records, _, err := d.ReadRecords()
	if len(records) != 1 {
		t.Errorf("records are %v", records)
	}
	const want = "read checks/c.d/attempt-1/result.json: unexpected end of JSON input\n" +
		"read records: checks/e.f/attempt-1/result.json is of check \"a.b\", attempt 2\n" +
		"read records: checks/g.h/attempt-x is not an attempt's folder"
	if err == nil || err.Error() != want {
		t.Errorf("error is %v\nwant %s", err, want)
	}
}

// TestKilledWriter kills a process in the middle of a check: what it had
// finished stays, what it had not is reported as interrupted.
func TestKilledWriter(t *testing.T) {
	const path = "EVIDENCE_TEST_KILLED_WRITER"
	if at := os.Getenv(path); at != "" {
		writeUntilKilled(at)
		return
	}
	d := newDir(t)
	cmd := exec.Command(os.Args[0], "-test.run=^TestKilledWriter$")
	cmd.Env = append(os.Environ(), path+"="+d.Path())
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(out, make([]byte, 1)); err != nil {
		t.Fatalf("the writer did not begin: %v", err)
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err == nil {
		t.Fatal("the writer ended by itself")
	}
	records, interrupted, err := d.ReadRecords()
	if err != nil {
		t.Fatal(err)
	}
	if len(records) != 1 || records[0].Check != "a.finished" || records[0].Outcome != "passed" {
		t.Errorf("records are %+v", records)
	}
	if want := []Interrupted{{Check: "b.killed", Attempt: 1, Folder: "checks/b.killed/attempt-1"}}; !reflect.DeepEqual(interrupted, want) {
		t.Errorf("interrupted are %+v, want %+v", interrupted, want)
	}
	if _, err := os.Stat(filepath.Join(d.Path(), "checks/b.killed/attempt-1/timeline.txt")); err != nil {
		t.Errorf("the evidence of the killed check: %v", err)
	}
}

func writeUntilKilled(path string) {
	d, err := Open(path)
	if err != nil {
		panic(err)
	}
	finished, err := d.Begin("a.finished", 1)
	if err == nil {
		err = finished.Finish(Record{Outcome: "passed"})
	}
	if err != nil {
		panic(err)
	}
	killed, err := d.Begin("b.killed", 1)
	if err != nil {
		panic(err)
	}
	os.Stdout.WriteString("!")
	for i := 0; ; i++ {
		killed.Fact("counter", i)
	}
}

func TestSumsNameWhatWasChanged(t *testing.T) {
	d := newDir(t)
	for _, f := range []File{"b.txt", "a/changed.txt", "a/missing.txt"} {
		if err := d.WriteFile(f, []byte("x\n")); err != nil {
			t.Fatal(err)
		}
	}
	if err := d.Seal(); err != nil {
		t.Fatal(err)
	}
	const line = "73cb3858a687a8494ca3323053016282f3dad39d42cf62ca4e79dda2aac7d9ac  "
	if got := read(t, d, SumsFile); got != line+"a/changed.txt\n"+line+"a/missing.txt\n"+line+"b.txt\n" {
		t.Errorf("sums are\n%s", got)
	}
	if diff, err := d.VerifySums(); err != nil || len(diff) != 0 {
		t.Errorf("right after sealing: %v, %v", diff, err)
	}
	if err := errors.Join(
		d.WriteFile("a/changed.txt", []byte("y\n")), os.Remove(d.Abs("a/missing.txt")), d.WriteFile("z/extra.txt", nil),
	); err != nil {
		t.Fatal(err)
	}
	diff, err := d.VerifySums()
	want := []Difference{{"a/changed.txt", Changed}, {"a/missing.txt", Gone}, {"z/extra.txt", Extra}}
	if err != nil || !reflect.DeepEqual(diff, want) {
		t.Errorf("differences are %v, %v, want %v", diff, err, want)
	}
	if got := diff[1].String(); got != "a/missing.txt is missing" {
		t.Errorf("it reads %q", got)
	}
}

func TestSumsRefuse(t *testing.T) {
	d := newDir(t)
	if _, err := d.VerifySums(); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("without sums: %v", err)
	}
	if err := os.WriteFile(d.Abs(SumsFile), []byte("nonsense\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := d.VerifySums(); err == nil || err.Error() != "verify sums: SHA256SUMS line 1 is not a sum and a path" {
		t.Errorf("with nonsense: %v", err)
	}
	if err := os.Symlink("/etc/hostname", d.Abs("link")); err != nil {
		t.Fatal(err)
	}
	if err := d.Seal(); err == nil || err.Error() != `seal run directory: "link" is not a regular file with a plain name` {
		t.Errorf("sealing a link: %v", err)
	}
}
