package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/airworthy/airworthy/pkg/evidence"
	"github.com/airworthy/airworthy/pkg/evidence/verdict"
)

// runDir refuses what is not a run directory, as a usage error.
func runDir(path string) error {
	plan := filepath.Join(path, string(evidence.PlanFile))
	if _, err := os.Stat(plan); err != nil {
		if _, err := os.Stat(path); err != nil {
			return usageError(fmt.Errorf("%s is not there: give a run directory, such as out/NAME-TIME", path))
		}
		return usageError(fmt.Errorf("%s is not a run directory: it has no %s", path, evidence.PlanFile))
	}
	return nil
}

func (a *app) verifyCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "verify DIR",
		Short: "Judge a run directory again, and demand the same bytes",
		Long: `verify compares every file of a run directory with its sum, judges the records
again, and compares the reports with the stored ones. It needs no cluster and
changes nothing. The exit code is the verdict's; a directory that was changed is
inconclusive (3). Of the summary of several stacks it verifies each stack's run
directory, which must lie beside it, and makes the summary again.`,
		Example: "  airworthy verify out/local-20260102T150405Z",
		Args:    usageArgs(cobra.ExactArgs(1)),
		RunE: func(_ *cobra.Command, args []string) error {
			if isSummary(args[0]) {
				return a.verifySeveral(args[0])
			}
			if err := runDir(args[0]); err != nil {
				return err
			}
			result, err := verdict.Verify(args[0])
			if err != nil {
				return err
			}
			if n := len(result.Differences); n > 0 {
				for _, d := range result.Differences {
					fmt.Fprintf(a.out, "  %s\n", d)
				}
				return fmt.Errorf("%s is not as it was sealed: %d differences", args[0], n)
			}
			fmt.Fprintf(a.out, "verdict: %s - %s\n", result.Document.Verdict, result.Document.Reason)
			fmt.Fprintln(a.out, "every file is as it was sealed, and the reports follow from the records")
			return verdictError(result.Document.Verdict)
		},
		ValidArgsFunction: completeDirs,
	}
}

// verifySeveral is verify of a summary.
func (a *app) verifySeveral(path string) error {
	d, differences, err := verifySummary(path)
	if err != nil {
		return err
	}
	if n := len(differences); n > 0 {
		for _, one := range differences {
			fmt.Fprintf(a.out, "  %s\n", one)
		}
		return fmt.Errorf("%s is not as it was sealed: %d differences", path, n)
	}
	fmt.Fprintf(a.out, "verdict: %s - %s\n", d.Verdict, d.Reason)
	fmt.Fprintln(a.out, "every file of every stack is as it was sealed, and the summary follows from the records")
	return verdictError(d.Verdict)
}

func completeDirs(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	return nil, cobra.ShellCompDirectiveFilterDirs
}

// reportFiles are the files that hold the formats of the report.
var reportFiles = map[string]evidence.File{
	"markdown": evidence.ReportMarkdown, "html": evidence.ReportHTML, "yaml": evidence.ReportYAML, "junit": evidence.ReportJUnit,
}

func (a *app) reportCommand() *cobra.Command {
	var as string
	cmd := &cobra.Command{
		Use:   "report DIR",
		Short: "Print the report of a run, and write it where it is missing",
		Long: `report prints the report of a run directory: report.md, or another format of it.
report.html is one page with the evidence in it, for a browser. Where the run was
cut short before its reports were written, all of them are made from the files
now. The exit code is 0: verify gives the verdict's. Of several stacks it prints
the summary.`,
		Example: `  airworthy report out/local-20260102T150405Z
  airworthy report out/local-20260102T150405Z --format html > report.html`,
		Args:              usageArgs(cobra.ExactArgs(1)),
		ValidArgsFunction: completeDirs,
		RunE: func(_ *cobra.Command, args []string) error {
			files, complete := reportFiles, completeReport
			if isSummary(args[0]) {
				// It is written after each stack, so it is whole.
				files, complete = summaryFiles, func(*evidence.Dir) error { return nil }
			} else if err := runDir(args[0]); err != nil {
				return err
			}
			dir, err := evidence.Open(args[0])
			if err != nil {
				return err
			}
			if err := complete(dir); err != nil {
				return err
			}
			text, err := dir.ReadFile(files[as])
			if err != nil {
				return err
			}
			_, err = a.out.Write(text)
			return err
		},
	}
	format(cmd, "format", "", &as, "markdown", "html", "yaml", "junit")
	return cmd
}

// completeReport writes the reports of a run that did not come to it. A run
// that has all of them is left as it was sealed.
func completeReport(dir *evidence.Dir) error {
	var missing []string
	for _, f := range []evidence.File{
		evidence.ReportYAML, evidence.ReportMarkdown, evidence.ReportJUnit, evidence.ReportHTML, evidence.SumsFile,
	} {
		if _, err := os.Stat(dir.Abs(f)); errors.Is(err, os.ErrNotExist) {
			missing = append(missing, string(f))
		} else if err != nil {
			return err
		}
	}
	if len(missing) == 0 {
		return nil
	}
	facts, err := readFacts(dir)
	if err != nil {
		return fmt.Errorf("make the missing %s: %w", strings.Join(missing, ", "), err)
	}
	_, err = verdict.Write(dir, facts)
	return err
}
