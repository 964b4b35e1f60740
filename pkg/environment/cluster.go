package environment

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net"
	"slices"
	"strings"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/version"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/airworthy/airworthy/pkg/await"
	"github.com/airworthy/airworthy/pkg/environment/internal/kind"
)

// answerWithin bounds how long the API of a cluster that should be there may
// take to answer.
const answerWithin = 10 * time.Second

// defaultClassAnnotation marks the storage class for claims that name none.
const defaultClassAnnotation = "storageclass.kubernetes.io/is-default-class"

// attached is a cluster that is only used.
type attached struct {
	rest *rest.Config
	info Info
}

func (c *attached) REST() *rest.Config { return rest.CopyConfig(c.rest) }

func (c *attached) Info() Info { return c.info }

func (c *attached) Close(context.Context) error { return nil }

// kindCluster is one made here.
type kindCluster struct {
	attached
	docker    Engine
	published map[int]string
}

var (
	_ LogExporter = (*kindCluster)(nil)
	_ HostReacher = (*kindCluster)(nil)
)

// Close removes the nodes. The network stays: services may still be on it.
func (c *kindCluster) Close(ctx context.Context) error {
	return kind.Delete(ctx, c.docker, c.info.Name)
}

// ExportLogs writes one folder for each node below dir: journal, kubelet,
// container runtime, and the files of /var/log. It returns early when ctx ends,
// while kind finishes writing in the background.
func (c *kindCluster) ExportLogs(ctx context.Context, dir string) error {
	done := make(chan error, 1)
	go func() { done <- kind.CollectLogs(c.info.Name, dir) }()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return fmt.Errorf("export logs of kind cluster %s: %w", c.info.Name, context.Cause(ctx))
	}
}

// HostAddress knows the ports that were published when the cluster was made.
func (c *kindCluster) HostAddress(nodePort int) (string, bool) {
	port, ok := c.published[nodePort]
	return net.JoinHostPort("127.0.0.1", port), ok
}

func openExisting(ctx context.Context, info Info) (Cluster, error) {
	base, err := open(ctx, info)
	var unreachable *UnreachableError
	if errors.As(err, &unreachable) {
		return nil, &ConfigError{Key: "cluster.context", Err: err, Mend: "start the cluster, or correct its address and credentials"}
	}
	if err != nil {
		return nil, err
	}
	return base, nil
}

func openKind(ctx context.Context, docker Engine, info Info) (Cluster, error) {
	base, err := open(ctx, info)
	if err != nil {
		return nil, err
	}
	nodes, err := kind.Nodes(ctx, docker, info.Name)
	if err != nil {
		return nil, err
	}
	cluster := &kindCluster{attached: *base, docker: docker, published: make(map[int]string)}
	for _, node := range nodes {
		maps.Copy(cluster.published, node.Published)
	}
	if err := cluster.awaitNodes(ctx, len(nodes)); err != nil {
		return nil, err
	}
	if err := cluster.awaitDNS(ctx); err != nil {
		return nil, err
	}
	return cluster, nil
}

// open connects by the kubeconfig in info and completes info.
func open(ctx context.Context, info Info) (*attached, error) {
	config, err := clientcmd.RESTConfigFromKubeConfig(info.Kubeconfig)
	if err != nil {
		return nil, fmt.Errorf("read the kubeconfig of cluster %s: %w", info.Name, err)
	}
	// One process watches and acts for many checks at once; the client's own
	// brake, made for controllers, would only add waiting.
	config.QPS, config.Burst = 200, 400
	c := &attached{rest: config, info: info}
	if c.info.Kubernetes, err = serverVersion(ctx, config); err != nil {
		return nil, &UnreachableError{Cluster: info.Name, Address: config.Host, Err: err}
	}
	if c.info.Nodes, err = nodeNames(ctx, config); err != nil {
		return nil, err
	}
	return c, nil
}

func serverVersion(ctx context.Context, config *rest.Config) (string, error) {
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return "", err
	}
	ctx, cancel := context.WithTimeout(ctx, answerWithin)
	defer cancel()
	body, err := client.Discovery().RESTClient().Get().AbsPath("/version").Do(ctx).Raw()
	if err != nil {
		return "", err
	}
	var v version.Info
	if err := json.Unmarshal(body, &v); err != nil || v.GitVersion == "" {
		return "", fmt.Errorf("its answer is not a version: %.100q", body)
	}
	return v.GitVersion, nil
}

