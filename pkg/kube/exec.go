package kube

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/httpstream"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/tools/remotecommand"
	"k8s.io/client-go/util/exec"
)

// stderrTail is how much of a failed command's standard error goes into its error.
const stderrTail = 2000

// Exec runs a command in a running container ("" for the pod's default one)
// and returns what it wrote, also beside an error. stdin may be nil. A command
// that ends with another code than 0 is an *ExitError.
func (c *Client) Exec(ctx context.Context, pod, container string, command []string, stdin io.Reader) (stdout, stderr string, err error) {
	var out, errOut bytes.Buffer
	request := c.set.CoreV1().RESTClient().Post().Namespace(c.namespace).Resource("pods").Name(pod).SubResource("exec").
		VersionedParams(&corev1.PodExecOptions{
			Container: container, Command: command, Stdin: stdin != nil, Stdout: true, Stderr: true,
		}, scheme.ParameterCodec)
	executor, err := c.executor(request.URL().String(), func() (remotecommand.Executor, error) {
		return remotecommand.NewSPDYExecutor(c.rest, "POST", request.URL())
	})
	if err != nil {
		return "", "", fmt.Errorf("execute in pod %s/%s: %w", c.namespace, pod, err)
	}
	err = executor.StreamWithContext(ctx, remotecommand.StreamOptions{Stdin: stdin, Stdout: &out, Stderr: &errOut})
	stdout, stderr = out.String(), errOut.String()
	var code exec.CodeExitError
	switch {
	case err == nil:
		return stdout, stderr, nil
	case errors.As(err, &code):
		return stdout, stderr, &ExitError{Pod: pod, Container: container, Command: command, Code: code.Code, Stderr: tail(stderr)}
	case ctx.Err() != nil:
		err = context.Cause(ctx)
	default:
		// The refused upgrade of a connection keeps the text of the API's
		// answer, not its type.
		if _, gone := c.Pod(ctx, pod); NotFound(gone) {
			err = gone
		}
	}
	return stdout, stderr, fmt.Errorf("execute %q in pod %s/%s: %w", strings.Join(command, " "), c.namespace, pod, err)
}

// executor prefers a WebSocket. API servers before 1.31, and some proxies, know
// SPDY only.
func (c *Client) executor(url string, spdy func() (remotecommand.Executor, error)) (remotecommand.Executor, error) {
	old, err := spdy()
	if err != nil {
		return nil, err
	}
	socket, err := remotecommand.NewWebSocketExecutor(c.rest, "GET", url)
	if err != nil {
		return nil, err
	}
	return remotecommand.NewFallbackExecutor(socket, old, noWebSocket)
}

func noWebSocket(err error) bool {
	return httpstream.IsUpgradeFailure(err) || httpstream.IsHTTPSProxyError(err)
}

func tail(text string) string {
	text = strings.TrimSpace(text)
	if len(text) > stderrTail {
		text = "..." + text[len(text)-stderrTail:]
	}
	return text
}
