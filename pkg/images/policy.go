package images

import (
	"fmt"
	"slices"
	"strings"
)

// Policy says which ways to an image are allowed.
type Policy string

const (
	PolicyAuto   Policy = "auto"   // what is there, else bundle, mirror, registry, build
	PolicyPull   Policy = "pull"   // from the registry that its name says
	PolicyMirror Policy = "mirror" // from the configured mirror
	PolicyBuild  Policy = "build"  // by a recipe, from package registries
	PolicyBundle Policy = "bundle" // from the configured bundle
)

// Policies lists every policy.
var policies = []Policy{PolicyAuto, PolicyPull, PolicyMirror, PolicyBuild, PolicyBundle}

// policyFor finds the policy of one image: its own, else that of the run, else
// auto.
func (r *Resolver) policyFor(n name) (Policy, error) {
	p := Policy(r.opts.Policy)
	// The most exact key wins, whatever order the table is in: with its tag
	// or digest a key is longer than without.
	longest := -1
	for key, value := range r.opts.PerImage {
		if n.matches(key) && len(key) > longest {
			longest, p = len(key), Policy(value)
		}
	}
	if p == "" {
		p = PolicyAuto
	}
	if !slices.Contains(policies, p) {
		return "", fmt.Errorf("image %s: unknown policy %q: use one of %s", n.ref, p, allowed())
	}
	return p, nil
}

func allowed() string {
	s := make([]string, len(policies))
	for i, p := range policies {
		s[i] = string(p)
	}
	return strings.Join(s, ", ")
}

// keeps says whether an image that is there from source s satisfies policy p.
func (p Policy) keeps(s Source) bool {
	switch p {
	case PolicyAuto:
		return true
	case PolicyPull:
		return s == Pulled
	case PolicyMirror:
		return s == Mirrored
	default:
		// Recipe and bundle know by themselves whether what is there is theirs.
		return false
	}
}
