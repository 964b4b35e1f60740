// Package environment brings up, or attaches to, a Kubernetes cluster. It owns
// clusters and the container network they share with services; it must not
// know Airflow or Helm.
package environment

import (
	"context"
	"io"

	"k8s.io/client-go/rest"
)

// Label keys put on every container, network, volume and object that airworthy
// makes. LabelStack holds the stack's name; clean-up removes what carries it
// and nothing else.
const (
	LabelStack = "airworthy.dev/stack"
	LabelPart  = "airworthy.dev/part"
)

// Info is what a cluster turned out to be, as facts for the report.
type Info struct {
	Kind       string   `json:"kind"`       // kind or existing
	Name       string   `json:"name"`       // the cluster's name, or the kubeconfig context
	Kubernetes string   `json:"kubernetes"` // the API server's version, such as v1.36.3
	Nodes      []string `json:"nodes"`
	Addresses  []string `json:"addresses,omitempty"` // of a kind cluster's nodes on their network, in the order of Nodes
	Network    string   `json:"network,omitempty"`   // the container network shared with services
	Kubeconfig []byte   `json:"kubeconfig"`          // for this cluster alone; secret
	Images     string   `json:"images,omitempty"`    // the node image in use, with its digest
}

// Cluster is a running Kubernetes cluster. Implementations may also be a
// LogExporter or a HostReacher; callers ask by type assertion.
type Cluster interface {
	REST() *rest.Config
	Info() Info
	// Close removes the cluster when airworthy made it, and only lets go of it otherwise.
	Close(ctx context.Context) error
}

// LogExporter writes the logs of the cluster's own components below dir.
type LogExporter interface {
	ExportLogs(ctx context.Context, dir string) error
}

// HostReacher gives an address on the host for a node port of the cluster.
type HostReacher interface {
	// HostAddress returns host:port, and false when the port is not published.
	HostAddress(nodePort int) (string, bool)
}

// ProgressWriter receives human-readable lines of progress.
type ProgressWriter = io.Writer
