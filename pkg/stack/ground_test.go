package stack

import (
	"testing"
	"time"

	"github.com/airworthy/airworthy/pkg/config"
)

func TestSameStack(t *testing.T) {
	for name, test := range map[string]struct {
		change func(*config.Run)
		same   bool
	}{
		"nothing":       {func(*config.Run) {}, true},
		"profile":       {func(r *config.Run) { r.Profile = "extended" }, true},
		"skipped check": {func(r *config.Run) { r.Checks.Skip = []string{"logs.content"} }, true},
		"time-out":      {func(r *config.Run) { r.Timeouts.DAGRun = time.Hour }, true},
		"executor":      {func(r *config.Run) { r.Platform.KeepPods = true }, false},
		"image":         {func(r *config.Run) { r.Database.Image = "postgres:16" }, false},
	} {
		t.Run(name, func(t *testing.T) {
			a, b := config.Default(), config.Default()
			test.change(&b)
			if got := sameStack(a, b); got != test.same {
				t.Errorf("got %t, want %t", got, test.same)
			}
			if a.Profile == "" || b.Timeouts.DAGRun == 0 {
				t.Error("the runs themselves were changed")
			}
		})
	}
}
