package main

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// commandLine is how to do the same again: the command with the flags that
// were set, places of this machine left out.
func (a *app) commandLine(cmd *cobra.Command) []string {
	line := []string{"airworthy", cmd.Name()}
	cmd.Flags().Visit(func(f *pflag.Flag) {
		switch f.Name {
		case "out", "cache", "state", "no-color", "verbose", flagOutcome:
			return
		}
		if list, ok := f.Value.(pflag.SliceValue); ok {
			for _, v := range list.GetSlice() {
				line = append(line, "--"+f.Name, withoutSecret(v))
			}
			return
		}
		line = append(line, fmt.Sprintf("--%s=%s", f.Name, f.Value))
	})
	return append(line, cmd.Flags().Args()...)
}

var secretKey = regexp.MustCompile(`(?i)passw|secret|key|token|connection|credential`)

// withoutSecret hides the value of a setting that may be secret: the command
// line is part of the report.
func withoutSecret(setting string) string {
	if key, _, ok := strings.Cut(setting, "="); ok && secretKey.MatchString(key) {
		return key + "=REDACTED"
	}
	return setting
}
