package harness

import (
	"crypto/rand"
	"fmt"
	"strings"
)

// DAGFile is a DAG file written while the platform runs. Its DAG id is new
// each time, so that repeated runs and parallel processes do not meet.
type DAGFile struct {
	DAG  string // DAG id
	Name string // file name
}

// Content is a version of a DAG file.
type Content struct {
	DAGFile
	Text string
}

// NewDAGFile names a file that nobody used before.
func NewDAGFile(subject string) DAGFile {
	id := fmt.Sprintf("%s_%s", subject, strings.ToLower(rand.Text()[:8]))
	return DAGFile{DAG: id, Name: id + ".py"}
}

const dagHead = `from __future__ import annotations

from datetime import datetime

try:
    from airflow.sdk import DAG, task
except ImportError:  # Airflow 2
    from airflow import DAG
    from airflow.decorators import task

`

const brokenLine = `raise RuntimeError("airworthy marker: this file is broken on purpose")
`

// Valid defines one DAG with one task that is never run.
func (f DAGFile) Valid() Content {
	return Content{f, dagHead + fmt.Sprintf(`with DAG("%s", schedule=None, start_date=datetime(2024, 1, 1), catchup=False, tags=["airworthy"]):

    @task
    def nothing() -> None:
        pass

    nothing()
`, f.DAG)}
}

// Broken raises at BrokenLine while it is imported.
func (f DAGFile) Broken() Content {
	return Content{f, dagHead + brokenLine}
}

// BrokenLine is the line, from 1, at which Broken raises.
func (f DAGFile) BrokenLine() int { return strings.Count(dagHead, "\n") + 1 }
