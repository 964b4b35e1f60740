package main

import (
	"context"
	"fmt"
	"slices"
)

// turns is how several stacks share the machine.
type turns struct {
	atOnce int                                // how many go at the same time, at most
	fits   func(next int, flying []int) error // nil where there is room for one more; may be nil
	fly    func(i int) outcome
	begins func(i int)            // told before fly; may be nil
	waits  func(i int, why error) // told once of one that finds no room; may be nil
}

// take flies n stacks in their order and hands over each outcome, always from
// the calling goroutine. One goes in any case; others go beside it as long as
// they fit. After an interrupt none begins, and those under way are waited for.
func (t turns) take(ctx context.Context, n int, landed func(i int, o outcome)) {
	type landing struct {
		i int
		o outcome
	}
	done := make(chan landing)
	var flying []int
	told := -1
	for next := 0; next < n || len(flying) > 0; {
		if next < n && t.room(ctx, next, flying, &told) {
			i := next
			next++
			if err := context.Cause(ctx); err != nil {
				landed(i, outcome{err: fmt.Errorf("it was not begun: interrupted: %w", err)})
				continue
			}
			if t.begins != nil {
				t.begins(i)
			}
			flying = append(flying, i)
			go func() { done <- landing{i, t.fly(i)} }()
			continue
		}
		l := <-done
		flying = slices.DeleteFunc(flying, func(i int) bool { return i == l.i })
		landed(l.i, l.o)
	}
}

// room says whether the next may go now, beside those that fly.
func (t turns) room(ctx context.Context, next int, flying []int, told *int) bool {
	switch {
	case len(flying) == 0:
		return true
	case ctx.Err() != nil || len(flying) >= t.atOnce:
		return false
	case t.fits == nil:
		return true
	}
	err := t.fits(next, flying)
	if err != nil && *told != next && t.waits != nil {
		*told = next
		t.waits(next, err)
	}
	return err == nil
}
