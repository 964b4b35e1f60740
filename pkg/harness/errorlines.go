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
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/airworthy/airworthy/pkg/kube"
	"github.com/airworthy/airworthy/pkg/stack"
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
	Read        int      `json:"read"`        // lines read
	Explained   int      `json:"explained"`   // error lines that explained.yaml knows
	Unexplained []string `json:"unexplained"` // POD/CONTAINER: line, at most a few for each file
}

// Enough to understand a failure; a component that is broken repeats itself.
const unexplainedPerFile = 5

var (
	errorLine = regexp.MustCompile(`\b(ERROR|CRITICAL|FATAL)\b|\[(error|critical)\s*\]|"level": ?"(error|critical)"|^Traceback \(most recent call last\)`)
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
	var errs []error
	for _, pod := range pods {
		files, err := filepath.Glob(s.suite.dir.Abs(stack.RecordedLogs(pod.Name)) + "/*.log")
		errs = append(errs, err)
		for _, file := range files {
			errs = append(errs, found.read(pod.PodFact, file, list))
		}
	}
	s.fact("error-lines", found)
	return found, errors.Join(errs...)
}

func (l *ErrorLines) read(pod kube.PodFact, path string, list []explanation) error {
	file, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("read recorded log: %w", err)
	}
	defer file.Close()
	container := strings.TrimSuffix(filepath.Base(path), ".log")
	lines := bufio.NewReader(file)
	reported := 0
	for {
		line, err := lines.ReadString('\n')
		if line != "" {
			l.Read++
			if line = colours.ReplaceAllString(strings.TrimSpace(line), ""); errorLine.MatchString(line) {
				switch {
				case isExplained(line, list):
					l.Explained++
				case reported < unexplainedPerFile:
					reported++
					l.Unexplained = append(l.Unexplained, fmt.Sprintf("%s/%s: %.400s", pod.Name, container, line))
				}
			}
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read recorded log %s: %w", path, err)
		}
	}
}

func isExplained(line string, list []explanation) bool {
	for _, e := range list {
		if e.pattern.MatchString(line) {
			return true
		}
	}
	return false
}
