package images

import (
	"fmt"
	"strings"
)

// Attempt is one way to have an image that was tried, or ruled out, and why it
// did not work.
type Attempt struct {
	Way    string `json:"way"` // engine, bundle, mirror, registry or build
	Reason string `json:"reason"`
}

// UnavailableError says that an image cannot be had, and everything that was
// tried.
type UnavailableError struct {
	Ref    Ref
	Policy Policy
	Tried  []Attempt
}

// Error names the image, each way with its reason, and how to mend it.
func (e *UnavailableError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "image %s cannot be had (policy %s)", e.Ref, e.Policy)
	for _, a := range e.Tried {
		fmt.Fprintf(&b, "\n  %s: %s", a.Way, a.Reason)
	}
	fmt.Fprintf(&b, "\n  to mend: %s", e.mend())
	return b.String()
}

func (e *UnavailableError) mend() string {
	switch e.Policy {
	case PolicyPull:
		return "make its registry reachable (docker pull must work), or set images.policy to auto"
	case PolicyMirror:
		return "set images.mirror to a registry that holds it, log in with docker login, or set images.policy to auto"
	case PolicyBuild:
		return "name an image that a recipe supports (airworthy images list), or set images.policy to auto"
	case PolicyBundle:
		return "make a bundle that holds it where images can be had (airworthy images save) and set images.bundle, or set images.policy to auto"
	default:
		return "make one of these ways work: docker load the image, set images.bundle to a bundle that holds it (airworthy images save), " +
			"set images.mirror to a registry that holds it, or make its own registry reachable"
	}
}
