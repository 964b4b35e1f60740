package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/airworthy/airworthy/pkg/engine"
)

// engineOptions is where the container engine of this machine is, or goes.
func (a *app) engineOptions() (engine.Options, error) {
	dir, err := a.cacheDir("engine")
	return engine.Options{Host: a.env.DockerHost, Dir: dir}, err
}

func (a *app) doctorCommand() *cobra.Command {
	var fix bool
	var format string
	cmd := &cobra.Command{
		Use:   "doctor",
		Short: "Say what this machine lacks, and mend it with --fix",
		Long: `doctor looks for a container engine and for everything else that a run needs.
With --fix it mends what it can and says what it does: on a Debian-like machine,
as root, it installs and starts Docker where there is no engine. It changes
nothing that works.`,
		Example: `  airworthy doctor
  airworthy doctor --fix
  airworthy doctor -o json`,
		Args: usageArgs(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			opts, err := a.engineOptions()
			if err != nil {
				return err
			}
			if fix {
				if err := engine.Fix(cmd.Context(), opts, func(s string) { fmt.Fprintf(a.err, "doctor: %s\n", s) }); err != nil {
					return err
				}
			}
			status, err := engine.Detect(cmd.Context(), opts)
			if err != nil {
				return err
			}
			if format == "json" {
				status.Problems = filled(status.Problems)
				err = printJSON(a.out, status)
			} else {
				err = a.printStatus(status)
			}
			if err != nil {
				return err
			}
			if status.Err() != nil {
				return &exitError{exitCannotTest, nil} // the list has said why
			}
			return nil
		},
	}
	cmd.Flags().BoolVar(&fix, "fix", false, "mend what can be mended")
	formats(cmd, &format, "table", "json")
	return cmd
}

func (a *app) printStatus(s engine.Status) error {
	if s.Reachable {
		fmt.Fprintf(a.out, "ok: Docker %s at %s, storage driver %s, %d cores, %s of memory\n",
			s.Version, s.Host, s.StorageDriver, s.CPUs, bytesText(s.Memory))
	}
	for _, p := range s.Problems {
		word := "warning"
		switch {
		case p.Fatal:
			word = "missing"
		case p.Note:
			word = "note"
		}
		fmt.Fprintf(a.out, "%s: %s\n", word, p)
	}
	return nil
}
