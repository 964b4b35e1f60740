package platform_test

import (
	"net/url"
	"testing"

	"github.com/airworthy/airworthy/pkg/platform"
	"github.com/airworthy/airworthy/pkg/service"
)

// What separates the parts of a URL may be in any of them (apache/airflow#16004).
func TestDatabaseURLQuotes(t *testing.T) {
	const password = "p@:/?#% +'&"
	for _, row := range []struct{ kind, want string }{
		{platform.DatabasePostgres, "postgresql+psycopg2://air%40flow:p%40%3A%2F%3F%23%25%20+%27&@db:1/meta"},
		{platform.DatabaseMySQL, "mysql+mysqldb://air%40flow:p%40%3A%2F%3F%23%25%20+%27&@db:1/meta?charset=utf8mb4"},
	} {
		s := platform.Spec{Database: platform.DatabaseSpec{Kind: row.kind, Endpoint: service.Endpoint{
			FromPod: "db:1", Database: "meta", User: "air@flow", Secret: password}}}
		if got := s.DatabaseURL(); got != row.want {
			t.Errorf("%s: %s\nwant %s", row.kind, got, row.want)
		}
		back, err := url.Parse(s.DatabaseURL())
		if got, _ := back.User.Password(); err != nil || got != password {
			t.Errorf("%s: the password reads back as %q (%v)", row.kind, got, err)
		}
	}
}

// Components go through the pooler, migrations past it.
func TestDatabaseURLsOfAPooledPlatform(t *testing.T) {
	s := platform.Spec{Release: "flight", Database: platform.DatabaseSpec{
		Kind: platform.DatabasePostgres, Pooler: platform.PoolerSpec{Image: "pooler:1"},
		Endpoint: service.Endpoint{FromPod: "db:1", Database: "meta", User: "pilot", Secret: `p@"s`},
	}}
	for _, row := range []struct{ what, got, want string }{
		{"through the pooler", s.DatabaseURL(), "postgresql+psycopg2://pilot:p%40%22s@flight-pgbouncer:6432/meta"},
		{"past it", s.DirectDatabaseURL(), "postgresql+psycopg2://pilot:p%40%22s@db:1/meta"},
		{"its users", s.UserList(), `"pilot" "p@""s"` + "\n"},
	} {
		if row.got != row.want {
			t.Errorf("%s: %q, want %q", row.what, row.got, row.want)
		}
	}
}

func TestBasePath(t *testing.T) {
	for path, want := range map[string]string{"": "", "/": "", "/airflow": "/airflow", "/airflow/": "/airflow"} {
		if got := (platform.IngressSpec{Path: path}).BasePath(); got != want {
			t.Errorf("of %q: got %q, want %q", path, got, want)
		}
	}
}
