package platform

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"strconv"
	"strings"
)

// Validate says everything that is wrong with a spec at once.
func (s Spec) Validate() error {
	var errs []error
	need := func(value, what string) {
		if value == "" {
			errs = append(errs, fmt.Errorf("%s is empty", what))
		}
	}
	oneOf := func(value, what string, allowed ...string) {
		for _, a := range allowed {
			if value == a {
				return
			}
		}
		errs = append(errs, fmt.Errorf("%s %q is not known: use %s", what, value, strings.Join(allowed, " or ")))
	}
	need(s.Release, "release name")
	need(s.Namespace, "namespace")
	need(s.Stack, "stack name")
	need(s.AirflowVersion, "Airflow version")
	need(s.AdminUser, "admin user")
	need(s.AdminPassword, "admin password")
	need(s.FernetKey, "fernet key")
	need(s.JWTSecret, "JWT secret")
	need(s.APISecretKey, "API secret key")
	need(s.Database.Endpoint.FromPod, "database address")
	oneOf(s.Executor, "executor", "KubernetesExecutor")
	oneOf(s.DAGDelivery, "DAG delivery", DAGsMounted, DAGsBaked, DAGsGitSync, DAGsGitBundle)
	oneOf(s.LogStore, "log store", LogsObjectStorage, LogsVolume)
	oneOf(s.Database.Kind, "database kind", DatabasePostgres, DatabaseMySQL)
	if s.FromGit() {
		oneOf(s.Git.Kind, "kind of Git access", GitSSH, GitHTTPS)
		need(s.Git.URL(), "Git repository")
		need(s.Git.Ref, "Git ref")
	}
	if s.LogStore == LogsObjectStorage {
		need(s.ObjectStorage.FromPod, "object storage address")
		need(s.ObjectStorage.Bucket, "object storage bucket")
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("platform spec: %w", err)
	}
	return nil
}

// The choices of Spec.DAGDelivery, Spec.Git.Kind, Spec.LogStore and DatabaseSpec.Kind.
const (
	DAGsMounted       = "mounted"
	DAGsBaked         = "baked"
	DAGsGitSync       = "git-sync"
	DAGsGitBundle     = "git-bundle"
	GitSSH            = "ssh"
	GitHTTPS          = "https"
	LogsObjectStorage = "object-storage"
	LogsVolume        = "volume"
	DatabasePostgres  = "postgres"
	DatabaseMySQL     = "mysql"
)

// The connection that checks find in the environment. Its password is made for
// the stack; nothing answers at its address, and nothing asks there.
const (
	CheckedConnection = "airworthy_environment"
	CheckedHost       = "checked.invalid"
	CheckedPort       = 8443
	CheckedLogin      = "somebody"
)

// Image is the Airflow image in two parts.
func (s Spec) Image() (repository, tag string) {
	image := s.AirflowImage
	if image == "" {
		image = "apache/airflow:" + s.AirflowVersion
	}
	// A colon before the last slash belongs to a registry's port.
	if i := strings.LastIndex(image, ":"); i > strings.LastIndex(image, "/") {
		return image[:i], image[i+1:]
	}
	return image, "latest"
}

// FromGit says whether DAG files come from a Git repository.
func (s Spec) FromGit() bool {
	return s.DAGDelivery == DAGsGitSync || s.DAGDelivery == DAGsGitBundle
}

// URL is the repository as pods reach it.
func (g GitSource) URL() string {
	if g.Kind == GitHTTPS {
		return g.Server.HTTPS.FromPod
	}
	return g.Server.SSH.FromPod
}

// DatabaseSecretKey is the key of the connection string in DatabaseSpec.Secret;
// the official chart knows no other.
const DatabaseSecretKey = "connection"

// Further keys of DatabaseSpec.Secret where a pooler stands before the database:
// the connection to the database itself, and the pooler's list of users.
const (
	DirectSecretKey   = "direct"
	UserListSecretKey = "userlist.txt"
)

// PoolerPort is the port of the pooler's service.
const PoolerPort = 6432

// PoolerService is the name of the pooler's service.
func (s Spec) PoolerService() string { return s.Release + "-pgbouncer" }

// Pooled says whether a pooler stands before the database.
func (s Spec) Pooled() bool { return s.Database.Pooler.Image != "" }

// DatabaseURL is the metadata database as the components reach it: through the
// pooler where there is one.
func (s Spec) DatabaseURL() string {
	if s.Pooled() {
		return s.databaseURL(net.JoinHostPort(s.PoolerService(), strconv.Itoa(PoolerPort)))
	}
	return s.DirectDatabaseURL()
}

// DirectDatabaseURL is the metadata database itself.
func (s Spec) DirectDatabaseURL() string { return s.databaseURL(s.Database.Endpoint.FromPod) }

// UserList is the pooler's file of users: PgBouncer doubles quotation marks.
func (s Spec) UserList() string {
	quote := func(text string) string { return `"` + strings.ReplaceAll(text, `"`, `""`) + `"` }
	return quote(s.Database.Endpoint.User) + " " + quote(s.Database.Endpoint.Secret) + "\n"
}

// databaseURL is the database at an address as SQLAlchemy wants it. User and
// password are quoted: either may hold what separates the parts of a URL.
func (s Spec) databaseURL(address string) string {
	e := s.Database.Endpoint
	u := url.URL{Scheme: "postgresql+psycopg2", Host: address, User: url.UserPassword(e.User, e.Secret), Path: "/" + e.Database}
	if s.Database.Kind == DatabaseMySQL {
		// The driver's own default is a character set of three bytes or one.
		u.Scheme, u.RawQuery = "mysql+mysqldb", "charset=utf8mb4"
	}
	if s.Database.TLS {
		u.RawQuery = url.Values{"sslmode": {"verify-full"}, "sslrootcert": {DatabaseCA}}.Encode()
	}
	return u.String()
}

// DatabaseCA is the file that holds Endpoint.CA of the database in every container
// that reaches it, where DatabaseSpec.TLS is set.
const DatabaseCA = "/opt/airflow/database/ca.crt"

// LogFolder is where remote task logs go.
func (s Spec) LogFolder() string { return "s3://" + s.ObjectStorage.Bucket + "/" + LogPrefix }

// LogPrefix is the first part of every task log's key in the bucket.
const LogPrefix = "task-logs"

// LogConnection is the Airflow connection by which task logs are written and
// read: the JSON form that Airflow takes from AIRFLOW_CONN_<ID>. A store that
// answers nobody for a minute costs a log that minute: a pod tries once to store
// its log, so the tries are in this connection. boto3's own time-outs of a minute
// would let whoever reads a log meanwhile wait for five.
func (s Spec) LogConnection() map[string]any {
	return map[string]any{
		"conn_type": "aws",
		"login":     s.ObjectStorage.User,
		"password":  s.ObjectStorage.Secret,
		"extra": map[string]any{
			"endpoint_url": "http://" + s.ObjectStorage.FromPod,
			"region_name":  "us-east-1",
			// A bucket is a path, not a host name that some DNS would have to know.
			"config_kwargs": map[string]any{
				"s3":              map[string]any{"addressing_style": "path"},
				"connect_timeout": 10, "read_timeout": 10,
				"retries": map[string]any{"mode": "standard", "max_attempts": 8},
			},
		},
	}
}
