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
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"

	"github.com/airworthy/airworthy/pkg/service"
)

// Application is the name under which these sessions are known to PostgreSQL.
const Application = "airworthy"

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

// DatabaseVersion is what the server says of itself, such as 15.14 or 9.7.0.
func DatabaseVersion(ctx context.Context, kind string, e service.Endpoint) (string, error) {
	db, err := ConnectDatabase(ctx, kind, e)
	if err != nil {
		return "", err
	}
	defer db.Close()
	query := "SHOW server_version"
	if kind == "mysql" {
		query = "SELECT version()"
	}
	var version string
	if err := db.QueryRowContext(ctx, query).Scan(&version); err != nil {
		return "", fmt.Errorf("ask the metadata database for its version: %w", err)
	}
	return version, nil
}

func openPostgres(e service.Endpoint) (*sql.DB, error) {
	address := url.URL{Scheme: "postgres", Host: e.FromHost, User: url.UserPassword(e.User, e.Secret), Path: "/" + e.Database}
	config, err := pgx.ParseConfig(address.String())
	if err != nil {
		return nil, err
	}
	config.DefaultQueryExecMode = pgx.QueryExecModeSimpleProtocol // the only one that takes several statements
	config.RuntimeParams["timezone"] = "UTC"
	config.RuntimeParams["application_name"] = Application
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

// AskPooler asks the console of the PgBouncer at an address on this machine, and
// gives the rows of each command's answer by the names of their columns.
func AskPooler(ctx context.Context, address string, as service.Endpoint, commands ...string) ([][]map[string]string, error) {
	console := url.URL{
		Scheme: "postgres", Host: address, User: url.UserPassword(as.User, as.Secret), Path: "/pgbouncer", RawQuery: "sslmode=disable",
	}
	connection, err := pgconn.Connect(ctx, console.String())
	if err != nil {
		return nil, fmt.Errorf("connect to the pooler's console: %w", err)
	}
	defer connection.Close(ctx)
	var answers [][]map[string]string
	for _, command := range commands {
		results, err := connection.Exec(ctx, command).ReadAll()
		if err != nil {
			return nil, fmt.Errorf("ask the pooler to %s: %w", command, err)
		}
		var answer []map[string]string
		for _, result := range results {
			for _, row := range result.Rows {
				named := map[string]string{}
				for i, column := range result.FieldDescriptions {
					named[column.Name] = string(row[i])
				}
				answer = append(answer, named)
			}
		}
		answers = append(answers, answer)
	}
	return answers, nil
}
