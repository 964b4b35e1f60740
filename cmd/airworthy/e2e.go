package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/airworthy/airworthy/pkg/conformance/reportv1"
)

// pickFlags adds the flags that choose checks.
func pickFlags(cmd *cobra.Command, s *selection) {
	f := cmd.Flags()
	f.StringSliceVar(&s.checks, "check", nil, "run only these checks; the verdict is then inconclusive")
	f.IntVar(&s.repeat, "repeat", 1, "attempts at each check; every one must pass")
	f.IntVar(&s.procs, "procs", 3, "parallel processes that run the checks")
	must(cmd.RegisterFlagCompletionFunc("check", completeChecks))
}

// valid is a usage error when the selection makes no sense.
func (s selection) valid() error {
	if err := knownChecks(s.checks); err != nil {
		return err
	}
	if s.repeat < 1 {
		return usageError(fmt.Errorf("--repeat %d: at least one attempt must be made", s.repeat))
	}
	if s.procs < 1 || s.procs > 64 {
		return usageError(fmt.Errorf("--procs %d: use 1 to 64 processes", s.procs))
	}
	return nil
}

func (a *app) e2eCommand() *cobra.Command {
	var pick selection
	var keep bool
	var atOnce int
	var outcomeFile string
	cmd := &cobra.Command{
		Use:   "e2e [RUNFILE...]",
		Short: "Bring a platform up, check it, give a verdict, remove it",
		Long: `e2e is up, test, report and down in one. The stack is removed also when checks
failed or the run was interrupted; the evidence is kept first, in a directory of
its own below --out. The exit code is the verdict's.

With several run files it takes the stacks one after the other, or side by side
as memory allows with --side-by-side, and ends with 1 when any is not conformant.
out/several-TIME/summary.html then has all of them: the verdicts, every check on
every stack, and the checks that none of the stacks offers what they need for.`,
		Example: `  airworthy e2e
  airworthy e2e -f environments/multinode.yaml --set timeouts.scale=2
  airworthy e2e --keep --check executor.xcom --check logs.persisted
  airworthy e2e environments/industrial.yaml environments/own-chart.yaml
  airworthy e2e --side-by-side=2 environments/minimal.yaml environments/mysql.yaml`,
		ValidArgsFunction: cobra.FixedCompletions([]string{"yaml", "yml"}, cobra.ShellCompDirectiveFilterFileExt),
		RunE: func(cmd *cobra.Command, files []string) error {
			if err := pick.valid(); err != nil {
				return err
			}
			if atOnce < 1 {
				return usageError(fmt.Errorf("--%s %d: at least one stack must go", flagSideBySide, atOnce))
			}
			runs, err := a.loadRuns(files)
			if err != nil {
				return err
			}
			fly := func(i int) outcome {
				run, line := runs[i], a.commandLine(cmd)
				if len(files) > 0 { // the report says how to run this one again
					line = append(line[:len(line)-len(files)], files[i])
				}
				o := outcome{name: run.Name}
				f, err := a.takeOff(cmd.Context(), run, pick, line)
				if err != nil {
					o.err = err
					return o
				}
				defer f.land()
				o.dir = f.dir.Path()
				if o.err = tell(outcomeFile, o); o.err == nil {
					o.doc, o.err = f.e2e(cmd.Context(), keep)
				}
				return o
			}
			if len(runs) == 1 {
				o := fly(0)
				if err := tell(outcomeFile, o); err != nil {
					return errors.Join(o.err, err)
				}
				return o.err
			}
			s := reportv1.Several{Command: a.commandLine(cmd)}
			for _, file := range files {
				s.Stacks = append(s.Stacks, reportv1.Flown{RunFile: file})
			}
			t := turns{atOnce: atOnce, fly: fly}
			if atOnce > 1 {
				var end func()
				if t, end, err = a.sideBySide(cmd, files, runs, atOnce); err != nil {
					return err
				}
				defer end()
			}
			return a.several(cmd.Context(), runs, s, t)
		},
	}
	pickFlags(cmd, &pick)
	cmd.Flags().BoolVar(&keep, "keep", false, "leave the stack standing")
	cmd.Flags().IntVar(&atOnce, flagSideBySide, 1,
		"of several stacks, how many may go at the same time as far as memory allows; they share the cores, so that no timing can be compared")
	cmd.Flags().StringVar(&outcomeFile, flagOutcome, "", "file to tell the outcome in")
	must(cmd.Flags().MarkHidden(flagOutcome))
	return cmd
}

// e2e is the whole run in one visible order. Whatever fails, the report is
// written before anything is removed, and once more when it is known how the
// clean-up went.
func (f *flight) e2e(ctx context.Context, keep bool) (*reportv1.Document, error) {
	err := f.phase(ctx, "set-up", func(ctx context.Context) error { _, err := f.up(ctx, keep); return err })
	f.problem("set-up", err)
	if err == nil {
		err = f.phase(ctx, "checks", f.checks)
		f.problem("checks", err)
	}
	doc, reportErr := f.report()
	if !keep {
		downErr := f.phase(ctx, "clean-up", func(context.Context) error { return f.down() })
		f.problem("clean-up", downErr)
		if reportErr == nil {
			doc, reportErr = f.report()
		}
		err = errors.Join(err, downErr)
	}
	err = f.end(doc, err, reportErr)
	if reportErr != nil {
		return nil, err
	}
	return &doc, err
}

// checks plans, and runs what was planned.
func (f *flight) checks(ctx context.Context) error {
	p, err := f.plan()
	if err != nil {
		return err
	}
	f.facts.Airflow.Reported = reported(ctx, f.handoff)
	f.facts.Database.Version = databaseVersion(ctx, f.handoff)
	return f.check(ctx, p)
}

// end prints the summary and turns the outcome into an exit code. A verdict
// says more than the error that kept it from being conformant; an error beside
// a conformant verdict still means that something is not as it should be.
func (f *flight) end(doc reportv1.Document, err, reportErr error) error {
	f.land()
	if reportErr != nil {
		return errors.Join(err, reportErr)
	}
	printSummary(f.app.out, doc, f.dir.Path(), f.phases)
	var usage *exitError
	if errors.As(err, &usage) {
		return err
	}
	if v := verdictError(doc.Verdict); v != nil {
		return v
	}
	if err != nil {
		return &exitError{exitCannotTest, nil} // among the problems that were printed
	}
	return nil
}
