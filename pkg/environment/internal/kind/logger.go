package kind

import (
	"fmt"
	"strings"

	"sigs.k8s.io/kind/pkg/log"
)

// logger turns what kind logs into lines of progress.
type logger struct{ line func(string) }

var _ log.Logger = logger{}

func (l logger) Warn(message string) { l.emit(message) }

func (l logger) Warnf(format string, args ...any) { l.emit(fmt.Sprintf(format, args...)) }

func (l logger) Error(message string) { l.emit(message) }

func (l logger) Errorf(format string, args ...any) { l.emit(fmt.Sprintf(format, args...)) }

func (l logger) V(level log.Level) log.InfoLogger {
	if level > 0 {
		return log.NoopInfoLogger{}
	}
	return infoLogger{l}
}

type infoLogger struct{ logger }

func (l infoLogger) Info(message string) { l.emit(message) }

func (l infoLogger) Infof(format string, args ...any) { l.emit(fmt.Sprintf(format, args...)) }

func (l infoLogger) Enabled() bool { return true }

// expected are warnings about what is done on purpose here: a network of our
// own, and a machine with cgroup v1 that the kubelet was told to accept.
var expected = []string{"KIND_EXPERIMENTAL_DOCKER_NETWORK", "Here be dragons", "cgroup v1 is deprecated"}

func (l logger) emit(message string) {
	for _, known := range expected {
		if strings.Contains(message, known) {
			return
		}
	}
	for line := range strings.Lines(message) {
		if line = tidy(line); line != "" {
			l.line(line)
		}
	}
}

// tidy strips bullets and pictures: the lines also go into logs and reports.
func tidy(line string) string {
	line = strings.Map(func(r rune) rune {
		switch {
		case r == '✓':
			return '+'
		case r == '✗':
			return '!'
		case r == '•', r > 0x2000:
			return -1
		}
		return r
	}, line)
	return strings.Join(strings.Fields(line), " ")
}
