package progress

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/airworthy/airworthy/pkg/conformance"
)

// clock is moved by hand.
type clock struct{ now time.Time }

func newClock() *clock {
	return &clock{time.Date(2026, 11, 23, 10, 0, 0, 0, time.UTC)}
}

func (c *clock) Now() time.Time          { return c.now }
func (c *clock) forward(d time.Duration) { c.now = c.now.Add(d) }

// view is one that never ticks by itself.
func view(t *testing.T, out *bytes.Buffer, c *clock, live bool, width int) *View {
	t.Helper()
	v := New(out, Options{Live: live, Now: c.Now, Width: func() int { return width }, Frame: time.Hour, Beat: time.Hour})
	t.Cleanup(v.Close)
	return v
}

func TestPlainLines(t *testing.T) {
	var out bytes.Buffer
	c := newClock()
	v := view(t, &out, c, false, 80)
	v.Note("run out/one")
	v.Waiting("stack", "starting over: it is half-made")
	cluster := v.Step("cluster")
	images := v.Step("images")
	v.Waiting("cluster", "the API server\nsecond line")
	c.forward(20 * time.Second)
	v.beat()
	cluster(nil)
	cluster(nil)
	v.Waiting("cluster", "too late to matter")
	c.forward(70 * time.Second)
	images(errors.New("build postgres:15: no space left\nlong output"))
	v.Expect(2)
	v.beat()
	v.Running("executor.xcom", 1)
	c.forward(2 * time.Second)
	v.Ended(conformance.Record{Check: "executor.xcom", Attempt: 1, Outcome: conformance.Passed, Took: 1500 * time.Millisecond})
	v.Ended(conformance.Record{Check: "executor.xcom", Attempt: 1, Outcome: conformance.Passed})
	v.beat()
	v.Running("logs.unicode", 2)
	v.Awaits("logs.unicode", 2, "DAG run x to finish\nand more")
	v.beat()
	v.Ended(conformance.Record{Check: "logs.unicode", Attempt: 2, Outcome: conformance.Failed, Reason: "2 bytes lost", Took: time.Second})
	v.beat()
	want := `10:00:00 run out/one
10:00:00 stack: starting over: it is half-made
10:00:00 cluster: begins
10:00:00 images: begins
10:00:20 cluster: under way for 20.0s, waits for the API server
10:00:20 images: under way for 20.0s
10:00:20 cluster: done in 20.0s
10:01:30 images: failed after 1m30s: build postgres:15: no space left
10:01:30 checks: under way for 0.0s, none has begun: their DAG runs are being started
10:01:32 passed executor.xcom in 1.5s (1 of 2)
10:01:32 checks: under way for 2.0s, 1 passed, 0 failed, 1 left; none is running at the moment
10:01:32 checks: under way for 2.0s, 1 passed, 0 failed, 1 left; running:
10:01:32   logs.unicode (attempt 2)  0.0s  waits for DAG run x to finish
10:01:32 failed logs.unicode (attempt 2) in 1.0s (2 of 2): 2 bytes lost
`
	if got := out.String(); got != want {
		t.Errorf("got:\n%s\nwant:\n%s", got, want)
	}
}

func TestLiveBlock(t *testing.T) {
	var out bytes.Buffer
	c := newClock()
	v := view(t, &out, c, true, 44)
	done := v.Step("cluster")
	v.Step("platform")
	v.Waiting("platform", "pod scheduler-7f9 to be ready")
	c.forward(12300 * time.Millisecond)
	done(nil)
	v.Expect(30)
	for _, name := range []string{"a.one", "b.two", "c.three", "d.four", "e.five"} {
		v.Running(name, 1)
	}
	v.Ended(conformance.Record{Check: "a.one", Attempt: 1, Outcome: conformance.Blocked, Reason: "no database"})
	c.forward(time.Second)
	out.Reset()
	drawn := v.drawn
	v.redraw()
	want := "\x1b[" + string(rune('0'+drawn)) + "A\x1b[J" + `✓ cluster   12.3s
» platform  13.3s  waits for pod scheduler-…
» checks  0 passed, 0 failed, 1 blocked or …
    b.two  1.0s
    c.three  1.0s
    d.four  1.0s
    e.five  1.0s
`
	if got := out.String(); got != want {
		t.Errorf("got:\n%q\nwant:\n%q", got, want)
	}
	out.Reset()
	v.Note("stays")
	if got := out.String(); !strings.HasPrefix(got, "\x1b[7A\x1b[Jstays\n✓ cluster") {
		t.Errorf("a note must replace the block and be followed by it, got %q", got)
	}
}

