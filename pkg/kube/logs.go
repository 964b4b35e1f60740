package kube

import (
	"context"
	"fmt"
	"io"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// LogOptions says which part of a container's log is wanted. The zero value is
// all of it, up to now.
type LogOptions struct {
	Previous   bool      // of the instance before the present one
	Follow     bool      // go on until the container ends
	Timestamps bool      // RFC 3339 time and a blank before each line
	Since      time.Time // only from then on, to the second
	TailLines  int64     // only the last so many; 0 for all
}

// Logs opens the log of a container ("" for the pod's only one).
func (c *Client) Logs(ctx context.Context, pod, container string, o LogOptions) (io.ReadCloser, error) {
	options := &corev1.PodLogOptions{Container: container, Previous: o.Previous, Follow: o.Follow, Timestamps: o.Timestamps}
	if !o.Since.IsZero() {
		since := metav1.NewTime(o.Since.Truncate(time.Second))
		options.SinceTime = &since
	}
	if o.TailLines > 0 {
		options.TailLines = &o.TailLines
	}
	stream, err := c.set.CoreV1().Pods(c.namespace).GetLogs(pod, options).Stream(ctx)
	if err != nil {
		return nil, fmt.Errorf("read the log of container %q of pod %s/%s: %w", container, c.namespace, pod, err)
	}
	return stream, nil
}
