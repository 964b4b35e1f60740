// Package standing is a standing stack as whoever tests it needs it: read from
// the file that pkg/stack writes, without the libraries that bring stacks up.
// Several processes test one stack; what each of them links, each of them pays.
package standing

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/airworthy/airworthy/pkg/config"
	"github.com/airworthy/airworthy/pkg/evidence"
	"github.com/airworthy/airworthy/pkg/platform"
	"github.com/airworthy/airworthy/pkg/service"
)

// Stack is the part of stack.Handoff that tests use; the names in the file are
// the same. It holds secrets.
type Stack struct {
	Name    string     `json:"name"`
	Run     config.Run `json:"run"`
	Cluster struct {
		Kubeconfig []byte `json:"kubeconfig"`
	} `json:"cluster"`
	Release       platform.Release `json:"release"`
	AddonsIn      string           `json:"addonsIn"`   // namespace of what stands around the platform
	AirflowURL    string           `json:"airflowURL"` // from this machine; empty where a port must be forwarded
	AirflowImage  string           `json:"airflowImage"`
	AdminUser     string           `json:"adminUser"`
	AdminPassword string           `json:"adminPassword"`
	Engine        string           `json:"engine"` // address of the container engine; empty where none was used
	Database      service.Endpoint `json:"database"`
	DatabaseAdmin service.Endpoint `json:"databaseAdmin"` // the server's administrator; without an address where nobody may be one
	FernetKey     string           `json:"fernetKey"`
	JWTSecret     string           `json:"jwtSecret"`
	APISecretKey  string           `json:"apiSecretKey"`
	ObjectStorage service.Endpoint `json:"objectStorage"` // the least-privilege user
	ObjectAdmin   service.Endpoint `json:"objectAdmin"`   // the root user
	Next          Next             `json:"next"`
	LogStore      service.Endpoint `json:"logStore"` // Graylog's API
	Git           service.Git      `json:"git"`      // where DAG files come from, where they come from Git
	Secrets       []string         `json:"secrets"`  // what evidence must not hold, beside what ReadSecrets gives
	// ConnectionSecret is the password of platform.CheckedConnection.
	ConnectionSecret string `json:"connectionSecret"`
	// Disturbances begins the names of the files in which checks note what they did
	// to the stack; empty where nobody keeps that.
	Disturbances string `json:"disturbances"`
	// Ingress is where people reach the platform.
	Ingress platform.Reached `json:"ingress,omitzero"`
}

// Next is what the platform's secrets are replaced by when they are rotated. It
// is made with the stack, so that whoever writes evidence knows it before it is
// used for anything.
type Next struct {
	FernetKey    string `json:"fernetKey"`
	JWTSecret    string `json:"jwtSecret"`
	APISecretKey string `json:"apiSecretKey"`
	// The object store's user that may do the same as the first.
	ObjectUser   string `json:"objectUser"`
	ObjectSecret string `json:"objectSecret"`
}

// Read reads the file of a stack.
func Read(path string) (Stack, error) {
	var s Stack
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return s, fmt.Errorf("no stack is described by %s: bring one up with `airworthy up`: %w", path, err)
	}
	if err != nil {
		return s, fmt.Errorf("read stack: %w", err)
	}
	if err := json.Unmarshal(data, &s); err != nil {
		return s, fmt.Errorf("read stack %s: %w", path, err)
	}
	return s, nil
}

// ReadSecrets reads what evidence must not hold and no disk may either: what was
// decrypted out of files of values. Where there is no such file there is nothing.
func ReadSecrets(path string) ([]string, error) {
	if path == "" {
		return nil, nil
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read decrypted secrets: %w", err)
	}
	var secrets []string
	if err := json.Unmarshal(data, &secrets); err != nil {
		return nil, fmt.Errorf("read decrypted secrets %s: %w", path, err)
	}
	return secrets, nil
}

// Silences is the file that holds what checks kept from a stack, and Kills the one
// that holds which pods they killed. They last as long as the stack: its
// containers go on showing restarts and error lines of runs before.
func Silences(disturbances string) string { return disturbances + ".silences.jsonl" }
func Kills(disturbances string) string    { return disturbances + ".kills.jsonl" }

// Where a recording lies below the run directory.
const (
	RecordedPods   evidence.File = "cluster/objects/pods.jsonl"  // one kube.PodFact a line, in the order of changes
	RecordedEvents evidence.File = "cluster/events/events.jsonl" // one kube.EventFact a line
	// RecordedRedactions says which secrets were taken out of the above and of the
	// logs of the platform's pods: one Redaction a line. It is there, and mostly
	// empty, as soon as anything is recorded.
	RecordedRedactions evidence.File = "cluster/redactions.jsonl"
)

// Redaction is what was taken out of one piece of the recording. Where the pod is
// gone, nothing else tells of it.
type Redaction struct {
	Secret string `json:"of"` // what it is, as NamedSecrets names it
	Place  string `json:"place"`
	Count  int    `json:"count"`
}

// RecordedLogs is the folder with the logs of a pod's containers:
// CONTAINER.log, and CONTAINER.N.log for its Nth restart.
func RecordedLogs(pod string) evidence.File { return evidence.File("cluster/logs/" + pod) }
