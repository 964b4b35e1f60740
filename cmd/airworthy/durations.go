package main

import (
	"encoding/json"
	"maps"
	"os"
	"path/filepath"

	"github.com/airworthy/airworthy/pkg/progress"
)

// durationsPath is where it is kept how long the parts of a stack took.
func durationsPath(state, name string) string {
	return filepath.Join(state, "durations", name+".json")
}

// lastDurations is what the parts of a stack of this name took when they were
// gone through last. It is there for a person who waits: where it cannot be
// read, nothing is expected.
func lastDurations(state, name string) progress.Durations {
	var last progress.Durations
	data, err := os.ReadFile(durationsPath(state, name))
	if err == nil {
		err = json.Unmarshal(data, &last)
	}
	if err != nil {
		return nil
	}
	return last
}

// rememberDurations keeps what this run took beside what parts that it did not
// go through took before. That it could not be kept is no news for anybody.
func (f *flight) rememberDurations() {
	state, err := f.app.stateDir()
	if err != nil {
		return
	}
	all := lastDurations(state, f.run.Name)
	if all == nil {
		all = progress.Durations{}
	}
	took := f.view.Took()
	if !f.pick.whole() {
		delete(took, progress.ChecksPart)
	}
	maps.Copy(all, took)
	data, err := json.Marshal(all)
	if err != nil {
		return
	}
	path := durationsPath(state, f.run.Name)
	if os.MkdirAll(filepath.Dir(path), 0o700) == nil {
		_ = os.WriteFile(path, data, 0o600)
	}
}
