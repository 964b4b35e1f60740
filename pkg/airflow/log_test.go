package airflow

import (
	"reflect"
	"testing"
)

func TestHeaderIsToldFromBody(t *testing.T) {
	group := LogEntry{Event: "::group::Log message source details"}
	end := LogEntry{Event: "::endgroup::"}
	line := LogEntry{Event: "line"}
	for _, tt := range []struct {
		name    string
		entries []LogEntry
		sources []string
		body    []LogEntry
	}{
		{"none", []LogEntry{line, group}, nil, []LogEntry{line, group}},
		{"lines", []LogEntry{group, {Event: "a"}, {Event: "b"}, end, line, end}, []string{"a", "b"}, []LogEntry{line, end}},
		{"field", []LogEntry{{Event: group.Event, Extra: map[string]any{"sources": []any{"a"}}}, end, line}, []string{"a"}, []LogEntry{line}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			l := TaskLog{Entries: tt.entries}
			if !reflect.DeepEqual(l.Sources(), tt.sources) || !reflect.DeepEqual(l.Body(), tt.body) {
				t.Errorf("got %v and %v", l.Sources(), l.Body())
			}
		})
	}
}
