package harness

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/airworthy/airworthy/pkg/conformance"
	"github.com/airworthy/airworthy/pkg/evidence"
	"github.com/airworthy/airworthy/pkg/stack/standing"
)

// A platform shows what earlier runs did to it: a later run has to know.
func TestALaterRunInheritsWhatChecksDid(t *testing.T) {
	beside := filepath.Join(t.TempDir(), "local")
	suite := func() *Suite {
		dir, err := evidence.Create(t.TempDir(), "local", nil)
		if err != nil {
			t.Fatal(err)
		}
		s := &Suite{dir: dir, stack: standing.Stack{Disturbances: beside}}
		if err := s.inherit(); err != nil {
			t.Fatal(err)
		}
		return s
	}
	first := &Session{suite: suite(), check: conformance.Check{ID: "dagsync.server_gone"}}
	from := time.Now().UTC().Add(-time.Minute)
	if err := first.noteSilence(silence{Of: "Git server", From: from, To: from.Add(30 * time.Second)}); err != nil {
		t.Fatal(err)
	}
	if err := first.noteKill("scheduler-1"); err != nil {
		t.Fatal(err)
	}

	later := &Session{suite: suite()}
	for range 2 { // attempts of one run share its directory
		if err := later.suite.inherit(); err != nil {
			t.Fatal(err)
		}
	}
	silences, err := later.silences()
	if err != nil || len(silences) != 1 || !silences[0].From.Equal(from) {
		t.Errorf("silences %+v, %v", silences, err)
	}
	kills, err := later.kills()
	if err != nil || len(kills) != 1 || kills["scheduler-1"].IsZero() {
		t.Errorf("kills %+v, %v", kills, err)
	}
}
