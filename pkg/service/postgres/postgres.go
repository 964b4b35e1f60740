// Package postgres runs a PostgreSQL server beside the cluster.
package postgres

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/testcontainers/testcontainers-go"
	tcpostgres "github.com/testcontainers/testcontainers-go/modules/postgres"

	"github.com/airworthy/airworthy/pkg/service"
	"github.com/airworthy/airworthy/pkg/service/internal/authority"
	"github.com/airworthy/airworthy/pkg/service/internal/container"
)

const (
	portNumber = "5432"
	port       = portNumber + "/tcp"

	administrator = "postgres"
)

// settings trade durability, which a database of one run does not need, for
// the disk's time. Airflow's components hold tens of connections each.
var settings = []string{
	"-c", "fsync=off",
	"-c", "synchronous_commit=off",
	"-c", "full_page_writes=off",
	"-c", "max_connections=100",
}

// Option changes how the server is made.
type Option func(*options)

type options struct {
	user, password, database, admin string

	tls bool
}

// WithCredentials names the owner of the database and its password. The
// default is airflow with a password of the same name, for use in tests only.
func WithCredentials(user, password string) Option {
	return func(o *options) { o.user, o.password = user, password }
}

// WithDatabase names the database; the default is airflow.
func WithDatabase(name string) Option { return func(o *options) { o.database = name } }

// WithAdmin gives the server's administrator a password; the default is one that
// nobody knows.
func WithAdmin(password string) Option { return func(o *options) { o.admin = password } }

// WithTLS has the server offer TLS, with a certificate for its name by an
// authority of its own, which Endpoint.CA holds. It goes on answering those who do
// not ask for it: what the clients do is theirs to show.
func WithTLS() Option { return func(o *options) { o.tls = true } }

// Where the certificate and its key are in the container.
const (
	certFile = "/etc/airworthy-tls/server.crt"
	keyFile  = "/etc/airworthy-tls/server.key"
)

// offerTLS gives the server a certificate for its name. The server takes no key
// that others can read, and runs as a user whose number is the image's own affair.
func (s *Server) offerTLS() ([]testcontainers.ContainerCustomizer, error) {
	made, err := authority.New("airworthy database CA", s.Name())
	if err != nil {
		return nil, err
	}
	s.endpoint.CA, s.admin.CA = made.CA, made.CA
	file := func(path, content string, mode int64) testcontainers.ContainerFile {
		return testcontainers.ContainerFile{Reader: strings.NewReader(content), ContainerFilePath: path, FileMode: mode}
	}
	return []testcontainers.ContainerCustomizer{
		testcontainers.WithFiles(file(certFile, made.Cert, 0o644), file(keyFile, made.Key, 0o600)),
		testcontainers.WithEntrypoint("sh", "-c", "chown postgres "+keyFile+` && exec docker-entrypoint.sh "$@"`, "sh"),
		testcontainers.WithCmdArgs("-c", "ssl=on", "-c", "ssl_cert_file="+certFile, "-c", "ssl_key_file="+keyFile),
	}, nil
}

// Server is a PostgreSQL server. It is a service.Handle.
type Server struct {
	*container.Handle
	endpoint service.Endpoint
	admin    service.Endpoint
}

var _ service.Handle = (*Server)(nil)

// Endpoint gives the addresses and the credentials of the database's owner, who
// has no rights beyond that database: an administrator would be bound by no limit
// that the server has for everybody else. Pods use the container's
// alias on the network: the cluster's DNS passes names that it does not know on
// to the node's, which is the container engine's, and the alias outlives a
// restart of the container, unlike its address.
func (s *Server) Endpoint() service.Endpoint { return s.endpoint }

// Admin is the same with the credentials of the administrator.
func (s *Server) Admin() service.Endpoint { return s.admin }

