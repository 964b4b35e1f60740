package reporthtml

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"io/fs"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/airworthy/airworthy/internal/golden"
	"github.com/airworthy/airworthy/pkg/conformance"
	"github.com/airworthy/airworthy/pkg/conformance/reportv1"
)

// document is one of the reports that reportv1 is tested with.
func document(t *testing.T, name string) reportv1.Document {
	t.Helper()
	data, err := os.ReadFile("../reportv1/testdata/" + name + "/report.yaml")
	if err != nil {
		t.Fatal(err)
	}
	doc, err := reportv1.Unmarshal(data)
	if err != nil {
		t.Fatal(err)
	}
	for i, c := range doc.Checks {
		if c.Outcome == conformance.Failed {
			const at = "checks/executor.xcom/attempt-1/"
			doc.Checks[i].Evidence = append(c.Evidence, at+"facts/plot-e.json", at+"pictures/f.png")
		}
	}
	return doc
}

const png = "\x89PNG\r\n\x1a\nnot much of a picture"

// directory is a run directory with evidence of every kind, of the check that
// failed in the mixed report.
func directory() fstest.MapFS {
	const at = "checks/executor.xcom/attempt-1/"
	return fstest.MapFS{
		at + "logs/a.log":        {Data: []byte("a <b> & \x1b[31mred\x1b[0m \x00\u202e\n")},
		at + "logs/b.log":        {Data: []byte(`{"content":[{"event":"::group::"},{"timestamp":"2026-01-02T03:04:05Z","level":"error","event":"it broke","error_detail":[{"exc_type":"E"}],"lineno":7}],"continuation_token":null}`)},
		at + "facts/plot-e.json": {Data: []byte(`{"title":"t","lines":[{"name":"a","points":[{"at":"2026-01-02T03:04:05Z","value":1}]}]}`)},
		at + "pictures/f.png":    {Data: []byte(png)},
		at + "logs/d.log":        {Data: []byte{0, 1, 2}},
		"run.json":               {Data: []byte("{}")},
		"cluster/logs/x":         {Data: []byte("x")},
	}
}

func make1(t *testing.T, doc reportv1.Document, run fs.FS) string {
	t.Helper()
	data, err := Page(doc, run)
	if err != nil {
		t.Fatal(err)
	}
	again, err := Page(doc, run)
	if err != nil || !bytes.Equal(data, again) {
		t.Errorf("made again it differs: %v", err)
	}
	return string(data)
}

// bare is the page without what style.css and script.js say in full.
func bare(t *testing.T, page string) string {
	t.Helper()
	for what, full := range map[string]string{"style": style, "script": script} {
		if !strings.Contains(page, "<"+what+">"+full+"</"+what+">") {
			t.Fatalf("the page does not hold the %s as it is: the policy would keep it out", what)
		}
		page = strings.Replace(page, full, "", 1)
		page = strings.Replace(page, strings.ReplaceAll(digest(full), "'", "&#39;"), what, 1)
		page = strings.Replace(page, strings.NewReplacer("'", "&#39;", "+", "&#43;").Replace(digest(full)), what, 1)
	}
	return page
}

func TestPage(t *testing.T) {
	for _, name := range []string{"conformant", "mixed", "empty"} {
		t.Run(name, func(t *testing.T) {
			page := make1(t, document(t, name), directory())
			golden.Equal(t, "testdata/"+name+".html", []byte(bare(t, page)))
			inspect(t, bare(t, page))
		})
	}
}

// inspect reads every element of a page and complains of each that would load
// something, or run a script that is not the page's own. It returns how often
// each element occurs.
func inspect(t *testing.T, page string) map[string]int {
	t.Helper()
	count := map[string]int{}
	decoder := xml.NewDecoder(strings.NewReader(page))
	decoder.Strict, decoder.AutoClose, decoder.Entity = false, xml.HTMLAutoClose, xml.HTMLEntity
	for {
		token, err := decoder.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatalf("the page is not well formed: %v", err)
		}
		element, ok := token.(xml.StartElement)
		if !ok {
			continue
		}
		name := strings.ToLower(element.Name.Local)
		count[name]++
		if slices.Contains([]string{"link", "iframe", "object", "embed", "base", "form", "video", "audio", "source"}, name) {
			t.Errorf("the page has an element %s", name)
		}
		for _, a := range element.Attr {
			attribute := strings.ToLower(a.Name.Local)
			local := strings.HasPrefix(a.Value, "#") || strings.HasPrefix(a.Value, "./") ||
				name == "img" && strings.HasPrefix(a.Value, "data:image/")
			switch {
			case strings.HasPrefix(attribute, "on"), attribute == "style", attribute == "srcset":
				t.Errorf("%s has %s=%q", name, attribute, a.Value)
			case slices.Contains([]string{"src", "href", "action", "formaction", "data", "poster", "background"}, attribute) && !local:
				t.Errorf("%s has %s=%q, which is not in the page or beside it", name, attribute, a.Value)
			}
		}
	}
	if count["script"] != 1 || count["style"] != 1 {
		t.Errorf("the page has %d scripts and %d styles", count["script"], count["style"])
	}
	return count
}

