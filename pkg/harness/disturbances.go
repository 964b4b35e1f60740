package harness

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/airworthy/airworthy/pkg/evidence"
	"github.com/airworthy/airworthy/pkg/stack/standing"
)

// disturbances are the files of the run directory in which checks note what they
// did to the platform, each with the one beside the handoff that holds the same of
// all runs since the stack was made.
func (s *Suite) disturbances() map[evidence.File]string {
	if s.stack.Disturbances == "" {
		return nil
	}
	return map[evidence.File]string{
		silencesFile: standing.Silences(s.stack.Disturbances),
		killsFile:    standing.Kills(s.stack.Disturbances),
	}
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
	if kept, ok := s.disturbances()[file]; ok {
		errs = append(errs, noteIn(kept, text))
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
