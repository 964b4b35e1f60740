package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/airworthy/airworthy/pkg/config"
	"github.com/airworthy/airworthy/pkg/conformance"
	"github.com/airworthy/airworthy/pkg/environment"
)

// TestTurns lets stacks land in a given order and looks which fly meanwhile.
func TestTurns(t *testing.T) {
	tooLarge := errors.New("too large")
	for _, tc := range []struct {
		name    string
		atOnce  int
		fits    func(next int, flying []int) error
		most    int
		waiting []int
	}{
		{"one after the other", 1, nil, 1, nil},
		{"two at a time", 2, nil, 2, nil},
		{"as many as there are", 9, nil, 4, nil},
		{"one that needs all the room", 9, func(next int, flying []int) error {
			if next == 2 || slices.Contains(flying, 2) {
				return tooLarge
			}
			return nil
		}, 2, []int{2, 3}},
		{"no room for two", 9, func(int, []int) error { return tooLarge }, 1, []int{1, 2, 3}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			const n = 4
			var mu sync.Mutex
			now, most, begun := 0, 0, 0
			full := make(chan struct{})
			var once sync.Once
			var waiting, landed []int
			take := turns{atOnce: tc.atOnce, fits: tc.fits, waits: func(i int, _ error) { waiting = append(waiting, i) }}
			take.fly = func(i int) outcome {
				mu.Lock()
				now++
				begun++
				most = max(most, now)
				if now == tc.most {
					once.Do(func() { close(full) })
				}
				mu.Unlock()
				<-full // nobody lands before as many fly as may
				mu.Lock()
				now--
				mu.Unlock()
				return outcome{dir: "d"}
			}
			take.take(context.Background(), n, func(i int, o outcome) {
				if o.dir != "d" {
					t.Errorf("stack %d came to %+v", i, o)
				}
				landed = append(landed, i)
			})
			slices.Sort(landed)
			if most != tc.most || begun != n || !slices.Equal(landed, []int{0, 1, 2, 3}) || !slices.Equal(waiting, tc.waiting) {
				t.Errorf("at most %d at a time, %d begun, landed %v, waited %v", most, begun, landed, waiting)
			}
		})
	}
}

func TestTurnsAfterAnInterrupt(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	var errs [3]error
	turns{atOnce: 2, fly: func(int) outcome {
		cancel()
		<-ctx.Done()
		return outcome{err: ctx.Err()}
	}}.take(ctx, 3, func(i int, o outcome) { errs[i] = o.err })
	for i, err := range errs {
		if !errors.Is(err, context.Canceled) {
			t.Errorf("stack %d came to %v", i, err)
		}
	}
	if errs[2] == nil || !strings.Contains(errs[2].Error(), "it was not begun") {
		t.Errorf("the last came to %v", errs[2])
	}
}

func TestRoom(t *testing.T) {
	const gb = 1 << 30
	kind := func(name string, port int) config.Run {
		r := config.Run{Name: name}
		r.Cluster.Kind, r.Cluster.APIPort = environment.KindKind, port
		return r
	}
	existing := config.Run{Name: "there"}
	existing.Cluster.Kind = environment.KindExisting
	for _, tc := range []struct {
		name      string
		a, b      config.Run
		free, now int64
		want      string
	}{
		{"both fit", kind("a", 0), kind("b", 0), 11 * gb, 11 * gb, ""},
		{"together too large", kind("a", 0), kind("b", 0), 11*gb - 1, 11 * gb, "it is expected to take 5.4 GB of memory and does not fit beside what goes on"},
		{"others took it meanwhile", kind("a", 0), kind("b", 0), 20 * gb, 6*gb - 1, "does not fit beside what goes on"},
		{"nobody knows", kind("a", 0), kind("b", 0), 0, 0, "not known"},
		{"one port", kind("a", 6443), kind("b", 6443), 20 * gb, 20 * gb, "both have cluster.apiPort 6443"},
		{"two ports", kind("a", 6443), kind("b", 6444), 20 * gb, 20 * gb, ""},
		{"one cluster for both", existing, existing, 20 * gb, 20 * gb, "both use a cluster that is there"},
		{"a cluster that is there and one of ours", existing, kind("b", 0), 20 * gb, 20 * gb, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r := room{runs: []config.Run{tc.a, tc.b}, needs: []int64{5 * gb, 5 * gb}, free: tc.free, now: func() int64 { return tc.now }}
			err := r.fits(1, []int{0})
			if (tc.want == "") != (err == nil) || err != nil && !strings.Contains(err.Error(), tc.want) {
				t.Errorf("got %v, want %q", err, tc.want)
			}
		})
	}
}

func TestMemoryOfStacks(t *testing.T) {
	state := t.TempDir()
	run := config.Run{Name: "one"}
	if got := memoryNeed(state, run); got != stackMemory {
		t.Errorf("of a stack that never ran: %d", got)
	}
	for _, step := range []struct {
		bytes int64
		whole bool
		want  int64
	}{{3000, false, 3000}, {2000, false, 3000}, {0, true, 3000}, {2500, true, 2500}, {2600, false, 2600}} {
		keepMemory(state, "one", step.bytes, step.whole)
		if got := memoryNeed(state, run); got != step.want {
			t.Errorf("after %+v: %d", step, got)
		}
	}
	write(t, memoryPath(state, "one"), "{")
	if got := memoryNeed(state, run); got != stackMemory {
		t.Errorf("of a file that cannot be read: %d", got)
	}
	run.Cluster.Kind = environment.KindExisting
	if got := memoryNeed(state, run); got != elsewhereMemory {
		t.Errorf("of a cluster that is there: %d", got)
	}
}

