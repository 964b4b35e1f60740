// Package config owns the run file: defaults, reading, schema, validation. It
// knows no cluster, and nothing below cmd/ reads the environment's variables.
package config

import "time"

// APIVersion is the version of the run file's format.
const APIVersion = "airworthy.dev/v1alpha1"

// Run is a resolved run file. After Load it is not changed any more.
type Run struct {
	APIVersion    string        `yaml:"apiVersion" json:"apiVersion"`
	Name          string        `yaml:"name" json:"name"`       // stack name: lower case DNS label, at most 24 characters
	Profile       string        `yaml:"profile" json:"profile"` // core | extended
	Platform      Platform      `yaml:"platform" json:"platform"`
	Database      Database      `yaml:"database" json:"database"`
	ObjectStorage ObjectStorage `yaml:"objectStorage" json:"objectStorage"`
	Metrics       Metrics       `yaml:"metrics" json:"metrics"`
	LogShipping   LogShipping   `yaml:"logShipping" json:"logShipping"`
	Ingress       Ingress       `yaml:"ingress" json:"ingress"`
	Git           Git           `yaml:"git" json:"git"`
	Cluster       Cluster       `yaml:"cluster" json:"cluster"`
	Images        Images        `yaml:"images" json:"images"`
	Checks        Checks        `yaml:"checks" json:"checks"`
	Timeouts      Timeouts      `yaml:"timeouts" json:"timeouts"`
}

// Platform is the Airflow platform under test.
type Platform struct {
	Adapter        string `yaml:"adapter" json:"adapter"` // reference | official
	Chart          string `yaml:"chart" json:"chart"`     // folder or .tgz, relative to the run file; empty for reference
	AirflowVersion string `yaml:"airflowVersion" json:"airflowVersion"`
	Executor       string `yaml:"executor" json:"executor"`       // KubernetesExecutor
	DAGDelivery    string `yaml:"dagDelivery" json:"dagDelivery"` // mounted | baked | git-sync | git-bundle
	Logs           string `yaml:"logs" json:"logs"`               // object-storage | volume
	KeepPods       bool   `yaml:"keepPods" json:"keepPods"`       // keep finished task pods
	// ValuesFiles are files of chart values, in the order in which they are laid
	// over each other; Values wins over them. Those encrypted by SOPS are decrypted in memory.
	ValuesFiles []string       `yaml:"valuesFiles" json:"valuesFiles"`
	AgeKey      string         `yaml:"ageKey" json:"ageKey"` // file of the age identities for ValuesFiles
	Values      map[string]any `yaml:"values" json:"values"` // chart values, winning over airworthy's own
}

// Database is the metadata database.
type Database struct {
	Kind   string `yaml:"kind" json:"kind"`     // postgres | mysql
	Image  string `yaml:"image" json:"image"`   // such as postgres:15; the default is the kind's
	Secret string `yaml:"secret" json:"secret"` // name of a Secret to configure the connection through; empty for none

	TLS string `yaml:"tls" json:"tls"` // none | verify-full

	Pooler      string `yaml:"pooler" json:"pooler"`           // none | pgbouncer
	PoolerImage string `yaml:"poolerImage" json:"poolerImage"` // PgBouncer
}

// ObjectStorage is where remote task logs go.
type ObjectStorage struct {
	Kind   string `yaml:"kind" json:"kind"` // minio | none
	Image  string `yaml:"image" json:"image"`
	Bucket string `yaml:"bucket" json:"bucket"`
}

// Metrics is what collects the platform's metrics.
type Metrics struct {
	Kind          string `yaml:"kind" json:"kind"`                   // prometheus | none
	Image         string `yaml:"image" json:"image"`                 // Prometheus
	OperatorImage string `yaml:"operatorImage" json:"operatorImage"` // its operator
	ReloaderImage string `yaml:"reloaderImage" json:"reloaderImage"` // the operator's side-car of Prometheus
	ExporterImage string `yaml:"exporterImage" json:"exporterImage"` // StatsD exporter of the platform
	Grafana       string `yaml:"grafana" json:"grafana"`             // none | auto | always
	GrafanaImage  string `yaml:"grafanaImage" json:"grafanaImage"`   // Grafana
	SidecarImage  string `yaml:"sidecarImage" json:"sidecarImage"`   // its side-car, which finds dashboards
}

