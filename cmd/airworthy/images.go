package main

import (
	"context"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/airworthy/airworthy/pkg/config"
	"github.com/airworthy/airworthy/pkg/environment"
	"github.com/airworthy/airworthy/pkg/images"
	"github.com/airworthy/airworthy/pkg/progress"
	"github.com/airworthy/airworthy/pkg/stack"
)

func (a *app) imagesCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "images",
		Short: "The images of a run: list, make available, carry to another machine",
		Long: `images works on every image that the run file needs: the cluster's node, the
services, the platform. See docs/images.md.`,
		Example: `  airworthy images list
  airworthy images build -f environments/multinode.yaml
  airworthy images save bundle.tar     # where images can be had
  airworthy images load bundle.tar     # where they cannot`,
		Args: usageArgs(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(a.imagesList(), a.imagesGet("build", images.PolicyBuild), a.imagesGet("pull", images.PolicyPull),
		a.imagesSave(), a.imagesLoad(), a.imagesPrune())
	return cmd
}

// hangar is what the images commands work with.
type hangar struct {
	resolver *images.Resolver
	wants    []images.Want
	view     *progress.View
}

// hangar opens the images of the run file. policy replaces the run file's
// where it is not empty. The view must be closed.
func (a *app) hangar(ctx context.Context, policy images.Policy) (hangar, error) {
	// The run file first: a mistake in it is said before an engine is looked for.
	if _, err := a.loadRun(); err != nil {
		return hangar{}, err
	}
	m, err := a.engine(ctx)
	if err != nil {
		return hangar{}, err
	}
	return a.hangarFor(ctx, m, policy, "")
}

// hangarFor is hangar on an engine that was found; name replaces the stack's
// where it is not empty.
func (a *app) hangarFor(ctx context.Context, m machine, policy images.Policy, name string) (hangar, error) {
	run, err := a.loadRun()
	if err != nil {
		return hangar{}, err
	}
	if policy != "" {
		run.Images.Policy, run.Images.PerImage = string(policy), nil
	}
	if name != "" {
		run.Name = name
	}
	return a.hangarOf(ctx, m, run)
}

// hangarOf opens the images of a run.
func (a *app) hangarOf(ctx context.Context, m machine, run config.Run) (hangar, error) {
	cache, err := a.cacheDir()
	if err != nil {
		return hangar{}, err
	}
	values, err := fileValues(ctx, run)
	if err != nil {
		return hangar{}, err
	}
	plan, addons, err := stack.Render(ctx, run, values)
	if err != nil {
		return hangar{}, err
	}
	view := a.view(nil)
	// Not the name of the run's stack: whoever brings that up meanwhile would take
	// these containers for its remains.
	labels := map[string]string{environment.LabelStack: "images", environment.LabelPart: "images"}
	resolver, err := stack.NewResolver(run, stack.ImageOptions{
		Docker: m.docker, Cache: cache, Labels: labels, Proxy: a.env.Proxy,
		Progress: func(image, line string) {
			view.Waiting("images", image+": "+line)
			if a.verbose {
				view.Note("%s: %s", image, line)
			}
		},
	})
	if err != nil {
		view.Close()
		return hangar{}, err
	}
	wants, _, err := stack.Wants(ctx, resolver, run, plan, addons)
	if err != nil {
		view.Close()
		return hangar{}, err
	}
	return hangar{resolver, wants, view}, nil
}

func (a *app) imagesList() *cobra.Command {
	var format string
	cmd := &cobra.Command{
		Use:   "list",
		Short: "Say of every image what is there, and what would be done",
		Example: `  airworthy images list
  airworthy images list -o json | jq -r '.[] | select(.present | not) | .ref'`,
		Args: usageArgs(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			h, err := a.hangar(cmd.Context(), "")
			if err != nil {
				return err
			}
			all, err := h.resolver.List(cmd.Context(), h.wants)
			h.view.Close()
			if err != nil {
				return err
			}
			if format == "json" {
				return printJSON(a.out, filled(all))
			}
			return listTable(a.out, all)
		},
	}
	formats(cmd, &format, "table", "json")
	return cmd
}

func listTable(w io.Writer, all []images.Listed) error {
	rows := make([][]string, 0, len(all))
	for _, l := range all {
		source, size := string(l.Source), ""
		if !l.Present {
			source = "-"
		}
		if l.Size > 0 {
			size = bytesText(l.Size)
		}
		rows = append(rows, []string{string(l.Ref), string(l.Role), source, size, l.Action})
	}
	if err := printTable(w, []string{"IMAGE", "ROLE", "SOURCE", "SIZE", "WOULD"}, rows); err != nil {
		return err
	}
	for _, l := range all {
		for _, r := range l.Reasons {
			fmt.Fprintf(w, "  %s: %s: %s\n", l.Ref, r.Way, r.Reason)
		}
	}
	return nil
}

