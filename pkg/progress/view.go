package progress

import (
	"fmt"
	"io"
	"maps"
	"sync"
	"time"

	"github.com/airworthy/airworthy/pkg/conformance"
)

// Options of New. The zero value is a plain, colourless view without beats.
type Options struct {
	Live  bool             // redraw in place; only for a terminal
	Color bool             // use ANSI colours
	Width func() int       // columns of the terminal; nil means 80
	Now   func() time.Time // nil means time.Now
	Frame time.Duration    // time between two redraws of a live view; 0 means 250 ms
	Beat  time.Duration    // time between two "still waiting" lines of a plain view; 0 means 20 s
	Last  Durations        // what an earlier view's Took gave; nil where there was none
}

// Durations is how long parts took, by name.
type Durations map[string]time.Duration

// ChecksPart is the name of all checks together among Durations.
const ChecksPart = "checks"

// CheckPart is the name of one check among Durations.
func CheckPart(check string) string { return "check " + check }

// View implements stack.Progress. It is safe for concurrent use.
type View struct {
	out   io.Writer
	opts  Options
	paint palette

	mu     sync.Mutex
	begun  time.Time
	parts  []*part
	checks *tally
	drawn  int // lines of the live block that are on the screen
	closed bool

	stop chan struct{}
	done chan struct{}
}

// New starts a view that writes to out until Close.
func New(out io.Writer, opts Options) *View {
	if opts.Width == nil {
		opts.Width = func() int { return 80 }
	}
	if opts.Now == nil {
		opts.Now = time.Now
	}
	if opts.Frame == 0 {
		opts.Frame = 250 * time.Millisecond
	}
	if opts.Beat == 0 {
		opts.Beat = 20 * time.Second
	}
	v := &View{
		out: out, opts: opts, paint: palette(opts.Color), begun: opts.Now(),
		stop: make(chan struct{}), done: make(chan struct{}),
	}
	go v.tick()
	return v
}

// tick redraws a live view, or tells a plain one what is still waited for.
func (v *View) tick() {
	defer close(v.done)
	every := v.opts.Beat
	if v.opts.Live {
		every = v.opts.Frame
	}
	t := time.NewTicker(every)
	defer t.Stop()
	for {
		select {
		case <-v.stop:
			return
		case <-t.C:
			v.mu.Lock()
			if v.opts.Live {
				v.redraw()
			} else {
				v.beat()
			}
			v.mu.Unlock()
		}
	}
}

// Step begins a part; the returned function ends it, and may be called once.
func (v *View) Step(name string) (end func(error)) {
	v.mu.Lock()
	defer v.mu.Unlock()
	p := &part{name: name, began: v.opts.Now()}
	v.parts = append(v.parts, p)
	v.event("%s: begins", name)
	return func(err error) {
		v.mu.Lock()
		defer v.mu.Unlock()
		if p.over {
			return
		}
		p.over, p.err, p.took = true, err, v.opts.Now().Sub(p.began)
		if err != nil {
			v.event("%s: %s after %s: %s", name, v.paint.red("failed"), short(p.took), firstLine(err.Error()))
			return
		}
		v.event("%s: done in %s", name, short(p.took))
	}
}

// Waiting says what a part waits for at the moment. A late message about a
// part that ended is no news; one about something that is no part is a line
// that stays.
func (v *View) Waiting(name, what string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	known := false
	for i := len(v.parts) - 1; i >= 0; i-- {
		p := v.parts[i]
		if p.name != name {
			continue
		}
		known = true
		if !p.over {
			p.waiting = firstLine(what)
			return
		}
	}
	if !known {
		v.line(name + ": " + firstLine(what))
	}
}

// Took gives how long the parts took that ended well, each check that passed, and
// all checks when none is left: what the next view of the same work may expect.
func (v *View) Took() Durations {
	v.mu.Lock()
	defer v.mu.Unlock()
	took := Durations{}
	for _, p := range v.parts {
		if p.over && p.err == nil {
			took[p.name] = p.took
		}
	}
	if t := v.checks; t != nil {
		maps.Copy(took, t.took)
	}
	if t := v.checks; t != nil && len(t.ended) >= t.total {
		took[ChecksPart] = t.last.Sub(t.began)
	}
	return took
}

// Note prints one line that stays, above a live block.
func (v *View) Note(format string, args ...any) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.line(fmt.Sprintf(format, args...))
}

// Expect says how many checks will run, before the first of them ends.
func (v *View) Expect(total int) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.checks = &tally{total: total, began: v.opts.Now(), running: map[string]time.Time{}, ended: map[string]bool{}, waits: map[string]string{}, took: Durations{}}
}

// Running says that an attempt at a check is under way.
func (v *View) Running(check string, attempt int) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.checks == nil {
		return
	}
	key := attemptKey(check, attempt)
	if _, known := v.checks.running[key]; !known && !v.checks.ended[key] {
		v.checks.running[key] = v.opts.Now()
	}
}

// Awaits says what a running attempt waits for at the moment.
func (v *View) Awaits(check string, attempt int, what string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.checks != nil {
		v.checks.waits[attemptKey(check, attempt)] = firstLine(what)
	}
}

// Ended counts a record. The same attempt is counted once.
func (v *View) Ended(r conformance.Record) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.checks == nil {
		return
	}
	key := attemptKey(r.Check, r.Attempt)
	if v.checks.ended[key] {
		return
	}
	delete(v.checks.running, key)
	v.checks.ended[key], v.checks.last = true, v.opts.Now()
	v.checks.count(r.Outcome)
	if r.Outcome == conformance.Passed {
		v.checks.took[CheckPart(r.Check)] = r.Took
	}
	v.event("%s", v.recordLine(r))
}

// Close ends the view. A live block is drawn once more and stays.
func (v *View) Close() {
	v.mu.Lock()
	if v.closed {
		v.mu.Unlock()
		return
	}
	v.closed = true
	v.mu.Unlock()
	close(v.stop)
	<-v.done
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.opts.Live {
		v.redraw()
		v.drawn = 0
	}
}
