package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"text/tabwriter"

	"github.com/airworthy/airworthy/pkg/config"
	"github.com/airworthy/airworthy/pkg/conformance/reportv1"
	"github.com/airworthy/airworthy/pkg/evidence"
)

// outcome is what one of several stacks came to.
type outcome struct {
	name string
	file string             // run file
	dir  string             // run directory; empty when there is none
	doc  *reportv1.Document // nil when no report could be made
	err  error
}

// why is what outcome.err says beside the verdict, empty when that says it all.
func (o outcome) why() string {
	var code *exitError
	if o.err == nil || errors.As(o.err, &code) && code.err == nil {
		return ""
	}
	return o.err.Error()
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

// errNotEnded is the outcome of a stack as long as there is no other.
var errNotEnded = errors.New("it had not ended when this was written")

// several takes stacks by turns, and keeps a summary of all of them: it is
// written after each, so that it is there whatever ends the run. A stack begins
// whatever became of those before, unless the run was interrupted.
func (a *app) several(ctx context.Context, runs []config.Run, s reportv1.Several, t turns) error {
	dir, err := evidence.Create(a.outDir, "several", nil)
	if err != nil {
		return err
	}
	s.Name, s.Airworthy, s.SideBySide = dir.Name(), thisBuild().Version, max(1, t.atOnce)
	all := make([]outcome, len(runs))
	for i, run := range runs {
		all[i] = outcome{name: run.Name, file: s.Stacks[i].RunFile, err: errNotEnded}
	}
	begun := 0
	t.begins = func(i int) {
		begun++
		fmt.Fprintf(a.out, "\nstack %d of %d: %s\n", begun, len(runs), runs[i].Name)
	}
	var kept error
	keep := func() { _, kept = writeSummary(dir, s, all) }
	keep()
	t.take(ctx, len(runs), func(i int, o outcome) {
		o.name, o.file = all[i].name, all[i].file
		all[i] = o
		keep()
	})
	printSeveral(a.out, all, dir.Path())
	code := exitConformant
	for _, o := range all {
		switch c := complain(io.Discard, o.err); {
		case c == exitNotConformant, code == exitConformant:
			code = c
		}
	}
	switch {
	case kept != nil && code == exitConformant:
		return kept
	case kept != nil:
		return &exitError{code, kept}
	case code == exitConformant:
		return nil
	}
	return &exitError{code, nil}
}

// printSeveral ends the output of several stacks: one line for each, then the
// checks that none of them could run.
func printSeveral(w io.Writer, all []outcome, dir string) {
	fmt.Fprintln(w)
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, o := range all {
		if o.doc == nil {
			fmt.Fprintf(table, "%s\tno verdict\t%s\n", o.name, indent(fmt.Sprint(o.err)))
			continue
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\n", o.name, o.doc.Verdict, countsLine(o.doc.Counts), o.dir)
	}
	table.Flush()
	d := summarize(reportv1.Several{}, all)
	var left reasons
	for _, n := range d.Nowhere {
		left.add(n.Why(), n.ID)
	}
	left.print(w, "in none of these stacks", len(d.Checks))
	fmt.Fprintf(w, "summary: %s/%s\n", dir, summaryHTML)
	counts := d.Counts
	counts.Unsupported = 0 // what one stack does not offer, another may: the lines above have the rest
	fmt.Fprintln(w, countsLine(counts))
}
