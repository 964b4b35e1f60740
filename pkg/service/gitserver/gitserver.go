// Package gitserver runs a Git server beside the cluster: a real sshd and a
// real git behind HTTPS, with keys, certificates and a token made for the run.
package gitserver

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/testcontainers/testcontainers-go"

	"github.com/airworthy/airworthy/pkg/service"
	"github.com/airworthy/airworthy/pkg/service/internal/container"
)

const (
	sshPort   = "22/tcp"
	httpsPort = "443/tcp"
)

// Repositories that every server has: the DAGs', and one for a submodule of it.
const (
	DAGs   = "dags"
	Shared = "shared"
)

// Server is a Git server. It is a service.Handle.
type Server struct {
	*container.Handle
	git service.Git
}

var _ service.Handle = (*Server)(nil)

// Endpoint gives the address of SSH alone; Git has everything.
func (s *Server) Endpoint() service.Endpoint {
	return service.Endpoint{FromPod: net.JoinHostPort(s.Name(), "22"), User: "git"}
}

// Git is the repository DAGs on the server.
func (s *Server) Git() service.Git { return s.git }

// Run starts a server from an image that the container engine holds, and
// returns when both ways in answer. The handle is never nil: close it also after
// an error. Pods use the container's alias on the network, which outlives a
// restart of the container.
func Run(ctx context.Context, image string, place service.Placement) (*Server, error) {
	handle, err := container.Prepare(ctx, image, place)
	server := &Server{Handle: handle}
	if err != nil {
		return server, err
	}
	ctx, cancel := context.WithTimeout(ctx, container.Within(ctx))
	defer cancel()
	id, err := newIdentity(place.Name)
	if err != nil {
		return server, err
	}
	server.git = id.git
	server.git.SSH.FromPod = "ssh://git@" + place.Name + "/srv/git/" + DAGs + ".git"
	server.git.HTTPS.FromPod = "https://" + place.Name + "/git/" + DAGs + ".git"
	got, err := testcontainers.Run(ctx, image, append(container.Options(place, sshPort, httpsPort),
		testcontainers.WithEnv(map[string]string{"GIT_REPOSITORIES": DAGs + " " + Shared}),
		testcontainers.WithFiles(files(id)...),
		container.NoWait(),
	)...)
	if got != nil {
		handle.Started(got)
	}
	if err != nil {
		return server, fmt.Errorf("start %s from image %s: %w", place.Name, image, err)
	}
	return server, server.locate(ctx)
}

// Attach uses the running server of the placement's stack and name, with what
// Run gave.
func Attach(ctx context.Context, place service.Placement, known service.Git) (*Server, error) {
	handle, err := container.Find(ctx, place)
	server := &Server{Handle: handle, git: known}
	if err != nil {
		return server, err
	}
	return server, server.locate(ctx)
}

// files are what the image expects in /etc/gitserver.
func files(id identity) []testcontainers.ContainerFile {
	restricted := func(what, key string) string { return `restrict,command="git-only ` + what + `" ` + key + "\n" }
	one := func(name, content string, mode int64) testcontainers.ContainerFile {
		return testcontainers.ContainerFile{Reader: strings.NewReader(content), ContainerFilePath: "/etc/gitserver/" + name, FileMode: mode}
	}
	return []testcontainers.ContainerFile{
		one("host_key", id.hostKey, 0o600),
		one("authorized_keys", restricted("read", id.deploy)+restricted("admin", id.admin), 0o644),
		one("tls.crt", id.tlsCert, 0o644),
		one("tls.key", id.tlsKey, 0o600),
		one("htpasswd", htpasswd(id.git.User, id.git.Token), 0o644),
	}
}

// locate waits until both ways in answer, and fills in their addresses on this machine.
func (s *Server) locate(ctx context.Context) error {
	ssh, err := s.Answer(ctx, sshPort, greets)
	if err != nil {
		return err
	}
	https, err := s.Answer(ctx, httpsPort, s.refusesStrangers)
	if err != nil {
		return err
	}
	s.git.SSH.FromHost = "ssh://git@" + ssh + "/srv/git/" + DAGs + ".git"
	s.git.HTTPS.FromHost = "https://" + https + "/git/" + DAGs + ".git"
	return nil
}

// greets reads the line with which an SSH server begins.
func greets(ctx context.Context, address string) error {
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", address)
	if err != nil {
		return err
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(5 * time.Second)); err != nil {
		return err
	}
	greeting := make([]byte, len("SSH-2.0-"))
	if _, err := io.ReadFull(conn, greeting); err != nil {
		return fmt.Errorf("read the SSH server's greeting: %w", err)
	}
	if string(greeting) != "SSH-2.0-" {
		return fmt.Errorf("it greets with %q", greeting)
	}
	return nil
}

// refusesStrangers asks for the repository without the token: the certificate
// must verify, and the answer must be 401.
func (s *Server) refusesStrangers(ctx context.Context, address string) error {
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM([]byte(s.git.CA)) {
		return errors.New("the authority's certificate cannot be read")
	}
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}, DisableKeepAlives: true}}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://"+address+"/git/"+DAGs+".git/info/refs?service=git-upload-pack", nil)
	if err != nil {
		return err
	}
	answer, err := client.Do(request)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusUnauthorized {
		return fmt.Errorf("it answers %s to a stranger", answer.Status)
	}
	return nil
}
