package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/airworthy/airworthy/pkg/conformance"
)

// listed is one check as `airworthy checks` prints it.
type listed struct {
	ID        string                `json:"id"`
	Title     string                `json:"title"`
	Area      string                `json:"area"`
	Level     conformance.Level     `json:"level"`
	Requires  []conformance.Feature `json:"requires"`
	Sabotages []string              `json:"sabotages"`
	Sources   []string              `json:"sources"`
	Since     string                `json:"since"`
	Why       string                `json:"why"`
}

// catalogue lists every check with the sabotages that it must catch.
func catalogue() ([]listed, error) {
	all, err := sabotages()
	if err != nil {
		return nil, err
	}
	// A sabotage is listed with every check that must catch it.
	caught := map[string][]string{}
	for _, s := range all {
		for id := range s.Expect {
			caught[id] = append(caught[id], s.ID())
		}
	}
	var out []listed
	for _, c := range conformance.All() {
		out = append(out, listed{
			ID: c.ID, Title: c.Title, Area: conformance.Area(c.ID), Level: c.Level,
			Requires:  filled(c.Requires),
			Sabotages: filled(caught[c.ID]),
			Sources:   filled(c.Sources),
			Since:     c.Since, Why: c.Why,
		})
	}
	return out, nil
}

// filled makes an absent list an empty one, so that JSON says [] and not null.
func filled[T any](s []T) []T {
	if s == nil {
		return []T{}
	}
	return s
}

func (a *app) checksCommand() *cobra.Command {
	var format string
	cmd := &cobra.Command{
		Use:   "checks [CHECK...]",
		Short: "List the catalogue of checks, and the sabotages that each must catch",
		Example: `  airworthy checks
  airworthy checks executor.pod_per_task -o json
  airworthy checks -o json | jq -r '.[] | select(.area == "logs") | .id'`,
		ValidArgsFunction: completeChecks,
		RunE: func(_ *cobra.Command, args []string) error {
			if err := knownChecks(args); err != nil {
				return err
			}
			all, err := catalogue()
			if err != nil {
				return err
			}
			if len(args) > 0 {
				all = only(all, args)
			}
			switch format {
			case "json":
				return printJSON(a.out, all)
			case "markdown":
				return checksMarkdown(a.out, all)
			}
			return checksTable(a.out, all)
		},
	}
	formats(cmd, &format, "table", "json", "markdown")
	return cmd
}

func only(all []listed, ids []string) []listed {
	var out []listed
	for _, c := range all {
		for _, id := range ids {
			if c.ID == id {
				out = append(out, c)
				break
			}
		}
	}
	return out
}

func checksTable(w io.Writer, all []listed) error {
	rows := make([][]string, 0, len(all))
	covered := 0
	for _, c := range all {
		if len(c.Sabotages) > 0 {
			covered++
		}
		rows = append(rows, []string{c.ID, string(c.Level), fmt.Sprint(len(c.Sabotages)), c.Title})
	}
	if err := printTable(w, []string{"CHECK", "LEVEL", "SABOTAGES", "PROMISE"}, rows); err != nil {
		return err
	}
	_, err := fmt.Fprintf(w, "%d checks, %d of them with a sabotage that they must catch\n", len(all), covered)
	return err
}

// checksMarkdown writes docs/checks.md.
func checksMarkdown(w io.Writer, all []listed) error {
	var b strings.Builder
	b.WriteString("# Checks\n\n")
	b.WriteString("Written by `airworthy checks -o markdown > docs/checks.md`; a test keeps it current.\n")
	b.WriteString("A core check decides the verdict, and none may be left out for a conformant one.\n")
	area := ""
	for _, c := range all {
		if c.Area != area {
			area = c.Area
			fmt.Fprintf(&b, "\n## %s\n", area)
		}
		fmt.Fprintf(&b, "\n### %s\n\n%s: %s.\n\n%s\n\n", c.ID, c.Level, strings.TrimSuffix(c.Title, "."), c.Why)
		if len(c.Requires) > 0 {
			names := make([]string, len(c.Requires))
			for i, f := range c.Requires {
				names[i] = "`" + string(f) + "`"
			}
			fmt.Fprintf(&b, "- requires: %s\n", strings.Join(names, ", "))
		}
		if len(c.Sabotages) > 0 {
			fmt.Fprintf(&b, "- sabotages: `%s`\n", strings.Join(c.Sabotages, "`, `"))
		}
		if len(c.Sources) > 0 {
			fmt.Fprintf(&b, "- sources: %s\n", strings.Join(c.Sources, "; "))
		}
		fmt.Fprintf(&b, "- since: %s\n", c.Since)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// knownChecks is a usage error that names every id the catalogue lacks.
func knownChecks(ids []string) error {
	var bad []string
	for _, id := range ids {
		if _, ok := conformance.Find(id); !ok {
			bad = append(bad, id)
		}
	}
	switch len(bad) {
	case 0:
		return nil
	case 1:
		return usageError(fmt.Errorf("check %q is not in the catalogue: `airworthy checks` lists the ids", bad[0]))
	}
	return usageError(fmt.Errorf("checks %q are not in the catalogue: `airworthy checks` lists the ids", bad))
}

// completeChecks completes check ids, with their titles as descriptions.
func completeChecks(_ *cobra.Command, have []string, begin string) ([]string, cobra.ShellCompDirective) {
	given := map[string]bool{}
	for _, h := range have {
		given[h] = true
	}
	var out []string
	for _, c := range conformance.All() {
		if strings.HasPrefix(c.ID, begin) && !given[c.ID] {
			out = append(out, c.ID+"\t"+c.Title)
		}
	}
	return out, cobra.ShellCompDirectiveNoFileComp
}
