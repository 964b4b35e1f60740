package harness

import (
	"os"
	"path/filepath"
	"reflect"
	"testing"
)

func TestWhoReachesThePooler(t *testing.T) {
	clients := []map[string]string{
		{"database": "airflow", "addr": "10.244.0.7"}, {"database": "airflow", "addr": "10.244.0.7"},
		{"database": "airflow", "addr": "10.244.0.9"}, {"database": "pgbouncer", "addr": "127.0.0.1"},
	}
	if got, want := addresses(clients, "airflow"), map[string]int{"10.244.0.7": 2, "10.244.0.9": 1}; !reflect.DeepEqual(got, want) {
		t.Errorf("clients are %v, want %v", got, want)
	}
	before := []map[string]string{{"remote_pid": "71"}, {"remote_pid": "70"}, {"remote_pid": "0"}}
	after := []map[string]string{{"remote_pid": "71"}, {"remote_pid": "72"}, {}}
	if got, want := backends(before, after), []int{70, 71, 72}; !reflect.DeepEqual(got, want) {
		t.Errorf("backends are %v, want %v", got, want)
	}
}

func TestLineAfter(t *testing.T) {
	const old = "too many connections, before\n"
	for _, row := range []struct{ name, log, want string }{
		{"PostgreSQL", `connection to server at "db" failed: FATAL:  too many connections for role "airflow"`, `connection to server at "db" failed: FATAL:  too many connections for role "airflow"`},
		{"PostgreSQL, all slots", "FATAL:  remaining connection slots are reserved for roles with the SUPERUSER attribute", "FATAL:  remaining connection slots are reserved for roles with the SUPERUSER attribute"},
		{"MySQL", "MySQLdb.OperationalError: (1040, 'Too many connections')", "MySQLdb.OperationalError: (1040, 'Too many connections')"},
		{"PgBouncer", "FATAL: no more connections allowed (max_client_conn)", "FATAL: no more connections allowed (max_client_conn)"},
		{"something else", "connection refused", ""},
		{"nothing", "", ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "scheduler.log")
			if err := os.WriteFile(path, []byte(old+"and then\n"+row.log), 0o600); err != nil {
				t.Fatal(err)
			}
			got, err := lineAfter(path, int64(len(old)), tooFew)
			if err != nil || got != row.want {
				t.Errorf("got %q, %v; want %q", got, err, row.want)
			}
		})
	}
}
