package kube

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"syscall"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

func TestTransient(t *testing.T) {
	pods := schema.GroupResource{Resource: "pods"}
	tests := []struct {
		name string
		err  error
		want bool
	}{
		{"none", nil, false},
		{"connection refused", &url.Error{Op: "Get", URL: "https://127.0.0.1", Err: fmt.Errorf("dial: %w", syscall.ECONNREFUSED)}, true},
		{"connection reset", fmt.Errorf("read: %w", syscall.ECONNRESET), true},
		{"cut off", io.ErrUnexpectedEOF, true},
		{"lost connection", errors.New("http2: client connection lost"), true},
		{"too many requests", apierrors.NewTooManyRequests("slow down", 1), true},
		{"unavailable", apierrors.NewServiceUnavailable("starting"), true},
		{"server timeout", apierrors.NewServerTimeout(pods, "list", 1), true},
		{"expired", apierrors.NewResourceExpired("too old"), true},
		{"etcd restarts", apierrors.NewInternalError(errors.New("etcdserver: leader changed")), true},
		{"another internal error", apierrors.NewInternalError(errors.New("bug")), false},
		{"not found", apierrors.NewNotFound(pods, "x"), false},
		{"forbidden", apierrors.NewForbidden(pods, "x", errors.New("no")), false},
		{"invalid", apierrors.NewBadRequest("no"), false},
		{"cancelled", fmt.Errorf("watch: %w", context.Canceled), false},
		{"past its deadline", fmt.Errorf("watch: %w", context.DeadlineExceeded), false},
		{"a command's code", &ExitError{Pod: "p", Command: []string{"false"}, Code: 1}, false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if got := Transient(test.err); got != test.want {
				t.Errorf("Transient(%v) is %t", test.err, got)
			}
		})
	}
}
