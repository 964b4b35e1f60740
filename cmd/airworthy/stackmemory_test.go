package main

import (
	"testing"

	"github.com/moby/moby/api/types/container"
)

func TestMemoryInUse(t *testing.T) {
	for _, tc := range []struct {
		name string
		of   container.MemoryStats
		want int64
	}{
		{"cgroup v1", container.MemoryStats{Usage: 100, Stats: map[string]uint64{"total_inactive_file": 30, "inactive_file": 1}}, 70},
		{"cgroup v2", container.MemoryStats{Usage: 100, Stats: map[string]uint64{"inactive_file": 40}}, 60},
		{"unknown", container.MemoryStats{Usage: 100}, 100},
		{"more cache than use", container.MemoryStats{Usage: 10, Stats: map[string]uint64{"inactive_file": 40}}, 10},
		{"gone", container.MemoryStats{}, 0},
	} {
		if got := inUse(tc.of); got != tc.want {
			t.Errorf("%s: %d, want %d", tc.name, got, tc.want)
		}
	}
}

func TestStackMeterWithoutEngine(t *testing.T) {
	m := watchStack(nil, "one")
	m.stop()
	if m.peakBytes() != 0 {
		t.Errorf("%d bytes of nothing", m.peakBytes())
	}
}
