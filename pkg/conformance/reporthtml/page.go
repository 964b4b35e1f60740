// Package reporthtml writes the report of a run as one page that needs nothing
// beside it: styles, script, charts, pictures and the evidence itself are in
// the file, within a bound. The same document and the same files give the same
// bytes. It reads evidence through fs.FS and must not know where that lies.
package reporthtml

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"fmt"
	"html/template"
	"io/fs"
	"strings"

	"github.com/airworthy/airworthy/pkg/conformance"
	"github.com/airworthy/airworthy/pkg/conformance/reportv1"
)

// MaxBytes bounds the page: browsers and artifact viewers still open that at once.
const MaxBytes = 8 << 20

// evidenceBytes is what the evidence may take of it; the rest is linked.
const evidenceBytes = 6 << 20

//go:embed page.html
var pageSource string

//go:embed style.css
var style string

//go:embed script.js
var script string

//go:embed shell.html
var shellSource string

// shellTemplate has what pages have in common.
var shellTemplate = template.Must(template.New("shell").Funcs(template.FuncMap{
	"clock": reportv1.Clock, "gigabytes": reportv1.Gigabytes, "safe": visible, "cut": cut, "line": firstLine,
	"headline": headline, "plural": plural, "mark": mark, "anchor": anchor, "colour": colour,
}).Parse(shellSource))

var pageTemplate = parsePage("page", pageSource)

func parsePage(name, source string) *template.Template {
	return template.Must(template.Must(shellTemplate.Clone()).New(name).Parse(source))
}

// shell is what the head of every page shows.
type shell struct {
	Title  string
	Policy string // nothing may be loaded, and no other script may run
	Style  template.CSS
	Script template.JS
}

// newShell makes the head of a page about name; images says what it may show of them.
func newShell(verdict conformance.Verdict, name, images string) shell {
	return shell{
		Title: headline(verdict) + ": " + name, Style: template.CSS(style), Script: template.JS(script),
		Policy: fmt.Sprintf("default-src 'none'; %sstyle-src %s; script-src %s; base-uri 'none'; form-action 'none'",
			images, digest(style), digest(script)),
	}
}

// Page writes the page of a run whose directory is run. Evidence that cannot
// be read, or finds no room, is said to be so where it would stand.
func Page(doc reportv1.Document, run fs.FS) ([]byte, error) {
	for _, room := range []int{evidenceBytes, 0} {
		var b bytes.Buffer
		if err := pageTemplate.Execute(&b, newPage(doc, run, room)); err != nil {
			return nil, fmt.Errorf("write report as a page: %w", err)
		}
		if b.Len() <= MaxBytes || room == 0 {
			return b.Bytes(), nil
		}
	}
	panic("unreachable")
}

// page is what the template shows.
type page struct {
	reportv1.Document
	shell
	Outcomes  []tally // those that occurred, the ones that need a look first
	Tested    []row
	Areas     []area
	Attention []reportv1.Check // neither passed nor left out on purpose
	Left      []reportv1.Check // unsupported or skipped
	Phases    template.HTML
	Setup     template.HTML
	Lanes     template.HTML
	Processes bool // whether the lanes are known to be processes
	Own       string
	Images    []image
	Files     []link
}

type tally struct {
	Outcome conformance.Outcome
	N       int
}

// row is one line of what was tested.
type row struct {
	Name, Value string
	Image       *image // that it ran from
	Warning     string
	Code        bool // the value is no prose
}

type image struct {
	reportv1.Image
	Published bool // whether it is the image published under its name
}

type area struct {
	reportv1.Area
	Shares template.HTML
	Checks []check
}

type check struct {
	reportv1.Check
	Open     bool // shown open from the start
	Evidence []item
}

type link struct{ Name, Href string }

// order is how outcomes are listed: what needs a look comes first.
var order = []conformance.Outcome{
	conformance.Failed, conformance.Contradictory, conformance.Blocked, conformance.Missing,
	conformance.Passed, conformance.Skipped, conformance.Unsupported,
}

