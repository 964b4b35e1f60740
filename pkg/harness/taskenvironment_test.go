package harness

import (
	"slices"
	"testing"
)

func TestFoundInEnvironment(t *testing.T) {
	database, connection, err := foundInEnvironment(map[string]any{"database": []any{"A", "B"}, "connection": []any{}})
	if err != nil || !slices.Equal(database, []string{"A", "B"}) || len(connection) != 0 {
		t.Errorf("got %v, %v, %v", database, connection, err)
	}
	if _, _, err := foundInEnvironment(map[string]any{"connection": []any{"A"}}); err == nil {
		t.Error("a task that did not look passes for one that found nothing")
	}
}
