// Package environments carries the run files that ship with airworthy.
package environments

import "embed"

// FS holds the run files; local.yaml is the default.
//
//go:embed *.yaml
var FS embed.FS
