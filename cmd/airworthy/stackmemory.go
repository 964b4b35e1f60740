package main

import (
	"context"
	"encoding/json"
	"sync"
	"time"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"

	"github.com/airworthy/airworthy/pkg/environment"
)

// stackMeter watches how much memory the containers of a stack take together:
// cluster nodes with everything in them, and services. On a cluster that is
// there it sees nothing.
type stackMeter struct {
	docker *client.Client
	labels []string

	mu   sync.Mutex
	peak int64

	cancel context.CancelFunc
	done   chan struct{}
}

const (
	everyStackSample = 5 * time.Second
	stackSampleLimit = 10 * time.Second
)

// watchStack begins to watch until stop. docker may be nil.
func watchStack(docker *client.Client, name string) *stackMeter {
	ctx, cancel := context.WithCancel(context.Background())
	m := &stackMeter{
		docker: docker, cancel: cancel, done: make(chan struct{}),
		// kind labels its nodes itself.
		labels: []string{environment.LabelStack + "=" + name, "io.x-k8s.kind.cluster=" + environment.Name(name)},
	}
	go func() {
		defer close(m.done)
		if docker == nil {
			return
		}
		t := time.NewTicker(everyStackSample)
		defer t.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-t.C:
				m.sample(ctx)
			}
		}
	}()
	return m
}

func (m *stackMeter) stop() {
	m.cancel()
	<-m.done
}

// peakBytes is the largest sum seen so far, 0 when nothing could be seen.
func (m *stackMeter) peakBytes() int64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.peak
}

// sample adds up what can be read: a container that goes meanwhile takes
// nothing, and a figure for the report must never end a run.
func (m *stackMeter) sample(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, stackSampleLimit)
	defer cancel()
	var sum int64
	for _, label := range m.labels {
		list, err := m.docker.ContainerList(ctx, client.ContainerListOptions{Filters: client.Filters{}.Add("label", label)})
		if err != nil {
			return
		}
		for _, c := range list.Items {
			sum += m.memory(ctx, c.ID)
		}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.peak = max(m.peak, sum)
}

func (m *stackMeter) memory(ctx context.Context, id string) int64 {
	answer, err := m.docker.ContainerStats(ctx, id, client.ContainerStatsOptions{})
	if err != nil {
		return 0
	}
	defer answer.Body.Close()
	var stats container.StatsResponse
	if json.NewDecoder(answer.Body).Decode(&stats) != nil {
		return 0
	}
	return inUse(stats.MemoryStats)
}

// inUse is the memory without the part of the page cache that the kernel would
// give up first, in bytes; `docker stats` shows the same.
func inUse(s container.MemoryStats) int64 {
	cache := s.Stats["inactive_file"] // cgroup v2
	if v1, ok := s.Stats["total_inactive_file"]; ok {
		cache = v1
	}
	if cache > s.Usage {
		return int64(s.Usage)
	}
	return int64(s.Usage - cache)
}
