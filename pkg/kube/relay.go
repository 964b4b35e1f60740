package kube

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
)

// Relay is Forward to a service that outlives the service's pods: a connection
// that comes after the chosen pod has gone is passed on to another one. While
// there is none, connections are closed as soon as they are made.
func (c *Client) Relay(ctx context.Context, service string, port int) (addr string, closing func(), err error) {
	return relay(ctx, func(ctx context.Context) (string, func(), error) {
		return c.Forward(ctx, "service/"+service, port)
	})
}

// relaying passes connections on to wherever forward leads at the moment.
type relaying struct {
	forward func(context.Context) (addr string, closing func(), err error)

	mu   sync.Mutex
	addr string
	stop func() // ends the present forwarding
}

func relay(ctx context.Context, forward func(context.Context) (string, func(), error)) (string, func(), error) {
	ctx, cancel := context.WithCancel(ctx)
	r := &relaying{forward: forward}
	var err error
	if r.addr, r.stop, err = forward(ctx); err != nil {
		cancel()
		return "", func() {}, err
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		cancel()
		r.stop()
		return "", func() {}, fmt.Errorf("listen for connections to forward: %w", err)
	}
	var serving sync.WaitGroup
	serving.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return // closed
			}
			serving.Go(func() { r.serve(ctx, conn) })
		}
	})
	ended := context.AfterFunc(ctx, func() { _ = listener.Close() })
	return listener.Addr().String(), sync.OnceFunc(func() {
		cancel()
		ended()
		_ = listener.Close()
		serving.Wait()
		r.mu.Lock()
		defer r.mu.Unlock()
		r.stop()
	}), nil
}

// serve passes one connection on until either side ends it, or ctx.
func (r *relaying) serve(ctx context.Context, conn net.Conn) {
	defer conn.Close()
	to, err := r.dial(ctx)
	if err != nil {
		return // whoever connected sees the connection end, and tries again
	}
	defer to.Close()
	defer context.AfterFunc(ctx, func() { _, _ = conn.Close(), to.Close() })()
	var both sync.WaitGroup
	both.Go(func() { pass(to, conn) })
	both.Go(func() { pass(conn, to) })
	both.Wait()
}

// pass copies until from ends, and says so to the other side.
func pass(to, from net.Conn) {
	_, err := io.Copy(to, from)
	if half, ok := to.(*net.TCPConn); ok && err == nil {
		_ = half.CloseWrite()
		return
	}
	_, _ = to.Close(), from.Close()
}

// dial reaches the present pod, or the next one where that has gone.
func (r *relaying) dial(ctx context.Context) (net.Conn, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	var dialer net.Dialer
	conn, err := dialer.DialContext(ctx, "tcp", r.addr)
	if err == nil {
		return conn, nil
	}
	addr, stop, again := r.forward(ctx)
	if again != nil {
		return nil, errors.Join(err, again)
	}
	r.stop()
	r.addr, r.stop = addr, stop
	return dialer.DialContext(ctx, "tcp", addr)
}
