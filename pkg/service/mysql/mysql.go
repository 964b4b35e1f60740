// Package mysql runs a MySQL server beside the cluster.
package mysql

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"net"

	"github.com/go-sql-driver/mysql"
	"github.com/testcontainers/testcontainers-go"

	"github.com/airworthy/airworthy/pkg/service"
	"github.com/airworthy/airworthy/pkg/service/internal/container"
)

const (
	portNumber = "3306"
	port       = portNumber + "/tcp"
)

// settings: the first four are what Airflow's documentation asks of a MySQL
// server. The others trade durability and insight, which a database of one run
// does not need, for the disk's time and half of the memory.
var settings = []string{
	"--character-set-server=utf8mb4",
	"--collation-server=utf8mb4_0900_ai_ci",
	"--explicit-defaults-for-timestamp=ON",
	"--default-time-zone=+00:00",
	"--skip-log-bin",
	"--innodb-flush-log-at-trx-commit=0",
	"--innodb-doublewrite=OFF",
	"--innodb-flush-method=nosync",       // a third less of the start on a busy machine
	"--loose-innodb-numa-interleave=OFF", // what it asks of the kernel, containers are not allowed; not every build has it
	"--performance-schema=OFF",
	"--skip-name-resolve",
	"--loose-mysqlx=OFF",
}

// Option changes how the server is made.
type Option func(*options)

type options struct{ user, password, database, admin string }

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

// Server is a MySQL server. It is a service.Handle.
type Server struct {
	*container.Handle
	endpoint service.Endpoint
	admin    service.Endpoint
}

var _ service.Handle = (*Server)(nil)

// Endpoint gives the addresses and the credentials of the database's owner, who
// has no rights beyond that database. Pods use the container's alias on the
// network, as it outlives a restart of the container, unlike its address.
func (s *Server) Endpoint() service.Endpoint { return s.endpoint }

// Admin is the same with the credentials of the administrator.
func (s *Server) Admin() service.Endpoint { return s.admin }

// Run starts a server from an image that the container engine holds, and
// returns when it answers. The handle is never nil: close it also after an error.
//
// The testcontainers module for MySQL is not used: it gives root the owner's
// password, publishes a second port, and waits for a line of one vendor's build.
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
	server.admin.User, server.admin.Secret = "root", o.admin
	if err != nil {
		return server, err
	}
	got, err := testcontainers.Run(ctx, image, append(container.Options(place, port),
		testcontainers.WithExposedPorts(port),
		testcontainers.WithEnv(map[string]string{
			"MYSQL_USER": o.user, "MYSQL_PASSWORD": o.password, "MYSQL_DATABASE": o.database,
			"MYSQL_ROOT_PASSWORD": o.admin,
		}),
		testcontainers.WithCmd(append([]string{"mysqld"}, settings...)...),
		container.NoWait(),
	)...)
	if got != nil {
		handle.Started(got)
	}
	if err != nil {
		return server, fmt.Errorf("start %s from image %s: %w", place.Name, image, err)
	}
	// A line of the log would not do: the server that makes the accounts is
	// ready first, and listens on no port.
	server.endpoint.FromHost, err = handle.Answer(ctx, port, server.try)
	server.admin.FromHost = server.endpoint.FromHost
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
	config := mysql.NewConfig()
	config.Net, config.Addr, config.DBName = "tcp", address, s.endpoint.Database
	config.User, config.Passwd = s.endpoint.User, s.endpoint.Secret
	config.Logger = silent{} // a server that is starting closes connections, which the driver would print
	connector, err := mysql.NewConnector(config)
	if err != nil {
		return fmt.Errorf("connect to %s: %w", address, err)
	}
	database := sql.OpenDB(connector)
	return errors.Join(database.PingContext(ctx), database.Close())
}

type silent struct{}

func (silent) Print(...any) {}
