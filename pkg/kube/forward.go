package kube

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/httpstream"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/client-go/tools/portforward"
	"k8s.io/client-go/transport/spdy"
)

// Forward listens on a free port of 127.0.0.1 and passes connections on to a
// port of target: "pod/NAME", or "service/NAME", which stands for one of the
// service's ready pods, chosen now. It returns the address, and a function that
// ends it and may be called again. The forwarding also ends with ctx, and
// with the pod.
func (c *Client) Forward(ctx context.Context, target string, port int) (addr string, closing func(), err error) {
	fail := func(err error) (string, func(), error) {
		return "", func() {}, fmt.Errorf("forward port %d of %s in namespace %s: %w", port, target, c.namespace, err)
	}
	pod, podPort, err := c.backend(ctx, target, port)
	if err != nil {
		return fail(err)
	}
	dialer, err := c.portDialer(pod)
	if err != nil {
		return fail(err)
	}
	ctx, cancel := context.WithCancel(ctx)
	ready, done := make(chan struct{}), make(chan error, 1)
	forwarder, err := portforward.NewOnAddressesWithContext(ctx, dialer, []string{"127.0.0.1"},
		[]string{"0:" + strconv.Itoa(podPort)}, ready, io.Discard, io.Discard)
	if err != nil {
		cancel()
		return fail(err)
	}
	go func() { done <- forwarder.ForwardPorts() }()
	select {
	case <-ready:
	case err := <-done:
		cancel()
		return fail(errors.Join(err, ctx.Err()))
	}
	ports, err := forwarder.GetPorts()
	if err != nil {
		cancel()
		return fail(err)
	}
	closing = sync.OnceFunc(func() {
		cancel()
		<-done
	})
	return net.JoinHostPort("127.0.0.1", strconv.Itoa(int(ports[0].Local))), closing, nil
}

// backend resolves target to a pod and a port of it.
func (c *Client) backend(ctx context.Context, target string, port int) (pod string, podPort int, err error) {
	kind, name, _ := strings.Cut(target, "/")
	switch kind {
	case "pod":
		return name, port, nil
	case "service":
	default:
		return "", 0, fmt.Errorf("target %q is neither pod/NAME nor service/NAME", target)
	}
	service, err := c.set.CoreV1().Services(c.namespace).Get(ctx, name, metav1.GetOptions{})
	if err != nil {
		return "", 0, err
	}
	if len(service.Spec.Selector) == 0 {
		return "", 0, fmt.Errorf("service %s selects no pods", name)
	}
	selector := labels.SelectorFromSet(service.Spec.Selector).String()
	pods, err := c.set.CoreV1().Pods(c.namespace).List(ctx, metav1.ListOptions{LabelSelector: selector})
	if err != nil {
		return "", 0, err
	}
	for i := range pods.Items {
		if p := &pods.Items[i]; p.DeletionTimestamp == nil && NewPodFact(p).Ready {
			podPort, err = targetPort(service, p, port)
			return p.Name, podPort, err
		}
	}
	return "", 0, fmt.Errorf("none of the %d pods of service %s is ready", len(pods.Items), name)
}

// targetPort is the pod's port behind a service's port.
func targetPort(service *corev1.Service, pod *corev1.Pod, port int) (int, error) {
	for _, p := range service.Spec.Ports {
		if int(p.Port) != port {
			continue
		}
		if p.TargetPort.Type == intstr.Int {
			if p.TargetPort.IntVal == 0 {
				return port, nil
			}
			return int(p.TargetPort.IntVal), nil
		}
		for _, container := range pod.Spec.Containers {
			for _, named := range container.Ports {
				if named.Name == p.TargetPort.StrVal {
					return int(named.ContainerPort), nil
				}
			}
		}
		return 0, fmt.Errorf("pod %s has no port named %s", pod.Name, p.TargetPort.StrVal)
	}
	return 0, fmt.Errorf("service %s has no port %d", service.Name, port)
}

func (c *Client) portDialer(pod string) (httpstream.Dialer, error) {
	url := c.set.CoreV1().RESTClient().Post().Namespace(c.namespace).Resource("pods").Name(pod).SubResource("portforward").URL()
	transport, upgrader, err := spdy.RoundTripperFor(c.rest)
	if err != nil {
		return nil, err
	}
	old := spdy.NewDialer(upgrader, &http.Client{Transport: transport}, http.MethodPost, url)
	socket, err := portforward.NewSPDYOverWebsocketDialer(url, c.rest)
	if err != nil {
		return nil, err
	}
	return portforward.NewFallbackDialer(socket, old, noWebSocket), nil
}
