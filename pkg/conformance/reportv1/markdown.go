package reportv1

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/airworthy/airworthy/pkg/conformance"
)

// shownEvidence is how many paths are listed for a check; the rest is counted.
const shownEvidence = 8

// Markdown writes the document for people: the verdict first, then what did
// not pass with reason and evidence, then what was tested and all the rest.
func Markdown(d Document) []byte {
	m := &page{}
	m.line("# %s: %s", text(d.Run), d.Verdict)
	m.line("")
	m.line("**%s** — %s.", headline(d.Verdict), text(strings.TrimSuffix(d.Reason, ".")))
	m.line("")
	m.tested(d)
	m.list("Problems outside the checks", d.Problems)
	m.list("What does not fit together", d.Errors)
	m.checks(d, "Failed", conformance.Failed)
	m.checks(d, "Not decided", conformance.Contradictory, conformance.Blocked, conformance.Missing, conformance.Skipped)
	m.areas(d)
	m.all(d)
	m.unsupported(d)
	m.images(d)
	m.timings(d)
	m.again(d.Reproduce, "the files beside it")
	return []byte(m.b.String())
}

// again ends a report: how to have it once more, and who made it from what.
func (m *page) again(r Reproduce, from string) {
	if r.Command != "" {
		m.line("## How to reproduce")
		m.line("")
		m.line("```sh")
		m.line("%s", r.Command)
		m.line("```")
		m.line("")
	}
	m.line("Made by airworthy %s from %s: `airworthy verify` makes it again.", text(cmp.Or(r.Airworthy, "of an unknown version")), from)
}

func headline(v conformance.Verdict) string {
	switch v {
	case conformance.Conformant:
		return "✅ Conformant"
	case conformance.NotConformant:
		return "❌ Not conformant"
	}
	return "⚠️ Inconclusive"
}

type page struct{ b strings.Builder }

func (m *page) line(format string, args ...any) {
	fmt.Fprintf(&m.b, format, args...)
	m.b.WriteByte('\n')
}

// table writes a table; every cell is Markdown already.
func (m *page) table(head []string, rows [][]string) {
	m.line("| %s |", strings.Join(head, " | "))
	m.line("|%s", strings.Repeat(" --- |", len(head)))
	for _, row := range rows {
		m.line("| %s |", strings.Join(row, " | "))
	}
	m.line("")
}

func (m *page) tested(d Document) {
	t := d.Tested
	rows := [][]string{
		{"Platform", listed(suffixed(text(t.Platform.Adapter), " adapter"), prefixed("chart ", strings.TrimSpace(text(t.Platform.Chart)+" "+text(t.Platform.Version))))},
		{"Chart digest", code(t.Platform.Digest)},
		{"Airflow", version(cmp.Or(t.Airflow.Reported, t.Airflow.Asked), t.Airflow.Image, t.Images)},
		{"Kubernetes", listed(version(t.Kubernetes.Version, t.Kubernetes.Image, t.Images), text(t.Kubernetes.Kind), nodes(t.Kubernetes.Nodes))},
		{"Database", text(t.Database.Kind) + " " + version(t.Database.Version, t.Database.Image, t.Images)},
		{"Object storage", text(t.ObjectStorage.Kind) + " " + version(t.ObjectStorage.Version, t.ObjectStorage.Image, t.Images)},
		{"Features claimed", text(cmp.Or(strings.Join(t.Features, ", "), "none"))},
		{"Profile", text(string(d.Profile))},
		{"Run", listed(prefixed("from ", d.Timings.Started), prefixed("to ", d.Timings.Ended), Clock(d.Timings.Seconds.Total))},
	}
	if t.Airflow.Reported != "" && t.Airflow.Reported != t.Airflow.Asked {
		rows[2][1] += fmt.Sprintf(" (**%s was asked for**)", text(t.Airflow.Asked))
	}
	for i := range rows {
		rows[i][1] = cmp.Or(strings.TrimSpace(rows[i][1]), "unknown")
	}
	m.table([]string{"Tested", ""}, rows)
}

