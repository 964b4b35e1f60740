package evidence

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// Dir is one run directory. Everything written through it is redacted once,
// on the way in. It is safe for concurrent use, and several processes may
// have the same directory open as long as no two write one file.
type Dir struct {
	path     string
	redactor *Redactor
}

// Create makes base/NAME-YYYYMMDDTHHMMSSZ, in UTC. No text written through the
// Dir holds one of secrets. A secret that is too short to be looked for gives
// an error that wraps ErrShortSecret together with a usable Dir, so that the
// caller decides; with every other error the Dir is nil.
func Create(base, name string, secrets []string) (*Dir, error) {
	return create(base, name, secrets, time.Now())
}

func create(base, name string, secrets []string, now time.Time) (*Dir, error) {
	if clean(name) != name {
		return nil, fmt.Errorf("create run directory: name %q holds characters that a file name cannot", name)
	}
	if err := os.MkdirAll(base, 0o755); err != nil {
		return nil, fmt.Errorf("create run directory: %w", err)
	}
	run := filepath.Join(base, name+"-"+now.UTC().Format("20060102T150405Z"))
	// Two runs of one name may begin within one second; neither may write into the other's directory.
	path := run
	err := os.Mkdir(path, 0o755)
	for n := 2; errors.Is(err, fs.ErrExist) && n < 100; n++ {
		path = fmt.Sprintf("%s-%d", run, n)
		err = os.Mkdir(path, 0o755)
	}
	if err != nil {
		return nil, fmt.Errorf("create run directory: %w", err)
	}
	redactor, err := NewRedactor(secrets...)
	if err != nil {
		err = fmt.Errorf("create run directory %s: %w", path, err)
	}
	return &Dir{path: path, redactor: redactor}, err
}

// Open opens an existing run directory. Whoever will write into it gives the
// secrets again: they are kept in no file. The error is as that of Create.
func Open(path string, secrets ...string) (*Dir, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("open run directory: %w", err)
	}
	if !info.IsDir() {
		return nil, fmt.Errorf("open run directory: %s is not a directory", path)
	}
	redactor, err := NewRedactor(secrets...)
	if err != nil {
		err = fmt.Errorf("open run directory %s: %w", path, err)
	}
	return &Dir{path: path, redactor: redactor}, err
}

// Path is the run directory itself.
func (d *Dir) Path() string { return d.path }

// Name is the run's name: the last element of Path.
func (d *Dir) Name() string {
	abs, err := filepath.Abs(d.path)
	if err != nil {
		abs = d.path
	}
	return filepath.Base(abs)
}

// Abs is where f lies on this machine.
func (d *Dir) Abs(f File) string { return filepath.Join(d.path, filepath.FromSlash(string(f))) }

// Redactor is what the directory's texts go through, for texts that go elsewhere.
func (d *Dir) Redactor() *Redactor { return d.redactor }

// AddSecrets adds secrets that were made after the directory was. What was
// written before is not looked at again. The error is as that of Create.
func (d *Dir) AddSecrets(secrets ...string) error { return d.redactor.Add(secrets...) }

// WriteJSON replaces f by v as indented JSON. Redaction works on the strings
// within, so that the file stays JSON, whatever a secret looks like.
func (d *Dir) WriteJSON(f File, v any) error {
	data, err := marshalJSON(v)
	if err != nil {
		return fmt.Errorf("write %s: %w", f, err)
	}
	return d.replace(f, d.redactor.JSON(data))
}

func marshalJSON(v any) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	err := enc.Encode(v)
	return b.Bytes(), err
}

// WriteFile replaces f by content.
func (d *Dir) WriteFile(f File, content []byte) error {
	return d.replace(f, d.redactor.Bytes(content))
}

// WriteDerived replaces f by content that was made from files of this
// directory alone, such as a report. Those are redacted; redacting once more
// could change bytes that Verify makes again. Content that holds a secret all
// the same is refused.
func (d *Dir) WriteDerived(f File, content []byte) error {
	if d.redactor.Holds(content) {
		return fmt.Errorf("write %s: it holds a secret that what it was made from should not have held", f)
	}
	return d.replace(f, content)
}

