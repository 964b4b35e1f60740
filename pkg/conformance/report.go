package conformance

import "time"

// Report is what follows from a plan and its records. The same input gives
// the same report, in the same order.
type Report struct {
	Verdict    Verdict       `json:"verdict"`
	Reason     string        `json:"reason"` // one sentence that explains the verdict
	Profile    Level         `json:"profile"`
	Features   []Feature     `json:"features"`
	NotOffered []Absence     `json:"notOffered,omitempty"` // ordered by feature
	Counts     Counts        `json:"counts"`
	Areas      []AreaSummary `json:"areas"`  // ordered by name
	Checks     []Judged      `json:"checks"` // ordered by id
	// Errors are what does not fit together between plan and records, such as
	// a record of a check that was never planned. Any makes a run inconclusive.
	Errors []string `json:"errors,omitempty"`
}

// Counts is the number of checks by outcome.
type Counts struct {
	Planned       int `json:"planned"`
	Passed        int `json:"passed"`
	Failed        int `json:"failed"`
	Blocked       int `json:"blocked"`
	Missing       int `json:"missing"`
	Skipped       int `json:"skipped"`
	Unsupported   int `json:"unsupported"`
	Contradictory int `json:"contradictory"`
}

func (c *Counts) add(o Outcome) {
	c.Planned++
	switch o {
	case Passed:
		c.Passed++
	case Failed:
		c.Failed++
	case Blocked:
		c.Blocked++
	case Missing:
		c.Missing++
	case Skipped:
		c.Skipped++
	case Unsupported:
		c.Unsupported++
	default:
		c.Contradictory++
	}
}

// AreaSummary is one area in short.
type AreaSummary struct {
	Name    string  `json:"name"`
	Verdict Verdict `json:"verdict,omitempty"` // empty when nothing of the area was decided: all of it unsupported, say
	Counts  Counts  `json:"counts"`
}

// Judged is one check with what became of it.
type Judged struct {
	Check    Check         `json:"check"`
	Outcome  Outcome       `json:"outcome"`
	Reason   string        `json:"reason,omitempty"` // empty only when passed
	Decides  bool          `json:"decides"`          // whether the outcome weighs in the verdict
	Took     time.Duration `json:"took"`             // sum over attempts, nanoseconds
	Attempts []Record      `json:"attempts,omitempty"`
	Evidence []string      `json:"evidence,omitempty"` // of all attempts, sorted
}
