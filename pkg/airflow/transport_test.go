package airflow

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"time"
)

// A lost connection must not hold up a wait until its very end.
func TestSilentConnection(t *testing.T) {
	release := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-release }))
	t.Cleanup(server.Close)
	t.Cleanup(func() { close(release) })
	c := &caller{base: server.URL, http: &http.Client{Transport: newTransport(50 * time.Millisecond)}}
	err := c.call(t.Context(), request{method: http.MethodGet, path: "/api/v2/monitor/health", open: true}, nil)
	if !Transient(err) {
		t.Errorf("got %v, want an error after which to ask again", err)
	}
}
