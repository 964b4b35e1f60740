package progress

import (
	"fmt"
	"strings"
	"time"
	"unicode/utf8"
)

// palette paints with ANSI colours when it is true.
type palette bool

func (p palette) wrap(code, s string) string {
	if !p {
		return s
	}
	return "\x1b[" + code + "m" + s + "\x1b[0m"
}

func (p palette) red(s string) string   { return p.wrap("31", s) }
func (p palette) green(s string) string { return p.wrap("32", s) }
func (p palette) bold(s string) string  { return p.wrap("1", s) }

// short renders a duration as a person reads it: 0.4s, 12.3s, 2m05s, 1h02m.
func short(d time.Duration) string {
	switch {
	case d < 0:
		return "0.0s"
	case d < time.Minute-50*time.Millisecond:
		return fmt.Sprintf("%.1fs", d.Seconds())
	case d < time.Hour-500*time.Millisecond:
		s := int(d.Round(time.Second).Seconds())
		return fmt.Sprintf("%dm%02ds", s/60, s%60)
	}
	m := int(d.Round(time.Minute).Minutes())
	return fmt.Sprintf("%dh%02dm", m/60, m%60)
}

func firstLine(s string) string {
	s = strings.TrimSpace(s)
	if i := strings.IndexByte(s, '\n'); i >= 0 {
		return strings.TrimSpace(s[:i])
	}
	return s
}

// cut shortens a line to width columns, not counting ANSI sequences. A cut
// line ends with an ellipsis and resets colours.
func cut(s string, width int) string {
	if width <= 0 || columns(s) <= width {
		return s
	}
	var b strings.Builder
	seen, colored := 0, false
	for i := 0; i < len(s); {
		if n := ansi(s[i:]); n > 0 {
			b.WriteString(s[i : i+n])
			i += n
			colored = true
			continue
		}
		if seen == width-1 {
			break
		}
		r, n := utf8.DecodeRuneInString(s[i:])
		b.WriteRune(r)
		i += n
		seen++
	}
	b.WriteString("…")
	if colored {
		b.WriteString("\x1b[0m")
	}
	return b.String()
}

func columns(s string) int {
	n := 0
	for i := 0; i < len(s); {
		if a := ansi(s[i:]); a > 0 {
			i += a
			continue
		}
		_, w := utf8.DecodeRuneInString(s[i:])
		i += w
		n++
	}
	return n
}

// ansi is the length of the colour sequence that s begins with, 0 for none.
func ansi(s string) int {
	if !strings.HasPrefix(s, "\x1b[") {
		return 0
	}
	if i := strings.IndexByte(s, 'm'); i > 0 {
		return i + 1
	}
	return 0
}
