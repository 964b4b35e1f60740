package standing

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"time"

	"github.com/go-sql-driver/mysql"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"

	"github.com/airworthy/airworthy/pkg/service"
)

// ConnectDatabase opens a metadata database of a kind for this process, and
// logs in once. Several statements may be given to one Exec. Times are UTC. The
// caller closes it.
func ConnectDatabase(ctx context.Context, kind string, e service.Endpoint) (*sql.DB, error) {
	if e.FromHost == "" {
		return nil, errors.New("connect to the metadata database: it has no address on this machine")
	}
	open := openPostgres
	if kind == "mysql" {
		open = openMySQL
	}
	db, err := open(e)
	if err != nil {
		return nil, fmt.Errorf("connect to the metadata database: %w", err)
	}
	if err := db.PingContext(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("connect to the metadata database: %w", err), db.Close())
	}
	return db, nil
}

func openPostgres(e service.Endpoint) (*sql.DB, error) {
	address := url.URL{Scheme: "postgres", Host: e.FromHost, User: url.UserPassword(e.User, e.Secret), Path: "/" + e.Database}
	config, err := pgx.ParseConfig(address.String())
	if err != nil {
		return nil, err
	}
	config.DefaultQueryExecMode = pgx.QueryExecModeSimpleProtocol // the only one that takes several statements
	config.RuntimeParams["timezone"] = "UTC"
	return stdlib.OpenDB(*config), nil
}

func openMySQL(e service.Endpoint) (*sql.DB, error) {
	config := mysql.NewConfig()
	config.Net, config.Addr, config.DBName = "tcp", e.FromHost, e.Database
	config.User, config.Passwd = e.User, e.Secret
	config.MultiStatements, config.ParseTime, config.Loc = true, true, time.UTC
	config.Params = map[string]string{"time_zone": "'+00:00'"}
	connector, err := mysql.NewConnector(config)
	if err != nil {
		return nil, err
	}
	return sql.OpenDB(connector), nil
}
