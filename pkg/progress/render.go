package progress

import (
	"fmt"
	"sort"
	"strings"
	"time"

	"github.com/airworthy/airworthy/pkg/conformance"
)

// part is one named step of the set-up.
type part struct {
	name, waiting string
	began         time.Time
	took          time.Duration
	over          bool
	err           error
}

// tally counts the checks of one run of the suites.
type tally struct {
	total, passed, failed, other int
	began, last                  time.Time // last: when a check ended
	running                      map[string]time.Time
	waits                        map[string]string // of running attempts, what they wait for
	ended                        map[string]bool
	took                         Durations // of checks that passed
}

func (t *tally) count(o conformance.Outcome) {
	switch o {
	case conformance.Passed:
		t.passed++
	case conformance.Failed:
		t.failed++
	default:
		t.other++
	}
}

func (t *tally) summary() string {
	s := fmt.Sprintf("%d passed, %d failed", t.passed, t.failed)
	if t.other > 0 {
		s += fmt.Sprintf(", %d blocked or skipped", t.other)
	}
	if left := t.total - t.passed - t.failed - t.other; left > 0 {
		s += fmt.Sprintf(", %d left", left)
	}
	return s
}

// oldest names the running attempts, the one that runs longest first.
func (t *tally) oldest() []string {
	names := make([]string, 0, len(t.running))
	for n := range t.running {
		names = append(names, n)
	}
	sort.Slice(names, func(i, j int) bool {
		a, b := t.running[names[i]], t.running[names[j]]
		if a.Equal(b) {
			return names[i] < names[j]
		}
		return a.Before(b)
	})
	return names
}

func attemptKey(check string, attempt int) string {
	if attempt <= 1 {
		return check
	}
	return fmt.Sprintf("%s (attempt %d)", check, attempt)
}

// block renders the live lines as they are now.
func (v *View) block() []string {
	now := v.opts.Now()
	var lines []string
	wide := 0
	for _, p := range v.parts {
		wide = max(wide, len(p.name))
	}
	for _, p := range v.parts {
		lines = append(lines, v.partLine(p, wide, now))
	}
	if t := v.checks; t != nil {
		lines = append(lines, fmt.Sprintf("%s checks  %s  %s", v.paint.bold("»"), t.summary(), v.used(ChecksPart, now.Sub(t.began))))
		for i, name := range t.oldest() {
			if i == 4 {
				lines = append(lines, fmt.Sprintf("    and %d more", len(t.running)-i))
				break
			}
			lines = append(lines, "    "+v.runningCheck(name, now))
		}
	}
	return lines
}

// runningCheck says of a running attempt how long it has taken, what it took the
// last time, and what it waits for.
func (v *View) runningCheck(key string, now time.Time) string {
	check, _, _ := strings.Cut(key, " ")
	s := key + "  " + v.used(CheckPart(check), now.Sub(v.checks.running[key]))
	if what := v.checks.waits[key]; what != "" {
		s += "  waits for " + what
	}
	return s
}

func (v *View) partLine(p *part, wide int, now time.Time) string {
	switch {
	case p.err != nil:
		return fmt.Sprintf("%s %-*s  %s  %s", v.paint.red("✗"), wide, p.name, short(p.took), firstLine(p.err.Error()))
	case p.over:
		return fmt.Sprintf("%s %-*s  %s", v.paint.green("✓"), wide, p.name, short(p.took))
	case p.waiting != "":
		return fmt.Sprintf("%s %-*s  %s  waits for %s", v.paint.bold("»"), wide, p.name, v.used(p.name, now.Sub(p.began)), p.waiting)
	}
	return fmt.Sprintf("%s %-*s  %s", v.paint.bold("»"), wide, p.name, v.used(p.name, now.Sub(p.began)))
}

// used is the time that a part has taken, beside what it took the last time.
func (v *View) used(name string, d time.Duration) string {
	if last := v.opts.Last[name]; last > 0 {
		return fmt.Sprintf("%s (last time %s)", short(d), short(last))
	}
	return short(d)
}

// event is something that begins or ends: a line of its own in a plain view;
// in a live one the block shows it already, so only failures are kept.
func (v *View) event(format string, args ...any) {
	if v.opts.Live {
		v.redraw()
		return
	}
	v.line(fmt.Sprintf(format, args...))
}

func (v *View) recordLine(r conformance.Record) string {
	word := string(r.Outcome)
	switch r.Outcome {
	case conformance.Passed:
		word = v.paint.green(word)
	case conformance.Failed, conformance.Blocked:
		word = v.paint.red(word)
	}
	done := len(v.checks.ended)
	s := fmt.Sprintf("%s %s in %s (%d of %d)", word, attemptKey(r.Check, r.Attempt), short(r.Took), done, max(done, v.checks.total))
	if r.Reason != "" {
		s += ": " + firstLine(r.Reason)
	}
	return s
}

// line prints one line for good: above the block in a live view, with the
// time of day in a plain one.
func (v *View) line(s string) {
	if !v.opts.Live {
		fmt.Fprintf(v.out, "%s %s\n", v.opts.Now().Format(time.TimeOnly), s)
		return
	}
	v.erase()
	fmt.Fprintln(v.out, s)
	v.drawn = 0
	v.redraw()
}

// beat says in a plain view what is still under way.
func (v *View) beat() {
	now := v.opts.Now()
	for _, p := range v.parts {
		if p.over {
			continue
		}
		s := fmt.Sprintf("%s: under way for %s", p.name, v.used(p.name, now.Sub(p.began)))
		if p.waiting != "" {
			s += ", waits for " + p.waiting
		}
		v.line(s)
	}
	switch t := v.checks; {
	case t == nil || len(t.ended) >= t.total && len(t.running) == 0:
	case len(t.running) > 0:
		v.line(fmt.Sprintf("checks: under way for %s, %s; running:", v.used(ChecksPart, now.Sub(t.began)), t.summary()))
		for _, name := range t.oldest() {
			v.line("  " + v.runningCheck(name, now))
		}
	case len(t.ended) == 0:
		v.line(fmt.Sprintf("checks: under way for %s, none has begun: their DAG runs are being started", v.used(ChecksPart, now.Sub(t.began))))
	default:
		v.line(fmt.Sprintf("checks: under way for %s, %s; none is running at the moment", v.used(ChecksPart, now.Sub(t.began)), t.summary()))
	}
}

// redraw replaces the block on the screen. Lines are cut to the width, because
// a wrapped line would be counted wrongly by the next redraw.
func (v *View) redraw() {
	v.erase()
	lines := v.block()
	width := v.opts.Width()
	for _, l := range lines {
		fmt.Fprintln(v.out, cut(l, width))
	}
	v.drawn = len(lines)
}

func (v *View) erase() {
	if v.drawn > 0 {
		fmt.Fprintf(v.out, "\x1b[%dA\x1b[J", v.drawn)
	}
}
