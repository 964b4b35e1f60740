//go:build engine

package postgres_test

import (
	"context"
	"flag"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/moby/moby/client"

	"github.com/airworthy/airworthy/pkg/environment"
	"github.com/airworthy/airworthy/pkg/service"
	"github.com/airworthy/airworthy/pkg/service/postgres"
)

var image = flag.String("postgres-image", "airworthy/proto-postgres:dev", "PostgreSQL image in the container engine")

const stack = "aw-env-pg"

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
		Network: network, Name: environment.Name(stack) + "-postgres",
		Labels: map[string]string{environment.LabelStack: stack, environment.LabelPart: "postgres"},
	}
}

func TestRunAttachClose(t *testing.T) {
	place := place(t)
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	start := time.Now()
	server, err := postgres.Run(ctx, *image, place, postgres.WithCredentials("pilot", `s3'cr\:t/@?#%`), postgres.WithDatabase("meta"))
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
	if !strings.HasPrefix(end.FromHost, "127.0.0.1:") || end.FromPod != "airworthy-aw-env-pg-postgres:5432" {
		t.Errorf("endpoint is %s and %s", end.FromHost, end.FromPod)
	}
	config, err := pgx.ParseConfig("postgres://" + end.FromHost + "/meta?sslmode=disable")
	if err != nil {
		t.Fatal(err)
	}
	config.User, config.Password = end.User, end.Secret
	connection, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		t.Fatal(err)
	}
	defer connection.Close(ctx)
	for setting, want := range map[string]string{"fsync": "off", "synchronous_commit": "off", "max_connections": "100"} {
		var got string
		if err := connection.QueryRow(ctx, "select current_setting($1)", setting).Scan(&got); err != nil || got != want {
			t.Errorf("%s is %q (%v), want %q", setting, got, err, want)
		}
	}
	var powerful bool
	if err := connection.QueryRow(ctx, "select rolsuper or rolcreatedb or rolcreaterole from pg_roles where rolname = current_user").Scan(&powerful); err != nil || powerful {
		t.Errorf("the database's owner is an administrator: %t (%v)", powerful, err)
	}
	if _, err := connection.Exec(ctx, "create table t (a int)"); err != nil {
		t.Errorf("the database's owner makes no table: %v", err)
	}
	again, err := postgres.Attach(ctx, place, end)
	if err != nil || again.ContainerID() != server.ContainerID() {
		t.Errorf("attached to %q, %v; want %q", again.ContainerID(), err, server.ContainerID())
	}
	wrong := end
	wrong.Secret = "wrong"
	if _, err := postgres.Attach(ctx, place, wrong); err == nil {
		t.Error("attached with a wrong password")
	}
}

func TestTLS(t *testing.T) {
	place := place(t)
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	server, err := postgres.Run(ctx, *image, place, postgres.WithTLS())
	t.Cleanup(func() {
		if err := server.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	end := server.Endpoint()
	ca := filepath.Join(t.TempDir(), "ca.crt")
	if err := os.WriteFile(ca, []byte(end.CA), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct{ name, query, want string }{
		{"verified", "sslmode=verify-full&sslrootcert=" + ca, ""},
		{"in the clear", "sslmode=disable", ""},
		{"verified by other authorities", "sslmode=verify-full", "unknown authority"},
	} {
		u := url.URL{Scheme: "postgres", Host: end.FromHost, User: url.UserPassword(end.User, end.Secret), Path: "/" + end.Database, RawQuery: tc.query}
		connection, err := pgx.Connect(ctx, u.String())
		if err == nil {
			err = connection.Close(ctx)
		}
		if (err == nil) != (tc.want == "") || err != nil && !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: got %v, want %q", tc.name, err, tc.want)
		}
	}
}

func TestMissingImage(t *testing.T) {
	place := place(t)
	server, err := postgres.Run(t.Context(), "airworthy/no-such-image:1", place)
	if err == nil || !strings.Contains(err.Error(), "does not hold image airworthy/no-such-image:1") {
		t.Errorf("error is %v", err)
	}
	if err := server.Close(context.Background()); err != nil {
		t.Error(err)
	}
}
