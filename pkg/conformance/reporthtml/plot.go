package reporthtml

import (
	"encoding/json"
	"fmt"
	"html"
	"html/template"
	"math"
	"path"
	"strconv"
	"strings"
	"time"

	"github.com/airworthy/airworthy/pkg/conformance"
)

const (
	plotHeight = 180
	plotTop    = 22  // room for the topmost label
	plotLines  = 8   // as many colours as can be told apart
	plotPoints = 600 // of one line; more than a screen has
)

// plotOf draws a fact that is a plot, empty when it is none.
func plotOf(p string, data []byte) template.HTML {
	name := path.Base(p)
	if !strings.HasPrefix(name, conformance.PlotFact) || path.Ext(name) != ".json" {
		return ""
	}
	var plot conformance.Plot
	if json.Unmarshal(data, &plot) != nil {
		return ""
	}
	return draw(plot)
}

// frame is the part of time and values that a plot covers.
type frame struct {
	begin     time.Time
	low, high float64
	end       float64 // seconds from begin
}

// frameOf holds every point; values are seen from 0 where they do not lie far from it.
func frameOf(plot conformance.Plot) (frame, bool) {
	f := frame{low: math.Inf(1), high: math.Inf(-1)}
	for _, line := range plot.Lines {
		for _, p := range line.Points {
			if f.begin.IsZero() || p.At.Before(f.begin) {
				f.begin = p.At
			}
		}
	}
	for _, line := range plot.Lines {
		for _, p := range line.Points {
			f.low, f.high = math.Min(f.low, p.Value), math.Max(f.high, p.Value)
			f.end = math.Max(f.end, p.At.Sub(f.begin).Seconds())
		}
	}
	if math.IsInf(f.low, 0) || math.IsInf(f.high-f.low, 0) {
		return f, false
	}
	switch {
	case f.low == f.high && f.low == 0:
		f.high = 1
	case f.low == f.high, f.low > 0 && f.low < f.high*.75, f.high < 0 && f.high > f.low*.75:
		f.low, f.high = math.Min(f.low, 0), math.Max(f.high, 0)
	}
	f.end = math.Max(f.end, 1)
	return f, true
}

// draw makes a chart of courses over time, with a legend below it.
func draw(plot conformance.Plot) template.HTML {
	f, ok := frameOf(plot)
	if !ok {
		return ""
	}
	c := &canvas{end: f.end}
	c.axis(plotTop + plotHeight)
	step := valueStep(f.high - f.low)
	for n := range 7 { // counted: values may be so large that adding a step changes nothing
		value := (math.Ceil(f.low/step) + float64(n)) * step
		if !(value <= f.high+step/1e6) {
			break
		}
		y := plotTop + plotHeight*(f.high-value)/(f.high-f.low)
		c.add(`<line class="tick" x1="0" x2="100%%" y1="%.1f" y2="%.1f"/>`, y, y)
		c.add(`<text class="axis" x="0" y="%.1f">%s</text>`, y-3, html.EscapeString(strings.TrimSpace(number(value)+" "+visible(plot.Unit))))
	}
	// The lines alone are stretched to the width; their strokes are not.
	c.add(`<svg x="0" y="%d" width="100%%" height="%d" viewBox="0 0 1000 1000" preserveAspectRatio="none" overflow="visible">`, plotTop, plotHeight)
	shown := plot.Lines[:min(len(plot.Lines), plotLines)]
	for i, line := range shown {
		c.add(`<polyline class="line line%d" points="%s"/>`, i+1, points(line.Points, f))
	}
	c.add(`</svg>`)
	legend := ""
	for i, line := range shown {
		legend += fmt.Sprintf("<li class=\"line%d\">%s</li>\n", i+1, html.EscapeString(visible(line.Name)))
	}
	if more := len(plot.Lines) - len(shown); more > 0 {
		legend += fmt.Sprintf("<li class=\"dim total\">and %d more in the file</li>\n", more)
	}
	title := template.HTML("<figcaption>" + html.EscapeString(visible(plot.Title)) + "</figcaption>\n")
	return title + c.svg(plotTop+plotHeight+axisHeight, visible(plot.Title)) + template.HTML("<ul class=\"legend\">\n"+legend+"</ul>")
}

// points places a line's values in a square of 1000. Of too many, every nth is
// taken, and the last.
func points(all []conformance.PlotPoint, f frame) string {
	var b strings.Builder
	put := func(p conformance.PlotPoint) {
		fmt.Fprintf(&b, "%.1f,%.1f ", 1000*p.At.Sub(f.begin).Seconds()/f.end, 1000*(f.high-p.Value)/(f.high-f.low))
	}
	every := (len(all) + plotPoints - 1) / plotPoints
	for i := 0; i < len(all); i += every {
		put(all[i])
	}
	if len(all) > 0 {
		put(all[len(all)-1]) // twice, where it is the only one: a dot
	}
	return strings.TrimSpace(b.String())
}

// valueStep is the distance of the lines that values are read from: 1, 2 or 5
// times a power of ten, and at most five of them.
func valueStep(span float64) float64 {
	power := math.Pow(10, math.Floor(math.Log10(span/5)))
	for _, n := range []float64{1, 2, 5} {
		if span/(n*power) <= 5 {
			return n * power
		}
	}
	return 10 * power
}

// number writes a value without the dust of binary fractions.
func number(v float64) string {
	if v == 0 || math.Abs(v) < 1e-300 {
		return "0"
	}
	return strconv.FormatFloat(v, 'g', 6, 64)
}
