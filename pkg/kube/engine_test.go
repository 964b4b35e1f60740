//go:build engine

package kube_test

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/airworthy/airworthy/pkg/kube"
)

// These tests need a cluster, and an image on its nodes with a shell and
// busybox's httpd:
//
//	go test -tags engine ./pkg/kube -kubeconfig=FILE -pod-image=NAME
var (
	kubeconfig = flag.String("kubeconfig", "", "kubeconfig of the cluster to use")
	podImage   = flag.String("pod-image", "docker.io/airworthy/local-path-helper:v1", "image on the nodes")
)

// connect makes a namespace for the test.
func connect(t *testing.T) (*kube.Client, context.Context) {
	t.Helper()
	if *kubeconfig == "" {
		t.Skip("no -kubeconfig")
	}
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	t.Cleanup(cancel)
	config, err := clientcmd.BuildConfigFromFlags("", *kubeconfig)
	if err != nil {
		t.Fatal(err)
	}
	namespace := fmt.Sprintf("kube-test-%d", time.Now().UnixNano())
	client, err := kube.New(config, namespace)
	if err != nil {
		t.Fatal(err)
	}
	namespaces := client.Typed().CoreV1().Namespaces()
	if _, err := namespaces.Create(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: namespace}}, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := namespaces.Delete(context.Background(), namespace, metav1.DeleteOptions{}); err != nil {
			t.Error(err)
		}
	})
	return client, ctx
}

func pod(name, script string) *corev1.Pod {
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{"app": name}},
		Spec: corev1.PodSpec{
			RestartPolicy: corev1.RestartPolicyNever,
			Containers: []corev1.Container{{
				Name: "main", Image: *podImage, ImagePullPolicy: corev1.PullNever, Command: []string{"sh", "-c", script},
			}},
		},
	}
}