// listed joins the parts that are known.
func listed(parts ...string) string {
	return strings.Join(slices.DeleteFunc(parts, func(p string) bool { return p == "" }), ", ")
}

func prefixed(before, s string) string {
	if s == "" {
		return ""
	}
	return before + s
}

func suffixed(s, after string) string {
	if s == "" {
		return ""
	}
	return s + after
}

// nodes counts the nodes; none means that nobody knows.
func nodes(n int) string {
	switch n {
	case 0:
		return ""
	case 1:
		return "1 node"
	}
	return fmt.Sprintf("%d nodes", n)
}

// version gives a version with the image that it ran from, and what that was.
func version(v, ref string, images []Image) string {
	if ref == "" {
		return text(v)
	}
	for _, img := range images {
		if img.Ref == ref {
			return strings.TrimSpace(fmt.Sprintf("%s (%s: %s)", text(v), code(ref), img.Content))
		}
	}
	return strings.TrimSpace(fmt.Sprintf("%s (%s: of unknown origin)", text(v), code(ref)))
}

func (m *page) list(title string, items []string) {
	if len(items) == 0 {
		return
	}
	m.line("## %s", title)
	m.line("")
	for _, item := range items {
		m.line("- %s", text(item))
	}
	m.line("")
}

// checks describes each check of these outcomes, in this order.
func (m *page) checks(d Document, title string, outcomes ...conformance.Outcome) {
	first := true
	for _, o := range outcomes {
		for _, c := range d.Checks {
			if c.Outcome != o {
				continue
			}
			if first {
				m.line("## %s", title)
				m.line("")
				first = false
			}
			m.check(c)
		}
	}
}

func (m *page) check(c Check) {
	m.line("### %s %s", mark(c.Outcome), code(c.ID))
	m.line("")
	m.line("The platform %s: **%s**", text(c.Title), c.Outcome)
	m.line("")
	for line := range strings.Lines(c.Reason) {
		m.line("> %s  ", text(strings.TrimRight(line, "\n")))
	}
	m.line("")
	m.line("%s", text(c.Why))
	m.line("")
	for i, e := range c.Evidence {
		if i == shownEvidence {
			m.line("- and %d more beside them", len(c.Evidence)-i)
			break
		}
		m.line("- [%s](<%s>)", text(e), strings.NewReplacer("<", "%3C", ">", "%3E", "\n", "%0A").Replace(e))
	}
	if len(c.Evidence) > 0 {
		m.line("")
	}
}

func (m *page) areas(d Document) {
	m.line("## Areas")
	m.line("")
	var rows [][]string
	for _, a := range d.Areas {
		k := a.Counts
		rows = append(rows, []string{
			text(a.Name), cmp.Or(string(a.Verdict), "–"), number(k.Passed), number(k.Failed),
			number(k.Undecided()), number(k.Unsupported),
		})
	}
	k := d.Counts
	rows = append(rows, []string{
		"**all**", "**" + string(d.Verdict) + "**", number(k.Passed), number(k.Failed),
		number(k.Undecided()), number(k.Unsupported),
	})
	m.table([]string{"Area", "Verdict", "Passed", "Failed", "Not decided", "Unsupported"}, rows)
}

func (m *page) all(d Document) {
	m.line("## Checks")
	m.line("")
	var rows [][]string
	for _, c := range d.Checks {
		rows = append(rows, []string{
			mark(c.Outcome) + " " + string(c.Outcome), code(c.ID), text(c.Title), text(string(c.Level)),
			number(len(c.Attempts)), fmt.Sprintf("%.1f s", c.Seconds),
		})
	}
	m.table([]string{"Outcome", "Check", "The platform", "Level", "Attempts", "Time"}, rows)
}

