package kube

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"syscall"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	utilnet "k8s.io/apimachinery/pkg/util/net"
)

// ExitError is a command in a container that ended with another code than 0.
type ExitError struct {
	Pod, Container string
	Command        []string
	Code           int
	Stderr         string // its last part
}

func (e *ExitError) Error() string {
	text := fmt.Sprintf("command %q in container %s of pod %s ended with code %d", strings.Join(e.Command, " "), e.Container, e.Pod, e.Code)
	if e.Stderr != "" {
		text += ": " + e.Stderr
	}
	return text
}

// NotFound reports whether err says that the object, or its namespace, is not there.
func NotFound(err error) bool { return apierrors.IsNotFound(err) }

// Transient reports whether err is of the kind that goes away by itself while
// an API server or a node restarts or is overloaded, so that a wait may go on.
// The end of a context is not.
func Transient(err error) bool {
	if err == nil || errors.Is(err, context.Canceled) {
		return false
	}
	var status apierrors.APIStatus
	if errors.As(err, &status) {
		return transientStatus(err)
	}
	var dns *net.DNSError
	if errors.As(err, &dns) {
		return dns.Temporary()
	}
	for _, known := range []error{
		io.EOF, io.ErrUnexpectedEOF, net.ErrClosed,
		syscall.ECONNREFUSED, syscall.ECONNRESET, syscall.EPIPE, syscall.ETIMEDOUT, syscall.EHOSTUNREACH, syscall.ENETUNREACH,
	} {
		if errors.Is(err, known) {
			return true
		}
	}
	var timeout net.Error
	if errors.As(err, &timeout) && timeout.Timeout() && !errors.Is(err, context.DeadlineExceeded) {
		return true
	}
	return utilnet.IsHTTP2ConnectionLost(err) || utilnet.IsProbableEOF(err)
}

func transientStatus(err error) bool {
	switch {
	case apierrors.IsServerTimeout(err), apierrors.IsTimeout(err), apierrors.IsTooManyRequests(err),
		apierrors.IsServiceUnavailable(err), apierrors.IsResourceExpired(err), apierrors.IsGone(err):
		return true
	}
	// A restarted etcd or an aggregated API shows as an internal error.
	if !apierrors.IsInternalError(err) {
		return false
	}
	for _, part := range []string{"etcdserver:", "connection refused", "connection reset", "EOF", "error dialing backend", "unable to upgrade connection"} {
		if strings.Contains(err.Error(), part) {
			return true
		}
	}
	return false
}
