package airflow

import (
	"fmt"
	"slices"
	"strings"
)

// ByTask groups task instances by task id, each group in the order of map
// index and try number.
func ByTask(instances []TaskInstance) map[string][]TaskInstance {
	by := map[string][]TaskInstance{}
	for _, t := range instances {
		by[t.Task] = append(by[t.Task], t)
	}
	for _, group := range by {
		slices.SortStableFunc(group, func(a, b TaskInstance) int {
			if a.MapIndex != b.MapIndex {
				return a.MapIndex - b.MapIndex
			}
			return a.Try - b.Try
		})
	}
	return by
}

// LastTry returns the task instance with the highest try number; false when
// there is none. Of equal ones the last wins, as the server lists the current
// one after its history.
func LastTry(tries []TaskInstance) (TaskInstance, bool) {
	var last TaskInstance
	for i, t := range tries {
		if i == 0 || t.Try >= last.Try {
			last = t
		}
	}
	return last, len(tries) > 0
}

// summary names broken files by their last line of trace, three at most.
func summary(broken []ImportError) string {
	said := make([]string, 0, 3)
	for i, e := range broken {
		if i == 3 {
			said = append(said, fmt.Sprintf("and %d more", len(broken)-i))
			break
		}
		lines := strings.Split(strings.TrimSpace(e.Trace), "\n")
		said = append(said, e.Filename+": "+lines[len(lines)-1])
	}
	return strings.Join(said, "; ")
}
