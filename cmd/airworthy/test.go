package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/airworthy/airworthy/pkg/stack"
)

func (a *app) testCommand() *cobra.Command {
	var pick selection
	cmd := &cobra.Command{
		Use:   "test [NAME]",
		Short: "Run the checks against a standing stack",
		Long: `test runs the checks against a stack that up or e2e --keep left standing, in a
new run directory, and gives a verdict. NAME may be left out where one stack
stands.`,
		Example: `  airworthy test
  airworthy test --check executor.pod_per_task --repeat 3
  airworthy test local --procs 2`,
		Args:              usageArgs(cobra.MaximumNArgs(1)),
		ValidArgsFunction: a.completeStacks,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := pick.valid(); err != nil {
				return err
			}
			h, err := a.standingStack(args)
			if err != nil {
				return err
			}
			f, err := a.takeOff(cmd.Context(), h.Run, pick, a.commandLine(cmd))
			if err != nil {
				return err
			}
			defer f.land()
			return f.test(cmd.Context())
		},
	}
	pickFlags(cmd, &pick)
	return cmd
}

// test checks a stack that stands and is left standing.
func (f *flight) test(ctx context.Context) error {
	if _, err := f.attach(ctx); err != nil {
		return err
	}
	err := f.phase(ctx, "checks", f.checks)
	f.problem("checks", err)
	doc, reportErr := f.report()
	return f.end(doc, err, reportErr)
}

// standingStack finds the stack that is meant: the one named, or the only one.
func (a *app) standingStack(args []string) (stack.Handoff, error) {
	state, err := a.stateDir()
	if err != nil {
		return stack.Handoff{}, err
	}
	if len(args) == 1 {
		h, err := stack.ReadHandoff(stack.HandoffPath(state, args[0]))
		if err != nil {
			return h, usageError(err)
		}
		return ready(h)
	}
	all, err := stack.Standing(state)
	if err != nil {
		return stack.Handoff{}, err
	}
	switch len(all) {
	case 0:
		return stack.Handoff{}, usageError(fmt.Errorf("no stack stands: bring one up with `airworthy up`"))
	case 1:
		return ready(all[0])
	}
	return stack.Handoff{}, usageError(fmt.Errorf("%d stacks stand (%s): name one", len(all), strings.Join(stackNames(all), ", ")))
}

func ready(h stack.Handoff) (stack.Handoff, error) {
	if !h.Ready {
		return h, fmt.Errorf("stack %s is half-made: `airworthy up` goes on with it, `airworthy down %s` removes it", h.Name, h.Name)
	}
	return h, nil
}

func stackNames(all []stack.Handoff) []string {
	names := make([]string, len(all))
	for i, h := range all {
		names[i] = h.Name
	}
	return names
}

// completeStacks completes the names of standing stacks.
func (a *app) completeStacks(_ *cobra.Command, args []string, begin string) ([]string, cobra.ShellCompDirective) {
	var out []string
	if state, err := a.stateDir(); err == nil && len(args) == 0 {
		all, _ := stack.Standing(state)
		for _, name := range stackNames(all) {
			if strings.HasPrefix(name, begin) {
				out = append(out, name)
			}
		}
	}
	return out, cobra.ShellCompDirectiveNoFileComp
}
