package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"sync"
	"time"
)

// hook runs --exechook-command beside the syncs, for the newest hash alone, and
// again after --exechook-backoff until it succeeds.
type hook struct {
	o   options
	log *slog.Logger

	mu      sync.Mutex
	pending string // hash that waits for the command
	running bool
	idle    *sync.Cond
	last    error
}

func newHook(o options, log *slog.Logger) *hook {
	h := &hook{o: o, log: log}
	h.idle = sync.NewCond(&h.mu)
	return h
}

// send asks for the command to be run for a hash.
func (h *hook) send(ctx context.Context, hash string) {
	if h.o.hookCommand == "" {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.pending = hash
	if !h.running {
		h.running = true
		go h.work(ctx)
	}
}

// finish waits for the command of --one-time, which is tried once.
func (h *hook) finish(context.Context) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	for h.running {
		h.idle.Wait()
	}
	return h.last
}

func (h *hook) work(ctx context.Context) {
	for {
		h.mu.Lock()
		hash := h.pending
		if hash == "" || ctx.Err() != nil {
			h.running = false
			h.idle.Broadcast()
			h.mu.Unlock()
			return
		}
		h.pending = ""
		h.mu.Unlock()

		err := h.run(ctx, hash)
		h.mu.Lock()
		h.last = err
		if err != nil && h.pending == "" && !h.o.oneTime {
			h.pending = hash
		}
		h.mu.Unlock()
		if err == nil || h.o.oneTime {
			continue
		}
		h.log.Error("the exechook failed", "hash", hash, "error", err.Error(), "again", h.o.hookBackoff.String())
		select {
		case <-ctx.Done():
		case <-time.After(h.o.hookBackoff):
		}
	}
}

func (h *hook) run(ctx context.Context, hash string) error {
	ctx, cancel := context.WithTimeout(ctx, h.o.hookTimeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, h.o.hookCommand)
	// Through the link, as every other reader of the files.
	cmd.Dir, cmd.Env = h.o.link, append(os.Environ(), "GITSYNC_HASH="+hash)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("run %s: %w: %s", h.o.hookCommand, err, out)
	}
	return nil
}
