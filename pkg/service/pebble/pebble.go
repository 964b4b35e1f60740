// Package pebble runs Pebble, an ACME server for tests, beside the cluster. It
// validates HTTP-01 challenges as a public certificate authority does: over the
// network, at port 80 of the name.
package pebble

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"

	mobycontainer "github.com/moby/moby/api/types/container"
	"github.com/testcontainers/testcontainers-go"

	"github.com/airworthy/airworthy/pkg/service"
	"github.com/airworthy/airworthy/pkg/service/internal/authority"
	"github.com/airworthy/airworthy/pkg/service/internal/container"
)

const (
	acmePort  = "14000"
	adminPort = "15000"
	port      = adminPort + "/tcp"
)

// Option changes how the server is made.
type Option func(*options)

type options struct {
	hosts    []string
	httpPort int
}

// WithHost lets the server find name at address, which needs no DNS then.
func WithHost(name, address string) Option {
	return func(o *options) { o.hosts = append(o.hosts, name+":"+address) }
}

// WithHTTPPort is where challenges are asked for; the default is 80.
func WithHTTPPort(port int) Option { return func(o *options) { o.httpPort = port } }

// Server is a running Pebble. It is a service.Handle.
type Server struct {
	*container.Handle
	endpoint service.Endpoint
	ca       []byte
}

var _ service.Handle = (*Server)(nil)

// Endpoint gives, for pods, the address of the ACME API and, for this machine,
// that of the management API.
func (s *Server) Endpoint() service.Endpoint { return s.endpoint }

// CA is the certificate, in PEM, that verifies the server's own.
func (s *Server) CA() []byte { return s.ca }

// Directory is the URL that ACME clients begin with.
func Directory(e service.Endpoint) string { return "https://" + e.FromPod + "/dir" }

// Run starts a server from an image that the container engine holds, and
// returns when it answers. The handle is never nil: close it also after an error.
func Run(ctx context.Context, image string, place service.Placement, opts ...Option) (*Server, error) {
	o := options{httpPort: 80}
	for _, opt := range opts {
		opt(&o)
	}
	handle, err := container.Prepare(ctx, image, place)
	server := &Server{Handle: handle, endpoint: service.Endpoint{FromPod: net.JoinHostPort(place.Name, acmePort)}}
	if err != nil {
		return server, err
	}
	made, err := authority.New("airworthy ACME server CA", place.Name)
	if err != nil {
		return server, fmt.Errorf("start %s: %w", place.Name, err)
	}
	server.ca = []byte(made.CA)
	configuration, err := json.Marshal(configuration(o.httpPort))
	if err != nil {
		return server, fmt.Errorf("start %s: %w", place.Name, err)
	}
	got, err := testcontainers.Run(ctx, image, append(container.Options(place, port),
		// Pebble's image names no ports.
		testcontainers.WithExposedPorts(port),
		testcontainers.WithCmd("-config", "/config.json"),
		testcontainers.WithFiles(file("/config.json", configuration), file("/cert.pem", []byte(made.Cert)), file("/key.pem", []byte(made.Key))),
		// Its random sleeps and refusals are for those who write ACME clients.
		testcontainers.WithEnv(map[string]string{"PEBBLE_VA_NOSLEEP": "1", "PEBBLE_WFE_NONCEREJECT": "0", "PEBBLE_AUTHZREUSE": "0"}),
		testcontainers.CustomizeRequestOption(func(r *testcontainers.GenericContainerRequest) error {
			modify := r.HostConfigModifier
			r.HostConfigModifier = func(host *mobycontainer.HostConfig) {
				if modify != nil {
					modify(host)
				}
				host.ExtraHosts = append(host.ExtraHosts, o.hosts...)
			}
			return nil
		}),
		container.NoWait(),
	)...)
	if got != nil {
		handle.Started(got)
	}
	if err != nil {
		return server, fmt.Errorf("start %s from image %s: %w", place.Name, image, err)
	}
	server.endpoint.FromHost, err = handle.Answer(ctx, port, func(ctx context.Context, address string) error {
		_, err := server.root(ctx, address)
		return err
	})
	return server, err
}

// Root is the certificate, in PEM, of the authority that issues: another one
// each time the server starts.
func (s *Server) Root(ctx context.Context) ([]byte, error) {
	return s.root(ctx, s.endpoint.FromHost)
}

func (s *Server) root(ctx context.Context, address string) ([]byte, error) {
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(s.ca) {
		return nil, errors.New("the server's own certificate cannot be read")
	}
	client := &http.Client{Transport: &http.Transport{
		TLSClientConfig: &tls.Config{RootCAs: roots, ServerName: s.Name()}, DisableKeepAlives: true,
	}}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://"+address+"/roots/0", nil)
	if err != nil {
		return nil, err
	}
	answer, err := client.Do(request)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(io.LimitReader(answer.Body, 1<<16))
	if err == nil && answer.StatusCode != http.StatusOK {
		err = fmt.Errorf("ask for the root certificate: %s: %.200s", answer.Status, body)
	}
	return body, err
}

func configuration(httpPort int) map[string]any {
	return map[string]any{"pebble": map[string]any{
		"listenAddress":           "0.0.0.0:" + acmePort,
		"managementListenAddress": "0.0.0.0:" + adminPort,
		"certificate":             "/cert.pem", "privateKey": "/key.pem",
		"httpPort": httpPort, "tlsPort": 443,
		// Clients are told to ask again soon: nothing is queued here.
		"retryAfter": map[string]any{"authz": 1, "order": 1},
	}}
}

func file(path string, content []byte) testcontainers.ContainerFile {
	return testcontainers.ContainerFile{Reader: bytes.NewReader(content), ContainerFilePath: path, FileMode: 0o444}
}
