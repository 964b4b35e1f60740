package harness

import (
	"testing"
	"time"

	"github.com/airworthy/airworthy/pkg/airflow"
)

func TestSilenceCoversTheEndOfATask(t *testing.T) {
	at := func(second int) time.Time { return time.Date(2026, 1, 1, 10, 0, second, 0, time.UTC) }
	for _, tt := range []struct {
		task  string
		ended int
		want  string
	}{
		{"first", 20, ""},
		{"first", 9, "task first ended at 10:00:09, and the silence of the object store lasted from 10:00:10 to 10:00:40"},
		{"first", 26, "task first ended at 10:00:26, and the silence of the object store lasted from 10:00:10 to 10:00:40"},
		{"second", 20, "the run has no task second: its tasks are first try 1=success"},
	} {
		outage := Outage{
			Run:     Run{Tasks: []airflow.TaskInstance{{Task: "first", MapIndex: -1, Try: 1, State: airflow.Success, Ended: at(tt.ended)}}},
			Silence: silence{Of: "object store", From: at(10), To: at(40)},
		}
		said := ""
		if err := outage.Covers(tt.task, 15*time.Second); err != nil {
			said = err.Error()
		}
		if said != tt.want {
			t.Errorf("%s at %d: %q, want %q", tt.task, tt.ended, said, tt.want)
		}
	}
}
