//go:build linux

// Command airworthy-podnet is the pod network of clusters whose node image was
// built from packages. It runs on every node, in the host's network namespace,
// and does two things: it writes the node's CNI configuration from the pod CIDR
// that Kubernetes gave it, and it keeps one route for each other node.
//
// It serves IPv4 on nodes that share one link. Network policies are not
// enforced. Pods reach pods on other nodes, which see the address of the
// sender's node: the CNI plugin masquerades everything that leaves the node's
// own pod CIDR.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/watch"
	corev1client "k8s.io/client-go/kubernetes/typed/core/v1"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/tools/clientcmd"
)

// resync is how often everything is compared again without a change of nodes:
// the kernel drops routes when a link goes down, and tells nobody here.
const resync = 30 * time.Second

const ipForward = "/proc/sys/net/ipv4/ip_forward"

type options struct {
	nodeName    string
	conflistDir string
	kubeconfig  string
	server      string
}

func main() {
	var o options
	flag.StringVar(&o.nodeName, "node-name", os.Getenv("NODE_NAME"), "name of the node this runs on (default: $NODE_NAME)")
	flag.StringVar(&o.conflistDir, "conflist-dir", "/etc/cni/net.d", "directory the container runtime reads CNI configuration from")
	flag.StringVar(&o.kubeconfig, "kubeconfig", "", "kubeconfig file; empty for the pod's service account")
	// kind adds CONTROL_PLANE_ENDPOINT to network add-ons that ask for it.
	// With it there is no waiting for kube-proxy to serve the API's service address.
	flag.StringVar(&o.server, "server", os.Getenv("CONTROL_PLANE_ENDPOINT"), "host:port of the API server in place of the service address (default: $CONTROL_PLANE_ENDPOINT)")
	flag.Parse()

	log := slog.New(slog.NewTextHandler(os.Stderr, nil))
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, o, log); err != nil {
		log.Error("stopped", "error", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, o options, log *slog.Logger) error {
	if o.nodeName == "" {
		return errors.New("name the node with --node-name or NODE_NAME")
	}
	nodes, err := nodesClient(o)
	if err != nil {
		return err
	}
	if err := enableForwarding(); err != nil {
		return err
	}
	changed := make(chan struct{}, 1)
	store, controller := cache.NewInformerWithOptions(cache.InformerOptions{
		ListerWatcher: listerWatcher(ctx, nodes),
		ObjectType:    &corev1.Node{},
		ResyncPeriod:  resync,
		Handler:       signalling(changed),
	})
	// The informer lists, watches and starts again with a backoff by itself,
	// also while the API server cannot be reached yet.
	go controller.RunWithContext(ctx)
	d := daemon{options: o, log: log}
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-changed:
		}
		if !controller.HasSynced() {
			// Half a list would remove routes that are still wanted.
			if !cache.WaitForCacheSync(ctx.Done(), controller.HasSynced) {
				return nil
			}
		}
		if err := d.reconcile(nodeList(store)); err != nil {
			log.Error("reconcile", "error", err) // tried again at the next change or resync
		}
	}
}

// daemon remembers nothing about the network: the kernel and the file are read
// again each time.
type daemon struct {
	options
	log *slog.Logger
}

// reconcile makes the CNI configuration and the routes what nodes ask for. One
// part's failure does not keep the other from being done.
func (d *daemon) reconcile(nodes []*corev1.Node) error {
	return errors.Join(d.reconcileConflist(nodes), d.reconcileRoutes(nodes))
}

func (d *daemon) reconcileConflist(nodes []*corev1.Node) error {
	for _, node := range nodes {
		if node.Name != d.nodeName {
			continue
		}
		cidr, ok := podCIDR(node)
		if !ok {
			d.log.Info("waiting for the node's pod CIDR", "node", d.nodeName)
			return nil
		}
		mtu, err := defaultMTU()
		if err != nil {
			return err
		}
		content, err := renderConflist(cidr, mtu)
		if err != nil {
			return err
		}
		written, err := writeFileAtomic(d.conflistDir, conflistName, content)
		if err == nil && written {
			d.log.Info("wrote the CNI configuration", "podCIDR", cidr.String(), "mtu", mtu)
		}
		return err
	}
	d.log.Info("waiting for the node to be registered", "node", d.nodeName)
	return nil
}

func (d *daemon) reconcileRoutes(nodes []*corev1.Node) error {
	existing, err := kernelRoutes()
	if err != nil {
		return err
	}
	set, remove := diffRoutes(wantedRoutes(nodes, d.nodeName), existing)
	var errs []error
	for _, r := range set {
		if err := setRoute(r); err != nil {
			errs = append(errs, err)
			continue
		}
		d.log.Info("set a route", "route", r.String())
	}
	for _, r := range remove {
		if err := removeRoute(r); err != nil {
			errs = append(errs, err)
			continue
		}
		d.log.Info("removed a route", "route", r.String())
	}
	return errors.Join(errs...)
}

// nodesClient talks to the API server about nodes only; the whole clientset
// would triple the size of the program.
func nodesClient(o options) (corev1client.NodeInterface, error) {
	config, err := restConfig(o)
	if err != nil {
		return nil, err
	}
	if o.server != "" {
		_, _, err := net.SplitHostPort(o.server)
		if err != nil {
			return nil, fmt.Errorf("read the API server's address %q: want host:port: %w", o.server, err)
		}
		config.Host = "https://" + o.server
	}
	client, err := corev1client.NewForConfig(config)
	if err != nil {
		return nil, fmt.Errorf("make a client for the API server: %w", err)
	}
	return client.Nodes(), nil
}

func restConfig(o options) (*rest.Config, error) {
	if o.kubeconfig != "" {
		config, err := clientcmd.BuildConfigFromFlags("", o.kubeconfig)
		if err != nil {
			return nil, fmt.Errorf("read kubeconfig %s: %w", o.kubeconfig, err)
		}
		return config, nil
	}
	config, err := rest.InClusterConfig()
	if err != nil {
		return nil, fmt.Errorf("use the pod's service account (give --kubeconfig outside a pod): %w", err)
	}
	return config, nil
}

func listerWatcher(ctx context.Context, nodes corev1client.NodeInterface) cache.ListerWatcher {
	return &cache.ListWatch{
		ListFunc:  func(o metav1.ListOptions) (runtime.Object, error) { return nodes.List(ctx, o) },
		WatchFunc: func(o metav1.ListOptions) (watch.Interface, error) { return nodes.Watch(ctx, o) },
	}
}

// signalling folds any number of changes into one wake-up.
func signalling(changed chan<- struct{}) cache.ResourceEventHandler {
	wake := func() {
		select {
		case changed <- struct{}{}:
		default:
		}
	}
	return cache.ResourceEventHandlerFuncs{
		AddFunc:    func(any) { wake() },
		UpdateFunc: func(any, any) { wake() },
		DeleteFunc: func(any) { wake() },
	}
}

func nodeList(store cache.Store) []*corev1.Node {
	var nodes []*corev1.Node
	for _, object := range store.List() {
		if node, ok := object.(*corev1.Node); ok {
			nodes = append(nodes, node)
		}
	}
	return nodes
}

// enableForwarding lets the node pass packets between pods and other nodes.
func enableForwarding() error {
	if now, err := os.ReadFile(ipForward); err == nil && strings.TrimSpace(string(now)) == "1" {
		return nil
	}
	if err := os.WriteFile(ipForward, []byte("1\n"), 0o644); err != nil {
		return fmt.Errorf("switch on IPv4 forwarding: %w", err)
	}
	return nil
}
