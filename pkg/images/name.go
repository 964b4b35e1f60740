package images

import (
	"errors"
	"fmt"
	"strings"

	"github.com/distribution/reference"
)

// localDomain is the registry part of every image that airworthy makes by
// itself. No registry answers to it, so such a name is never mistaken for an
// upstream's and never leads to the network.
const localDomain = "airworthy.local"

// name is a parsed image name.
type name struct {
	ref    Ref
	full   string // docker.io/apache/airflow:3.2.2, with the digest when one is given
	local  string // apache/airflow:3.2.2, as the engine shows it
	repo   string // docker.io/apache/airflow
	domain string // docker.io
	path   string // apache/airflow
	tag    string // 3.2.2; empty when only a digest is given
	digest string // sha256:...; empty for a mere tag
}

// parse reads the name of an image as the container engine would.
func parse(ref Ref) (name, error) {
	named, err := reference.ParseNormalizedNamed(string(ref))
	if err != nil {
		return name{}, fmt.Errorf("read image name %q: %w", ref, err)
	}
	named = reference.TagNameOnly(named)
	n := name{
		ref:    ref,
		full:   named.String(),
		local:  reference.FamiliarString(named),
		repo:   named.Name(),
		domain: reference.Domain(named),
		path:   reference.Path(named),
	}
	if t, ok := named.(reference.Tagged); ok {
		n.tag = t.Tag()
	}
	if d, ok := named.(reference.Digested); ok {
		n.digest = d.Digest().String()
	}
	return n, nil
}

// ownPath is what the names of this project's own images begin with. They are
// published nowhere: whatever a registry has under such a name is somebody else's.
const ownPath = "airworthy/"

// published says why no registry is asked for an image, or nil.
func (n name) published() error {
	switch {
	case n.domain == localDomain:
		return errors.New("names below " + localDomain + " are in no registry")
	case n.domain == "docker.io" && strings.HasPrefix(n.path, ownPath):
		return errors.New("this project's own images are in no registry")
	}
	return nil
}

// FullName gives the name under which a container runtime of Kubernetes keeps
// an image: apache/airflow:3.2.2 is docker.io/apache/airflow:3.2.2.
func FullName(ref Ref) (string, error) {
	n, err := parse(ref)
	return n.full, err
}

// moving says that the name may mean another image tomorrow.
func (n name) moving() bool { return n.digest == "" && n.tag == "latest" }

// suffix is the part after the repository.
func (n name) suffix() string { return strings.TrimPrefix(n.full, n.repo) }

// mirrored lists the names that a mirror may know the image by, the exact one
// first: some mirrors keep upstream's host as the first folder, others (a
// proxy cache of one registry) leave it out.
func (n name) mirrored(mirror string) []string {
	mirror = strings.TrimSuffix(strings.TrimPrefix(strings.TrimPrefix(mirror, "https://"), "http://"), "/")
	return []string{mirror + "/" + n.full, mirror + "/" + n.path + n.suffix()}
}

// matches says whether a key of a per-image table means this image: the name
// as wanted, its normalised form, or either without the tag.
func (n name) matches(key string) bool {
	if key == string(n.ref) || key == n.full || key == n.local {
		return true
	}
	k, err := reference.ParseNormalizedNamed(key)
	return err == nil && reference.IsNameOnly(k) && k.Name() == n.repo
}

// digestOf finds the manifest digest that the engine recorded for repository
// repo, or "".
func digestOf(repoDigests []string, repo string) string {
	for _, d := range repoDigests {
		named, err := reference.ParseNormalizedNamed(d)
		if err != nil || named.Name() != repo {
			continue
		}
		if c, ok := named.(reference.Canonical); ok {
			return c.Digest().String()
		}
	}
	return ""
}

// repoOf is the normalised repository of an image name, or "".
func repoOf(ref string) string {
	n, err := parse(Ref(ref))
	if err != nil {
		return ""
	}
	return n.repo
}