func create(ctx context.Context, t *testing.T, c *kube.Client, p *corev1.Pod) {
	t.Helper()
	// The account of a new namespace is made a moment after it.
	p.Spec.AutomountServiceAccountToken = new(bool)
	if _, err := c.Typed().CoreV1().Pods(c.Namespace()).Create(ctx, p, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
}

// books are the logs that a streamer wrote, by pod/container/restart.
type books struct {
	mu   sync.Mutex
	text map[string]*bytes.Buffer
	open int
}

type page struct {
	books *books
	to    *bytes.Buffer
}

func (p page) Write(b []byte) (int, error) {
	p.books.mu.Lock()
	defer p.books.mu.Unlock()
	return p.to.Write(b)
}

func (p page) Close() error {
	p.books.mu.Lock()
	defer p.books.mu.Unlock()
	p.books.open--
	return nil
}

func (b *books) sink(pod, container string, restart int) io.WriteCloser {
	b.mu.Lock()
	defer b.mu.Unlock()
	to := &bytes.Buffer{}
	b.text[fmt.Sprintf("%s/%s/%d", pod, container, restart)] = to
	b.open++
	return page{b, to}
}

func TestLogsAreStreamedWhole(t *testing.T) {
	client, ctx := connect(t)
	logs := &books{text: map[string]*bytes.Buffer{}}
	streamer, err := client.StreamLogs(ctx, kube.Streaming{Sink: logs.sink})
	if err != nil {
		t.Fatal(err)
	}
	watcher, err := client.Watch(ctx, kube.Watching{Events: true})
	if err != nil {
		t.Fatal(err)
	}
	defer watcher.Stop()

	once := pod("once", "echo begins; seq 1 50000; echo ends")
	once.Spec.InitContainers = []corev1.Container{{
		Name: "init", Image: *podImage, ImagePullPolicy: corev1.PullNever, Command: []string{"sh", "-c", "echo prepared"},
	}}
	create(ctx, t, client, once)
	again := pod("again", "echo try; sleep 1; exit 3")
	again.Spec.RestartPolicy = corev1.RestartPolicyOnFailure
	create(ctx, t, client, again)
	create(ctx, t, client, pod("killed", `trap 'echo bye; exit 0' TERM; echo up; while :; do sleep 0.2; done`))
	create(ctx, t, client, pod("stays", "echo still here; sleep 600"))

	until := func(name, what string, ok func(kube.PodFact) bool) {
		t.Helper()
		_, err := watcher.AwaitPods(ctx, what, func(p kube.PodFact) bool { return p.Name == name },
			func(pods []kube.PodFact) error {
				if len(pods) == 0 || !ok(pods[0]) {
					return errors.New("not yet")
				}
				return nil
			})
		if err != nil {
			t.Fatal(err)
		}
	}
	until("killed", "the pod to run", func(p kube.PodFact) bool { return !p.Started.IsZero() })
	if err := client.DeletePod(ctx, "killed", kube.Deletion{}); err != nil {
		t.Fatal(err)
	}
	until("once", "the pod to succeed", func(p kube.PodFact) bool { return p.Phase == "Succeeded" })
	until("again", "a restart", func(p kube.PodFact) bool { return p.Containers[0].Restarts >= 1 && p.Containers[0].State != "running" })
	until("killed", "the pod to be gone", func(p kube.PodFact) bool { return !p.Deleted.IsZero() })
	until("stays", "the pod to run", func(p kube.PodFact) bool { return !p.Started.IsZero() })
	if err := streamer.Stop(); err != nil {
		t.Error(err)
	}

	var numbers strings.Builder
	for i := range 50000 {
		fmt.Fprintln(&numbers, i+1)
	}
	for name, want := range map[string]string{
		"once/init/0": "prepared\n", "once/main/0": "begins\n" + numbers.String() + "ends\n",
		"again/main/0": "try\n", "again/main/1": "try\n", "killed/main/0": "up\nbye\n", "stays/main/0": "still here\n",
	} {
		got, ok := logs.text[name]
		if !ok || got.String() != want {
			t.Errorf("log %s is %.80q..., want %.80q...", name, fmt.Sprint(got), want)
		}
	}
	if logs.open != 0 {
		t.Errorf("%d logs were not closed", logs.open)
	}
	if len(watcher.Events(func(e kube.EventFact) bool { return e.Object == "Pod/once" && e.Reason == "Started" })) == 0 {
		t.Error("no event tells of the start of pod once")
	}
}

func TestExecFilesForwardDump(t *testing.T) {
	client, ctx := connect(t)
	server := pod("web", "mkdir -p /tmp/w; httpd -p 8080 -h /tmp/w; sleep 600")
	server.Spec.Containers[0].ReadinessProbe = &corev1.Probe{
		ProbeHandler:  corev1.ProbeHandler{TCPSocket: &corev1.TCPSocketAction{Port: intstr.FromInt32(8080)}},
		PeriodSeconds: 1,
	}
	server.Spec.Containers[0].Ports = []corev1.ContainerPort{{Name: "http", ContainerPort: 8080}}
	create(ctx, t, client, server)
	service := &corev1.Service{
		ObjectMeta: metav1.ObjectMeta{Name: "web"},
		Spec:       corev1.ServiceSpec{Selector: server.Labels, Ports: []corev1.ServicePort{{Port: 80, TargetPort: intstr.FromString("http")}}},
	}
	if _, err := client.Typed().CoreV1().Services(client.Namespace()).Create(ctx, service, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	watcher, err := client.Watch(ctx, kube.Watching{})
	if err != nil {
		t.Fatal(err)
	}
	defer watcher.Stop()
	_, err = watcher.AwaitPods(ctx, "the server to be ready", nil, func(pods []kube.PodFact) error {
		if len(pods) != 1 || !pods[0].Ready {
			return fmt.Errorf("pods are %+v", pods)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}

	if err := client.WriteFiles(ctx, "web", "main", "/tmp/w", map[string]string{"index.html": "hello", "sub/b": "ü"}); err != nil {
		t.Fatal(err)
	}
	address, stop, err := client.Forward(ctx, "service/web", 80)
	if err != nil {
		t.Fatal(err)
	}
	defer stop()
	for range 3 {
		answer, err := http.Get("http://" + address + "/")
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(answer.Body)
		answer.Body.Close()
		if string(body) != "hello" {
			t.Errorf("the server answered %q", body)
		}
	}
	stop()

	if err := client.RemoveFiles(ctx, "web", "main", "/tmp/w", "index.html", "never-there"); err != nil {
		t.Error(err)
	}
	stdout, _, err := client.Exec(ctx, "web", "", []string{"sh", "-c", "ls -A /tmp/w /tmp/w/sub"}, nil)
	if err != nil || stdout != "/tmp/w:\nsub\n\n/tmp/w/sub:\nb\n" {
		t.Errorf("the folder holds %q, %v", stdout, err)
	}
	stdout, stderr, err := client.Exec(ctx, "web", "main", []string{"sh", "-c", "cat; echo oops >&2; exit 7"}, strings.NewReader("given"))
	var exit *kube.ExitError
	if !errors.As(err, &exit) || exit.Code != 7 || stdout != "given" || stderr != "oops\n" {
		t.Errorf("got %q, %q, %v", stdout, stderr, err)
	}
	if _, _, err := client.Exec(ctx, "nobody", "", []string{"true"}, nil); !kube.NotFound(err) {
		t.Errorf("the error for a pod that is not there is %v", err)
	}
	dump(ctx, t, client)
}

func dump(ctx context.Context, t *testing.T, client *kube.Client) {
	t.Helper()
	secret := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: "s"}, StringData: map[string]string{"key": "hush"}}
	if _, err := client.Typed().CoreV1().Secrets(client.Namespace()).Create(ctx, secret, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	files := map[string]string{}
	err := client.DumpObjects(ctx, func(file string, content []byte) error {
		files[file] = string(content)
		return nil
	})
	if err != nil {
		t.Error(err)
	}
	if !strings.Contains(files["pods.yaml"], "kind: Pod\n") || !strings.Contains(files["nodes.yaml"], "kind: NodeList") {
		t.Errorf("the dump holds %d files, pods.yaml begins %.100q", len(files), files["pods.yaml"])
	}
	if text := files["secrets.yaml"]; !strings.Contains(text, "key:") || strings.Contains(text, "aHVzaA") {
		t.Errorf("secrets.yaml is %s", text)
	}
}