func (m *page) unsupported(d Document) {
	var items []string
	for _, c := range d.Checks {
		if c.Outcome == conformance.Unsupported {
			items = append(items, c.ID+": "+c.Reason)
		}
	}
	m.list("Not supported here, and so not tested", items)
	items = nil
	for _, a := range d.Tested.NotOffered {
		items = append(items, a.Feature+": "+a.Because)
	}
	m.list("Features not offered", items)
}

func (m *page) images(d Document) {
	m.line("## Images")
	m.line("")
	var rows [][]string
	for _, img := range d.Tested.Images {
		digest := code(img.Digest)
		if img.Digest == "" && img.ID != "" {
			digest = "image id " + code(img.ID)
		}
		rows = append(rows, []string{code(img.Ref), text(img.Role), text(img.Content), digest, text(img.From)})
	}
	m.table([]string{"Image", "Role", "What it is", "Digest", "From"}, rows)
}

func (m *page) timings(d Document) {
	m.line("## Times")
	m.line("")
	var rows [][]string
	for _, s := range d.Timings.Setup {
		row := []string{"set-up: " + text(s.Name), Clock(s.Offset), Clock(s.Seconds)}
		if s.Error != "" {
			row[0] += " ❌ " + text(s.Error)
		}
		rows = append(rows, row)
	}
	t := d.Timings.Seconds
	rows = append(rows,
		[]string{"**set-up**", "", Clock(t.Setup)},
		[]string{"**checks**", "", Clock(t.Checks)},
		[]string{"**clean-up**", "", Clock(t.Cleanup)},
		[]string{"**total**", "", Clock(t.Total)})
	m.table([]string{"Part", "Began after", "Took"}, rows)
	m.line("%s", OwnUse(d.Harness))
	m.line("")
}

// OwnUse says what airworthy itself used.
func OwnUse(r Resources) string {
	if r.MaxRSSBytes == 0 && r.CPUSeconds == 0 {
		return "What airworthy itself used was not measured."
	}
	share := ""
	if r.CPUShare != nil {
		share = fmt.Sprintf(", %.1f%% of the run's", *r.CPUShare*100)
	}
	own := fmt.Sprintf("airworthy itself used %.0f MB of memory at most and %.1f s of CPU%s.",
		float64(r.MaxRSSBytes)/1e6, r.CPUSeconds, share)
	if r.ProgramBytes > 0 {
		own += fmt.Sprintf(" Programs that it started, such as a browser, used %.0f MB at most", float64(r.ProgramBytes)/1e6)
		if r.ProgramCPUSeconds > 0 {
			own += fmt.Sprintf(" and %.1f s of CPU", r.ProgramCPUSeconds)
		}
		own += "."
	}
	if r.StackBytes > 0 {
		own += fmt.Sprintf(" The containers of the stack took %s together at most.", Gigabytes(r.StackBytes))
	}
	return own
}

func mark(o conformance.Outcome) string {
	switch o {
	case conformance.Passed:
		return "✅"
	case conformance.Failed:
		return "❌"
	case conformance.Unsupported:
		return "➖"
	}
	return "⚠️"
}

var escaper = strings.NewReplacer(
	`\`, `\\`, "|", `\|`, "*", `\*`, "_", `\_`, "`", "\\`", "<", "&lt;", ">", "&gt;", "[", `\[`, "]", `\]`,
	"\r", "", "\n", " ", "\t", " ")

// text escapes s to one line that Markdown shows as it is.
func text(s string) string { return escaper.Replace(s) }

// code shows s as code on one line; a bar would end a table's cell even there.
func code(s string) string {
	if s == "" {
		return ""
	}
	return "`" + strings.NewReplacer("`", "'", "|", `\|`, "\r", "", "\n", " ").Replace(s) + "`"
}

func number(n int) string { return fmt.Sprint(n) }

// Clock writes seconds as people read them.
func Clock(s float64) string {
	if s < 120 {
		return fmt.Sprintf("%.1f s", s)
	}
	whole := int(s + 0.5)
	return fmt.Sprintf("%d min %02d s", whole/60, whole%60)
}