// LogShipping takes the logs of all pods out of the cluster.
type LogShipping struct {
	Kind     string `yaml:"kind" json:"kind"`         // none | graylog
	Shipper  string `yaml:"shipper" json:"shipper"`   // image of Fluent Bit
	Graylog  string `yaml:"graylog" json:"graylog"`   // image of the server; empty with the next two: what can be had
	Search   string `yaml:"search" json:"search"`     // image of the store of its messages
	Metadata string `yaml:"metadata" json:"metadata"` // image of the store of its settings
}

// Ingress is how people reach the platform by HTTPS.
type Ingress struct {
	Kind         string `yaml:"kind" json:"kind"`                 // none | traefik
	Host         string `yaml:"host" json:"host"`                 // DNS name that the platform is served under
	Path         string `yaml:"path" json:"path"`                 // base path, / or /name
	Certificates string `yaml:"certificates" json:"certificates"` // self-signed | acme
	HSTS         int    `yaml:"hsts" json:"hsts"`                 // max-age in seconds; 0 sends no such header
	// NetworkPolicy closes every way to the API server but the ingress.
	NetworkPolicy bool `yaml:"networkPolicy" json:"networkPolicy"`
}

// Git is the repository that DAG files come from, on a server made for the run.
type Git struct {
	Kind    string        `yaml:"kind" json:"kind"`       // none | ssh | https
	Server  string        `yaml:"server" json:"server"`   // image of the Git server
	Image   string        `yaml:"image" json:"image"`     // image of git-sync
	Ref     string        `yaml:"ref" json:"ref"`         // branch, tag or full hash
	SubPath string        `yaml:"subPath" json:"subPath"` // folder of the repository that holds the DAG files
	Period  time.Duration `yaml:"period" json:"period"`   // between looks at the repository
}

// Cluster is the Kubernetes cluster to make or to use.
type Cluster struct {
	Kind       string `yaml:"kind" json:"kind"`             // kind | existing
	Kubernetes string `yaml:"kubernetes" json:"kubernetes"` // such as v1.36.3; empty for existing
	Workers    int    `yaml:"workers" json:"workers"`       // worker nodes beside the one control plane
	Kubeconfig string `yaml:"kubeconfig" json:"kubeconfig"` // existing only
	Context    string `yaml:"context" json:"context"`       // existing only; empty for the current one
	Namespace  string `yaml:"namespace" json:"namespace"`
	APIPort    int    `yaml:"apiPort" json:"apiPort"` // host port for the Airflow API; 0 picks a free one
}

// Images says how images are obtained.
type Images struct {
	Policy   string            `yaml:"policy" json:"policy"`     // auto | pull | mirror | build | bundle
	Mirror   string            `yaml:"mirror" json:"mirror"`     // host[:port][/prefix] that answers for upstream's names
	Bundle   string            `yaml:"bundle" json:"bundle"`     // OCI layout made by `airworthy images save`
	Airflow  string            `yaml:"airflow" json:"airflow"`   // Airflow image; empty for apache/airflow:<airflowVersion>
	PerImage map[string]string `yaml:"perImage" json:"perImage"` // image name -> policy
}

// Checks selects checks by hand. Anything left out makes the verdict inconclusive.
type Checks struct {
	Skip []string `yaml:"skip" json:"skip"` // check ids
}

// Timeouts of the run, before Scale.
type Timeouts struct {
	Scale   float64       `yaml:"scale" json:"scale"`     // multiplies every timeout; 1 for the machine of two cores
	Cluster time.Duration `yaml:"cluster" json:"cluster"` // cluster until ready
	Service time.Duration `yaml:"service" json:"service"` // each service until it answers
	Install time.Duration `yaml:"install" json:"install"` // platform until every component is ready
	DAGRun  time.Duration `yaml:"dagRun" json:"dagRun"`   // one DAG run until finished
	Observe time.Duration `yaml:"observe" json:"observe"` // one fact until it shows
	Build   time.Duration `yaml:"build" json:"build"`     // one step of building an image
}
