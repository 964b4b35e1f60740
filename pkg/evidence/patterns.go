package evidence

import (
	"bytes"
	"regexp"
	"strings"
)

// pattern finds secrets that nobody told us about by what stands around them.
// The regular expression is costly, so a text is asked for one of hints first.
type pattern struct {
	hints   []string // lower case; one of them is in every match
	find    *regexp.Regexp
	replace func(groups [][]byte) []byte // nil result: leave the match as it is
}

const secretNames = `password|passwd|passphrase|pwd|secret[_.-]?access[_.-]?key|secret[_.-]?key|private[_.-]?key|` +
	`fernet[_.-]?key|client[_.-]?secret|jwt[_.-]?secret|api[_.-]?key|client[_.-]?key[_.-]?data|secret|token`

var secretPatterns = []pattern{
	{ // a key file
		hints:   []string{"private key-----"},
		find:    regexp.MustCompile(`(-----BEGIN [A-Z ]*PRIVATE KEY-----)([\s\S]*?)(-----END [A-Z ]*PRIVATE KEY-----|\z)`),
		replace: func(g [][]byte) []byte { return joined(g[1], Redacted, g[3]) },
	},
	{ // scheme://user:password@host
		hints:   []string{"://"},
		find:    regexp.MustCompile(`([A-Za-z][A-Za-z0-9+.-]*://[^\s:/@"'<>]*:)([^\s/"'<>]+)(@)`),
		replace: func(g [][]byte) []byte { return joined(g[1], Redacted, g[3]) },
	},
	{ // an authorization header
		hints:   []string{"authorization"},
		find:    regexp.MustCompile(`(?i)(authorization\\?["']?[ \t]*[:=][ \t]*\\?["']?(?:basic |bearer |token )?)([^\s"'\\,]+)()`),
		replace: func(g [][]byte) []byte { return joined(g[1], Redacted, g[3]) },
	},
	{
		hints:   []string{"bearer"},
		find:    regexp.MustCompile(`(?i)(\bbearer[ \t]+)([A-Za-z0-9._~+/=-]{16,})()`),
		replace: func(g [][]byte) []byte { return joined(g[1], Redacted, g[3]) },
	},
	{ // a signed token, wherever it stands
		hints:   []string{"eyj"},
		find:    regexp.MustCompile(`()(\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}(?:\.[A-Za-z0-9_-]*)?)()`),
		replace: func(g [][]byte) []byte { return []byte(Redacted) },
	},
	{ // AWS: access key ids, and what signs a URL
		hints:   []string{"akia", "asia"},
		find:    regexp.MustCompile(`()(\b(?:AKIA|ASIA)[0-9A-Z]{16}\b)()`),
		replace: func(g [][]byte) []byte { return []byte(Redacted) },
	},
	{
		hints:   []string{"x-amz-"},
		find:    regexp.MustCompile(`(?i)(X-Amz-(?:Signature|Credential|Security-Token)=)([^\s&"'<>\\]+)()`),
		replace: func(g [][]byte) []byte { return joined(g[1], Redacted, g[3]) },
	},
	{ // name=value, name: value, "name": "value", also within a quoted text
		hints: []string{"pass", "pwd", "secret", "token", "key"},
		find: regexp.MustCompile(`(?i)((?:\b|_)(` + secretNames + `)\\?["']?[ \t]*([:=])[ \t]*)` +
			`(\\"(?:[^"\\]|\\[^"])*\\"|"(?:[^"\\\n]|\\.)*"|'[^'\n]*'|[^\s,;&"'\\}\])]+)`),
		replace: assignment,
	},
}

// assignment redacts the value of one name and value, unless it says nothing.
func assignment(g [][]byte) []byte {
	name, value := strings.ToLower(string(g[2])), string(g[4])
	quote, inner := quoted(value)
	switch {
	case harmless(inner):
		return nil
	// "token: expired" in a message is worth more than what it may hide.
	case g[3][0] == ':' && !strings.HasPrefix(name, "pass") && name != "pwd" && len(inner) < 16:
		return nil
	}
	return joined(g[1], quote+Redacted+quote, nil)
}

// quoted splits a value into its quotation mark and what is within.
func quoted(value string) (quote, inner string) {
	for _, q := range []string{`\"`, `"`, `'`} {
		if len(value) >= 2*len(q) && strings.HasPrefix(value, q) && strings.HasSuffix(value, q) {
			return q, value[len(q) : len(value)-len(q)]
		}
	}
	return "", value
}

// harmless values hold no secret: they say that there is none, or where it is.
func harmless(value string) bool {
	switch strings.ToLower(value) {
	case "", "true", "false", "null", "none", "nil", "~", "|", ">", "{", "[", "***", "<nil>", "<set", "redacted":
		return true
	}
	for _, reference := range []string{Redacted[:len(Redacted)-1], "{{", "${", "$(", "%("} {
		if strings.HasPrefix(value, reference) {
			return true
		}
	}
	return false
}

func joined(before []byte, middle string, after []byte) []byte {
	out := make([]byte, 0, len(before)+len(middle)+len(after))
	return append(append(append(out, before...), middle...), after...)
}

// patterns returns text without what the secret patterns find in it.
func patterns(text []byte) []byte {
	lower := bytes.ToLower(text)
	for _, p := range secretPatterns {
		if !holdsAny(lower, p.hints) {
			continue
		}
		text = replaceAll(p, text)
	}
	return text
}

func holdsAny(lower []byte, hints []string) bool {
	for _, h := range hints {
		if bytes.Contains(lower, []byte(h)) {
			return true
		}
	}
	return false
}

// replaceAll is Regexp.ReplaceAllFunc with the groups of each match at hand.
func replaceAll(p pattern, text []byte) []byte {
	matches := p.find.FindAllSubmatchIndex(text, -1)
	if matches == nil {
		return text
	}
	var out []byte
	kept := 0
	for _, m := range matches {
		groups := make([][]byte, len(m)/2)
		for i := range groups {
			if m[2*i] >= 0 {
				groups[i] = text[m[2*i]:m[2*i+1]]
			}
		}
		if with := p.replace(groups); with != nil {
			out = append(append(out, text[kept:m[0]]...), with...)
			kept = m[1]
		}
	}
	return append(out, text[kept:]...)
}
