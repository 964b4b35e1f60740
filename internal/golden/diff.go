package golden

import (
	"fmt"
	"strings"
)

const (
	around   = 2         // unchanged lines shown at each side of a change
	maxTable = 4_000_000 // cells of the comparison; beyond it everything between the first and the last change is shown
)

// line is one line of a diff: ' ', '-' or '+', with its number in the file it is of.
type line struct {
	sign   byte
	number int
	text   string
}

// Diff shows by lines how got differs from want, with the numbers of want's
// lines (of got's, for added ones). It is empty when they are equal.
func Diff(want, got string) string {
	if want == got {
		return ""
	}
	lines := compare(split(want), split(got))
	show := make([]bool, len(lines))
	for i, l := range lines {
		if l.sign != ' ' {
			for j := max(0, i-around); j <= min(len(lines)-1, i+around); j++ {
				show[j] = true
			}
		}
	}
	var out strings.Builder
	for i, l := range lines {
		switch {
		case show[i]:
			fmt.Fprintf(&out, "%c %4d | %s\n", l.sign, l.number, visible(l.text))
		case i == 0 || show[i-1]:
			out.WriteString("  ...\n")
		}
	}
	return out.String()
}

// split cuts s behind each line feed, so that a missing last one is a difference.
func split(s string) []string {
	lines := strings.SplitAfter(s, "\n")
	if last := len(lines) - 1; lines[last] == "" {
		lines = lines[:last]
	}
	return lines
}

// visible shows the characters at a line's end that differences hide in.
func visible(text string) string {
	body, ended := strings.CutSuffix(text, "\n")
	body = strings.ReplaceAll(body, "\r", "\\r")
	if trimmed := strings.TrimRight(body, " \t"); trimmed != body {
		body = trimmed + strings.NewReplacer(" ", "·", "\t", "\\t").Replace(body[len(trimmed):])
	}
	if !ended {
		body += " [no line feed at the end]"
	}
	return body
}

// compare aligns two texts by their longest common subsequence of lines.
func compare(a, b []string) []line {
	var lines []line
	head := 0
	for head < len(a) && head < len(b) && a[head] == b[head] {
		lines = append(lines, line{' ', head + 1, a[head]})
		head++
	}
	tail := 0
	for tail < len(a)-head && tail < len(b)-head && a[len(a)-1-tail] == b[len(b)-1-tail] {
		tail++
	}
	lines = append(lines, middle(a[head:len(a)-tail], b[head:len(b)-tail], head)...)
	for i := len(a) - tail; i < len(a); i++ {
		lines = append(lines, line{' ', i + 1, a[i]})
	}
	return lines
}

// middle aligns what is left between the common head and tail; offset is the
// number of lines before it.
func middle(a, b []string, offset int) []line {
	var lines []line
	common := table(a, b)
	i, j := 0, 0
	for i < len(a) || j < len(b) {
		switch {
		case i < len(a) && j < len(b) && common != nil && a[i] == b[j]:
			lines = append(lines, line{' ', offset + i + 1, a[i]})
			i, j = i+1, j+1
		case i < len(a) && (j == len(b) || common == nil || common[i+1][j] >= common[i][j+1]):
			lines = append(lines, line{'-', offset + i + 1, a[i]})
			i++
		default:
			lines = append(lines, line{'+', offset + j + 1, b[j]})
			j++
		}
	}
	return lines
}

// table holds the length of the longest common subsequence of a[i:] and b[j:];
// nil when it would be too large.
func table(a, b []string) [][]int {
	if (len(a)+1)*(len(b)+1) > maxTable {
		return nil
	}
	t := make([][]int, len(a)+1)
	for i := range t {
		t[i] = make([]int, len(b)+1)
	}
	for i := len(a) - 1; i >= 0; i-- {
		for j := len(b) - 1; j >= 0; j-- {
			if a[i] == b[j] {
				t[i][j] = t[i+1][j+1] + 1
			} else {
				t[i][j] = max(t[i+1][j], t[i][j+1])
			}
		}
	}
	return t
}
