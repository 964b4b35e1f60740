package evidence

import (
	"fmt"
	"io/fs"
	"path"
	"strings"
)

// File is a path below the run directory, with slashes on every system.
type File string

// The files of a run directory that have one place.
const (
	RunFile        File = "run.json"   // the resolved run file
	PlanFile       File = "plan.json"  // the checks, written before anything runs
	FactsFile      File = "facts.json" // what was tested, with times; input of the report
	ValuesFile     File = "setup/values.yaml"
	ManifestsFile  File = "setup/manifests.yaml"
	ImagesFile     File = "setup/images.json"
	TimelineFile   File = "setup/timeline.json"
	ReportYAML     File = "report.yaml"
	ReportMarkdown File = "report.md"
	ReportJUnit    File = "junit.xml"
	ReportHTML     File = "report.html"
	SumsFile       File = "SHA256SUMS"
)

// resultFile is written last in an attempt's folder: it makes the attempt finished.
const resultFile = "result.json"

const checksDir = "checks"

// SetupFile is a file about the set-up.
func SetupFile(elem ...string) File { return join("setup", elem) }

// ServiceFile is a file about one service beside the cluster, such as its log.
func ServiceFile(service string, elem ...string) File {
	return join("setup/services/"+clean(service), elem)
}

// ClusterFile is a file about the cluster as a whole.
func ClusterFile(elem ...string) File { return join("cluster", elem) }

// ObjectFile holds one object of the cluster as it was when it was looked at.
func ObjectFile(kind, name string) File {
	return ClusterFile("objects", strings.ToLower(kind), name+".yaml")
}

// EventsFile holds the events of one namespace.
func EventsFile(namespace string) File { return ClusterFile("events", namespace+".jsonl") }

// PodLog is the log of one container, streamed while it ran.
func PodLog(namespace, pod, container string) File {
	return ClusterFile("logs", namespace, pod, container+".log")
}

// AttemptDir is the folder of one attempt at a check.
func AttemptDir(check string, attempt int) File {
	return File(path.Join(checksDir, clean(check), fmt.Sprintf("attempt-%d", attempt)))
}

func join(base string, elem []string) File {
	for _, e := range elem {
		base = path.Join(base, clean(e))
	}
	return File(base)
}

// clean makes one path element of any name: what the file system or a reader
// could take for a separator or a special name becomes an underscore.
func clean(name string) string {
	name = strings.Map(func(r rune) rune {
		if r < ' ' || strings.ContainsRune(`/\:*?"<>|`, r) {
			return '_'
		}
		return r
	}, name)
	if name == "" || name == "." || name == ".." {
		return "_" + name
	}
	return name
}

// valid refuses paths that leave the run directory.
func (f File) valid() error {
	if !fs.ValidPath(string(f)) || f == "." {
		return fmt.Errorf("path %q does not lie below the run directory", string(f))
	}
	return nil
}