// Append adds text to f. Several processes may append whole lines to one file.
func (d *Dir) Append(f File, text string) error {
	file, err := d.open(f, os.O_APPEND)
	if err != nil {
		return err
	}
	_, err = file.WriteString(d.redactor.Text(text))
	if err = errors.Join(err, file.Close()); err != nil {
		return fmt.Errorf("append to %s: %w", f, err)
	}
	return nil
}

// Log opens f for a text that comes bit by bit. A line reaches the file as
// soon as it is complete. The file is appended to when it exists.
func (d *Dir) Log(f File) (io.WriteCloser, error) { return d.NoticingLog(f, nil) }

// NoticingLog is Log, and tells noticed of each piece of the text that held a known
// secret, as it was before that was taken out. noticed must neither keep nor write
// the text. What is redacted for what stands around it is not told of.
func (d *Dir) NoticingLog(f File, noticed func(text []byte)) (io.WriteCloser, error) {
	file, err := d.open(f, os.O_APPEND)
	if err != nil {
		return nil, err
	}
	return d.redactor.Writer(file, noticed), nil
}

// Import copies the regular files below the folder src to below f, redacted.
// It takes in what another program exported; links are left out.
func (d *Dir) Import(f File, src string) error {
	err := filepath.WalkDir(src, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() {
			return err
		}
		rel, err := filepath.Rel(src, path)
		if err != nil {
			return err
		}
		return d.importFile(join(string(f), strings.Split(filepath.ToSlash(rel), "/")), path)
	})
	if err != nil {
		return fmt.Errorf("import into %s: %w", f, err)
	}
	return nil
}

func (d *Dir) importFile(f File, path string) error {
	from, err := os.Open(path)
	if err != nil {
		return err
	}
	defer from.Close()
	to, err := d.Log(f)
	if err != nil {
		return err
	}
	_, err = io.Copy(to, from)
	return errors.Join(err, to.Close())
}

// ReadFile returns the content of f. The error does not say where the run
// directory lies: it may end in a report, which is the same on every machine.
func (d *Dir) ReadFile(f File) ([]byte, error) {
	if err := f.valid(); err != nil {
		return nil, err
	}
	data, err := os.ReadFile(d.Abs(f))
	var at *fs.PathError
	if errors.As(err, &at) {
		err = at.Err
	}
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", f, err)
	}
	return data, nil
}

// ReadJSON decodes f into v.
func (d *Dir) ReadJSON(f File, v any) error {
	data, err := d.ReadFile(f)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(data, v); err != nil {
		return fmt.Errorf("read %s: %w", f, err)
	}
	return nil
}

// WritePlan writes the plan, before anything runs.
func (d *Dir) WritePlan(plan any) error { return d.WriteJSON(PlanFile, plan) }

// ReadPlan decodes the plan into plan.
func (d *Dir) ReadPlan(plan any) error { return d.ReadJSON(PlanFile, plan) }

// open makes f's folder and opens f for writing.
func (d *Dir) open(f File, flag int) (*os.File, error) {
	if err := f.valid(); err != nil {
		return nil, fmt.Errorf("open %s: %w", f, err)
	}
	path := d.Abs(f)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return nil, fmt.Errorf("open %s: %w", f, err)
	}
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|flag, 0o644)
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", f, err)
	}
	return file, nil
}

// replace writes content beside f and renames it, so that a reader, or a kill
// in the middle, never sees half of it.
func (d *Dir) replace(f File, content []byte) error {
	if err := f.valid(); err != nil {
		return fmt.Errorf("write %s: %w", f, err)
	}
	path := d.Abs(f)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return fmt.Errorf("write %s: %w", f, err)
	}
	tmp, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*.tmp")
	if err != nil {
		return fmt.Errorf("write %s: %w", f, err)
	}
	_, err = tmp.Write(content)
	err = errors.Join(err, tmp.Chmod(0o644), tmp.Close())
	if err == nil {
		err = os.Rename(tmp.Name(), path)
	}
	if err != nil {
		return fmt.Errorf("write %s: %w", f, errors.Join(err, os.Remove(tmp.Name())))
	}
	return nil
}
