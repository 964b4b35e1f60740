package build

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// splitRef gives the repository without Docker Hub's implied parts, and the tag.
// A digest names one published content, which nothing built here can have.
func splitRef(ref string) (repository, tag string, err error) {
	if strings.Contains(ref, "@") {
		return "", "", fmt.Errorf("image %s is named by digest, which can only be pulled: name it by tag, or allow pulling", ref)
	}
	repository, tag = ref, "latest"
	if colon := strings.LastIndexByte(ref, ':'); colon > strings.LastIndexByte(ref, '/') {
		repository, tag = ref[:colon], ref[colon+1:]
	}
	for _, implied := range []string{"docker.io/", "index.docker.io/", "library/"} {
		repository = strings.TrimPrefix(repository, implied)
	}
	if repository == "" || tag == "" {
		return "", "", fmt.Errorf("image name %q is malformed: want REPOSITORY:TAG", ref)
	}
	return repository, tag, nil
}

// matchTag compares a tag with a pattern in which * matches anything.
func matchTag(pattern, tag string) bool {
	before, after, wild := strings.Cut(pattern, "*")
	if !wild {
		return pattern == tag
	}
	return len(tag) >= len(before)+len(after) && strings.HasPrefix(tag, before) && strings.HasSuffix(tag, after)
}

// find gives the recipe that can build ref, and ref's tag.
func find(recipes map[string]*recipe, ref string) (*recipe, string, error) {
	repository, tag, err := splitRef(ref)
	if err != nil {
		return nil, "", err
	}
	var refusals []error
	for _, name := range sortedKeys(recipes) {
		r := recipes[name]
		if r.Repository != repository {
			continue
		}
		for _, pattern := range r.Tags {
			if matchTag(pattern, tag) {
				return r, tag, nil
			}
		}
		refusals = append(refusals, fmt.Errorf("image %s cannot be built: recipe %s builds %s of %s only; use one of these, or allow pulling",
			ref, r.name, strings.Join(r.Tags, ", "), r.Repository))
	}
	if len(refusals) > 0 {
		return nil, "", errors.Join(refusals...)
	}
	return nil, "", fmt.Errorf("image %s cannot be built: there is no recipe for %s; allow pulling, or bring it in a bundle", ref, repository)
}

func (b *Builder) find(ref string) (*recipe, string, error) {
	if b.loadErr != nil {
		return nil, "", fmt.Errorf("read recipes: %w", b.loadErr)
	}
	return find(b.recipes, ref)
}

func sortedKeys[K cmp.Ordered, V any](m map[K]V) []K {
	return slices.Sorted(maps.Keys(m))
}
