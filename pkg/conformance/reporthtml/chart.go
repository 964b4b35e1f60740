package reporthtml

import (
	"cmp"
	"fmt"
	"html"
	"html/template"
	"math"
	"slices"
	"strings"

	"github.com/airworthy/airworthy/pkg/conformance"
	"github.com/airworthy/airworthy/pkg/conformance/reportv1"
)

// The charts are SVG without a view box: lengths along the time axis are per
// cent, so that a chart fits any width and its text stays as large as the page's.

const (
	rowHeight  = 40 // of the set-up chart: a line of text above a bar
	laneHeight = 58 // of the checks' chart: a line of text above broader bars
	axisHeight = 24
)

// canvas collects the elements of one chart, on a time axis from 0 to end seconds.
type canvas struct {
	b   strings.Builder
	end float64
}

func (c *canvas) add(format string, args ...any) { fmt.Fprintf(&c.b, format+"\n", args...) }

// at is a moment as a place on the axis, in per cent.
func (c *canvas) at(seconds float64) float64 {
	return math.Max(0, math.Min(100, seconds/c.end*100))
}

// steps are distances of ticks that people count in, in seconds.
var steps = []float64{1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 43200, 86400}

// axis draws the ticks over the chart's whole height.
func (c *canvas) axis(height int) {
	step := steps[len(steps)-1]
	for _, s := range steps {
		if c.end/s <= 7 {
			step = s
			break
		}
	}
	for i := 0; i < 1000 && float64(i)*step <= c.end; i++ {
		x := c.at(float64(i) * step)
		c.add(`<line class="tick" x1="%.3f%%" x2="%.3f%%" y1="0" y2="%d"/>`, x, x, height)
		anchor := "middle"
		switch {
		case i == 0:
			anchor = "start"
		case x > 95:
			anchor = "end"
		}
		c.add(`<text class="axis" x="%.3f%%" y="%d" text-anchor="%s">%s</text>`, x, height+17, anchor, moment(float64(i)*step))
	}
}

func moment(seconds float64) string {
	whole := int(seconds)
	if whole >= 3600 {
		return fmt.Sprintf("%d:%02d:%02d", whole/3600, whole/60%60, whole%60)
	}
	return fmt.Sprintf("%d:%02d", whole/60, whole%60)
}

func (c *canvas) svg(height int, label string) template.HTML {
	return template.HTML(fmt.Sprintf("<svg class=\"chart\" width=\"100%%\" height=\"%d\" role=\"img\" aria-label=\"%s\">\n%s</svg>",
		height, html.EscapeString(label), c.b.String()))
}

// setupChart draws each part of the set-up as a bar with its name above it.
func setupChart(parts []reportv1.SetupDuration) template.HTML {
	c := &canvas{}
	for _, p := range parts {
		c.end = math.Max(c.end, p.Offset+p.Seconds)
	}
	if c.end <= 0 || math.IsInf(c.end, 0) {
		return ""
	}
	height := len(parts)*rowHeight + 4
	c.axis(height)
	for i, p := range parts {
		y := i * rowHeight
		class, word := "passed", ""
		if p.Error != "" {
			class, word = "failed", ", failed"
		}
		x, to := c.at(p.Offset), c.at(p.Offset+p.Seconds)
		place, anchor := x, "start"
		if x > 50 {
			place, anchor = to, "end"
		}
		c.add(`<text x="%.3f%%" y="%d" text-anchor="%s">%s<tspan class="dim"> %s%s</tspan></text>`,
			place, y+17, anchor, html.EscapeString(visible(p.Name)), reportv1.Clock(p.Seconds), word)
		c.add(`<rect class="bar %s" x="%.3f%%" y="%d" width="%.3f%%" height="13" rx="3"/>`, class, x, y+23, to-x)
	}
	return c.svg(height+axisHeight, fmt.Sprintf("Set-up: %s, the last ended after %s", plural(len(parts), "part"), reportv1.Clock(c.end)))
}

// span is one attempt on the time axis.
type span struct {
	check    reportv1.Check
	attempt  reportv1.Attempt
	from, to float64
	lane     int
}

// laneChart draws every attempt in the lane of the process that ran it. Where
// that was not recorded, attempts are put side by side in as few lanes as do.
func laneChart(checks []reportv1.Check) (template.HTML, bool) {
	spans, known := spansOf(checks)
	if len(spans) == 0 {
		return "", false
	}
	begin, end, lanes := spans[0].from, 0.0, 0
	for _, s := range spans {
		begin, end, lanes = math.Min(begin, s.from), math.Max(end, s.to), max(lanes, s.lane)
	}
	if !(end > begin) || lanes > 64 || math.IsInf(end-begin, 0) {
		return "", false
	}
	c := &canvas{end: end - begin}
	height := lanes*laneHeight + 4
	c.axis(height)
	name := "lane"
	if known {
		name = "process"
	}
	for lane := 1; lane <= lanes; lane++ {
		y := (lane - 1) * laneHeight
		busy := 0.0
		for _, s := range spans {
			if s.lane == lane {
				busy += s.to - s.from
			}
		}
		c.add(`<text x="0" y="%d">%s %d<tspan class="dim"> at work for %s</tspan></text>`, y+17, name, lane, reportv1.Clock(busy))
		c.add(`<rect class="lane" x="0" y="%d" width="100%%" height="28" rx="3"/>`, y+23)
	}
	for _, s := range spans {
		c.span(s, begin)
	}
	return c.svg(height+axisHeight, fmt.Sprintf("Checks over time: %s of %s in %s",
		plural(len(spans), "attempt"), plural(len(checks), "check"), plural(lanes, name))), known
}

