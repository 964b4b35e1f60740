package harness

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

func TestOnceActsOnceForEverybody(t *testing.T) {
	dir := t.TempDir()
	var acted atomic.Int32
	var wait sync.WaitGroup
	for range 8 {
		wait.Go(func() {
			got, err := once(t.Context(), dir, "run", func(context.Context) (string, error) {
				acted.Add(1)
				return "facts", nil
			})
			if got != "facts" || err != nil {
				t.Errorf("got %q, %v", got, err)
			}
		})
	}
	wait.Wait()
	if acted.Load() != 1 {
		t.Errorf("acted %d times", acted.Load())
	}
}

func TestOnceSharesFailureWithItsFacts(t *testing.T) {
	dir := t.TempDir()
	for _, want := range []string{"first", "another process"} {
		got, err := once(t.Context(), dir, "run", func(context.Context) (string, error) {
			return "as far as it came", errors.New("the scheduler is gone")
		})
		if got != "as far as it came" || err == nil || err.Error() != "the scheduler is gone" {
			t.Errorf("%s: got %q, %v", want, got, err)
		}
	}
}

// A process that is interrupted leaves no facts: the next one acts.
func TestOnceForgetsWhatWasInterrupted(t *testing.T) {
	dir := t.TempDir()
	ctx, cancel := context.WithCancel(t.Context())
	_, err := once(ctx, dir, "run", func(ctx context.Context) (int, error) {
		cancel()
		return 0, ctx.Err()
	})
	if !errors.Is(err, context.Canceled) {
		t.Fatalf("got %v", err)
	}
	got, err := once(t.Context(), dir, "run", func(context.Context) (int, error) { return 7, nil })
	if got != 7 || err != nil {
		t.Errorf("got %d, %v", got, err)
	}
}

func TestOnceSaysWhatItWaitsFor(t *testing.T) {
	dir := t.TempDir()
	began, end, ended := make(chan struct{}), make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		once(context.Background(), dir, "killed-long_task", func(context.Context) (int, error) {
			close(began)
			<-end
			return 0, nil
		})
	}()
	// It writes into the folder, which is removed with the test.
	defer func() { close(end); <-ended }()
	<-began
	ctx, cancel := context.WithTimeout(t.Context(), 150*time.Millisecond)
	defer cancel()
	_, err := once(ctx, dir, "killed-long_task", func(context.Context) (int, error) { return 1, nil })
	if err == nil || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v", err)
	}
}

func TestOnceRefusesSpoiltFacts(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "run.json"), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := once(t.Context(), dir, "run", func(context.Context) (int, error) { return 1, nil }); err == nil {
		t.Error("no error")
	}
}
