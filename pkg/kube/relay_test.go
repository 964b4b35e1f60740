package kube

import (
	"context"
	"errors"
	"io"
	"net"
	"sync"
	"testing"
)

// echo answers each connection with its name and what was sent, until it is closed.
func echo(t *testing.T, name string) net.Listener {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				said, _ := io.ReadAll(conn)
				_, _ = io.WriteString(conn, name+" "+string(said))
			}()
		}
	}()
	return listener
}

func TestRelayOutlivesAPod(t *testing.T) {
	first, second := echo(t, "first"), echo(t, "second")
	defer second.Close()
	var mu sync.Mutex // of pods and forwards
	pods := []net.Listener{first}
	forwards := 0
	addr, closing, err := relay(t.Context(), func(context.Context) (string, func(), error) {
		mu.Lock()
		defer mu.Unlock()
		if len(pods) == 0 {
			return "", func() {}, errors.New("no pod is ready")
		}
		forwards++
		next := pods[0]
		pods = pods[1:]
		return next.Addr().String(), func() {}, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	defer closing()
	ask := func() string {
		conn, err := net.Dial("tcp", addr)
		if err != nil {
			return err.Error()
		}
		defer conn.Close()
		_, _ = io.WriteString(conn, "hello")
		_ = conn.(*net.TCPConn).CloseWrite()
		said, _ := io.ReadAll(conn)
		return string(said)
	}
	if got := ask(); got != "first hello" {
		t.Errorf("got %q", got)
	}
	_ = first.Close()
	if got := ask(); got != "" {
		t.Errorf("with no pod: %q", got)
	}
	mu.Lock()
	pods = []net.Listener{second}
	mu.Unlock()
	if got := ask() + ask(); got != "second hellosecond hello" {
		t.Errorf("with another pod: %q", got)
	}
	mu.Lock()
	defer mu.Unlock()
	if forwards != 2 {
		t.Errorf("%d forwardings, want 2", forwards)
	}
	closing()
	closing()
	if conn, err := net.Dial("tcp", addr); err == nil {
		conn.Close()
		t.Error("it listens after it was closed")
	}
}