func newPage(doc reportv1.Document, run fs.FS, room int) page {
	p := page{
		Document: doc, shell: newShell(doc.Verdict, doc.Run, "img-src data:; "), Own: reportv1.OwnUse(doc.Harness),
		Phases: phases(doc.Timings), Setup: setupChart(doc.Timings.Setup), Files: files(run),
	}
	p.Lanes, p.Processes = laneChart(doc.Checks)
	for _, img := range doc.Tested.Images {
		p.Images = append(p.Images, describe(img))
	}
	p.Tested = tested(doc)
	for _, o := range order {
		n := 0
		for _, c := range doc.Checks {
			if c.Outcome != o {
				continue
			}
			n++
			switch o {
			case conformance.Passed:
			case conformance.Skipped, conformance.Unsupported:
				p.Left = append(p.Left, c)
			default:
				p.Attention = append(p.Attention, c)
			}
		}
		if n > 0 {
			p.Outcomes = append(p.Outcomes, tally{o, n})
		}
	}
	shown := newReader(run, room).all(doc.Checks)
	for _, a := range doc.Areas {
		one := area{Area: a, Shares: shares(a.Counts)}
		for i, c := range doc.Checks {
			if name, _, _ := strings.Cut(c.ID, "."); name == a.Name {
				one.Checks = append(one.Checks, check{
					Check: c, Open: needsLook(c.Outcome) && len(c.Attempts) > 0, Evidence: shown[i],
				})
			}
		}
		p.Areas = append(p.Areas, one)
	}
	return p
}

// needsLook tells what neither passed nor was left out on purpose.
func needsLook(o conformance.Outcome) bool {
	return o != conformance.Passed && o != conformance.Skipped && o != conformance.Unsupported
}

// digest is how a content security policy names the one text it lets in.
func digest(text string) string {
	sum := sha256.Sum256([]byte(text))
	return "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
}

// describe says of an image whether it is the published one: only one that was
// pulled under its own name is.
func describe(img reportv1.Image) image { return image{img, img.Source == "pulled"} }

// tested lists what the verdict is about; what nobody knows is said to be unknown.
func tested(doc reportv1.Document) []row {
	t := doc.Tested
	from := func(name, value, ref string) row {
		r := row{Name: name, Value: value}
		for _, img := range t.Images {
			if ref != "" && img.Ref == ref {
				r.Image = new(describe(img))
			}
		}
		if ref != "" && r.Image == nil {
			r.Image = &image{Image: reportv1.Image{Ref: ref, Content: "of unknown origin"}}
		}
		return r
	}
	rows := []row{
		{Name: "Platform", Value: join(t.Platform.Adapter+" adapter", "chart "+t.Platform.Chart+" "+t.Platform.Version)},
		{Name: "Chart digest", Value: t.Platform.Digest, Code: t.Platform.Digest != ""},
		from("Airflow", cmp.Or(t.Airflow.Reported, t.Airflow.Asked), t.Airflow.Image),
		from("Kubernetes", join(t.Kubernetes.Version, t.Kubernetes.Kind, nodes(t.Kubernetes.Nodes)), t.Kubernetes.Image),
		from("Database", strings.TrimSpace(t.Database.Kind+" "+t.Database.Version), t.Database.Image),
		from("Object storage", strings.TrimSpace(t.ObjectStorage.Kind+" "+t.ObjectStorage.Version), t.ObjectStorage.Image),
		{Name: "Features claimed", Value: cmp.Or(strings.Join(t.Features, ", "), "none")},
		{Name: "Profile", Value: string(doc.Profile)},
	}
	if t.Platform.Adapter == "" && t.Platform.Chart == "" {
		rows[0].Value = ""
	}
	if t.Airflow.Reported != "" && t.Airflow.Reported != t.Airflow.Asked {
		rows[2].Warning = t.Airflow.Asked + " was asked for"
	}
	for i := range rows {
		rows[i].Value = cmp.Or(rows[i].Value, "unknown")
	}
	return rows
}

// join lists the parts that are known.
func join(parts ...string) string {
	var known []string
	for _, p := range parts {
		if p = strings.TrimSpace(p); p != "" {
			known = append(known, p)
		}
	}
	return strings.Join(known, ", ")
}

func nodes(n int) string {
	if n == 0 {
		return ""
	}
	return plural(n, "node")
}

func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

func headline(v conformance.Verdict) string {
	switch v {
	case conformance.Conformant:
		return "Conformant"
	case conformance.NotConformant:
		return "Not conformant"
	}
	return "Inconclusive"
}

// mark is the sign of an outcome beside its word; colour alone would not reach everyone.
func mark(o conformance.Outcome) string {
	switch o {
	case conformance.Passed:
		return "✓"
	case conformance.Failed:
		return "✕"
	case conformance.Skipped, conformance.Unsupported:
		return "–"
	}
	return "!"
}

// anchor is the id of a check's element.
func anchor(id string) string {
	return "check-" + strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || r == '.' || r == '_' {
			return r
		}
		return '-'
	}, id)
}
