package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/airworthy/airworthy/pkg/environment"
	"github.com/airworthy/airworthy/pkg/stack"
)

func (a *app) downCommand() *cobra.Command {
	var all bool
	cmd := &cobra.Command{
		Use:   "down [NAME]",
		Short: "Remove a stack, also after a crash",
		Long: `down removes every container, network, volume and cluster that carries the label
of a stack, and nothing else. NAME may be left out where one stack stands, or
the run file's is meant. It works after a crash or a kill -9: what it removes is
found by label, not by what was written down. --all leaves alone what another
airworthy of this user works on at the moment.`,
		Example: `  airworthy down
  airworthy down local
  airworthy down --all`,
		Args:              usageArgs(cobra.MaximumNArgs(1)),
		ValidArgsFunction: a.completeStacks,
		RunE: func(cmd *cobra.Command, args []string) error {
			if all && len(args) > 0 {
				return usageError(fmt.Errorf("give a name or --all, not both"))
			}
			m, engineErr := a.engineToRemove(cmd.Context())
			names, err := a.toRemove(cmd.Context(), m, args, all)
			if err != nil {
				return errors.Join(err, engineErr)
			}
			return a.remove(cmd.Context(), m, engineErr, names, all)
		},
	}
	cmd.Flags().BoolVar(&all, "all", false, "every stack of this machine")
	return cmd
}

// toRemove lists the stacks that are meant.
func (a *app) toRemove(ctx context.Context, m machine, args []string, all bool) ([]string, error) {
	if len(args) == 1 {
		return args, nil
	}
	state, err := a.stateDir()
	if err != nil {
		return nil, err
	}
	// What cannot be read still names a stack that can be removed.
	known, _ := stack.Standing(state)
	names := stackNames(known)
	if all {
		if m.docker == nil {
			return names, errors.New("find every stack of this machine: no container engine answers")
		}
		found, err := labelled(ctx, m.docker)
		names = append(names, found...)
		slices.Sort(names)
		return slices.Compact(names), err
	}
	if len(names) == 1 && a.file == "" {
		return names, nil
	}
	run, err := a.loadRun()
	if err != nil {
		return nil, err
	}
	return []string{run.Name}, nil
}

// remove removes stacks one after the other and says what went. A container
// engine that does not answer is in the way of those alone that are made of
// containers. Of all stacks, those that somebody works on are left alone.
func (a *app) remove(ctx context.Context, m machine, engineErr error, names []string, all bool) error {
	state, err := a.stateDir()
	if err != nil {
		return err
	}
	if len(names) == 0 {
		fmt.Fprintln(a.out, "nothing to remove")
	}
	var errs []error
	for _, name := range names {
		h, err := stack.ReadHandoff(stack.HandoffPath(state, name))
		elsewhere := err == nil && h.Cluster.Kind == environment.KindExisting
		if engineErr != nil && !elsewhere {
			errs = append(errs, fmt.Errorf("remove stack %s: %w", name, engineErr))
			continue
		}
		if all {
			release, err := stack.Hold(state, name)
			if held := (*stack.HeldError)(nil); errors.As(err, &held) {
				fmt.Fprintf(a.out, "%s: left alone, as another airworthy works on it: `airworthy down %s` removes it all the same\n", name, name)
				continue
			}
			if err != nil {
				errs = append(errs, err)
				continue
			}
			defer release()
		}
		removed, err := stack.Down(ctx, m.docker, state, name)
		errs = append(errs, err)
		text := removedText(removed)
		if elsewhere && err == nil {
			text = "uninstalled from cluster " + h.Cluster.Name
		}
		fmt.Fprintf(a.out, "%s: %s\n", name, text)
	}
	return errors.Join(errs...)
}

// removedText says what went, by name.
func removedText(l environment.Left) string {
	var parts []string
	for _, kind := range []struct {
		one, more string
		names     []string
	}{{"container", "containers", l.Containers}, {"network", "networks", l.Networks}, {"volume", "volumes", l.Volumes}} {
		switch len(kind.names) {
		case 0:
		case 1:
			parts = append(parts, "1 "+kind.one+" ("+kind.names[0]+")")
		default:
			parts = append(parts, fmt.Sprintf("%d %s (%s)", len(kind.names), kind.more, strings.Join(kind.names, ", ")))
		}
	}
	if len(parts) == 0 {
		return "nothing was left"
	}
	return "removed " + strings.Join(parts, ", ")
}
