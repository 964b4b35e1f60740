// Package reportv1 is the report document, version airworthy.dev/report/v1:
// what was tested, with what result, and how to do it again, as YAML for
// programs, Markdown for people and JUnit for CI systems. The same facts and
// the same judgement give the same bytes. It must not know where the facts
// come from, nor the file system.
package reportv1

import "time"

// APIVersion is the version of the document's format. A change that breaks
// readers makes a new package beside this one.
const APIVersion = "airworthy.dev/report/v1"

// Facts is what was found out about a run beside its checks. It is stored in
// the run directory, so that the report can be made again from files.
type Facts struct {
	Run           string        `json:"run"`       // name of the run directory
	Airworthy     string        `json:"airworthy"` // version of airworthy itself
	Command       []string      `json:"command"`   // how to reproduce: the command line, program first
	RunFile       string        `json:"runFile,omitempty"`
	Started       time.Time     `json:"started"`
	Ended         time.Time     `json:"ended"`
	Platform      Platform      `json:"platform"`
	Airflow       Airflow       `json:"airflow"`
	Kubernetes    Kubernetes    `json:"kubernetes"`
	Database      Database      `json:"database"`
	ObjectStorage ObjectStorage `json:"objectStorage"`
	Images        []Image       `json:"images"`
	Timings       Timings       `json:"timings"`
	Harness       Harness       `json:"harness"`
	// Problems are what went wrong outside any check: a set-up that failed, an
	// interrupt, a clean-up that left something. They explain; they do not decide.
	Problems []string `json:"problems,omitempty"`
	// Leaks are the files of the run directory in which a known secret was found
	// before it was sealed. With one, no verdict is given.
	Leaks []string `json:"leaks,omitempty"`
}

// Platform is the platform under test.
type Platform struct {
	Adapter string `json:"adapter" yaml:"adapter"`
	Chart   string `json:"chart" yaml:"chart"`
	Version string `json:"version" yaml:"version"`
	Digest  string `json:"digest" yaml:"digest"` // sha256 of the chart's content
}

// Airflow is the version that was asked for, the one the platform says it is,
// and the image its components run.
type Airflow struct {
	Asked    string `json:"asked" yaml:"asked"`
	Reported string `json:"reported,omitempty" yaml:"reported,omitempty"`
	Image    string `json:"image,omitempty" yaml:"image,omitempty"` // a Ref of Images
}

// Kubernetes is the cluster.
type Kubernetes struct {
	Kind    string `json:"kind" yaml:"kind"` // kind or existing
	Version string `json:"version" yaml:"version"`
	Nodes   int    `json:"nodes" yaml:"nodes"`
	Image   string `json:"image,omitempty" yaml:"image,omitempty"` // a Ref of Images
}

// Database is the metadata database.
type Database struct {
	Kind    string `json:"kind" yaml:"kind"`
	Version string `json:"version,omitempty" yaml:"version,omitempty"` // as the server says
	Image   string `json:"image,omitempty" yaml:"image,omitempty"`
}

// ObjectStorage is where remote task logs go.
type ObjectStorage struct {
	Kind    string `json:"kind" yaml:"kind"` // minio or none
	Version string `json:"version,omitempty" yaml:"version,omitempty"`
	Image   string `json:"image,omitempty" yaml:"image,omitempty"`
}

// Image is one image that the run used.
type Image struct {
	Ref    string `json:"ref" yaml:"ref"`                           // the name that manifests use
	Role   string `json:"role,omitempty" yaml:"role,omitempty"`     // node, service or workload
	Source string `json:"source" yaml:"source"`                     // pulled, mirrored, built or bundled
	Digest string `json:"digest,omitempty" yaml:"digest,omitempty"` // manifest digest, where there is one
	ID     string `json:"id,omitempty" yaml:"id,omitempty"`         // digest of the image's configuration
	From   string `json:"from,omitempty" yaml:"from,omitempty"`     // what it was taken or made from
	// Content says in words what the name stands for here. New fills it in.
	Content string `json:"-" yaml:"content"`
}

// Timings are how long the parts of the run took.
type Timings struct {
	Setup       []Step        `json:"setup"` // in order of their start
	SetupTook   time.Duration `json:"setupTook"`
	ChecksTook  time.Duration `json:"checksTook"`  // from the first check's begin to the last one's end
	CleanupTook time.Duration `json:"cleanupTook"` // 0 when the stack was kept
	Total       time.Duration `json:"total"`
}

// Step is one part of the set-up; parts overlap.
type Step struct {
	Name   string        `json:"name"`
	Offset time.Duration `json:"offset"` // from the start of the run
	Took   time.Duration `json:"took"`
	Error  string        `json:"error,omitempty"`
}

// Harness is what airworthy itself used, all of its processes together.
type Harness struct {
	MaxRSSBytes   int64   `json:"maxRSSBytes"`   // largest sum seen
	CPUSeconds    float64 `json:"cpuSeconds"`    // of airworthy's processes
	RunCPUSeconds float64 `json:"runCPUSeconds"` // of the machine during the run, airworthy included; 0 when not measured
	// ProgramBytes is the same as MaxRSSBytes, of other programs that were started, such as a browser.
	ProgramBytes int64 `json:"programBytes,omitempty"`
	// ProgramCPUSeconds is the same as CPUSeconds, of those programs.
	ProgramCPUSeconds float64 `json:"programCPUSeconds,omitempty"`
	// StackBytes is the largest sum of the memory of the stack's containers that was seen; 0 when not measured.
	StackBytes int64 `json:"stackBytes,omitempty"`
}

// Share is airworthy's part of the run's CPU time, between 0 and 1; false when
// it was not measured.
func (h Harness) Share() (float64, bool) {
	if h.RunCPUSeconds <= 0 {
		return 0, false
	}
	return h.CPUSeconds / h.RunCPUSeconds, true
}
