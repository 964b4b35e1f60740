// Package platform describes what an Airflow platform under test is, and what
// an adapter must be able to do with it. Each adapter is a package below this
// one; adapters do not know each other.
package platform

import (
	"context"
	"strings"
	"time"

	"k8s.io/client-go/rest"

	"github.com/airworthy/airworthy/pkg/conformance"
	"github.com/airworthy/airworthy/pkg/service"
)

// Spec is what the run file asks of a platform, with the services it shall use.
// Rendering needs no cluster: endpoints that are not known yet are placeholders.
type Spec struct {
	Release        string // Helm release name
	Namespace      string
	Stack          string            // value of the stack label put on every object
	AirflowVersion string            // such as 3.2.2
	AirflowImage   string            // empty for apache/airflow:<AirflowVersion>
	ChartPath      string            // a folder or .tgz; empty for the adapter's own chart
	Executor       string            // KubernetesExecutor
	DAGDelivery    string            // mounted | baked | git-sync | git-bundle
	Git            GitSource         // of git-sync and git-bundle
	LogStore       string            // object-storage | volume
	KeepPods       bool              // finished task pods are kept
	Values         map[string]any    // the user's own chart values, winning over everything else
	DAGs           map[string]string // file name -> content, seeded at install
	Database       DatabaseSpec
	ObjectStorage  service.Endpoint // Bucket, User and Secret of the least-privilege user
	Metrics        MetricsSpec
	Ingress        IngressSpec
	AdminUser      string
	AdminPassword  string
	FernetKey      string // url-safe base64 of 32 bytes
	JWTSecret      string
	// Connections reach every component and task pod as environment variables,
	// by their ids, in the JSON form that Airflow takes.
	Connections  map[string]map[string]any
	APISecretKey string
	NodePort     int // 0: no node port for the API server
	// Overlays are JSON merge patches for rendered objects, used by sabotages.
	Overlays []Overlay
}

// GitSource is where DAG files come from when they come from Git.
type GitSource struct {
	Kind    string // ssh | https
	Image   string // of git-sync
	Ref     string
	SubPath string // folder that holds the DAG files; empty for the root
	Period  time.Duration
	Server  service.Git
}

// DatabaseSpec is the metadata database that the platform connects to.
type DatabaseSpec struct {
	Kind     string // postgres | mysql
	Endpoint service.Endpoint
	// Secret, when set, is made in the namespace before anything else, with the
	// connection string under DatabaseSecretKey, and the chart is given its name
	// in place of the connection.
	Secret string
	TLS    bool // components verify the server against Endpoint.CA and its name
	Pooler PoolerSpec
}

// PoolerSpec is the PgBouncer between the components and the database. The zero
// value has none.
type PoolerSpec struct {
	Image string // empty: no pooler
}

// MetricsSpec says whether the platform exports metrics for a Prometheus operator.
type MetricsSpec struct {
	Enabled       bool
	ExporterImage string
	Dashboards    map[string]string // file name -> JSON for Grafana
}

// IngressSpec is how people reach the platform by HTTPS. The zero value has no ingress.
type IngressSpec struct {
	Host   string // empty: no ingress
	Path   string // base path, / or /name
	Issuer string // ClusterIssuer of cert-manager
	ACME   bool   // the issuer speaks ACME
	HSTS   bool   // the ingress controller sends Strict-Transport-Security
	Policy bool   // a NetworkPolicy lets nobody else reach the API server
	// Namespace and Pods say where the controller's pods are, for that policy.
	Namespace string
	Pods      map[string]string // labels
}

// BasePath is what comes before every path of UI and API: empty, or /name.
func (i IngressSpec) BasePath() string { return strings.TrimSuffix(i.Path, "/") }

// Reached is where an ingress is reached from this machine.
type Reached struct {
	HTTP      string `json:"http,omitempty"`      // host:port; empty where a port must be forwarded
	HTTPS     string `json:"https,omitempty"`     // likewise
	CA        string `json:"ca,omitempty"`        // PEM of the authority that issues the certificate
	Namespace string `json:"namespace,omitempty"` // of the ingress controller
}

// Overlay changes rendered objects before they are applied. Patch is a
// strategic merge patch in YAML; with Delete the object is dropped.
type Overlay struct {
	Kind   string `json:"kind"`
	Name   string `json:"name"` // without the release prefix for charts that add one: matched as suffix
	Patch  string `json:"patch,omitempty"`
	Delete bool   `json:"delete,omitempty"`
}

