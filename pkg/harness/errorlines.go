package harness

import (
	"bufio"
	"bytes"
	"context"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

// explained.yaml lists the error lines that a sound platform may log, each with
// its reason. A line that is not there fails the check.
//
//go:embed explained.yaml
var explainedYAML []byte

type explanation struct {
	Line string `yaml:"line"` // regular expression
	Why  string `yaml:"why"`

	pattern *regexp.Regexp
}

func explanations() ([]explanation, error) {
	var list []explanation
	decoder := yaml.NewDecoder(bytes.NewReader(explainedYAML))
	decoder.KnownFields(true)
	if err := decoder.Decode(&list); err != nil {
		return nil, fmt.Errorf("read explained error lines: %w", err)
	}
	for i := range list {
		pattern, err := regexp.Compile(list[i].Line)
		if err != nil {
			return nil, fmt.Errorf("read explained error lines: %w", err)
		}
		if list[i].Why == "" {
			return nil, fmt.Errorf("read explained error lines: %q has no why", list[i].Line)
		}
		list[i].pattern = pattern
	}
	return list, nil
}

// ErrorLines is what the logs of all components say of errors.
type ErrorLines struct {
	Read        int      `json:"read"`           // lines read
	Explained   int      `json:"explained"`      // entries with an error that explained.yaml knows, or that a kill explains
	Unexplained []string `json:"unexplained"`    // POD/CONTAINER: line, at most a few for each file
	More        int      `json:"more,omitempty"` // unexplained entries beyond those
}

// Enough to understand a failure; a component that is broken repeats itself.
const unexplainedPerFile = 5

var (
	errorLine = regexp.MustCompile(`\b(ERROR|CRITICAL|FATAL)\b|\[(error|critical)\s*\]|"level": ?"(error|critical)"|^Traceback \(most recent call last\)`)
	// An entry begins with a time or a JSON object; other lines, such as those of a trace, belong to the entry before.
	entryStart = regexp.MustCompile(`^\[?(\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d)|^\{`)
	// The time of a JSON entry.
	entryTime = regexp.MustCompile(`^\{.*?"(?:time|ts|timestamp)": ?"(\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d)`)
	// Structured loggers colour their levels.
	colours = regexp.MustCompile("\x1b\\[[0-9;]*m")
)

// ErrorLines reads the recorded logs of every pod that ran a component.
func (s *Session) ErrorLines(ctx context.Context) (ErrorLines, error) {
	var found ErrorLines
	list, err := explanations()
	if err != nil {
		return found, err
	}
	pods, err := s.RecordedComponents(ctx)
	if err != nil {
		return found, err
	}
	kills, err := s.kills()
	if err != nil {
		return found, err
	}
	silences, err := s.silences()
	if err != nil {
		return found, err
	}
	// Some names are given again: what was killed then is another pod.
	first := map[string]time.Time{}
	for _, pod := range pods {
		if _, ok := first[pod.Name]; !ok {
			first[pod.Name] = pod.Created
		}
	}
	var errs []error
	for _, pod := range pods {
		killed := kills[pod.Name]
		if killed.Before(first[pod.Name]) {
			killed = time.Time{}
		}
		files, err := s.recordedLogs(pod.Name)
		errs = append(errs, err)
		for _, file := range files {
			errs = append(errs, found.read(pod.Name, file, list, excuse(killed, silences)))
		}
	}
	s.fact("error-lines", found)
	return found, errors.Join(errs...)
}

// logEntry is one entry of a log with the lines that belong to it.
type logEntry struct {
	lines []string
	error string // the first line that tells of an error
}

func (e logEntry) time() time.Time {
	if len(e.lines) == 0 {
		return time.Time{}
	}
	match := entryStart.FindStringSubmatch(e.lines[0])
	if match != nil && match[1] == "" {
		match = entryTime.FindStringSubmatch(e.lines[0])
	}
	if match == nil {
		return time.Time{}
	}
	at, err := time.Parse("2006-01-02T15:04:05", strings.Replace(match[1], " ", "T", 1))
	if err != nil {
		return time.Time{}
	}
	return at
}

// excuse says which error of a pod is no defect by when it was written: from
// when a check killed the pod (zero when none did), as its processes speak while
// they die; and while a check kept something from the platform, and until
// everybody has connected again.
func excuse(killed time.Time, silences []silence) func(time.Time, string) bool {
	return func(at time.Time, entry string) bool {
		if !killed.IsZero() && !at.Before(killed.Truncate(time.Second)) {
			return true
		}
		return slices.ContainsFunc(silences, func(s silence) bool {
			return strings.Contains(entry, s.Only) && !at.Before(s.From.Truncate(time.Second)) && at.Before(s.To.Add(afterSilence))
		})
	}
}

// read adds one log. Errors at a time that is excused count as explained.
func (l *ErrorLines) read(pod, path string, list []explanation, excused func(time.Time, string) bool) error {
	file, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("read recorded log: %w", err)
	}
	defer file.Close()
	container := strings.TrimSuffix(filepath.Base(path), ".log")
	reported := 0
	var entry logEntry
	flush := func() {
		text := strings.Join(entry.lines, "\n")
		switch {
		case entry.error == "":
		case isExplained(text, list), excused(entry.time(), text):
			l.Explained++
		case reported < unexplainedPerFile:
			reported++
			l.Unexplained = append(l.Unexplained, fmt.Sprintf("%s/%s: %.400s", pod, container, entry.error))
		default:
			l.More++
		}
		entry = logEntry{}
	}
	for lines := bufio.NewReader(file); ; {
		line, err := lines.ReadString('\n')
		if line != "" {
			l.Read++
			line = colours.ReplaceAllString(strings.TrimRight(line, "\r\n"), "")
			if entryStart.MatchString(line) {
				flush()
			}
			entry.lines = append(entry.lines, line)
			if entry.error == "" && errorLine.MatchString(line) {
				entry.error = line
			}
		}
		if errors.Is(err, io.EOF) {
			flush()
			return nil
		}
		if err != nil {
			return fmt.Errorf("read recorded log %s: %w", path, err)
		}
	}
}

func isExplained(entry string, list []explanation) bool {
	for _, e := range list {
		if e.pattern.MatchString(entry) {
			return true
		}
	}
	return false
}
