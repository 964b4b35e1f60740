package reportv1

import (
	"fmt"
	"strings"
)

// SummaryMarkdown writes the summary for people: the verdict and the stacks
// first, then what no stack offers, then every check on every stack.
func SummaryMarkdown(d Summary) []byte {
	m := &page{}
	m.line("# %s: %s", text(d.Name), d.Verdict)
	m.line("")
	m.line("**%s** — %s.", headline(d.Verdict), text(d.Reason))
	m.line("")
	m.stacks(d)
	m.nowhere(d)
	m.across(d)
	m.again(d.Reproduce, "the reports of the stacks")
	return []byte(m.b.String())
}

func (m *page) stacks(d Summary) {
	m.line("## Stacks")
	m.line("")
	var rows [][]string
	for _, s := range d.Stacks {
		if s.Verdict == "" {
			what := "no report: " + text(s.Error)
			if s.Run != "" {
				what += " (in " + code(s.Run) + ")"
			}
			rows = append(rows, []string{text(s.Name), what, "", "", "", "", "", ""})
			continue
		}
		verdict := string(s.Verdict)
		if s.Error != "" {
			verdict += " (" + text(s.Error) + ")"
		}
		k := s.Counts
		rows = append(rows, []string{
			fmt.Sprintf("[%s](<%s>)", text(s.Name), s.Report), verdict,
			number(k.Passed), number(k.Failed), number(k.Undecided()), number(k.Unsupported), Clock(s.Seconds.Total), Gigabytes(s.StackBytes),
		})
	}
	k := d.Counts
	rows = append(rows, []string{"**all**", "**" + string(d.Verdict) + "**", number(k.Passed), number(k.Failed), number(k.Undecided()), number(k.Unsupported), "", ""})
	m.table([]string{"Stack", "Verdict", "Passed", "Failed", "Not decided", "Unsupported", "Took", "Memory at most"}, rows)
	for _, note := range d.Notes() {
		m.line("%s", text(note))
		m.line("")
	}
}

func (m *page) nowhere(d Summary) {
	var items []string
	for _, n := range d.Nowhere {
		items = append(items, n.ID+": "+n.Why())
	}
	m.list("Offered by none of these stacks, and so not tested", items)
}

func (m *page) across(d Summary) {
	m.line("## Checks")
	m.line("")
	head := []string{"Check"}
	for _, s := range d.Stacks {
		head = append(head, text(s.Name))
	}
	var rows [][]string
	for _, c := range d.Checks {
		row := []string{code(c.ID)}
		for _, s := range d.Stacks {
			cell := "not planned"
			if o, ok := c.Outcomes[s.Name]; ok {
				cell = mark(o) + " " + string(o)
			} else if s.Report == "" {
				cell = "no report"
			}
			row = append(row, cell)
		}
		rows = append(rows, row)
	}
	m.table(head, rows)
}

// Why says in one line why no stack could run the check; the stacks are named
// where they have different reasons.
func (n Nowhere) Why() string {
	if len(n.Because) == 1 {
		return n.Because[0].Reason
	}
	var parts []string
	for _, b := range n.Because {
		parts = append(parts, strings.Join(b.Stacks, ", ")+": "+b.Reason)
	}
	return strings.Join(parts, "; ")
}

// Notes say how the figures of the stacks are to be read.
func (d Summary) Notes() []string {
	var notes []string
	if d.SideBySide > 1 {
		notes = append(notes, fmt.Sprintf("Up to %d stacks went at the same time and shared the machine: their times cannot be compared with those of a stack that had it alone.", d.SideBySide))
	}
	var unknown []string
	for _, s := range d.Stacks {
		if s.Report == "" {
			unknown = append(unknown, s.Name)
		}
	}
	if len(unknown) > 0 {
		notes = append(notes, "What these stacks offer is not known, as they left no report: "+strings.Join(unknown, ", ")+".")
	}
	return notes
}

// Gigabytes writes an amount of memory as people read it.
func Gigabytes(n int64) string {
	if n == 0 {
		return "not measured"
	}
	return fmt.Sprintf("%.1f GB", float64(n)/1e9)
}
