package main

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/moby/moby/client"
)

// answers is an engine that answers pings as listed, and then for ever as the last.
type answers struct {
	mu   sync.Mutex
	left []error
	all  chan struct{} // closed when the last was given
}

func (a *answers) Ping(context.Context, client.PingOptions) (client.PingResult, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	err := a.left[0]
	if len(a.left) > 1 {
		if a.left = a.left[1:]; len(a.left) == 1 {
			close(a.all)
		}
	}
	return client.PingResult{}, err
}

func TestGuardEngine(t *testing.T) {
	refused := errors.New("connection refused")
	for _, tc := range []struct {
		name  string
		pings []error
		gone  bool
	}{
		{"answers", []error{nil, nil, nil, nil}, false},
		{"a lost ping now and then", []error{refused, refused, nil, refused, refused, nil, nil}, false},
		{"gone", []error{nil, refused, refused, refused}, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			engine := &answers{left: tc.pings, all: make(chan struct{})}
			ctx, release := guardEngine(context.Background(), engine, "unix:///run/docker.sock", "local", time.Millisecond)
			if tc.gone {
				<-ctx.Done()
			} else {
				<-engine.all
			}
			err := release()
			if (err != nil) != tc.gone {
				t.Fatalf("got %v, want gone: %t", err, tc.gone)
			}
			if !tc.gone {
				if ctx.Err() != nil {
					t.Errorf("the context ended with the guard: %v", ctx.Err())
				}
				return
			}
			for _, want := range []string{"unix:///run/docker.sock", "connection refused", "airworthy doctor --fix", "airworthy down local"} {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("no %q in %q", want, err)
				}
			}
		})
	}
}

func TestGuardEngineLeavesOtherEndsAlone(t *testing.T) {
	parent, cancel := context.WithCancel(context.Background())
	ctx, release := guardEngine(parent, &answers{left: []error{nil}}, "", "", time.Millisecond)
	cancel()
	<-ctx.Done()
	if err := release(); err != nil {
		t.Errorf("an interrupt is reported as %v", err)
	}
}
