package config

import (
	"regexp"
	"slices"
)

// redacted stands in the place of every secret in what Redacted returns.
const redacted = "REDACTED"

var (
	secretKey = regexp.MustCompile(`(?i)password|passwd|secret|key|token|connection|credential`)
	// A URL with a password in it: postgres://user:password@host.
	secretURL = regexp.MustCompile(`(\w+://)[^/\s:@]*:[^/\s@]+@`)
	// A line of an embedded file that sets something secret.
	secretLine = regexp.MustCompile(`(?im)^(\s*[\w.-]*(?:password|passwd|secret|key|token|connection|credential)[\w.-]*\s*[:=]\s*)\S.*$`)
)

// Redacted returns a copy whose chart values hold no secret, for the run
// directory. The copy shares nothing that can be changed with r.
func (r Run) Redacted() Run {
	if r.Platform.Values != nil {
		r.Platform.Values, _ = redactBelow(r.Platform.Values, false).(map[string]any)
	}
	r.Images.Mirror = secretURL.ReplaceAllString(r.Images.Mirror, "${1}"+redacted+"@")
	r.Checks.Skip = slices.Clone(r.Checks.Skip)
	r.Platform.ValuesFiles = slices.Clone(r.Platform.ValuesFiles)
	if r.Images.PerImage != nil {
		copied := make(map[string]string, len(r.Images.PerImage))
		for name, policy := range r.Images.PerImage {
			copied[name] = policy
		}
		r.Images.PerImage = copied
	}
	return r
}

// redactBelow copies value with secrets replaced; everything is one where all is set.
func redactBelow(value any, all bool) any {
	switch v := value.(type) {
	case map[string]any:
		// Variables of containers are lists of {name: X_PASSWORD, value: ...}.
		name, _ := v["name"].(string)
		copied := make(map[string]any, len(v))
		for key, below := range v {
			secret := all || secretKey.MatchString(key) || (key == "value" && secretKey.MatchString(name))
			copied[key] = redactBelow(below, secret)
		}
		return copied
	case []any:
		copied := make([]any, len(v))
		for i, below := range v {
			copied[i] = redactBelow(below, all)
		}
		return copied
	case nil:
		return nil
	case bool:
		return v // says whether there is a secret, not which
	case string:
		if all && v != "" {
			return redacted
		}
		v = secretURL.ReplaceAllString(v, "${1}"+redacted+"@")
		return secretLine.ReplaceAllString(v, "${1}"+redacted)
	default:
		if all {
			return redacted
		}
		return v
	}
}
