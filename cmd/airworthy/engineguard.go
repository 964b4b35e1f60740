package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/moby/moby/client"
)

// errEngineGone is why a phase ended whose container engine went away.
var errEngineGone = errors.New("the container engine stopped answering")

const (
	everyPing = 3 * time.Second
	pingLimit = 10 * time.Second
	// lostPings in a row mean that it is gone: one may be lost to a busy machine.
	lostPings = 3
)

// pinger is the part of the engine's client that the guard needs.
type pinger interface {
	Ping(ctx context.Context, options client.PingOptions) (client.PingResult, error)
}

// guardEngine returns a context that ends when the engine stops answering:
// without it every check waits to its own end for pods that nobody can reach.
// release ends the guard and gives what it found, nil when the engine answered.
// It leaves the context alone: what was started with it may go on.
func guardEngine(ctx context.Context, engine pinger, where, stack string, every time.Duration) (guarded context.Context, release func() error) {
	guarded, cancel := context.WithCancelCause(ctx)
	stop, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		t := time.NewTicker(every)
		defer t.Stop()
		for lost := 0; ; {
			select {
			case <-guarded.Done():
				return
			case <-stop:
				return
			case <-t.C:
			}
			err := ping(guarded, engine)
			switch {
			case guarded.Err() != nil:
				return
			case err == nil:
				lost = 0
				continue
			}
			if lost++; lost == lostPings {
				cancel(fmt.Errorf("%w at %s (%w): start it again, `airworthy doctor --fix` does where it installed it, then `airworthy down %s` removes what is left",
					errEngineGone, where, err, stack))
				return
			}
		}
	}()
	return guarded, func() error {
		close(stop)
		<-done
		if err := context.Cause(guarded); errors.Is(err, errEngineGone) {
			return err
		}
		return nil
	}
}

func ping(ctx context.Context, engine pinger) error {
	ctx, cancel := context.WithTimeout(ctx, pingLimit)
	defer cancel()
	_, err := engine.Ping(ctx, client.PingOptions{})
	return err
}
