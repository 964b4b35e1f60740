// Package postgres runs a PostgreSQL server beside the cluster.
package postgres

import (
	"context"
	"fmt"
	"net"
	"net/url"

	"github.com/jackc/pgx/v5"
	"github.com/testcontainers/testcontainers-go"
	tcpostgres "github.com/testcontainers/testcontainers-go/modules/postgres"

	"github.com/airworthy/airworthy/pkg/service"
	"github.com/airworthy/airworthy/pkg/service/internal/container"
)

const (
	portNumber = "5432"
	port       = portNumber + "/tcp"
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

type options struct{ user, password, database string }

// WithCredentials names the owner of the database and its password. The
// default is airflow with a password of the same name, for use in tests only.
func WithCredentials(user, password string) Option {
	return func(o *options) { o.user, o.password = user, password }
}

// WithDatabase names the database; the default is airflow.
func WithDatabase(name string) Option { return func(o *options) { o.database = name } }

// Server is a PostgreSQL server. It is a service.Handle.
type Server struct {
	*container.Handle
	endpoint service.Endpoint
}

var _ service.Handle = (*Server)(nil)

// Endpoint gives the addresses and the credentials. Pods use the container's
// alias on the network: the cluster's DNS passes names that it does not know on
// to the node's, which is the container engine's, and the alias outlives a
// restart of the container, unlike its address.
func (s *Server) Endpoint() service.Endpoint { return s.endpoint }

// Run starts a server from an image that the container engine holds, and
// returns when it answers. The handle is never nil: close it also after an error.
func Run(ctx context.Context, image string, place service.Placement, opts ...Option) (*Server, error) {
	o := options{user: "airflow", password: "airflow", database: "airflow"}
	for _, opt := range opts {
		opt(&o)
	}
	handle, err := container.Prepare(ctx, image, place)
	server := &Server{Handle: handle, endpoint: service.Endpoint{
		FromPod:  net.JoinHostPort(place.Name, portNumber),
		Database: o.database, User: o.user, Secret: o.password, Container: place.Name,
	}}
	if err != nil {
		return server, err
	}
	got, err := tcpostgres.Run(ctx, image, append(container.Options(place, port),
		tcpostgres.WithUsername(o.user), tcpostgres.WithPassword(o.password), tcpostgres.WithDatabase(o.database),
		testcontainers.WithCmdArgs(settings...),
		container.NoWait(),
	)...)
	if got != nil {
		handle.Started(got.Container)
	}
	if err != nil {
		return server, fmt.Errorf("start %s from image %s: %w", place.Name, image, err)
	}
	// A line of the log would not do: the image's first, passing server logs the
	// same, but listens on no port.
	server.endpoint.FromHost, err = handle.Answer(ctx, port, server.try)
	return server, err
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

// try logs in.
func (s *Server) try(ctx context.Context, address string) error {
	connection, err := pgx.Connect(ctx, s.url(address))
	if err != nil {
		return err
	}
	return connection.Close(ctx)
}

// url is the connection string for an address; it holds the password.
func (s *Server) url(address string) string {
	u := url.URL{
		Scheme: "postgres", Host: address, Path: "/" + s.endpoint.Database,
		User: url.UserPassword(s.endpoint.User, s.endpoint.Secret), RawQuery: "sslmode=disable",
	}
	return u.String()
}
