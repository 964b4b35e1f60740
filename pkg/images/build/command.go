package build

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/airworthy/airworthy/pkg/await"
)

// tailLines is how much of a tool's output an error carries.
const tailLines = 30

// lockEvery is how often a lock that somebody else holds is tried again.
const lockEvery = 200 * time.Millisecond

// tail hands lines on and remembers the last of them. It is an io.Writer, too.
type tail struct {
	mu    sync.Mutex
	next  func(string)
	rest  []byte
	lines []string
}

func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.rest = append(t.rest, p...)
	for {
		end := bytes.IndexAny(t.rest, "\r\n")
		if end < 0 {
			return len(p), nil
		}
		t.line(string(t.rest[:end]))
		t.rest = t.rest[end+1:]
	}
}

var colour = regexp.MustCompile("\x1b\\[[0-9;]*m")

// line must be called with mu held.
func (t *tail) line(text string) {
	// The classic builder colours what a command writes to standard error.
	text = strings.TrimRight(colour.ReplaceAllString(text, ""), " \t\r\n")
	if text == "" {
		return
	}
	if t.lines = append(t.lines, text); len(t.lines) > tailLines {
		t.lines = t.lines[1:]
	}
	if t.next != nil {
		t.next(text)
	}
}

// wrap adds the remembered lines to an error.
func (t *tail) wrap(err error) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.rest) > 0 {
		t.line(string(t.rest))
		t.rest = nil
	}
	if err == nil || len(t.lines) == 0 {
		return err
	}
	return fmt.Errorf("%w; its last lines:\n  %s", err, strings.Join(t.lines, "\n  "))
}

// run runs a command with its output line by line to progress.
func run(cmd *exec.Cmd, progress func(string)) error {
	t := &tail{next: progress}
	cmd.Stdout, cmd.Stderr = t, t
	if err := cmd.Run(); err != nil {
		return t.wrap(fmt.Errorf("run %s: %w", strings.Join(cmd.Args, " "), err))
	}
	return nil
}

// lock keeps other builders, of this process and of others, from the same work.
// The returned function gives it up.
func lock(ctx context.Context, cache, name string) (unlock func(), err error) {
	dir := filepath.Join(cache, "locks")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("make %s: %w", dir, err)
	}
	f, err := os.OpenFile(filepath.Join(dir, name), os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, fmt.Errorf("lock %s: %w", name, err)
	}
	try := func(context.Context) (error, error) {
		return unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB), nil
	}
	_, err = await.Until(ctx, "another builder of "+name+" to finish", lockEvery, try, func(err error) error {
		if err != nil && !errors.Is(err, unix.EWOULDBLOCK) {
			return await.Stop(err)
		}
		return err
	})
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return func() { _ = f.Close() }, nil // closing releases the lock
}
