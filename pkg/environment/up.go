package environment

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"

	"github.com/airworthy/airworthy/pkg/environment/internal/existing"
	"github.com/airworthy/airworthy/pkg/environment/internal/kind"
)

// The kinds of clusters.
const (
	KindKind     = "kind"     // made here, of containers on this machine
	KindExisting = "existing" // somebody's, only used
)

// The node ports that kind clusters publish on this machine.
const (
	APINodePort   = 30080 // the platform's API; always published
	HTTPNodePort  = 30081 // an ingress controller; published where Options.Ports names it
	HTTPSNodePort = 30443
)

// Port is a node port that a kind cluster publishes on 127.0.0.1.
type Port struct {
	Node int
	Host int // port of 127.0.0.1; 0 picks a free one
}

// Options of Up.
type Options struct {
	Kind     string       // KindKind or KindExisting
	Stack    string       // the stack's name
	Progress func(string) // receives lines for a person; may be nil

	// For KindKind.
	Docker    Engine
	NodeImage string // name of the node image in the container engine; never pulled
	Workers   int    // nodes beside the one control plane
	APIPort   int    // port of 127.0.0.1 for APINodePort; 0 picks a free one
	Ports     []Port // node ports beside APINodePort
	// CgroupV1 says that the machine has cgroup v1, which kubelets refuse by default.
	CgroupV1 bool
	// NoSysResource says that the machine lacks CAP_SYS_RESOURCE, without
	// which the container runtime cannot lower OOM scores.
	NoSysResource bool

	// For KindExisting.
	Kubeconfig string // path of the file
	Context    string // "" for the current one
}

// Up makes the cluster, or goes on with a healthy one of the same shape that an
// earlier Up made, or attaches to an existing one. It returns when the API
// answers and every node is Ready. ctx should carry a deadline; when it ends
// early, a kind cluster under way is removed before Up returns. Problems that
// the run file can mend are a *ConfigError.
func Up(ctx context.Context, o Options) (Cluster, error) {
	if o.Progress == nil {
		o.Progress = func(string) {}
	}
	switch o.Kind {
	case KindKind:
		return upKind(ctx, o)
	case KindExisting:
		return upExisting(ctx, o)
	}
	return nil, &ConfigError{
		Key: "cluster.kind", Err: fmt.Errorf("%q is not known", o.Kind), Mend: "set it to kind or existing",
	}
}

// Attach uses the cluster that Up described, such as from another process.
// docker is needed for kind clusters only. It makes sure that the API answers.
func Attach(ctx context.Context, docker Engine, info Info) (Cluster, error) {
	if info.Kind == KindKind {
		return openKind(ctx, docker, info)
	}
	return openExisting(ctx, info)
}

func upExisting(ctx context.Context, o Options) (Cluster, error) {
	name, kubeconfig, err := existing.Load(o.Kubeconfig, o.Context)
	var (
		file    *existing.FileError
		missing *existing.ContextError
	)
	switch {
	case errors.As(err, &file):
		return nil, &ConfigError{Key: "cluster.kubeconfig", Err: err, Mend: "name the file of the cluster to test"}
	case errors.As(err, &missing):
		return nil, &ConfigError{Key: "cluster.context", Err: err, Mend: "name one of the file's contexts"}
	case err != nil:
		return nil, err
	}
	return openExisting(ctx, Info{Kind: KindExisting, Name: name, Kubeconfig: kubeconfig})
}

func upKind(ctx context.Context, o Options) (Cluster, error) {
	config := kind.Config{
		Name: Name(o.Stack), Image: o.NodeImage, Workers: o.Workers, Network: Name(o.Stack),
		Ports:    []kind.Port{{Node: APINodePort, Host: o.APIPort}},
		CgroupV1: o.CgroupV1, RestrictOOMScore: o.NoSysResource,
		Docker: o.Docker, Progress: o.Progress,
	}
	for _, port := range o.Ports {
		config.Ports = append(config.Ports, kind.Port(port))
	}
	imageID, err := kind.ImageID(ctx, o.Docker, o.NodeImage)
	if errors.Is(err, kind.ErrImageMissing) {
		return nil, &ConfigError{
			Key:  "cluster.kubernetes",
			Err:  fmt.Errorf("node image %s: %w", o.NodeImage, err),
			Mend: "have it built or pulled first (airworthy images list)",
		}
	}
	if err != nil {
		return nil, err
	}
	info := Info{Kind: KindKind, Name: config.Name, Network: config.Network, Images: o.NodeImage + "@" + imageID}
	standing, err := goOn(ctx, config, imageID, info)
	if err != nil || standing != nil {
		return standing, err
	}
	if err := portFree(o.APIPort); err != nil {
		return nil, err
	}
	if _, err := EnsureNetwork(ctx, o.Docker, o.Stack); err != nil {
		return nil, err
	}
	if info.Kubeconfig, err = kind.Create(ctx, config); err != nil {
		return nil, err
	}
	o.Progress(fmt.Sprintf("%d nodes and the DNS to be ready", 1+o.Workers))
	return openKind(ctx, o.Docker, info)
}

// goOn returns the standing cluster of that name when it is healthy and of the
// wanted shape. It removes one that is not, and says which of the two it did.
// It returns nil when there is none to go on with.
func goOn(ctx context.Context, config kind.Config, imageID string, info Info) (Cluster, error) {
	nodes, err := kind.Nodes(ctx, config.Docker, config.Name)
	if err != nil || len(nodes) == 0 {
		return nil, err
	}
	reason := config.Mismatch(nodes, imageID)
	if reason == "" {
		var standing Cluster
		if standing, reason = healthy(ctx, config, info); reason == "" {
			config.Progress(fmt.Sprintf("going on with the standing cluster %s", config.Name))
			return standing, nil
		}
	}
	if ctx.Err() != nil {
		return nil, context.Cause(ctx) // the cluster may well be healthy
	}
	config.Progress(fmt.Sprintf("starting over: removing the cluster %s, as %s", config.Name, reason))
	return nil, kind.Delete(ctx, config.Docker, config.Name)
}

// portFree fails when something listens on the port of 127.0.0.1 already, which
// kind would say only after it made the node.
func portFree(port int) error {
	if port == 0 {
		return nil
	}
	listener, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
	if err != nil {
		return &ConfigError{
			Key: "cluster.apiPort", Err: fmt.Errorf("port %d of 127.0.0.1 is taken: %w", port, err),
			Mend: "set it to another port, or to 0 for any free one",
		}
	}
	return listener.Close()
}
