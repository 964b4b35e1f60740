// Package service holds what every service beside the cluster has in common.
// Each service is a package of its own below this one, with a
// Run(ctx, image, options...) in the manner of the testcontainers modules.
package service

import "context"

// Endpoint is one service seen from its two sides.
type Endpoint struct {
	FromHost string `json:"fromHost"` // host:port for processes on this machine
	FromPod  string `json:"fromPod"`  // host:port for pods of the cluster
	Database string `json:"database,omitempty"`
	Bucket   string `json:"bucket,omitempty"`
	User     string `json:"user,omitempty"`
	Secret   string `json:"secret,omitempty"` // password or secret key; never printed
	// CA is the certificate, in PEM, that the server's own is signed by; empty where
	// it has none.
	CA string `json:"ca,omitempty"`
	// Container is the engine's name of the service's container; empty where the
	// service is inside the cluster.
	Container string `json:"container,omitempty"`
	// Behind is set where the service is inside the cluster, and this machine
	// reaches it by a forwarded port alone. FromHost is empty then.
	Behind *Behind `json:"behind,omitempty"`
}

// Behind is a port of a Kubernetes service.
type Behind struct {
	Namespace string `json:"namespace"`
	Service   string `json:"service"`
	Port      int    `json:"port"`
}

// Handle is a started service. Close removes it; it is safe to call twice.
type Handle interface {
	Name() string
	Endpoint() Endpoint
	ContainerID() string
	Close(ctx context.Context) error
}

// Placement says where a service's container goes: the options that all share.
type Placement struct {
	Network string            // container network shared with the cluster
	Name    string            // container name, also its alias on Network
	Labels  map[string]string // must hold environment.LabelStack and LabelPart
}