// Run starts a server from an image that the container engine holds, and
// returns when it answers. The handle is never nil: close it also after an error.
func Run(ctx context.Context, image string, place service.Placement, opts ...Option) (*Server, error) {
	o := options{user: "airflow", password: "airflow", database: "airflow", admin: rand.Text()}
	for _, opt := range opts {
		opt(&o)
	}
	handle, err := container.Prepare(ctx, image, place)
	server := &Server{Handle: handle, endpoint: service.Endpoint{
		FromPod:  net.JoinHostPort(place.Name, portNumber),
		Database: o.database, User: o.user, Secret: o.password, Container: place.Name,
	}}
	server.admin = server.endpoint
	server.admin.User, server.admin.Secret = administrator, o.admin
	if err != nil {
		return server, err
	}
	customizers := append(container.Options(place, port),
		tcpostgres.WithUsername(administrator), tcpostgres.WithPassword(o.admin), tcpostgres.WithDatabase(administrator),
		testcontainers.WithCmdArgs(settings...),
		container.NoWait(),
	)
	if o.tls {
		more, err := server.offerTLS()
		if err != nil {
			return server, err
		}
		customizers = append(customizers, more...)
	}
	got, err := tcpostgres.Run(ctx, image, customizers...)
	if got != nil {
		handle.Started(got.Container)
	}
	if err != nil {
		return server, fmt.Errorf("start %s from image %s: %w", place.Name, image, err)
	}
	// A line of the log would not do: the image's first, passing server logs the
	// same, but listens on no port.
	server.admin.FromHost, err = handle.Answer(ctx, port, func(ctx context.Context, address string) error {
		return login(ctx, address, server.admin, administrator)
	})
	server.endpoint.FromHost = server.admin.FromHost
	if err != nil {
		return server, err
	}
	return server, server.furnish(ctx)
}

// furnish makes the database and its owner, and logs in as that.
func (s *Server) furnish(ctx context.Context) error {
	connection, err := pgx.Connect(ctx, connectionString(s.admin.FromHost, s.admin, administrator))
	if err != nil {
		return fmt.Errorf("connect to %s: %w", s.Name(), err)
	}
	owner, name := pgx.Identifier{s.endpoint.User}.Sanitize(), pgx.Identifier{s.endpoint.Database}.Sanitize()
	for _, statement := range []string{
		"CREATE ROLE " + owner + " LOGIN PASSWORD '" + strings.ReplaceAll(s.endpoint.Secret, "'", "''") + "'",
		"CREATE DATABASE " + name + " OWNER " + owner,
	} {
		if _, err = connection.Exec(ctx, statement); err != nil {
			err = fmt.Errorf("make database %s in %s: %w", s.endpoint.Database, s.Name(), err)
			break
		}
	}
	return errors.Join(err, connection.Close(ctx), s.try(ctx, s.endpoint.FromHost))
}

// Attach uses the running server of the placement's stack and name, with the
// credentials of an Endpoint that Run gave, which it tries.
func Attach(ctx context.Context, place service.Placement, known service.Endpoint) (*Server, error) {
	handle, err := container.Find(ctx, place)
	server := &Server{Handle: handle, endpoint: known}
	if err != nil {
		return server, err
	}
	if server.endpoint.FromHost, err = handle.HostAddress(ctx, port); err != nil {
		return server, err
	}
	if err := server.try(ctx, server.endpoint.FromHost); err != nil {
		return server, fmt.Errorf("connect to %s: %w", place.Name, err)
	}
	return server, nil
}

// try logs in as the database's owner.
func (s *Server) try(ctx context.Context, address string) error {
	return login(ctx, address, s.endpoint, s.endpoint.Database)
}

func login(ctx context.Context, address string, as service.Endpoint, database string) error {
	connection, err := pgx.Connect(ctx, connectionString(address, as, database))
	if err != nil {
		return err
	}
	return connection.Close(ctx)
}

// connectionString holds the password.
func connectionString(address string, as service.Endpoint, database string) string {
	u := url.URL{
		Scheme: "postgres", Host: address, Path: "/" + database,
		User: url.UserPassword(as.User, as.Secret), RawQuery: "sslmode=disable",
	}
	return u.String()
}
