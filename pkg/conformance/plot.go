package conformance

import "time"

// PlotFact begins the name of a fact that is a Plot. The page for people draws it.
const PlotFact = "plot-"

// Plot is what was measured over time, as a check keeps it for evidence.
type Plot struct {
	Title string     `json:"title"`
	Unit  string     `json:"unit,omitempty"`
	Lines []PlotLine `json:"lines"`
}

// PlotLine is one course of values.
type PlotLine struct {
	Name   string      `json:"name"`
	Points []PlotPoint `json:"points"` // ordered by time
}

// PlotPoint is one measured value. JSON has no NaN and no infinity: leave such values out.
type PlotPoint struct {
	At    time.Time `json:"at"`
	Value float64   `json:"value"`
}