// nodeNames lists the nodes. An account that may not list them is no error.
func nodeNames(ctx context.Context, config *rest.Config) ([]string, error) {
	nodes, err := listNodes(ctx, config)
	if err != nil {
		return nil, nil //nolint:nilerr // facts for the report only; foreign clusters often forbid it
	}
	var names []string
	for _, node := range nodes {
		names = append(names, node.Name)
	}
	slices.Sort(names)
	return names, nil
}

func listNodes(ctx context.Context, config *rest.Config) ([]corev1.Node, error) {
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return nil, fmt.Errorf("make a client: %w", err)
	}
	list, err := client.CoreV1().Nodes().List(ctx, metav1.ListOptions{})
	if err != nil {
		return nil, fmt.Errorf("list nodes: %w", err)
	}
	return list.Items, nil
}

// awaitNodes waits until as many nodes as there are containers are Ready.
func (c *kindCluster) awaitNodes(ctx context.Context, want int) error {
	nodes, err := await.Until(ctx, fmt.Sprintf("%d nodes to be ready", want), 200*time.Millisecond,
		func(ctx context.Context) ([]corev1.Node, error) { return listNodes(ctx, c.rest) },
		func(nodes []corev1.Node) error { return allReady(nodes, want) },
	)
	if err != nil {
		return err
	}
	slices.SortFunc(nodes, func(a, b corev1.Node) int { return strings.Compare(a.Name, b.Name) })
	c.info.Nodes, c.info.Addresses = nil, nil
	for _, node := range nodes {
		c.info.Nodes = append(c.info.Nodes, node.Name)
		for _, address := range node.Status.Addresses {
			if address.Type == corev1.NodeInternalIP {
				c.info.Addresses = append(c.info.Addresses, address.Address)
				break
			}
		}
	}
	return nil
}

// awaitDNS waits until names of the cluster and of its network can be looked up:
// a pod that starts before that, such as a migration job, fails at once.
func (c *kindCluster) awaitDNS(ctx context.Context) error {
	client, err := kubernetes.NewForConfig(c.rest)
	if err != nil {
		return fmt.Errorf("make a client: %w", err)
	}
	_, err = await.Until(ctx, "the cluster's DNS to be ready", 200*time.Millisecond,
		func(ctx context.Context) (*appsv1.Deployment, error) {
			return client.AppsV1().Deployments("kube-system").Get(ctx, "coredns", metav1.GetOptions{})
		},
		func(d *appsv1.Deployment) error {
			if d.Status.ReadyReplicas == 0 {
				return fmt.Errorf("deployment coredns has %d pods, and none is ready", d.Status.Replicas)
			}
			return nil
		})
	return err
}

// allReady says which nodes are not Ready, each with its own reason.
func allReady(nodes []corev1.Node, want int) error {
	var not []string
	for _, node := range nodes {
		reason := "it has no Ready condition"
		for _, condition := range node.Status.Conditions {
			if condition.Type == corev1.NodeReady {
				reason = condition.Message
				if condition.Status == corev1.ConditionTrue {
					reason = ""
				}
			}
		}
		if reason != "" {
			not = append(not, node.Name+": "+reason)
		}
	}
	switch {
	case len(not) > 0:
		return errors.New(strings.Join(not, "; "))
	case len(nodes) != want:
		return fmt.Errorf("%d of %d nodes are registered", len(nodes), want)
	}
	return nil
}

// healthy tries the standing cluster of the right shape. It returns why it
// cannot be gone on with, or "".
func healthy(ctx context.Context, config kind.Config, info Info) (Cluster, string) {
	kubeconfig, err := kind.Kubeconfig(config)
	if err != nil {
		return nil, err.Error()
	}
	info.Kubeconfig = kubeconfig
	base, err := open(ctx, info)
	if err != nil {
		return nil, err.Error()
	}
	nodes, err := listNodes(ctx, base.rest)
	if err != nil {
		return nil, err.Error()
	}
	if err := allReady(nodes, 1+config.Workers); err != nil {
		return nil, err.Error()
	}
	// kind installs the storage class after the network that makes the first
	// node ready: without it the cluster was left half-made.
	if err := hasStorage(ctx, base.rest); err != nil {
		return nil, err.Error()
	}
	cluster, err := openKind(ctx, config.Docker, info)
	if err != nil {
		return nil, err.Error()
	}
	return cluster, ""
}

func hasStorage(ctx context.Context, config *rest.Config) error {
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return fmt.Errorf("make a client: %w", err)
	}
	classes, err := client.StorageV1().StorageClasses().List(ctx, metav1.ListOptions{})
	if err != nil {
		return fmt.Errorf("list storage classes: %w", err)
	}
	for _, class := range classes.Items {
		if class.Annotations[defaultClassAnnotation] == "true" {
			return nil
		}
	}
	return errors.New("it has no default storage class")
}
