package airflow

import (
	"fmt"
	"strings"
)

func (r TaskRef) String() string {
	s := fmt.Sprintf("%s/%s/%s", r.DAG, r.Run, r.Task)
	if r.MapIndex >= 0 {
		s += fmt.Sprintf("[%d]", r.MapIndex)
	}
	return fmt.Sprintf("%s try %d", s, r.Try)
}

// Ref names the try that t describes.
func (t TaskInstance) Ref() TaskRef {
	return TaskRef{DAG: t.DAG, Run: t.Run, Task: t.Task, MapIndex: t.MapIndex, Try: t.Try}
}

// Body is the log without the lines with which Airflow says where it came from.
func (l TaskLog) Body() []LogEntry {
	split := headerSplitter{}
	var body []LogEntry
	for _, e := range l.Entries {
		if !split.header(e) {
			body = append(body, e)
		}
	}
	return body
}

// Sources is where Airflow says that the log came from: paths, object keys, and
// why a source could not be read.
func (l TaskLog) Sources() []string {
	split := headerSplitter{}
	for _, e := range l.Entries {
		split.header(e)
	}
	return split.sources
}

// headerSplitter tells the group of lines that Airflow puts before a log from
// the log. It is fed all entries in order.
type headerSplitter struct {
	inside, done bool
	sources      []string
}

func (s *headerSplitter) header(e LogEntry) bool {
	switch {
	case s.done:
		return false
	case s.inside && strings.HasPrefix(e.Event, "::endgroup::"):
		s.inside, s.done = false, true
	case s.inside:
		s.sources = append(s.sources, e.Event)
	case strings.HasPrefix(e.Event, "::group::Log message source details"):
		s.inside = true
		// Before 3.2 the sources were a field of the group's first line.
		list, _ := e.Extra["sources"].([]any)
		for _, source := range list {
			s.sources = append(s.sources, fmt.Sprint(source))
		}
	default:
		s.done = true
		return false
	}
	return true
}
