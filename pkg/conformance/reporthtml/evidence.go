package reporthtml

import (
	"bytes"
	"cmp"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"html/template"
	"io"
	"io/fs"
	"net/url"
	"path"
	"slices"
	"strings"

	"github.com/airworthy/airworthy/pkg/conformance"
	"github.com/airworthy/airworthy/pkg/conformance/reportv1"
)

// Bounds of one check on the page, in bytes.
const (
	sharePassed = 512 << 10
	shareFailed = 2 << 20
)

// Bounds of one file, in bytes. What did not pass is shown at length.
const (
	shownPassed = 16 << 10
	shownFailed = 96 << 10
	shownImage  = 1 << 20
	readWhole   = 16 << 20 // a longer file is read at its ends alone
)

// item is one file of evidence.
type item struct {
	Name    string // below its attempt's folder
	Href    string
	Size    string
	Picture template.URL // the picture itself
	Plot    template.HTML
	Text    string
	Note    string // what of the file is not shown, and why
	Open    bool
}

// reader reads evidence until its room is used up.
type reader struct {
	run  fs.FS
	room int // bytes of the page that are left
}

func newReader(run fs.FS, room int) *reader { return &reader{run, room} }

// all reads the evidence of every check. What needs a look comes first, and no
// check may take more than its share: what comes last finds room too.
func (r *reader) all(checks []reportv1.Check) [][]item {
	shown := make([][]item, len(checks))
	turn := make([]int, len(checks))
	for i := range turn {
		turn[i] = i
	}
	slices.SortStableFunc(turn, func(a, b int) int {
		return cmp.Compare(slices.Index(order, checks[a].Outcome), slices.Index(order, checks[b].Outcome))
	})
	for _, i := range turn {
		share := sharePassed
		if needsLook(checks[i].Outcome) {
			share = shareFailed
		}
		share = min(share, r.room)
		own := reader{r.run, share}
		shown[i] = own.check(checks[i])
		r.room -= share - own.room
	}
	return shown
}

func (r *reader) check(c reportv1.Check) []item {
	var paths []string
	for _, p := range c.Evidence {
		paths = append(paths, r.below(p)...)
	}
	slices.SortStableFunc(paths, func(a, b string) int { return cmp.Compare(rank(a), rank(b)) })
	items := make([]item, 0, len(paths))
	for _, p := range paths {
		one := r.file(p, needsLook(c.Outcome))
		one.Name = strings.TrimPrefix(p, "checks/"+c.ID+"/")
		if len(c.Attempts) < 2 {
			one.Name = strings.TrimPrefix(one.Name, "attempt-1/")
		}
		items = append(items, one)
	}
	return items
}

// rank puts first what tells most at a glance.
func rank(p string) int {
	switch {
	case path.Base(p) == "timeline.txt":
		return 0
	case pictureType(p) != "", strings.HasPrefix(path.Base(p), conformance.PlotFact):
		return 1
	}
	return 2
}

// below lists the files of a folder: an attempt that was cut short left its
// folder as evidence. Anything else stands for itself.
func (r *reader) below(p string) []string {
	if !fs.ValidPath(p) {
		return []string{p}
	}
	if info, err := fs.Stat(r.run, p); err != nil || !info.IsDir() {
		return []string{p}
	}
	var files []string
	err := fs.WalkDir(r.run, p, func(at string, entry fs.DirEntry, err error) error {
		if err == nil && entry.Type().IsRegular() {
			files = append(files, at)
		}
		return err
	})
	if err != nil || len(files) == 0 {
		return []string{p}
	}
	return files
}

func (r *reader) file(p string, failed bool) item {
	one := item{Href: href(p), Open: failed && rank(p) < 2}
	if !fs.ValidPath(p) {
		return item{Note: "is not a path below the run directory"}
	}
	data, size, err := read(r.run, p)
	if err != nil {
		one.Note = "cannot be read: " + reason(err)
		return one
	}
	one.Size = bytesText(size)
	if kind := pictureType(p); kind != "" {
		return r.picture(one, kind, data, size)
	}
	if bytes.IndexByte(data[:min(len(data), 512)], 0) >= 0 {
		one.Note = "is not a text"
		return one
	}
	limit := shownPassed
	if failed {
		limit = shownFailed
	}
	if plot := plotOf(p, data); plot != "" && len(plot) <= r.room {
		r.room -= len(plot)
		one.Plot, one.Open, one.Note = plot, true, "drawn, the file has every value"
		return one
	}
	text, lines := string(data), false
	if int64(len(data)) == size {
		text, lines = taskLog(data)
	}
	shown, left := excerpt(text, limit)
	shown = visible(shown)
	cost := len(template.HTMLEscapeString(shown))
	if cost > r.room {
		one.Note = "found no room on this page"
		return one
	}
	r.room -= cost
	one.Text = shown
	var notes []string
	if lines {
		notes = append(notes, "shown as lines, the file has more fields")
	}
	if hidden := size - int64(len(data)); left+int(hidden) > 0 {
		notes = append(notes, bytesText(int64(left)+hidden)+" in the middle left out")
	}
	if len(data) == 0 {
		notes = append(notes, "empty")
	}
	one.Note = strings.Join(notes, "; ")
	return one
}

