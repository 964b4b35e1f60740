package await

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"testing"
	"time"
)

const soon = time.Millisecond

// counter observes 1, 2, 3 ...
func counter() func(context.Context) (int, error) {
	n := 0
	return func(context.Context) (int, error) { n++; return n, nil }
}

func atLeast(want int) func(int) error {
	return func(got int) error {
		if got < want {
			return fmt.Errorf("%d is less than %d", got, want)
		}
		return nil
	}
}

// withoutTimes replaces the durations of a message, which differ each time.
func withoutTimes(err error) string {
	return regexp.MustCompile(`\d+(\.\d+)?m?s\b`).ReplaceAllString(err.Error(), "T")
}

func TestUntilReturnsTheAcceptedValue(t *testing.T) {
	got, err := Until(t.Context(), "three", soon, counter(), atLeast(3))
	if got != 3 || err != nil {
		t.Errorf("got %d, %v", got, err)
	}
}

func TestUntilObservesAtOnce(t *testing.T) {
	got, err := Until(t.Context(), "one", time.Hour, counter(), atLeast(1))
	if got != 1 || err != nil {
		t.Errorf("got %d, %v", got, err)
	}
}

func TestUntilGivesUp(t *testing.T) {
	errGone := errors.New("pod is gone")
	tests := []struct {
		name    string
		observe func(ctx context.Context, cancel func(error), n int) (int, error)
		accept  func(int) error
		value   int
		message string
		is      error
		stopped bool
		last    any
		seen    int
	}{
		{
			name: "observing says that it is over, the last value is kept",
			observe: func(_ context.Context, _ func(error), n int) (int, error) {
				if n == 3 {
					return 0, Stop(errGone)
				}
				return n, nil
			},
			accept: atLeast(9), value: 2, last: 2, seen: 3, is: errGone, stopped: true,
			message: "waiting for nine: gave up after T: pod is gone",
		},
		{
			name:    "a terminal error stays one when it is wrapped",
			observe: func(_ context.Context, _ func(error), n int) (int, error) { return n, nil },
			accept:  func(int) error { return fmt.Errorf("read state: %w", Stop(errGone)) },
			value:   1, last: 1, seen: 1, is: errGone, stopped: true,
			message: "waiting for nine: gave up after T: read state: pod is gone",
		},
		{
			name: "the context ends",
			observe: func(_ context.Context, cancel func(error), n int) (int, error) {
				if n == 4 {
					cancel(nil)
				}
				return n, nil
			},
			accept: atLeast(9), value: 4, last: 4, seen: 4, is: context.Canceled,
			message: "waiting for nine: context canceled after T and 4 observations: 3 is less than 9",
		},
		{
			name: "an observation cut short does not hide the reason before it",
			observe: func(ctx context.Context, cancel func(error), n int) (int, error) {
				if n == 2 {
					cancel(nil)
					return 0, ctx.Err()
				}
				return n, nil
			},
			accept: atLeast(9), value: 1, last: 1, seen: 2, is: context.Canceled,
			message: "waiting for nine: context canceled after T and 2 observations: 1 is less than 9",
		},
		{
			name: "the context's cause is named, and nothing was ever seen",
			observe: func(_ context.Context, cancel func(error), _ int) (int, error) {
				cancel(errGone)
				return 0, errors.New("connection refused")
			},
			accept: atLeast(9), value: 0, last: nil, seen: 1, is: errGone,
			message: "waiting for nine: pod is gone after T and 1 observations: connection refused",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			ctx, cancel := context.WithCancelCause(t.Context())
			defer cancel(nil)
			n := 0
			value, err := Until(ctx, "nine", soon, func(ctx context.Context) (int, error) {
				n++
				return tt.observe(ctx, cancel, n)
			}, tt.accept)
			var ended *Error
			if !errors.As(err, &ended) {
				t.Fatalf("error is a %T: %v", err, err)
			}
			if value != tt.value || ended.Last != tt.last || ended.Observed != tt.seen || ended.What != "nine" {
				t.Errorf("value %v, last %v, %d observations of %s", value, ended.Last, ended.Observed, ended.What)
			}
			if got := withoutTimes(err); got != tt.message {
				t.Errorf("message is %q, want %q", got, tt.message)
			}
			if !errors.Is(err, tt.is) || Stopped(err) != tt.stopped {
				t.Errorf("is %v: %v, stopped: %v", tt.is, errors.Is(err, tt.is), Stopped(err))
			}
		})
	}
}

func TestUntilEndsAtTheDeadline(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	_, err := Until(ctx, "the end", time.Hour, counter(), atLeast(9))
	if got, want := withoutTimes(err), "waiting for the end: context deadline exceeded after T and 1 observations: 1 is less than 9"; got != want {
		t.Errorf("message is %q, want %q", got, want)
	}
}

func TestUntilPassesItsContextOn(t *testing.T) {
	type key struct{}
	ctx := context.WithValue(t.Context(), key{}, "value")
	got, err := Until(ctx, "the value", soon, func(ctx context.Context) (any, error) { return ctx.Value(key{}), nil },
		func(any) error { return nil })
	if got != "value" || err != nil {
		t.Errorf("got %v, %v", got, err)
	}
}

func TestStopOfNothingIsNothing(t *testing.T) {
	if err := Stop(nil); err != nil || Stopped(nil) {
		t.Errorf("Stop(nil) is %v", err)
	}
}

func TestErrorWithoutAnyObservation(t *testing.T) {
	err := &Error{What: "a pod", Took: 1500 * time.Millisecond, Ended: context.Canceled}
	if got, want := err.Error(), "waiting for a pod: context canceled after 1.5s, nothing was observed"; got != want {
		t.Errorf("message is %q, want %q", got, want)
	}
}

// Who watches hears of waits that take more than one look, once each.
func TestWatched(t *testing.T) {
	var heard []string
	ctx := Watched(t.Context(), func(what string) { heard = append(heard, what) })
	looks := 0
	for _, what := range []string{"nothing", "three looks"} {
		_, err := Until(ctx, what, time.Millisecond, func(context.Context) (int, error) { looks++; return looks, nil },
			func(n int) error {
				if n == 1 || n == 4 {
					return nil
				}
				return errors.New("not yet")
			})
		if err != nil {
			t.Fatal(err)
		}
	}
	if len(heard) != 1 || heard[0] != "three looks" {
		t.Errorf("heard %q", heard)
	}
}

// late is a context whose deadline has passed by the clock before it says so.
type late struct {
	context.Context
	deadline time.Time
}

func (l late) Deadline() (time.Time, bool) { return l.deadline, true }

func TestUntilDoesNotTakeTheDeadlineForAReason(t *testing.T) {
	ended, end := context.WithCancel(t.Context())
	defer end()
	ctx := late{ended, time.Now().Add(20 * time.Millisecond)}
	seen := 0
	_, err := Until(ctx, "nine", soon, func(context.Context) (int, error) {
		if seen++; seen == 1 {
			return 1, nil
		}
		time.Sleep(time.Until(ctx.deadline))
		time.AfterFunc(20*time.Millisecond, end)
		return 0, errors.New("i/o timeout")
	}, atLeast(9))
	var gave *Error
	if !errors.As(err, &gave) || gave.Reason == nil || gave.Reason.Error() != "1 is less than 9" {
		t.Errorf("got %v, want the reason from before the deadline", err)
	}
}
