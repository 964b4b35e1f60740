package harness

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"

	"github.com/airworthy/airworthy/pkg/await"
)

// outcome is what a shared act left behind: its facts, or why it failed.
type outcome struct {
	Value json.RawMessage `json:"value,omitempty"`
	Error string          `json:"error,omitempty"`
}

// once lets the first of all processes act and gives every other one the same
// facts, so that one DAG run serves several checks. A failure is shared too:
// each check that needs the facts then fails for the same reason. The lock is
// held by the file descriptor, so a killed process frees it and the next one acts.
func once[T any](ctx context.Context, dir, name string, act func(context.Context) (T, error)) (T, error) {
	var none T
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return none, fmt.Errorf("make folder for shared facts: %w", err)
	}
	lock, err := os.OpenFile(filepath.Join(dir, name+".lock"), os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return none, fmt.Errorf("open lock of shared facts: %w", err)
	}
	defer lock.Close()
	_, err = await.Until(ctx, "another process to finish "+name, 100*time.Millisecond,
		func(context.Context) (bool, error) {
			err := unix.Flock(int(lock.Fd()), unix.LOCK_EX|unix.LOCK_NB)
			return err == nil, err
		},
		func(bool) error { return nil })
	if err != nil {
		return none, err
	}

	path := filepath.Join(dir, name+".json")
	if data, err := os.ReadFile(path); err == nil {
		return decodeOutcome[T](path, data)
	} else if !errors.Is(err, os.ErrNotExist) {
		return none, fmt.Errorf("read shared facts: %w", err)
	}

	value, acted := act(ctx)
	if ctx.Err() != nil && acted != nil {
		return value, acted // cut short from outside: the next process may still succeed
	}
	var out outcome
	if acted != nil {
		out.Error = acted.Error()
	}
	if out.Value, err = json.Marshal(value); err != nil {
		return value, fmt.Errorf("encode shared facts %s: %w", name, err)
	}
	data, err := json.MarshalIndent(out, "", "  ")
	if err != nil {
		return value, fmt.Errorf("encode shared facts %s: %w", name, err)
	}
	temporary := path + ".tmp"
	if err := os.WriteFile(temporary, data, 0o644); err != nil {
		return value, fmt.Errorf("write shared facts: %w", err)
	}
	if err := os.Rename(temporary, path); err != nil {
		return value, fmt.Errorf("write shared facts: %w", err)
	}
	return value, acted
}

func decodeOutcome[T any](path string, data []byte) (T, error) {
	var (
		out   outcome
		value T
	)
	if err := json.Unmarshal(data, &out); err != nil {
		return value, fmt.Errorf("read shared facts %s: %w", path, err)
	}
	if err := json.Unmarshal(out.Value, &value); err != nil {
		return value, fmt.Errorf("read shared facts %s: %w", path, err)
	}
	if out.Error != "" {
		return value, errors.New(out.Error)
	}
	return value, nil
}
