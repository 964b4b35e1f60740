package reporthtml

import (
	"fmt"
	"regexp"
	"strings"
	"unicode/utf8"
)

// longestLine is how much of one line is shown.
const longestLine = 2000

// longestReason is how much is shown of what a check, or the run, says.
const longestReason = 16 << 10

var colours = regexp.MustCompile("\x1b\\[[0-9;?]*[A-Za-z]")

// visible makes a text of any bytes: colours of terminals are taken away, and
// what a reader cannot see, or what turns the order of letters, is written out.
func visible(s string) string {
	s = strings.ReplaceAll(strings.ToValidUTF8(s, "\uFFFD"), "\r\n", "\n")
	s = colours.ReplaceAllString(s, "")
	if !strings.ContainsFunc(s, hidden) {
		return s
	}
	var b strings.Builder
	for _, r := range s {
		if hidden(r) {
			fmt.Fprintf(&b, "\\u%04x", r)
		} else {
			b.WriteRune(r)
		}
	}
	return b.String()
}

func hidden(r rune) bool {
	switch {
	case r == '\n' || r == '\t':
		return false
	case r < ' ', r >= 0x7f && r < 0xa0:
		return true
	}
	return r >= 0x202a && r <= 0x202e || r >= 0x2066 && r <= 0x2069
}

// cut bounds a text that is shown outside the evidence.
func cut(s string) string {
	shown, left := excerpt(s, longestReason)
	shown = visible(shown)
	if left > 0 {
		shown += fmt.Sprintf("\n[%s left out in the middle]", bytesText(int64(left)))
	}
	return shown
}

// firstLine is the beginning of a text, for a list.
func firstLine(s string) string {
	line, _, more := strings.Cut(strings.TrimSpace(visible(s)), "\n")
	if at := border(line, 240); at < len(line) {
		line, more = line[:at], true
	}
	if more {
		line += " ⋯"
	}
	return line
}

// excerpt returns both ends of a text and how many bytes are left out. It cuts
// at line ends where it can; the mark between the ends says so too.
func excerpt(text string, limit int) (shown string, left int) {
	text, left = shortLines(text)
	if len(text) <= limit {
		return text, left
	}
	head, tail := text[:border(text, limit/2)], text[border(text, len(text)-limit/2):]
	if i := strings.LastIndexByte(head, '\n'); i > limit/4 {
		head = head[:i+1]
	}
	if i := strings.IndexByte(tail, '\n'); i >= 0 && i < limit/4 {
		tail = tail[i+1:]
	}
	missing := len(text) - len(head) - len(tail)
	return fmt.Sprintf("%s\n⋯ %s left out here ⋯\n\n%s", strings.TrimSuffix(head, "\n")+"\n", bytesText(int64(missing)), tail), left + missing
}

// shortLines cuts lines that no screen holds.
func shortLines(text string) (string, int) {
	if len(text) <= longestLine {
		return text, 0
	}
	var b strings.Builder
	left := 0
	for line := range strings.Lines(text) {
		body := strings.TrimSuffix(line, "\n")
		if over := len(body) - longestLine; over > longestLine/10 {
			at := border(body, longestLine)
			fmt.Fprintf(&b, "%s ⋯ %s more", body[:at], bytesText(int64(len(body)-at)))
			b.WriteString(line[len(body):])
			left += len(body) - at
			continue
		}
		b.WriteString(line)
	}
	return b.String(), left
}

// border moves i back to where a character begins.
func border(s string, i int) int {
	if i >= len(s) {
		return len(s)
	}
	for i > 0 && !utf8.RuneStart(s[i]) {
		i--
	}
	return i
}

// bytesText writes a size as people read it.
func bytesText(n int64) string {
	switch {
	case n < 1000:
		return fmt.Sprintf("%d bytes", n)
	case n < 1e6:
		return fmt.Sprintf("%.1f kB", float64(n)/1e3)
	}
	return fmt.Sprintf("%.1f MB", float64(n)/1e6)
}
