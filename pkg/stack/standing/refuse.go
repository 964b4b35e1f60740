package standing

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/airworthy/airworthy/pkg/await"
	"github.com/airworthy/airworthy/pkg/service"
)

// acceptWithin bounds the end of a refusal, which has to come also when the work
// was cancelled.
const acceptWithin = 30 * time.Second

// RefuseConnections has a database refuse every connection of its owner, as one
// does that has too few of them: open ones are cut, new ones are told why. The
// returned function makes it accept them again; it is never nil, may be called
// twice, and takes no context.
func RefuseConnections(ctx context.Context, kind string, admin, owner service.Endpoint) (accept func() error, err error) {
	refuse, undo := refusePostgres, acceptPostgres
	if kind == "mysql" {
		refuse, undo = refuseMySQL, acceptMySQL
	}
	db, err := ConnectDatabase(ctx, kind, admin)
	if err != nil {
		return func() error { return nil }, err
	}
	// One connection, which is kept: the next one might be one too many.
	db.SetMaxOpenConns(1)
	db.SetMaxIdleConns(1)
	var closed bool
	accept = func() error {
		if closed {
			return nil
		}
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), acceptWithin)
		defer cancel()
		if err := undo(ctx, db, owner.User); err != nil {
			return fmt.Errorf("have the database accept connections again: %w", err)
		}
		closed = true
		return db.Close()
	}
	if err := refuse(ctx, db, owner.User); err != nil {
		return accept, errors.Join(fmt.Errorf("have the database refuse connections: %w", err), accept())
	}
	return accept, nil
}

func refusePostgres(ctx context.Context, db *sql.DB, user string) error {
	if _, err := db.ExecContext(ctx, "ALTER ROLE "+pgx.Identifier{user}.Sanitize()+" CONNECTION LIMIT 0"); err != nil {
		return err
	}
	_, err := db.ExecContext(ctx, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = $1", user)
	return err
}

func acceptPostgres(ctx context.Context, db *sql.DB, user string) error {
	_, err := db.ExecContext(ctx, "ALTER ROLE "+pgx.Identifier{user}.Sanitize()+" CONNECTION LIMIT -1")
	return err
}

// defaultMaxConnections is MySQL's own; the services of a run do not change it.
const defaultMaxConnections = "151"

// refuseMySQL leaves the administrator's connection as the only one.
func refuseMySQL(ctx context.Context, db *sql.DB, user string) error {
	if _, err := db.ExecContext(ctx, "SET GLOBAL max_connections = 1"); err != nil {
		return err
	}
	// Those that were being accepted meanwhile show a moment later.
	within, cancel := context.WithTimeout(ctx, acceptWithin)
	defer cancel()
	_, err := await.Until(within, "the connections of "+user+" to be cut", 100*time.Millisecond,
		func(ctx context.Context) (int, error) { return cutMySQL(ctx, db, user) },
		func(cut int) error {
			if cut > 0 {
				return fmt.Errorf("%d were open", cut)
			}
			return nil
		})
	return err
}

func cutMySQL(ctx context.Context, db *sql.DB, user string) (int, error) {
	rows, err := db.QueryContext(ctx, "SELECT id FROM information_schema.processlist WHERE user = ? AND command <> 'Killed'", user)
	if err != nil {
		return 0, err
	}
	var ids []int64
	for rows.Next() {
		var id int64
		if err := rows.Scan(&id); err != nil {
			return 0, errors.Join(err, rows.Close())
		}
		ids = append(ids, id)
	}
	if err := errors.Join(rows.Err(), rows.Close()); err != nil {
		return 0, err
	}
	for _, id := range ids {
		// One that ended by itself is no error.
		_, _ = db.ExecContext(ctx, fmt.Sprintf("KILL %d", id))
	}
	return len(ids), nil
}

func acceptMySQL(ctx context.Context, db *sql.DB, _ string) error {
	_, err := db.ExecContext(ctx, "SET GLOBAL max_connections = "+defaultMaxConnections)
	return err
}
