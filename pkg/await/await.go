// Package await owns the only waiting loop below suites/. It knows nothing
// about what is waited for.
package await

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// terminal marks an error after which waiting longer cannot help.
type terminal struct{ err error }

func (t terminal) Error() string { return t.err.Error() }
func (t terminal) Unwrap() error { return t.err }

// Stop wraps err so that Until gives up at once instead of observing again.
// Stop(nil) is nil.
func Stop(err error) error {
	if err == nil {
		return nil
	}
	return terminal{err}
}

// Stopped reports whether err, or an error that it wraps, came from Stop.
func Stopped(err error) bool {
	var t terminal
	return errors.As(err, &t)
}

// Error says what was waited for, for how long, and what was seen last.
type Error struct {
	What     string        // what was waited for, as a noun phrase
	Took     time.Duration // time from the first observation to giving up
	Observed int           // number of observations made
	Last     any           // the last value observed, nil when there was none
	Reason   error         // why the last observation was not accepted
	Ended    error         // why the wait ended: the context's error, or the terminal reason
}

func (e *Error) Error() string {
	took := e.Took.Round(100 * time.Millisecond)
	if Stopped(e.Ended) {
		return fmt.Sprintf("waiting for %s: gave up after %s: %v", e.What, took, e.Reason)
	}
	if e.Reason == nil {
		return fmt.Sprintf("waiting for %s: %v after %s, nothing was observed", e.What, e.Ended, took)
	}
	return fmt.Sprintf("waiting for %s: %v after %s and %d observations: %v", e.What, e.Ended, took, e.Observed, e.Reason)
}

// Unwrap gives both the reason and what ended the wait.
func (e *Error) Unwrap() []error {
	var errs []error
	for _, err := range []error{e.Reason, e.Ended} {
		if err != nil {
			errs = append(errs, err)
		}
	}
	return errs
}

type watcher struct{}

// Watched gives a context whose waits say what they wait for, each once its first
// observation was not accepted. watch may be called by several goroutines.
func Watched(ctx context.Context, watch func(what string)) context.Context {
	return context.WithValue(ctx, watcher{}, watch)
}

// Until observes at once and then once in every period until accept returns
// nil, accept or observe returns an error made by Stop, or ctx ends. It returns
// the last value observed in every case, so that a caller can describe it.
// The error is an *Error. ctx should carry a deadline: Until has none of its own.
func Until[T any](ctx context.Context, what string, every time.Duration, observe func(context.Context) (T, error), accept func(T) error) (T, error) {
	var (
		last  T
		seen  bool
		start = time.Now()
		fail  = &Error{What: what}
	)
	give := func(ended error) (T, error) {
		fail.Took, fail.Ended = time.Since(start), ended
		if seen {
			fail.Last = last
		}
		return last, fail
	}
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		value, err := observe(ctx)
		if err == nil {
			last, seen = value, true
			if err = accept(value); err == nil {
				return value, nil
			}
		}
		fail.Observed++
		// An observation cut short by the end of the wait says less than the one before it.
		if !over(ctx) || fail.Reason == nil {
			fail.Reason = err
		}
		if Stopped(err) {
			return give(err)
		}
		if watch, ok := ctx.Value(watcher{}).(func(string)); ok && fail.Observed == 1 {
			watch(what)
		}
		select {
		case <-ctx.Done():
		case <-tick.C:
		}
		// Where both had come, select takes either: an ended wait observes no more.
		if over(ctx) {
			<-ctx.Done()
			return give(context.Cause(ctx))
		}
	}
}

// over reports whether a wait has ended. A wait that is a multiple of its period
// ends with a tick, and what is observed then meets the deadline by the clock
// before the context's own timer has told of it.
func over(ctx context.Context) bool {
	if ctx.Err() != nil {
		return true
	}
	deadline, ok := ctx.Deadline()
	return ok && !time.Now().Before(deadline)
}
