package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/airworthy/airworthy/pkg/config"
	"github.com/airworthy/airworthy/pkg/conformance"
	"github.com/airworthy/airworthy/pkg/conformance/reportv1"
)

// outcome is what one of several stacks came to.
type outcome struct {
	name string
	dir  string             // run directory; empty when there is none
	doc  *reportv1.Document // nil when no report could be made
	err  error
}

// loadRuns reads all run files before anything is started, and reports the
// problems of all of them.
func (a *app) loadRuns(files []string) ([]config.Run, error) {
	if len(files) == 0 {
		run, err := a.loadRun()
		return []config.Run{run}, err
	}
	if a.file != "" {
		return nil, usageError(errors.New("give run files by --file or as arguments, not both"))
	}
	var runs []config.Run
	var errs []error
	named := map[string]string{}
	for _, file := range files {
		run, err := config.Load(file, a.sets)
		if err == nil && named[run.Name] != "" {
			err = fmt.Errorf("%s: name: must differ from that of %s (got %q): give each stack a name of its own", file, named[run.Name], run.Name)
		}
		errs = append(errs, err)
		named[run.Name] = file
		runs = append(runs, run)
	}
	return runs, usageError(errors.Join(errs...))
}

// several takes stacks one after the other: together they would share the
// machine's cores, and no timing would mean anything. The next one begins
// whatever became of the one before, unless the run was interrupted.
func (a *app) several(ctx context.Context, runs []config.Run, fly func(i int) outcome) error {
	var all []outcome
	for i, run := range runs {
		if err := context.Cause(ctx); err != nil {
			all = append(all, outcome{name: run.Name, err: err})
			continue
		}
		fmt.Fprintf(a.out, "\nstack %d of %d: %s\n", i+1, len(runs), run.Name)
		all = append(all, fly(i))
	}
	printSeveral(a.out, all)
	code := exitConformant
	for _, o := range all {
		switch c := complain(io.Discard, o.err); {
		case c == exitNotConformant, code == exitConformant:
			code = c
		}
	}
	if code == exitConformant {
		return nil
	}
	return &exitError{code, nil}
}

// printSeveral ends the output of several stacks: one line for each, then the
// checks that none of them could run.
func printSeveral(w io.Writer, all []outcome) {
	var counts reportv1.Counts
	fmt.Fprintln(w)
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, o := range all {
		if o.doc == nil {
			fmt.Fprintf(table, "%s\tno verdict\t%s\n", o.name, indent(fmt.Sprint(o.err)))
			continue
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\n", o.name, o.doc.Verdict, countsLine(o.doc.Counts), o.dir)
		counts.Passed += o.doc.Counts.Passed
		counts.Failed += o.doc.Counts.Failed
		counts.Blocked += o.doc.Counts.Blocked
		counts.Missing += o.doc.Counts.Missing
		counts.Contradictory += o.doc.Counts.Contradictory
		counts.Skipped += o.doc.Counts.Skipped
	}
	table.Flush()
	if left := inNone(all); len(left) > 0 {
		fmt.Fprintf(w, "in none of these stacks: %s\n", strings.Join(left, ", "))
	}
	fmt.Fprintln(w, countsLine(counts))
}

// inNone lists the checks whose features no stack claims.
func inNone(all []outcome) []string {
	offered := map[string]bool{}
	for _, o := range all {
		if o.doc == nil {
			continue
		}
		for _, c := range o.doc.Checks {
			offered[c.ID] = offered[c.ID] || c.Outcome != conformance.Unsupported
		}
	}
	var left []string
	for id, is := range offered {
		if !is {
			left = append(left, id)
		}
	}
	slices.Sort(left)
	return left
}
