package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/airworthy/airworthy/pkg/config"
	"github.com/airworthy/airworthy/pkg/engine"
	"github.com/airworthy/airworthy/pkg/environment"
)

const (
	// stackMemory is expected of a stack that never ran here: the largest of the
	// run files here took 4.3 GB in its containers, and airworthy with the
	// programs that it starts some 0.8 GB beside them.
	stackMemory = 5 << 30
	// elsewhereMemory is expected where the cluster is not on this machine.
	elsewhereMemory = 1 << 30
	// spareMemory is left to everything else on the machine.
	spareMemory = 1 << 30
)

// memoryPath is where it is kept how much memory a stack took.
func memoryPath(state, name string) string {
	return filepath.Join(state, "memory", name+".json")
}

type tookMemory struct {
	Bytes int64 `json:"bytes"` // at most, at one time, airworthy itself and its programs included
}

// lastMemory is what a stack of this name took at most, 0 when nobody knows.
func lastMemory(state, name string) int64 {
	var took tookMemory
	data, err := os.ReadFile(memoryPath(state, name))
	if err != nil || json.Unmarshal(data, &took) != nil {
		return 0
	}
	return max(0, took.Bytes)
}

// keepMemory remembers what a stack took. A run that was not gone through whole
// may raise it alone. That it could not be kept is no news for anybody.
func keepMemory(state, name string, bytes int64, whole bool) {
	if bytes <= 0 || !whole && bytes <= lastMemory(state, name) {
		return
	}
	data, err := json.Marshal(tookMemory{bytes})
	if err != nil {
		return
	}
	path := memoryPath(state, name)
	if os.MkdirAll(filepath.Dir(path), 0o700) == nil {
		_ = os.WriteFile(path, data, 0o600)
	}
}

// rememberMemory keeps what this run took, where its stack could be seen.
func (f *flight) rememberMemory() {
	state, err := f.app.stateDir()
	if err != nil || f.memory.peakBytes() == 0 {
		return
	}
	own := f.meter.Now()
	done := map[string]bool{}
	for _, p := range f.phases {
		done[p.name] = true
	}
	keepMemory(state, f.run.Name, f.memory.peakBytes()+own.PeakMemory+own.PeakPrograms,
		f.pick.whole() && done["set-up"] && done["checks"])
}

// memoryNeed is what a run is expected to take of this machine.
func memoryNeed(state string, run config.Run) int64 {
	if last := lastMemory(state, run.Name); last > 0 {
		return last
	}
	if run.Cluster.Kind == environment.KindExisting {
		return elsewhereMemory
	}
	return stackMemory
}

// room is whether stacks find room beside each other.
type room struct {
	runs  []config.Run
	needs []int64
	free  int64        // before the first began; 0 when nobody knows
	now   func() int64 // free at this moment; 0 when nobody knows
}

// fits is an error that says why a stack has to wait. Those that fly have not
// taken yet what they will take: so all of them must fit into what was free
// before the first, and the next also into what others left of that.
func (r room) fits(next int, flying []int) error {
	if r.free == 0 {
		return errors.New("how much memory is free is not known")
	}
	sum := r.needs[next] + spareMemory
	for _, i := range flying {
		if why := apart(r.runs[next], r.runs[i]); why != "" {
			return fmt.Errorf("%s and %s cannot go at the same time: %s", r.runs[next].Name, r.runs[i].Name, why)
		}
		sum += r.needs[i]
	}
	if sum > r.free || r.needs[next]+spareMemory > r.now() {
		return fmt.Errorf("it is expected to take %s of memory and does not fit beside what goes on", bytesText(r.needs[next]))
	}
	return nil
}

// apart says what two stacks cannot share, empty where they may go at the same time.
func apart(a, b config.Run) string {
	switch {
	case a.Cluster.Kind == environment.KindExisting && b.Cluster.Kind == environment.KindExisting:
		return "both use a cluster that is there, which may be the same"
	case a.Cluster.Kind == b.Cluster.Kind && a.Cluster.APIPort != 0 && a.Cluster.APIPort == b.Cluster.APIPort:
		return fmt.Sprintf("both have cluster.apiPort %d", a.Cluster.APIPort)
	}
	return ""
}

// availableMemory is what programs may still take of the machine by the text of
// /proc/meminfo, in bytes; 0 when it does not say.
func availableMemory(meminfo string) int64 { return engine.MemInfo(meminfo, "MemAvailable") }

// freeMemory is availableMemory of this machine.
func freeMemory() int64 {
	data, err := os.ReadFile("/proc/meminfo")
	if err != nil {
		return 0
	}
	return availableMemory(string(data))
}
