package evidence

import (
	"errors"
	"fmt"
)

// Named are secrets by what they are. It says which of them a text holds without
// the value of any. It is safe for concurrent use.
type Named struct {
	all  *Redactor
	each map[string]*Redactor
}

// NewNamed takes secrets by what they are. Those that are too short to be told
// from harmless words are left out.
func NewNamed(secrets map[string]string) (*Named, error) {
	n := &Named{each: map[string]*Redactor{}}
	var texts []string
	for what, secret := range secrets {
		one, err := NewRedactor(secret)
		if errors.Is(err, ErrShortSecret) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("look for %s: %w", what, err)
		}
		n.each[what] = one
		texts = append(texts, secret)
	}
	var err error
	n.all, err = NewRedactor(texts...)
	return n, err
}

// In counts the secrets that text holds, in any form, by what they are.
func (n *Named) In(text []byte) map[string]int {
	if !n.all.Holds(text) {
		return nil
	}
	found := map[string]int{}
	for what, one := range n.each {
		if count := one.Count(text); count > 0 {
			found[what] = count
		}
	}
	return found
}

// Knows says whether a secret of that name is among those that are looked for.
func (n *Named) Knows(what string) bool { return n.each[what] != nil }
