package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/airworthy/airworthy/environments"
	"github.com/airworthy/airworthy/pkg/config"
)

// defaultFile is read when --file is not given: from the disk when it is
// there, else the copy inside the binary.
const defaultFile = "environments/local.yaml"

// loadRun resolves defaults, run file and --set. Everything wrong with them is
// a usage error that lists all problems.
func (a *app) loadRun() (config.Run, error) { return a.loadRunWith(a.sets) }

func (a *app) loadRunWith(sets []string) (config.Run, error) {
	if a.file != "" {
		run, err := config.Load(a.file, sets)
		return run, usageError(err)
	}
	data, err := os.ReadFile(defaultFile)
	if errors.Is(err, fs.ErrNotExist) {
		if data, err = environments.FS.ReadFile("local.yaml"); err != nil {
			return config.Run{}, fmt.Errorf("read the run file inside airworthy: %w", err)
		}
	} else if err != nil {
		return config.Run{}, usageError(fmt.Errorf("read run file: %w", err))
	}
	run, err := config.Parse(defaultFile, data, sets)
	return run, usageError(err)
}