func TestAvailableMemory(t *testing.T) {
	for text, want := range map[string]int64{
		"MemTotal: 24684092 kB\nMemFree: 1 kB\nMemAvailable:   20235628 kB\n": 20235628 << 10, "MemTotal: 1 kB\n": 0, "": 0, "MemAvailable:\n": 0,
	} {
		if got := availableMemory(text); got != want {
			t.Errorf("%q: %d, want %d", text, got, want)
		}
	}
}

func TestChildArgs(t *testing.T) {
	a := newApp(environ{}, io.Discard, io.Discard)
	cmd, rest, err := a.rootCommand().Find([]string{"e2e", "--side-by-side=2", "--set", "a=b", "--set", "c=d,e", "--out", "o", "--keep", "--check", "x.y,z.w", "one.yaml", "two.yaml"})
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.ParseFlags(rest); err != nil {
		t.Fatal(err)
	}
	want := []string{"e2e", "--outcome=told.json", "--check=x.y", "--check=z.w", "--keep=true", "--out=o", "--set=a=b", "--set=c=d,e", "--", "two.yaml"}
	got := childArgs(cmd, "two.yaml", "told.json")
	if slices.Sort(got[2 : len(got)-2]); !slices.Equal(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
	// The child's report says how to do the same again, without the file that only its parent reads.
	again, rest, err := newApp(environ{}, io.Discard, io.Discard).rootCommand().Find(got)
	if err != nil {
		t.Fatal(err)
	}
	if err := again.ParseFlags(rest); err != nil {
		t.Fatal(err)
	}
	if line := a.commandLine(again); slices.ContainsFunc(line, func(s string) bool { return strings.Contains(s, "told.json") }) || line[len(line)-1] != "two.yaml" {
		t.Errorf("the child would say %q", line)
	}
}

func TestSideBySideWantsOneStackAtLeast(t *testing.T) {
	if code, _, errs := call(t, "e2e", "--side-by-side=0"); code != exitUsage || !strings.Contains(errs, "--side-by-side 0: at least one stack must go") {
		t.Errorf("exit code %d, got %s", code, errs)
	}
}

func TestPrefixed(t *testing.T) {
	var out bytes.Buffer
	p := &prefixed{mu: &sync.Mutex{}, to: &out, prefix: "[a] "}
	for _, piece := range []string{"on", "e\n\ntwo\nth", "ree"} {
		if n, err := io.WriteString(p, piece); n != len(piece) || err != nil {
			t.Fatal(n, err)
		}
	}
	p.flush()
	p.flush()
	if got, want := out.String(), "[a] one\n\n[a] two\n[a] three\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestChild(t *testing.T) {
	base := t.TempDir()
	run := flownIn(t, base, "one", conformance.Failed)
	for _, tc := range []struct {
		name, script string
		code         int
		report       bool
		why          string
	}{
		{"a verdict", `echo '{"dir":"` + run + `","report":true}' > "$TOLD"; exit 1`, exitNotConformant, true, ""},
		{"an error beside a report", `echo '{"dir":"` + run + `","report":true,"error":"left something"}' > "$TOLD"; exit 3`, exitCannotTest, true, "left something"},
		{"no report", `echo '{"dir":"` + run + `","error":"no engine"}' > "$TOLD"; exit 3`, exitCannotTest, false, "no engine"},
		{"a report that is not there", `echo '{"dir":"/nowhere","report":true}' > "$TOLD"`, exitCannotTest, false, "read the report"},
		{"nothing told", `echo said >&2; exit 2`, exitUsage, false, "its output says why"},
		{"killed", `echo '{"dir":"` + run + `"}' > "$TOLD"; kill -9 $$`, exitCannotTest, false, "`airworthy down one` removes what it left"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			told := filepath.Join(t.TempDir(), "told.json")
			c := child{name: "one", program: "/bin/sh", args: []string{"-c", tc.script}, environ: append(os.Environ(), "TOLD="+told), outcome: told, out: io.Discard, err: io.Discard}
			o := c.fly(context.Background())
			if code := complain(io.Discard, o.err); code != tc.code || (o.doc != nil) != tc.report || !strings.Contains(o.why(), tc.why) || tc.why == "" && o.why() != "" {
				t.Errorf("exit code %d, report %t, %q", code, o.doc != nil, o.why())
			}
		})
	}
	if o := (child{name: "one", program: "/nowhere/airworthy"}).fly(context.Background()); o.err == nil || !strings.Contains(o.err.Error(), "start /nowhere/airworthy for the stack one") {
		t.Errorf("of a program that is not there: %v", o.err)
	}
}

// when calls do once, when text was written to it.
type when struct {
	text string
	do   func()
	seen bytes.Buffer
}

func (w *when) Write(b []byte) (int, error) {
	w.seen.Write(b)
	if w.do != nil && strings.Contains(w.seen.String(), w.text) {
		w.do()
		w.do = nil
	}
	return len(b), nil
}

func TestChildIsToldOnceAndWaitedFor(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	out := &when{text: "up\n", do: cancel}
	const script = `trap 'n=$((n+1)); kill $p; echo cleaned; sleep 0.3; echo told $n; exit 3' TERM
sleep 100 > /dev/null 2>&1 & p=$!
echo up
wait`
	told := filepath.Join(t.TempDir(), "told.json")
	c := child{name: "one", program: "/bin/sh", args: []string{"-c", script}, environ: os.Environ(), outcome: told, out: out, err: io.Discard}
	o := c.fly(ctx)
	if code := complain(io.Discard, o.err); code != exitCannotTest || out.seen.String() != "up\ncleaned\ntold 1\n" {
		t.Errorf("exit code %d, it said %q", code, out.seen.String())
	}
}
