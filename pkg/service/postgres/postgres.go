// Package postgres runs the PostgreSQL that serves as metadata database.
package postgres

import (
	"context"

	tc "github.com/testcontainers/testcontainers-go"
	tcpostgres "github.com/testcontainers/testcontainers-go/modules/postgres"

	"github.com/airworthy/airworthy/pkg/service"
)

const port = "5432/tcp"

type options struct{ user, secret, database string }

// Option of Run.
type Option func(*options)

// WithCredentials sets the owner of the database and its password.
func WithCredentials(user, secret string) Option {
	return func(o *options) { o.user, o.secret = user, secret }
}

// WithDatabase sets the name of the database that is made.
func WithDatabase(name string) Option { return func(o *options) { o.database = name } }

// Run starts a server from an image that is in the container engine already,
// and returns when it answers. The handle is never nil: close it also after an error.
// Durability is off: the data never outlives the run, and a commit that waits
// for the disk would be most of what a small machine does.
func Run(ctx context.Context, image string, p service.Placement, opts ...Option) (*service.Container, error) {
	o := options{user: "airflow", database: "airflow"}
	for _, opt := range opts {
		opt(&o)
	}
	custom := append(p.Customize(),
		tcpostgres.WithUsername(o.user), tcpostgres.WithPassword(o.secret), tcpostgres.WithDatabase(o.database),
		tcpostgres.BasicWaitStrategies(),
		tc.WithCmd("postgres", "-c", "fsync=off", "-c", "synchronous_commit=off", "-c", "full_page_writes=off", "-c", "max_connections=100"),
	)
	started, err := tcpostgres.Run(ctx, image, custom...)
	var container tc.Container
	if started != nil {
		container = started.Container
	}
	handle := service.NewContainer(p.Name, container)
	if err != nil {
		return handle, service.Explain("PostgreSQL", image, err)
	}
	return handle, handle.Locate(ctx, p, port, service.Endpoint{Database: o.database, User: o.user, Secret: o.secret})
}
