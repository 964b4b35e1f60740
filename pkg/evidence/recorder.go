package evidence

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Record is what one attempt at a check left behind, as result.json holds it.
// It is the file's form of conformance.Record, which this package does not know.
type Record struct {
	Check    string        `json:"check"`
	Attempt  int           `json:"attempt"` // from 1
	Outcome  string        `json:"outcome"`
	Reason   string        `json:"reason,omitempty"`
	Started  time.Time     `json:"started"`
	Took     time.Duration `json:"took"`               // nanoseconds
	Process  int           `json:"process,omitempty"`  // which of the parallel processes ran it, from 1; 0 when not known
	Evidence []string      `json:"evidence,omitempty"` // paths relative to the run directory
}

// Recorder writes the evidence of one attempt at a check, and at last its
// result. It is safe for concurrent use. What goes wrong while evidence is
// written is kept and returned by Finish, so that a check reads as what it does.
type Recorder struct {
	dir     *Dir
	check   string
	attempt int
	at      File
	started time.Time

	mu       sync.Mutex
	logs     []io.Closer
	steps    []step
	errs     []error
	finished bool
}

// step is one line of the timeline.
type step struct {
	at   time.Time
	line string
}

// Begin starts an attempt, from 1, at a check; 0 takes the next free number.
// An attempt that was begun before, by whichever process, is refused: two
// results of one attempt would contradict each other.
func (d *Dir) Begin(check string, attempt int) (*Recorder, error) {
	if attempt < 0 || clean(check) != check {
		return nil, fmt.Errorf("begin check %q, attempt %d: not a check's id with an attempt from 1", check, attempt)
	}
	next := attempt == 0
	if next {
		attempt = 1
	}
	if err := os.MkdirAll(filepath.Join(d.path, checksDir, check), 0o755); err != nil {
		return nil, fmt.Errorf("begin check %s: %w", check, err)
	}
	err := os.Mkdir(d.Abs(AttemptDir(check, attempt)), 0o755)
	for next && errors.Is(err, fs.ErrExist) {
		attempt++
		err = os.Mkdir(d.Abs(AttemptDir(check, attempt)), 0o755)
	}
	if err != nil {
		return nil, fmt.Errorf("begin check %s, attempt %d: %w", check, attempt, err)
	}
	r := &Recorder{dir: d, check: check, attempt: attempt, at: AttemptDir(check, attempt), started: time.Now().UTC()}
	r.Step("begin " + check)
	return r, nil
}

// Attempt is the number of the attempt, from 1.
func (r *Recorder) Attempt() int { return r.attempt }

// Folder is where the attempt's evidence lies below the run directory.
func (r *Recorder) Folder() File { return r.at }

// Started is when the attempt began.
func (r *Recorder) Started() time.Time { return r.started }

// Step adds one line to the attempt's timeline, with the time and the seconds
// since Begin.
func (r *Recorder) Step(text string) { r.StepAt(time.Now(), text) }

// StepAt adds a line about what happened at a time, for what is told afterwards.
func (r *Recorder) StepAt(at time.Time, text string) {
	text = strings.ReplaceAll(strings.TrimSpace(text), "\n", "\n    ")
	line := fmt.Sprintf("%s %8.3fs %s\n", at.UTC().Format("15:04:05.000"), at.Sub(r.started).Seconds(), text)
	r.mu.Lock()
	r.steps = append(r.steps, step{at, line})
	r.mu.Unlock()
	r.keep(r.dir.Append(r.timeline(), line))
}

func (r *Recorder) timeline() File { return r.at + "/timeline.txt" }

// order puts what was told afterwards into the place of its time.
func (r *Recorder) order() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	earlier := func(a, b step) int { return a.at.Compare(b.at) }
	if slices.IsSortedFunc(r.steps, earlier) {
		return nil
	}
	slices.SortStableFunc(r.steps, earlier)
	var lines strings.Builder
	for _, s := range r.steps {
		lines.WriteString(s.line)
	}
	return r.dir.WriteFile(r.timeline(), []byte(lines.String()))
}

// Fact writes value as facts/NAME.json. A later fact of the same name replaces it.
func (r *Recorder) Fact(name string, value any) {
	r.keep(r.dir.WriteJSON(r.at+"/facts/"+File(clean(name))+".json", value))
}

