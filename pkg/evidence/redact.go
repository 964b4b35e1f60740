package evidence

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"sync"
)

// Redacted stands where a secret was.
const Redacted = "[redacted]"

// ShortestSecret is the number of bytes from which a secret is looked for as
// it is: a shorter one would be found in the middle of harmless words.
const ShortestSecret = 6

// ErrShortSecret is wrapped when a secret has fewer than ShortestSecret bytes.
var ErrShortSecret = errors.New("secret is too short to be redacted")

// Redactor takes secrets out of texts: known ones in every form that they are
// usually written in, and unknown ones by what stands around them. It is safe
// for concurrent use. Redacting a redacted text again changes nothing.
type Redactor struct {
	mu       sync.RWMutex
	forms    []string      // every form of every secret, longest first
	byFirst  [256][]string // forms by first byte, longest first
	longest  int           // bytes
	openings []string      // forms that hold a newline: they may span lines
}

// NewRedactor returns a Redactor for secrets, the empty ones left out. It is
// usable with an error too, which names by position the secrets that are too
// short to be looked for.
func NewRedactor(secrets ...string) (*Redactor, error) {
	r := &Redactor{}
	return r, r.Add(secrets...)
}

// Add adds secrets; the error is as that of NewRedactor.
func (r *Redactor) Add(secrets ...string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	var errs []error
	for i, s := range secrets {
		switch {
		case s == "":
		case len(s) < ShortestSecret:
			errs = append(errs, fmt.Errorf("%w: number %d has %d characters, choose one of %d or more",
				ErrShortSecret, i+1, len(s), ShortestSecret))
		case strings.Contains(Redacted, s):
			errs = append(errs, fmt.Errorf("secret number %d is part of the text %s, which replaces secrets: choose another", i+1, Redacted))
		default:
			r.forms = append(r.forms, formsOf(s)...)
		}
	}
	r.index()
	return errors.Join(errs...)
}

func (r *Redactor) index() {
	slices.SortFunc(r.forms, func(a, b string) int {
		if len(a) != len(b) {
			return len(b) - len(a)
		}
		return strings.Compare(a, b)
	})
	r.forms = slices.Compact(r.forms)
	r.byFirst, r.openings, r.longest = [256][]string{}, nil, 0
	for _, f := range r.forms {
		r.byFirst[f[0]] = append(r.byFirst[f[0]], f)
		r.longest = max(r.longest, len(f))
		if strings.Contains(f[:len(f)-1], "\n") {
			r.openings = append(r.openings, f)
		}
	}
}

// formsOf lists how a secret may be written: as it is, escaped for URLs and
// JSON, and in base64, alone or in the middle of something longer.
func formsOf(s string) []string {
	query, segment := url.QueryEscape(s), url.PathEscape(s)
	forms := []string{
		s, query, segment,
		lowerEscapes(query), lowerEscapes(segment),
		strings.ReplaceAll(segment, "%2F", "/"), // Python's quote keeps slashes
		strings.ReplaceAll(s, "%", "%%"),        // in an ini file
		jsonEscape(s, true), jsonEscape(s, false),
	}
	if trimmed := strings.TrimSpace(s); len(trimmed) >= ShortestSecret {
		forms = append(forms, trimmed)
	}
	for _, enc := range []*base64.Encoding{base64.StdEncoding, base64.URLEncoding} {
		forms = append(forms, enc.EncodeToString([]byte(s)))
		for offset := range 3 {
			forms = append(forms, base64Core(enc, s, offset))
		}
	}
	return slices.DeleteFunc(forms, func(f string) bool { return len(f) < ShortestSecret })
}

// lowerEscapes writes the percent escapes of s with lower case digits.
func lowerEscapes(s string) string {
	b := []byte(s)
	for i := 0; i+2 < len(b); i++ {
		if b[i] == '%' {
			copy(b[i+1:i+3], bytes.ToLower(b[i+1:i+3]))
		}
	}
	return string(b)
}

func jsonEscape(s string, html bool) string {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(html)
	if enc.Encode(s) != nil {
		return s
	}
	return strings.TrimSuffix(strings.TrimPrefix(strings.TrimSuffix(b.String(), "\n"), `"`), `"`)
}

// base64Core is what s looks like in the base64 of a longer text, when offset
// bytes (modulo 3) stand before it: the characters that s alone decides.
func base64Core(enc *base64.Encoding, s string, offset int) string {
	text := strings.TrimRight(enc.EncodeToString(append(make([]byte, offset), s...)), "=")
	first := (offset*8 + 5) / 6
	last := (offset + len(s)) * 8 / 6
	return text[first:last]
}

// Text returns s without secrets.
func (r *Redactor) Text(s string) string { return string(r.Bytes([]byte(s))) }

// Bytes returns text without secrets. The result may share text's memory.
func (r *Redactor) Bytes(text []byte) []byte {
	// What stands in a secret's place may complete another one with its
	// neighbours, so a text that changed is looked at again.
	for range 8 {
		out, _ := r.literals(text, len(text))
		out = patterns(out)
		if bytes.Equal(out, text) {
			break
		}
		text = out
	}
	return text
}

// Holds reports whether a known secret, in any form, is in text.
func (r *Redactor) Holds(text []byte) bool {
	r.mu.RLock()
	defer r.mu.RUnlock()
	for i := range text {
		if r.formAt(text[i:]) > 0 {
			return true
		}
	}
	return false
}

// Count is how often a known secret, in any form, is in text.
func (r *Redactor) Count(text []byte) int {
	r.mu.RLock()
	defer r.mu.RUnlock()
	count := 0
	for i := 0; i < len(text); {
		n := r.formAt(text[i:])
		if n > 0 {
			count++
		}
		i += max(n, 1)
	}
	return count
}

// formAt returns the length of the longest form that text begins with.
func (r *Redactor) formAt(text []byte) int {
	for _, f := range r.byFirst[text[0]] {
		if len(text) >= len(f) && string(text[:len(f)]) == f {
			return len(f)
		}
	}
	return 0
}

// literals replaces the known secrets that begin before end. It returns how
// far into text it got: past end when a secret lies across it.
func (r *Redactor) literals(text []byte, end int) ([]byte, int) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	var out []byte
	kept, i := 0, 0
	for i < end {
		n := r.formAt(text[i:])
		if n == 0 {
			i++
			continue
		}
		out = append(append(out, text[kept:i]...), Redacted...)
		i += n
		kept = i
	}
	if kept == 0 {
		return text[:i], i
	}
	return append(out, text[kept:i]...), i
}