// Component is one long-running part of the platform.
type Component struct {
	Name      string `json:"name"`      // scheduler, api-server, dag-processor, triggerer
	Kind      string `json:"kind"`      // Deployment or StatefulSet
	Object    string `json:"object"`    // name of that object
	Selector  string `json:"selector"`  // label selector of its pods
	Container string `json:"container"` // the container that runs Airflow
}

// Plan is what an adapter would install, known before any cluster exists.
type Plan struct {
	Adapter    string                `json:"adapter"`
	Chart      string                `json:"chart"`
	Version    string                `json:"version"`
	Digest     string                `json:"digest"` // sha256 of the chart's content
	Images     []string              `json:"images"` // every image the manifests name, sorted
	Features   []conformance.Feature `json:"features"`
	Components []Component           `json:"components"`
	Manifests  string                `json:"-"` // rendered YAML
	Values     map[string]any        `json:"-"` // computed values, secrets included
}

// Release is an installed platform.
type Release struct {
	Name       string      `json:"name"`
	Namespace  string      `json:"namespace"`
	Revision   int         `json:"revision"`
	Began      time.Time   `json:"began"` // when the revision was begun, by this machine's clock
	Components []Component `json:"components"`
	APIService string      `json:"apiService"` // service name of the API server
	APIPort    int         `json:"apiPort"`
	APIPath    string      `json:"apiPath,omitempty"` // of UI and API at that port; empty is the root
	// DAGWriter is the component whose pods hold the DAG folder writable at
	// DAGFolder; empty when DAG files cannot be changed while it runs.
	DAGWriter string `json:"dagWriter,omitempty"`
	DAGFolder string `json:"dagFolder,omitempty"`
	// MigrationSelector matches the pods that migrate the database.
	MigrationSelector string `json:"migrationSelector,omitempty"`
	// DAGLink is the link that git-sync switches, as Airflow's containers see it;
	// empty where it does not deliver. DAGSync is the name of its containers.
	DAGLink string `json:"dagLink,omitempty"`
	DAGSync string `json:"dagSync,omitempty"`
	// DAGReaders are the components that hold DAG files.
	DAGReaders []string `json:"dagReaders,omitempty"`
	// PodSelector matches every pod of the platform, task pods included.
	PodSelector string `json:"podSelector,omitempty"`
	// Metrics is nil where the platform exports none.
	Metrics *Metrics `json:"metrics,omitempty"`
	// Keys is nil where it is not known where the keys lie.
	Keys *Keys `json:"keys,omitempty"`
	// Pooler is nil where the components reach the database itself.
	Pooler *Pooler `json:"pooler,omitempty"`
}

// Pooler is an installed connection pooler, in the platform's namespace. The
// database's user may ask its console.
type Pooler struct {
	Service string `json:"service"`
	Port    int    `json:"port"`
}

// Keys are where the keys that components share lie in the release's namespace.
// A component that was started again has read them anew.
type Keys struct {
	Fernet  SecretKey `json:"fernet"`  // what Airflow takes as core.fernet_key
	Signing SecretKey `json:"signing"` // api_auth.jwt_secret
	Session SecretKey `json:"session"` // api.secret_key
	// LogConnection is the Airflow connection to the store of task logs, in its
	// JSON form; zero where logs go elsewhere.
	LogConnection SecretKey `json:"logConnection,omitzero"`
}

// SecretKey is one key of a Secret.
type SecretKey struct {
	Secret string `json:"secret"`
	Key    string `json:"key"`
}

// Metrics is how an installed platform exports its metrics.
type Metrics struct {
	Monitor  string    `json:"monitor"`  // name of the ServiceMonitor
	Exporter Component `json:"exporter"` // runs no Airflow, so it is none of the release's components
}

// Progress receives what an install is doing and what it waits for.
type Progress func(step, waitingFor string)

// Adapter installs one kind of platform.
type Adapter interface {
	Name() string
	// Plan renders without a cluster.
	Plan(ctx context.Context, spec Spec) (Plan, error)
	// Install returns once every component is ready, or with an error that
	// names the pod and the reason as soon as one cannot become ready.
	Install(ctx context.Context, cfg *rest.Config, spec Spec, timeout time.Duration, progress Progress) (Release, error)
	// Upgrade moves an installed release to spec; the same promises as Install.
	Upgrade(ctx context.Context, cfg *rest.Config, spec Spec, timeout time.Duration, progress Progress) (Release, error)
	Uninstall(ctx context.Context, cfg *rest.Config, spec Spec) error
}
