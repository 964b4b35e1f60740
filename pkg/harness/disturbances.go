package harness

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/airworthy/airworthy/pkg/evidence"
	"github.com/airworthy/airworthy/pkg/stack/standing"
)

// disturbances are the files of the run directory in which checks note what they
// did to the platform, each with the one beside the stack's file that holds the
// same of all runs since the stack was made.
func (s *Suite) disturbances() map[evidence.File]string {
	kept := standing.Disturbances(s.handoff)
	return map[evidence.File]string{silencesFile: kept[0], killsFile: kept[1]}
}

// inherit takes over what earlier runs did to the stack: its containers still
// show it. Attempts of one run share the run directory, so it is done once.
func (s *Suite) inherit() error {
	for file, kept := range s.disturbances() {
		if _, err := os.Stat(s.dir.Abs(file)); err == nil {
			continue
		}
		lines, err := os.ReadFile(kept)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err == nil {
			err = s.dir.Append(file, string(lines))
		}
		if err != nil {
			return fmt.Errorf("take over what earlier runs did to the stack: %w", err)
		}
	}
	return nil
}

// disturbed notes one thing that a check did, for this run and for later ones.
func (s *Suite) disturbed(file evidence.File, line []byte) error {
	text := string(line) + "\n"
	errs := []error{s.dir.Append(file, text)}
	if strings.HasSuffix(s.handoff, ".json") { // beside the file of a stack, not of a test
		errs = append(errs, noteIn(s.disturbances()[file], text))
	}
	return errors.Join(errs...)
}

func noteIn(path, text string) error {
	f, err := os.OpenFile(filepath.Clean(path), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("note what a check did to the stack: %w", err)
	}
	_, err = f.WriteString(text)
	if err = errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("note what a check did to the stack: %w", err)
	}
	return nil
}
