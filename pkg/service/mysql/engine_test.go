//go:build engine

package mysql_test

import (
	"context"
	"database/sql"
	"flag"
	"strings"
	"testing"
	"time"

	driver "github.com/go-sql-driver/mysql"
	"github.com/moby/moby/client"

	"github.com/airworthy/airworthy/pkg/environment"
	"github.com/airworthy/airworthy/pkg/service"
	"github.com/airworthy/airworthy/pkg/service/mysql"
	"github.com/airworthy/airworthy/pkg/service/pause"
)

var image = flag.String("mysql-image", "", "MySQL image in the container engine; `airworthy images list` names it")

const stack = "aw-env-mysql"

func place(t *testing.T) service.Placement {
	t.Helper()
	t.Setenv("TESTCONTAINERS_RYUK_DISABLED", "true")
	docker, err := client.New(client.FromEnv)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { docker.Close() })
	network, err := environment.EnsureNetwork(t.Context(), docker, stack)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := environment.RemoveNetwork(context.Background(), docker, stack); err != nil {
			t.Error(err)
		}
		if left, err := environment.Leftovers(context.Background(), docker, stack); err != nil || !left.Empty() {
			t.Errorf("left over: %+v, %v", left, err)
		}
	})
	return service.Placement{
		Network: network, Name: environment.Name(stack) + "-mysql",
		Labels: map[string]string{environment.LabelStack: stack, environment.LabelPart: "mysql"},
	}
}

func TestRunAttachClose(t *testing.T) {
	if *image == "" {
		t.Skip("no -mysql-image")
	}
	place := place(t)
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	start := time.Now()
	server, err := mysql.Run(ctx, *image, place, mysql.WithCredentials("pilot", `s3'cr\:t/@?#%`), mysql.WithDatabase("meta_x"))
	t.Cleanup(func() {
		for range 2 {
			if err := server.Close(context.Background()); err != nil {
				t.Error(err)
			}
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	end := server.Endpoint()
	t.Logf("up in %s: %s, from pods %s", time.Since(start), end.FromHost, end.FromPod)
	if !strings.HasPrefix(end.FromHost, "127.0.0.1:") || end.FromPod != "airworthy-aw-env-mysql-mysql:3306" {
		t.Errorf("endpoint is %s and %s", end.FromHost, end.FromPod)
	}
	database := open(t, end)
	for query, want := range map[string]string{
		"SELECT @@version_comment IS NOT NULL AND @@version NOT LIKE '%Maria%'": "1",
		"SELECT @@character_set_database":                                       "utf8mb4",
		"SELECT @@collation_database":                                           "utf8mb4_0900_ai_ci",
		"SELECT @@explicit_defaults_for_timestamp":                              "1",
		"SELECT @@global.time_zone":                                             "+00:00",
		"SELECT CURRENT_USER()":                                                 "pilot@%",
		"SELECT '🛫'":                                                            "🛫",
	} {
		var got string
		if err := database.QueryRowContext(ctx, query).Scan(&got); err != nil || got != want {
			t.Errorf("%s is %q (%v), want %q", query, got, err, want)
		}
	}
	ownerIsLeastPrivileged(t, database)

	again, err := mysql.Attach(ctx, place, end)
	if err != nil || again.ContainerID() != server.ContainerID() {
		t.Errorf("attached to %q, %v; want %q", again.ContainerID(), err, server.ContainerID())
	}
	wrong := end
	wrong.Secret = "wrong"
	if _, err := mysql.Attach(ctx, place, wrong); err == nil {
		t.Error("attached with a wrong password")
	}
}

func open(t *testing.T, end service.Endpoint) *sql.DB {
	t.Helper()
	config := driver.NewConfig()
	config.Net, config.Addr, config.DBName, config.User, config.Passwd = "tcp", end.FromHost, end.Database, end.User, end.Secret
	connector, err := driver.NewConnector(config)
	if err != nil {
		t.Fatal(err)
	}
	database := sql.OpenDB(connector)
	t.Cleanup(func() { database.Close() })
	return database
}

// ownerIsLeastPrivileged: everything in its own database, nothing beside it. The
// name of that database has a wildcard of grants in it.
func ownerIsLeastPrivileged(t *testing.T, database *sql.DB) {
	t.Helper()
	for _, allowed := range []string{"CREATE TABLE t (a INT)", "ALTER TABLE t ADD b TIMESTAMP(6)", "CREATE INDEX i ON t (a)", "DROP TABLE t"} {
		if _, err := database.ExecContext(t.Context(), allowed); err != nil {
			t.Errorf("%s: %v", allowed, err)
		}
	}
	for _, refused := range []string{"CREATE DATABASE metaax", "SELECT * FROM mysql.user", "CREATE USER another", "SET GLOBAL max_connections = 1"} {
		if _, err := database.ExecContext(t.Context(), refused); err == nil {
			t.Errorf("%s was allowed", refused)
		}
	}
}

// A server that is silenced answers nobody, and goes on with what it was doing.
func TestSilence(t *testing.T) {
	if *image == "" {
		t.Skip("no -mysql-image")
	}
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	server, err := mysql.Run(ctx, *image, place(t))
	t.Cleanup(func() {
		if err := server.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	database := open(t, server.Endpoint())
	docker, err := client.New(client.FromEnv)
	if err != nil {
		t.Fatal(err)
	}
	defer docker.Close()
	container := pause.Container{Host: docker.DaemonHost(), Name: server.Endpoint().Container}
	resume, err := container.Silence(ctx)
	defer resume()
	if err != nil {
		t.Fatal(err)
	}
	short, cancelShort := context.WithTimeout(ctx, time.Second)
	defer cancelShort()
	if err := open(t, server.Endpoint()).PingContext(short); err == nil {
		t.Error("a silenced server answered")
	}
	for range 2 {
		if err := resume(); err != nil {
			t.Fatal(err)
		}
	}
	if err := database.PingContext(ctx); err != nil {
		t.Errorf("the server does not go on: %v", err)
	}
}

func TestMissingImage(t *testing.T) {
	place := place(t)
	server, err := mysql.Run(t.Context(), "airworthy/no-such-image:1", place)
	if err == nil || !strings.Contains(err.Error(), "does not hold image airworthy/no-such-image:1") {
		t.Errorf("error is %v", err)
	}
	if err := server.Close(context.Background()); err != nil {
		t.Error(err)
	}
}
