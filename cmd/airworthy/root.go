package main

import (
	"fmt"

	"github.com/spf13/cobra"
)

const rootLong = `airworthy brings an Airflow platform up on Kubernetes for real, makes it do its
work, and gives a verdict that can be checked again from files.

Exit codes: 0 conformant (or done), 1 not conformant, 2 mistake in the command
line or the run file, 3 could not test, or inconclusive.`

func (a *app) rootCommand() *cobra.Command {
	root := &cobra.Command{
		Use:   "airworthy",
		Short: "Certify that an Airflow platform on Kubernetes is fit to fly",
		Long:  rootLong,
		Example: `  airworthy e2e                                   # the whole run, with environments/local.yaml
  airworthy e2e -f environments/local.yaml --keep # leave the platform standing
  airworthy test --check executor.pod_per_task    # again, on the standing platform
  airworthy verify out/RUN                        # judge the files again
  airworthy down --all                            # remove everything that airworthy made`,
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          usageArgs(cobra.NoArgs),
		RunE:          func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	f := root.PersistentFlags()
	f.StringVarP(&a.file, "file", "f", "", "run file (default environments/local.yaml, or the copy inside airworthy)")
	f.StringArrayVar(&a.sets, "set", nil, "set one key of the run file, such as cluster.workers=2; may be repeated")
	f.StringVar(&a.outDir, "out", "out", "directory that run directories are made in")
	f.StringVar(&a.cache, "cache", a.env.Cache, "directory of built images and downloads")
	f.StringVar(&a.state, "state", a.env.State, "directory that remembers standing stacks")
	f.BoolVar(&a.noColor, "no-color", false, "no colours")
	f.BoolVarP(&a.verbose, "verbose", "v", false, "plain lines with everything that happens")
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return usageError(fmt.Errorf("%w; see `%s --help`", err, cmd.CommandPath()))
	})
	must(root.MarkPersistentFlagFilename("file", "yaml", "yml"))
	for _, d := range []string{"out", "cache", "state"} {
		must(root.MarkPersistentFlagDirname(d))
	}
	root.AddCommand(
		a.upCommand(), a.testCommand(), a.e2eCommand(), a.verifyCommand(), a.reportCommand(),
		a.checksCommand(), a.imagesCommand(), a.doctorCommand(), a.sabotageCommand(),
		a.downCommand(), a.benchCommand(), a.versionCommand(),
	)
	return root
}

// must is for calls that fail only when the code itself is wrong.
func must(err error) {
	if err != nil {
		panic(err)
	}
}

// formats adds -o to a command that prints a list.
func formats(cmd *cobra.Command, into *string, allowed ...string) {
	format(cmd, "output", "o", into, allowed...)
}

// format adds a flag that names one of the formats, the first being the default.
func format(cmd *cobra.Command, flag, short string, into *string, allowed ...string) {
	cmd.Flags().StringVarP(into, flag, short, allowed[0], "format: "+join(allowed, "|"))
	must(cmd.RegisterFlagCompletionFunc(flag, cobra.FixedCompletions(allowed, cobra.ShellCompDirectiveNoFileComp)))
	previous := cmd.PreRunE
	cmd.PreRunE = func(c *cobra.Command, args []string) error {
		for _, f := range allowed {
			if *into == f {
				if previous != nil {
					return previous(c, args)
				}
				return nil
			}
		}
		return usageError(fmt.Errorf("unknown format %q: use one of %s", *into, join(allowed, ", ")))
	}
}