// imagesGet makes the command that makes every image available in one way.
func (a *app) imagesGet(name string, policy images.Policy) *cobra.Command {
	var format string
	short := map[images.Policy]string{
		images.PolicyBuild: "Build every image from package registries",
		images.PolicyPull:  "Pull every image from the registry that its name says",
	}[policy]
	cmd := &cobra.Command{
		Use: name, Short: short,
		Example: "  airworthy images " + name + " -f environments/local.yaml",
		Args:    usageArgs(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			h, err := a.hangar(cmd.Context(), policy)
			if err != nil {
				return err
			}
			all, err := h.resolve(cmd.Context())
			h.view.Close()
			if err != nil {
				return err
			}
			return a.printResolutions(all, format)
		},
	}
	formats(cmd, &format, "table", "json")
	return cmd
}

func (h hangar) resolve(ctx context.Context) ([]images.Resolution, error) {
	end := h.view.Step("images")
	all, err := h.resolver.Resolve(ctx, h.wants)
	end(err)
	return all, err
}

func (a *app) printResolutions(all []images.Resolution, format string) error {
	if format == "json" {
		return printJSON(a.out, filled(all))
	}
	rows := make([][]string, 0, len(all))
	for _, r := range all {
		rows = append(rows, []string{string(r.Ref), string(r.Role), string(r.Source), bytesText(r.Size), r.Digest})
	}
	return printTable(a.out, []string{"IMAGE", "ROLE", "SOURCE", "SIZE", "DIGEST"}, rows)
}

func (a *app) imagesPrune() *cobra.Command {
	return &cobra.Command{
		Use:   "prune",
		Short: "Remove the baked node images of stacks that no longer stand",
		Long: `prune removes the node images that hold a platform's images: each set of images
makes another one, of two gigabytes or more. What a standing stack uses stays,
and so do the images that they were baked of: the next run bakes anew in about a
minute. What builds left in the engine without a name is the engine's to remove,
by ` + "`docker image prune`" + `.`,
		Example: "  airworthy images prune",
		Args:    usageArgs(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			m, err := a.engineToRemove(cmd.Context())
			if err != nil {
				return err
			}
			h, err := a.hangarFor(cmd.Context(), m, "", "")
			if err != nil {
				return err
			}
			defer h.view.Close()
			// An image that was just baked has no container yet.
			state, err := a.stateDir()
			if err != nil {
				return err
			}
			release, err := stack.HoldAll(state)
			if err != nil {
				return err
			}
			defer release()
			removed, err := h.resolver.Prune(cmd.Context())
			h.view.Close()
			for _, name := range removed {
				fmt.Fprintf(a.out, "removed %s\n", name)
			}
			if len(removed) == 0 && err == nil {
				fmt.Fprintln(a.out, "nothing to remove")
			}
			return err
		},
	}
}

func (a *app) imagesSave() *cobra.Command {
	return &cobra.Command{
		Use:   "save FILE",
		Short: "Write every image into a bundle for a machine without a network",
		Long: `save makes the images of the run file available by its policy and writes them
into a bundle: a folder, or a file when FILE ends in .tar, in the OCI layout.`,
		Example: "  airworthy images save bundle.tar",
		Args:    usageArgs(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			h, err := a.hangar(cmd.Context(), "")
			if err != nil {
				return err
			}
			defer h.view.Close()
			all, err := h.resolve(cmd.Context())
			if err != nil {
				return err
			}
			end := h.view.Step("bundle")
			err = h.resolver.Save(cmd.Context(), args[0], all)
			end(err)
			return err
		},
	}
}

func (a *app) imagesLoad() *cobra.Command {
	var format string
	cmd := &cobra.Command{
		Use:     "load FILE",
		Short:   "Put every image of a bundle into the container engine",
		Example: "  airworthy images load bundle.tar",
		Args:    usageArgs(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			h, err := a.hangar(cmd.Context(), "")
			if err != nil {
				return err
			}
			end := h.view.Step("bundle")
			all, err := h.resolver.Load(cmd.Context(), args[0])
			end(err)
			h.view.Close()
			if err != nil {
				return err
			}
			return a.printResolutions(all, format)
		},
	}
	formats(cmd, &format, "table", "json")
	return cmd
}