// What one view measured is what the next one expects.
func TestLastTime(t *testing.T) {
	var out bytes.Buffer
	c := newClock()
	first := view(t, &out, c, false, 80)
	cluster, platform := first.Step("cluster"), first.Step("platform")
	first.Expect(1)
	c.forward(23 * time.Second)
	cluster(nil)
	platform(errors.New("a pod crashed"))
	if took := first.Took(); len(took) != 1 {
		t.Errorf("a part that failed and checks that are left say nothing of the next time, got %v", took)
	}
	c.forward(2 * time.Minute)
	first.Ended(conformance.Record{Check: "executor.xcom", Attempt: 1, Outcome: conformance.Passed, Took: 9 * time.Second})
	c.forward(time.Hour)

	out.Reset()
	next := New(&out, Options{Now: c.Now, Beat: time.Hour, Last: first.Took()})
	defer next.Close()
	next.Step("cluster")
	next.Step("platform")
	next.Expect(2)
	out.Reset()
	c.forward(5 * time.Second)
	next.beat()
	next.Running("executor.xcom", 1)
	c.forward(time.Second)
	next.beat()
	want := `11:02:28 cluster: under way for 5.0s (last time 23.0s)
11:02:28 platform: under way for 5.0s
11:02:28 checks: under way for 5.0s (last time 2m23s), none has begun: their DAG runs are being started
11:02:29 cluster: under way for 6.0s (last time 23.0s)
11:02:29 platform: under way for 6.0s
11:02:29 checks: under way for 6.0s (last time 2m23s), 0 passed, 0 failed, 2 left; running:
11:02:29   executor.xcom  1.0s (last time 9.0s)
`
	if got := out.String(); got != want {
		t.Errorf("got:\n%s\nwant:\n%s", got, want)
	}
}

func TestShort(t *testing.T) {
	for _, tc := range []struct {
		name string
		d    time.Duration
		want string
	}{
		{"below zero", -time.Second, "0.0s"},
		{"tenths", 449 * time.Millisecond, "0.4s"},
		{"just below a minute", 59940 * time.Millisecond, "59.9s"},
		{"rounds up to a minute", 59960 * time.Millisecond, "1m00s"},
		{"minutes", 125 * time.Second, "2m05s"},
		{"hours", 62 * time.Minute, "1h02m"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got := short(tc.d); got != tc.want {
				t.Errorf("got %s, want %s", got, tc.want)
			}
		})
	}
}

func TestCut(t *testing.T) {
	for _, tc := range []struct {
		name, in string
		width    int
		want     string
	}{
		{"fits", "abc", 3, "abc"},
		{"too long", "abcd", 3, "ab…"},
		{"colours take no room", "\x1b[31mab\x1b[0m", 2, "\x1b[31mab\x1b[0m"},
		{"colours are reset", "\x1b[31mabcd\x1b[0m", 3, "\x1b[31mab…\x1b[0m"},
		{"runes, not bytes", "äöüß", 4, "äöüß"},
		{"no width known", "abcd", 0, "abcd"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got := cut(tc.in, tc.width); got != tc.want {
				t.Errorf("got %q, want %q", got, tc.want)
			}
		})
	}
}

func TestFollowReadsFiles(t *testing.T) {
	dir := t.TempDir()
	write := func(path, text string) {
		t.Helper()
		path = filepath.Join(dir, path)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write("checks/executor.xcom/attempt-1/result.json", `{"check":"executor.xcom","attempt":1,"outcome":"passed","took":1000000000}`)
	write("checks/logs.size/attempt-1/logs/waits.log", "10:00:00.000 waits for a pod\n10:00:01.000 waits for a run to finish\n")
	write("checks/logs.torn/attempt-1/result.json", `{"check":`)
	write("checks/logs.odd/attempt-x/result.json", `{}`)
	var out bytes.Buffer
	c := newClock()
	v := view(t, &out, c, false, 80)
	v.Expect(3)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	v.Follow(ctx, dir)
	if got, want := out.String(), "10:00:00 passed executor.xcom in 1.0s (1 of 3)\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got, want := strings.Join(v.checks.oldest(), " "), "logs.size"; got != want {
		t.Errorf("running: got %q, want %q", got, want)
	}
	if got, want := v.checks.waits["logs.size"], "a run to finish"; got != want {
		t.Errorf("waits for: got %q, want %q", got, want)
	}
}

func BenchmarkRedraw(b *testing.B) {
	var out bytes.Buffer
	c := newClock()
	v := New(&out, Options{Live: true, Now: c.Now, Frame: time.Hour})
	defer v.Close()
	for _, n := range []string{"cluster", "postgres", "minio", "images", "platform"} {
		v.Step(n)
	}
	for b.Loop() {
		out.Reset()
		v.redraw()
	}
}
