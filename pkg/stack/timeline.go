package stack

import (
	"slices"
	"sync"
	"time"
)

// Progress is told what the set-up does. Calls may come concurrently.
type Progress interface {
	// Step begins a named part (cluster, postgres, images, platform ...);
	// the returned function ends it.
	Step(name string) (end func(error))
	// Waiting says what a part is waiting for at the moment.
	Waiting(name, what string)
}

// Span is one part of the set-up in time.
type Span struct {
	Name    string        `json:"name"`
	Started time.Time     `json:"started"`
	Took    time.Duration `json:"took"` // nanoseconds
	Error   string        `json:"error,omitempty"`
}

// timeline records every step and passes it on to whoever watches.
type timeline struct {
	next Progress

	mu    sync.Mutex
	spans []Span
}

func (t *timeline) Step(name string) func(error) {
	started := time.Now()
	end := func(error) {}
	if t.next != nil {
		end = t.next.Step(name)
	}
	return func(err error) {
		span := Span{Name: name, Started: started.UTC(), Took: time.Since(started)}
		if err != nil {
			span.Error = err.Error()
		}
		t.mu.Lock()
		t.spans = append(t.spans, span)
		t.mu.Unlock()
		end(err)
	}
}

func (t *timeline) Waiting(name, what string) {
	if t.next != nil {
		t.next.Waiting(name, what)
	}
}

// Spans gives the steps that have ended, by start.
func (t *timeline) Spans() []Span {
	t.mu.Lock()
	defer t.mu.Unlock()
	spans := slices.Clone(t.spans)
	slices.SortStableFunc(spans, func(a, b Span) int { return a.Started.Compare(b.Started) })
	return spans
}

// step runs f as a named part.
func (t *timeline) step(name string, f func(waiting func(string)) error) error {
	end := t.Step(name)
	err := f(func(what string) { t.Waiting(name, what) })
	end(err)
	return err
}
