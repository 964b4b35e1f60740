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

// Marked defines one DAG whose task tells what it sees: the commit that its
// file belongs to, by the folder that is named after it, the marker, and every
// private key that it can read.
func (f DAGFile) Marked(marker string) Content {
	return Content{f, dagHead + fmt.Sprintf(markedBody, f.DAG, marker)}
}

const markedBody = `import os
import re

KEY = b"-----BEGIN " + b"OPENSSH PRIVATE KEY-----"
FOLDERS = ("/etc", "/mnt", "/opt", "/root", "/run", "/srv", "/tmp", "/var/run")


def keys():
    """Regular files only, and only their beginning: this is a look, not a search."""
    for top in FOLDERS:
        for folder, _, names in os.walk(top):
            for name in names:
                path = os.path.join(folder, name)
                try:
                    if os.path.isfile(path) and os.path.getsize(path) < 65536:
                        with open(path, "rb") as file:
                            if KEY in file.read(4096):
                                yield path
                except OSError:
                    continue


with DAG("%s", schedule=None, start_date=datetime(2024, 1, 1), catchup=False, tags=["airworthy"]):

    @task(retries=0)
    def where() -> dict:
        commits = re.findall(r"\b[0-9a-f]{40}\b", os.path.realpath(__file__))
        return {"commit": commits[-1] if commits else "", "marker": "%s", "keys": sorted(keys())}

    where()
`

// Stepped defines one DAG of two tasks in a row, first and second, each of
// which returns the marker of the file that it was run from. The marker is a tag too.
func (f DAGFile) Stepped(marker string) Content {
	return Content{f, dagHead + fmt.Sprintf(`MARKER = %q

with DAG("%s", schedule=None, start_date=datetime(2024, 1, 1), catchup=False, tags=["airworthy", MARKER]):

    @task(retries=0)
    def first() -> str:
        return MARKER

    @task(retries=0)
    def second() -> str:
        return MARKER

    first() >> second()
`, marker, f.DAG)}
}

// Tagged is Valid with one tag more.
func (f DAGFile) Tagged(tag string) Content {
	content := f.Valid()
	content.Text = strings.Replace(content.Text, `tags=["airworthy"]`, fmt.Sprintf(`tags=["airworthy", %q]`, tag), 1)
	return content
}

// Broken raises at BrokenLine while it is imported.
func (f DAGFile) Broken() Content {
	return Content{f, dagHead + brokenLine}
}

// BrokenLine is the line, from 1, at which Broken raises.
func (f DAGFile) BrokenLine() int { return strings.Count(dagHead, "\n") + 1 }