// span draws one attempt. Its name is clipped to the bar, and left out where
// the bar is too narrow for any of it; the title says all of it.
func (c *canvas) span(s span, begin float64) {
	y := (s.lane-1)*laneHeight + 23
	x, to := c.at(s.from-begin), c.at(s.to-begin)
	title := fmt.Sprintf("%s: %s, %s, began at %s", s.check.ID, s.attempt.Outcome, reportv1.Clock(s.attempt.Seconds), moment(s.from))
	if len(s.check.Attempts) > 1 {
		title += fmt.Sprintf(", attempt %d", s.attempt.Number)
	}
	c.add(`<a href="#%s" tabindex="-1"><title>%s</title>`, anchor(s.check.ID), html.EscapeString(visible(title)))
	c.add(`<rect class="bar %s" x="%.3f%%" y="%d" width="%.3f%%" height="28" rx="2"/>`, class(s.attempt.Outcome), x, y, to-x)
	// The edge tells neighbours apart, and shows an attempt that took no time.
	c.add(`<line class="edge %s" x1="%.3f%%" x2="%.3f%%" y1="%d" y2="%d"/>`, class(s.attempt.Outcome), x, x, y, y+28)
	if to-x > 4 {
		_, short, _ := strings.Cut(s.check.ID, ".")
		c.add(`<svg x="%.3f%%" y="%d" width="%.3f%%" height="28"><text class="in" x="6" y="18">%s</text></svg>`,
			x, y, to-x, html.EscapeString(visible(short)))
	}
	c.add(`</a>`)
}

// spansOf gives every attempt that was timed, in order of its begin, with its
// lane from 1; and whether the lanes are processes.
func spansOf(checks []reportv1.Check) ([]span, bool) {
	var spans []span
	known := true
	for _, c := range checks {
		for _, a := range c.Attempts {
			if a.Offset == nil {
				continue
			}
			spans = append(spans, span{c, a, *a.Offset, *a.Offset + a.Seconds, a.Process})
			known = known && a.Process > 0
		}
	}
	slices.SortStableFunc(spans, func(a, b span) int { return cmp.Compare(a.from, b.from) })
	if known {
		return spans, true
	}
	var free []float64 // when each lane is free again
	for i := range spans {
		lane := slices.IndexFunc(free, func(at float64) bool { return at <= spans[i].from })
		if lane < 0 {
			lane = len(free)
			free = append(free, 0)
		}
		free[lane] = spans[i].to
		spans[i].lane = lane + 1
	}
	return spans, false
}

// class is how an outcome is coloured.
func class(o conformance.Outcome) string {
	switch o {
	case conformance.Passed, conformance.Failed, conformance.Blocked, conformance.Missing, conformance.Skipped,
		conformance.Unsupported, conformance.Contradictory:
		return string(o)
	}
	return string(conformance.Contradictory)
}

// part is one stretch of a bar that is divided up.
type part struct {
	class, name string
	size        float64
}

// bar draws parts side by side over the whole width.
func bar(label string, height int, parts []part) template.HTML {
	c := &canvas{}
	for _, p := range parts {
		c.end += math.Max(0, p.size)
	}
	if c.end <= 0 {
		return ""
	}
	at := 0.0
	for _, p := range parts {
		if p.size <= 0 {
			continue
		}
		c.add(`<rect class="bar %s" x="%.3f%%" y="0" width="%.3f%%" height="%d"><title>%s</title></rect>`,
			p.class, c.at(at), c.at(at+p.size)-c.at(at), height, html.EscapeString(p.name))
		at += p.size
	}
	return c.svg(height, label)
}

// phases divides the time of the whole run up.
func phases(t reportv1.Durations) template.HTML {
	s := t.Seconds
	return bar("How the time of the run is divided", 14, []part{
		{"setup", "set-up " + reportv1.Clock(s.Setup), s.Setup}, {"checks", "checks " + reportv1.Clock(s.Checks), s.Checks},
		{"cleanup", "clean-up " + reportv1.Clock(s.Cleanup), s.Cleanup}, {"rest", "the rest", s.Total - s.Setup - s.Checks - s.Cleanup},
	})
}

// shares divides the checks of an area up by outcome.
func shares(n reportv1.Counts) template.HTML {
	var parts []part
	var words []string
	for _, o := range order {
		size := map[conformance.Outcome]int{
			conformance.Passed: n.Passed, conformance.Failed: n.Failed, conformance.Blocked: n.Blocked, conformance.Missing: n.Missing,
			conformance.Skipped: n.Skipped, conformance.Unsupported: n.Unsupported, conformance.Contradictory: n.Contradictory,
		}[o]
		if size > 0 {
			words = append(words, fmt.Sprintf("%d %s", size, o))
			parts = append(parts, part{string(o), words[len(words)-1], float64(size)})
		}
	}
	return bar(strings.Join(words, ", "), 10, parts)
}