// Log opens logs/NAME.log, which Finish closes when it is still open. It is
// never nil: what cannot be opened takes text without keeping it, and Finish says so.
func (r *Recorder) Log(name string) io.WriteCloser {
	log, err := r.dir.Log(r.at + "/logs/" + File(clean(strings.TrimSuffix(name, ".log"))) + ".log")
	if err != nil {
		r.keep(err)
		return discard{}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.logs = append(r.logs, log)
	return log
}

// Picture writes a PNG as pictures/NAME.png. It is no text: secrets on it are
// for its maker to keep off.
func (r *Recorder) Picture(name string, png []byte) {
	if !bytes.HasPrefix(png, []byte("\x89PNG\r\n\x1a\n")) {
		r.keep(fmt.Errorf("picture %s is no PNG", name))
		return
	}
	r.keep(r.dir.WriteDerived(r.at+"/pictures/"+File(clean(name))+".png", png))
}

// WaitsLog is the log to which a check writes what it waits for, as it begins to.
const WaitsLog = "waits"

// Finish closes the logs and writes the result, last and at once: an attempt
// without a result was interrupted. Check and Attempt are the recorder's;
// Started, Took and Evidence are filled in where rec leaves them empty, the
// latter with every file of the attempt. The error holds everything that could
// not be written since Begin; the result itself may stand all the same.
func (r *Recorder) Finish(rec Record) error {
	r.mu.Lock()
	if r.finished {
		r.mu.Unlock()
		return fmt.Errorf("finish check %s, attempt %d: it is finished already", r.check, r.attempt)
	}
	if rec.Outcome == "" {
		r.mu.Unlock()
		return fmt.Errorf("finish check %s, attempt %d: the outcome is empty", r.check, r.attempt)
	}
	r.finished = true
	for _, log := range r.logs {
		r.errs = append(r.errs, log.Close())
	}
	r.mu.Unlock()
	r.Step(strings.TrimSpace(rec.Outcome + " " + rec.Reason))
	r.keep(r.order())

	rec.Check, rec.Attempt = r.check, r.attempt
	if rec.Started.IsZero() {
		rec.Started = r.started
	}
	rec.Started = rec.Started.UTC()
	if rec.Took == 0 {
		rec.Took = time.Since(r.started)
	}
	files, err := r.files()
	r.keep(err)
	rec.Evidence = slices.Compact(slices.Sorted(slices.Values(append(files, rec.Evidence...))))
	r.keep(r.dir.WriteJSON(r.at+"/"+resultFile, rec))
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := errors.Join(r.errs...); err != nil {
		return fmt.Errorf("record check %s, attempt %d: %w", r.check, r.attempt, err)
	}
	return nil
}

// files lists what the attempt wrote, relative to the run directory.
func (r *Recorder) files() ([]string, error) {
	var files []string
	root := r.dir.Abs(r.at)
	err := filepath.WalkDir(root, func(p string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		rel, err := filepath.Rel(root, p)
		files = append(files, path.Join(string(r.at), filepath.ToSlash(rel)))
		return err
	})
	return files, err
}

func (r *Recorder) keep(err error) {
	if err == nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.errs = append(r.errs, err)
}

type discard struct{}

func (discard) Write(p []byte) (int, error) { return len(p), nil }
func (discard) Close() error                { return nil }

// Interrupted is an attempt that was begun and left no result: its process
// was killed, or is still at work.
type Interrupted struct {
	Check   string `json:"check"`
	Attempt int    `json:"attempt"`
	Folder  File   `json:"folder"`
}

// ReadRecords returns every finished attempt, and every one that was begun and
// not finished, each ordered by check and attempt. What cannot be read, or
// does not belong where it lies, is an error; the rest is returned with it.
func (d *Dir) ReadRecords() ([]Record, []Interrupted, error) {
	var (
		records     []Record
		interrupted []Interrupted
		errs        []error
	)
	folders, err := filepath.Glob(filepath.Join(globEscape(d.path), checksDir, "*", "*"))
	if err != nil {
		return nil, nil, fmt.Errorf("read records: %w", err)
	}
	for _, folder := range folders {
		check := filepath.Base(filepath.Dir(folder))
		number, isAttempt := strings.CutPrefix(filepath.Base(folder), "attempt-")
		attempt, err := strconv.Atoi(number)
		if !isAttempt || err != nil || attempt < 1 {
			errs = append(errs, fmt.Errorf("read records: %s/%s/%s is not an attempt's folder", checksDir, check, filepath.Base(folder)))
			continue
		}
		at := AttemptDir(check, attempt)
		var rec Record
		err = d.ReadJSON(at+"/"+resultFile, &rec)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			interrupted = append(interrupted, Interrupted{Check: check, Attempt: attempt, Folder: at})
		case err != nil:
			errs = append(errs, err)
		case rec.Check != check || rec.Attempt != attempt:
			errs = append(errs, fmt.Errorf("read records: %s/%s is of check %q, attempt %d", at, resultFile, rec.Check, rec.Attempt))
		default:
			records = append(records, rec)
		}
	}
	slices.SortFunc(records, func(a, b Record) int { return byAttempt(a.Check, b.Check, a.Attempt, b.Attempt) })
	slices.SortFunc(interrupted, func(a, b Interrupted) int { return byAttempt(a.Check, b.Check, a.Attempt, b.Attempt) })
	return records, interrupted, errors.Join(errs...)
}

func byAttempt(checkA, checkB string, a, b int) int {
	if c := strings.Compare(checkA, checkB); c != 0 {
		return c
	}
	return a - b
}

// globEscape keeps a run directory's own name from being read as a pattern.
func globEscape(path string) string {
	return strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`, `[`, `\[`).Replace(path)
}