func TestStyleAndScriptLoadNothing(t *testing.T) {
	for name, text := range map[string]string{"style.css": style, "script.js": script, "page.html": pageSource} {
		for _, word := range []string{"http:", "https:", "//", "url(", "@import", "fetch(", "XMLHttpRequest", "import(", "eval(", "innerHTML"} {
			for line := range strings.Lines(text) {
				if strings.Contains(line, word) && !strings.HasPrefix(strings.TrimSpace(line), "// ") {
					t.Errorf("%s has %s: %s", name, word, strings.TrimSpace(line))
				}
			}
		}
	}
}

// hostile tries to leave every context that the page puts texts into.
const hostile = `"'></pre></title></style></script><script>alert(1)</script><img src=x onerror=alert(1)><a href="https://example.com/{{.}}">` + "\u202e\x00`${alert(1)}"

// poison replaces every string of a value, whatever its type.
func poison(v reflect.Value) {
	switch v.Kind() {
	case reflect.String:
		v.SetString(hostile)
	case reflect.Struct:
		for i := range v.NumField() {
			poison(v.Field(i))
		}
	case reflect.Slice:
		for i := range v.Len() {
			poison(v.Index(i))
		}
	}
}

func TestHostileTextsStayTexts(t *testing.T) {
	clean := inspect(t, bare(t, make1(t, document(t, "mixed"), directory())))
	doc := document(t, "mixed")
	poison(reflect.ValueOf(&doc).Elem())
	run := fstest.MapFS{}
	for i := range doc.Checks {
		doc.Checks[i].ID = "area." + hostile
		doc.Checks[i].Evidence = []string{"checks/" + hostile, "javascript:alert(1)", "//example.com/x.png", "../../etc/passwd", "evil.png", "evil.svg"}
	}
	for i := range doc.Areas {
		doc.Areas[i].Name = "area"
	}
	for _, name := range []string{"checks/x", "javascript:alert(1)", "evil.png"} {
		run[name] = &fstest.MapFile{Data: []byte(hostile)}
	}
	run["evil.svg"] = &fstest.MapFile{Data: []byte("<svg onload='alert(1)'><script>alert(1)</script></svg>")}
	page := bare(t, make1(t, doc, run))
	count := inspect(t, page)
	if count["h1"] != clean["h1"] || count["title"] < clean["title"] || count["pre"] == 0 {
		t.Errorf("elements are %v, and of the clean page %v", count, clean)
	}
	if strings.Contains(page, "<script>alert") || strings.Contains(page, "root:") {
		t.Error("a hostile text or a file from elsewhere reached the page")
	}
}

func TestEvidenceFindsItsBounds(t *testing.T) {
	doc, run := document(t, "mixed"), fstest.MapFS{}
	wide := bytes.Repeat([]byte("<&>\"'\n"), 20_000)
	for i := range doc.Checks {
		doc.Checks[i].Evidence = nil
		for n := range 12 {
			name := "checks/" + doc.Checks[i].ID + "/attempt-1/logs/" + string(rune('a'+n)) + ".log"
			doc.Checks[i].Evidence = append(doc.Checks[i].Evidence, name)
			run[name] = &fstest.MapFile{Data: wide}
		}
	}
	data, err := Page(doc, run)
	if err != nil || len(data) > MaxBytes || len(data) < evidenceBytes/2 {
		t.Errorf("the page has %d bytes, %v", len(data), err)
	}
	shown := newReader(run, evidenceBytes).all(doc.Checks)
	for i, c := range doc.Checks {
		first, last := shown[i][0], shown[i][11]
		if c.Outcome == conformance.Failed && first.Text == "" || last.Note != "found no room on this page" {
			t.Errorf("%s is %s: its first evidence says %q, its last %q", c.ID, c.Outcome, first.Note, last.Note)
		}
	}
}

func TestWithoutRoomThePageIsStillBounded(t *testing.T) {
	doc := document(t, "mixed")
	for i := range doc.Checks {
		doc.Checks[i].Reason = strings.Repeat("<", 2<<20)
	}
	doc.Problems = []string{strings.Repeat("&", 2<<20)}
	if page := make1(t, doc, fstest.MapFS{}); len(page) > MaxBytes {
		t.Errorf("the page has %d bytes", len(page))
	}
}