func (r *reader) picture(one item, kind string, data []byte, size int64) item {
	cost := base64.StdEncoding.EncodedLen(len(data))
	switch {
	case int64(len(data)) != size || len(data) > shownImage:
		one.Note = "is too large for this page"
	case !looksLike(kind, data):
		one.Note = "is not the picture that its name says"
	case cost > r.room:
		one.Note = "found no room on this page"
	default:
		r.room -= cost
		one.Picture = template.URL("data:" + kind + ";base64," + base64.StdEncoding.EncodeToString(data))
	}
	return one
}

// read returns a file, or both ends of a long one, and its size.
func read(run fs.FS, p string) (data []byte, size int64, err error) {
	file, err := run.Open(p)
	if err != nil {
		return nil, 0, err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return nil, 0, err
	}
	if !info.Mode().IsRegular() {
		return nil, 0, errors.New("not a regular file")
	}
	if info.Size() <= readWhole {
		data, err = io.ReadAll(io.LimitReader(file, readWhole))
		return data, int64(len(data)), err
	}
	head := make([]byte, shownFailed)
	if _, err := io.ReadFull(file, head); err != nil {
		return nil, 0, err
	}
	seeker, ok := file.(io.Seeker)
	if !ok {
		return head, info.Size(), nil
	}
	if _, err := seeker.Seek(-shownFailed, io.SeekEnd); err != nil {
		return nil, 0, err
	}
	tail, err := io.ReadAll(io.LimitReader(file, shownFailed))
	return append(head, tail...), info.Size(), err
}

// reason is an error without the operation and the path, which stand beside it.
func reason(err error) string {
	var at *fs.PathError
	if errors.As(err, &at) {
		return at.Err.Error()
	}
	return err.Error()
}

var pictures = map[string]struct{ kind, begins string }{
	".png":  {"image/png", "\x89PNG\r\n\x1a\n"},
	".jpg":  {"image/jpeg", "\xff\xd8\xff"},
	".jpeg": {"image/jpeg", "\xff\xd8\xff"},
	".svg":  {"image/svg+xml", "<"}, // within an img element its scripts do not run
}

func pictureType(p string) string { return pictures[strings.ToLower(path.Ext(p))].kind }

func looksLike(kind string, data []byte) bool {
	for _, p := range pictures {
		if p.kind == kind {
			return bytes.HasPrefix(bytes.TrimSpace(data), []byte(p.begins))
		}
	}
	return false
}

// taskLog shows a task log, as Airflow's API returns it, as lines; false and
// the text itself when it is none.
func taskLog(data []byte) (string, bool) {
	if !bytes.HasPrefix(data, []byte(`{"content":[`)) {
		return string(data), false
	}
	var log struct {
		Content []struct {
			Timestamp string          `json:"timestamp"`
			Level     string          `json:"level"`
			Event     *string         `json:"event"`
			Error     json.RawMessage `json:"error_detail"`
		} `json:"content"`
	}
	if json.Unmarshal(data, &log) != nil {
		return string(data), false
	}
	var b strings.Builder
	for _, entry := range log.Content {
		if entry.Event == nil {
			return string(data), false
		}
		for _, s := range []string{entry.Timestamp, entry.Level} {
			if s != "" {
				b.WriteString(s + " ")
			}
		}
		b.WriteString(*entry.Event + "\n")
		if len(entry.Error) > 0 && string(entry.Error) != "null" {
			fmt.Fprintf(&b, "    %s\n", entry.Error)
		}
	}
	return b.String(), true
}

// files links what the run directory holds beside evidence, where it is there.
func files(run fs.FS) []link {
	var links []link
	for _, name := range []string{
		"report.md", "report.yaml", "junit.xml", "run.json", "plan.json", "facts.json", "setup/images.json", "setup/timeline.json",
		"setup/suite-1.log", "setup/values", "setup/manifests", "cluster/logs", "cluster/events", "cluster/objects", "SHA256SUMS",
	} {
		switch _, err := fs.Stat(run, name); {
		case err == nil, slices.Contains(written, name):
			links = append(links, link{name, href(name)})
		}
	}
	return links
}

// written are the files that come into being with the page: whether they are
// there already must make no difference.
var written = []string{"report.md", "report.yaml", "junit.xml", "facts.json", "SHA256SUMS"}

// href is a path as a relative reference: it can name no scheme and no host.
func href(p string) string { return "./" + (&url.URL{Path: p}).EscapedPath() }
