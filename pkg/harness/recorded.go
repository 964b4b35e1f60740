package harness

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"sync"

	"github.com/airworthy/airworthy/pkg/kube"
)

// recorded reads the pod changes that the recording appends to a file, one
// JSON object a line. A task pod is removed seconds after it finished, so a
// check that asked the cluster would come too late; the file remembers.
type recorded struct {
	path string

	mu     sync.Mutex
	offset int64
	latest map[string]kube.PodFact // by UID
}

func newRecorded(path string) *recorded {
	return &recorded{path: path, latest: map[string]kube.PodFact{}}
}

// pods gives what is known of every pod so far, ordered by creation.
func (r *recorded) pods(context.Context) ([]kube.PodFact, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := r.catchUp(); err != nil {
		return nil, err
	}
	pods := make([]kube.PodFact, 0, len(r.latest))
	for _, pod := range r.latest {
		pods = append(pods, pod)
	}
	slices.SortFunc(pods, func(a, b kube.PodFact) int {
		if c := a.Created.Compare(b.Created); c != 0 {
			return c
		}
		if a.Name < b.Name {
			return -1
		}
		return 1
	})
	return pods, nil
}

// catchUp reads whole lines from where the last call ended. A line without its
// end is still being written and is left for the next call.
func (r *recorded) catchUp() error {
	file, err := os.Open(r.path)
	if errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("no pods are being recorded: %w", err)
	}
	if err != nil {
		return fmt.Errorf("open recorded pods: %w", err)
	}
	defer file.Close()
	if _, err := file.Seek(r.offset, io.SeekStart); err != nil {
		return fmt.Errorf("read recorded pods: %w", err)
	}
	lines := bufio.NewReader(file)
	for {
		line, err := lines.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read recorded pods: %w", err)
		}
		r.offset += int64(len(line))
		var pod kube.PodFact
		if err := json.Unmarshal(line, &pod); err != nil {
			return fmt.Errorf("read recorded pods at byte %d of %s: %w", r.offset, r.path, err)
		}
		r.latest[pod.UID] = merge(r.latest[pod.UID], pod)
	}
}

// merge keeps times that a later state of the pod no longer shows: the status
// of a pod deleted by force may lose when its containers ran.
func merge(before, after kube.PodFact) kube.PodFact {
	if after.Started.IsZero() {
		after.Started = before.Started
	}
	if after.Finished.IsZero() {
		after.Finished = before.Finished
	}
	if after.Reason == "" {
		after.Reason, after.Message = before.Reason, before.Message
	}
	return after
}
