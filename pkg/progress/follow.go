package progress

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/airworthy/airworthy/pkg/conformance"
	"github.com/airworthy/airworthy/pkg/evidence"
)

// Follow shows the checks of a run directory as their files appear, until ctx
// ends; it then looks once more, so that nothing written before is missed.
// The files are what Judge reads: the view cannot say something else.
func (v *View) Follow(ctx context.Context, runDir string) {
	t := time.NewTicker(time.Second)
	defer t.Stop()
	for {
		v.scan(runDir)
		select {
		case <-ctx.Done():
			v.scan(runDir)
			return
		case <-t.C:
		}
	}
}

// scan reads checks/ID/attempt-N. A folder without result.json is an attempt
// that runs, or one whose process died; both read as running.
func (v *View) scan(runDir string) {
	dirs, _ := filepath.Glob(filepath.Join(runDir, "checks", "*", "attempt-*"))
	for _, dir := range dirs {
		check := filepath.Base(filepath.Dir(dir))
		attempt, err := strconv.Atoi(strings.TrimPrefix(filepath.Base(dir), "attempt-"))
		if err != nil {
			continue
		}
		data, err := os.ReadFile(filepath.Join(dir, "result.json"))
		if err != nil {
			v.Running(check, attempt)
			if what := lastWait(filepath.Join(dir, "logs", evidence.WaitsLog+".log")); what != "" {
				v.Awaits(check, attempt, what)
			}
			continue
		}
		var r conformance.Record
		if json.Unmarshal(data, &r) != nil || r.Check == "" {
			continue
		}
		v.Ended(r)
	}
}

// lastWait reads what an attempt waits for; the log of it is short.
func lastWait(path string) string {
	data, err := os.ReadFile(path)
	if err != nil {
		return ""
	}
	lines := strings.Split(strings.TrimSpace(string(data)), "\n")
	_, what, _ := strings.Cut(lines[len(lines)-1], " waits for ")
	return what
}
