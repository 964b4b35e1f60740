package config

import (
	"reflect"
	"regexp"
	"strings"
)

// kind is the type of a key of the run file.
type kind int

const (
	section  kind = iota // a mapping whose keys are described by fields below it
	text                 // a string
	whole                // an integer
	number               // an integer or a float
	truth                // true or false
	duration             // 90s, 5m
	values               // a mapping of anything
	textMap              // a mapping of strings to strings
	textList             // a list of strings
)

// field describes one key: the reader, the validator and the JSON schema are
// all driven by this table.
type field struct {
	path string
	kind kind
	doc  string

	enum     []string // of a text, or of the values of a textMap
	pattern  *regexp.Regexp
	must     string  // what pattern means, after "must be"
	mend     string  // how to mend a value that pattern refuses
	optional bool    // the empty string is allowed beside pattern
	file     bool    // a path, relative to the run file (or to the working directory in a flag)
	min, max float64 // of whole and number, inclusive, when max > 0
	above    bool    // min itself is refused
}

const (
	imageExpr  = `^(?:[A-Za-z0-9.-]+(?::[0-9]+)?/)?[a-z0-9]+(?:[._/-]+[a-z0-9]+)*(?::[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}(?:@sha256:[0-9a-f]{64})?|@sha256:[0-9a-f]{64})$`
	imageMust  = "an image reference with a tag or a digest"
	imageMend  = "write repository:tag or repository@sha256:digest"
	labelMust  = "a lower case DNS label of at most "
	labelMend  = "use a-z, 0-9 and -, beginning and ending with a letter or digit"
	bucketMust = "a bucket name of 3 to 63 characters"
	bucketMend = "use a-z, 0-9, . and -, beginning and ending with a letter or digit"
)

var (
	imagePattern    = regexp.MustCompile(imageExpr)
	stackPattern    = regexp.MustCompile(`^[a-z0-9](?:[a-z0-9-]{0,22}[a-z0-9])?$`)
	labelPattern    = regexp.MustCompile(`^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$`)
	bucketPattern   = regexp.MustCompile(`^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$`)
	airflowPattern  = regexp.MustCompile(`^3\.[0-9]+\.[0-9]+(?:[a-z]+[0-9]+)?$`)
	hostPattern     = regexp.MustCompile(`^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)+$`)
	pathPattern     = regexp.MustCompile(`^/(?:[a-z0-9][a-z0-9_-]*)?$`)
	refPattern      = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._/-]*$`)
	subPathPattern  = regexp.MustCompile(`^[A-Za-z0-9_-][A-Za-z0-9._-]*(?:/[A-Za-z0-9_-][A-Za-z0-9._-]*)*$`)
	kubernetes      = regexp.MustCompile(`^v1\.[0-9]+\.[0-9]+$`)
	mirrorPattern   = regexp.MustCompile(`^[A-Za-z0-9.-]+(?::[0-9]+)?(?:/[a-z0-9]+(?:[._/-]+[a-z0-9]+)*)?$`)
	checkPattern    = regexp.MustCompile(`^[a-z0-9_]+(?:\.[a-z0-9_]+){1,2}$`)
	durationPattern = regexp.MustCompile(`^(?:[0-9]+(?:\.[0-9]+)?(?:ms|s|m|h))+$`)
)

// policies are the ways to get an image; the order is that of the documents.
var policies = []string{"auto", "pull", "mirror", "build", "bundle"}

// fields is the run file. Sections come before their keys.
var fields = []field{
	{path: "apiVersion", kind: text, enum: []string{APIVersion},
		doc: "Version of the run file's format. Required."},
	{path: "name", kind: text, pattern: stackPattern, must: labelMust + "24 characters", mend: labelMend,
		doc: "Name of the stack. Everything that is made carries it; two stacks with different names stand side by side."},
	{path: "profile", kind: text, enum: []string{"core", "extended"},
		doc: "Which checks decide: core, or the extended ones too."},

	{path: "platform", kind: section, doc: "The Airflow platform under test."},
	{path: "platform.adapter", kind: text, enum: []string{"reference", "official"},
		doc: "Which kind of chart: airworthy's own reference chart, or Airflow's official one (needs platform.chart)."},
	{path: "platform.chart", kind: text, file: true,
		doc: "Folder or .tgz of the chart, relative to this file. Empty for the reference platform."},
	{path: "platform.airflowVersion", kind: text, pattern: airflowPattern, must: "a version of Airflow 3 such as 3.2.2", mend: "write all three numbers",
		doc: "Airflow's version."},
	{path: "platform.executor", kind: text, enum: []string{"KubernetesExecutor"},
		doc: "Airflow's executor."},
	{path: "platform.dagDelivery", kind: text, enum: []string{"mounted", "baked", "git-sync", "git-bundle"},
		doc: "How DAG files reach Airflow: mounted (they can change while the platform runs), baked into the image, or from a Git repository, by git-sync or by Airflow's own Git DAG bundle."},
	{path: "platform.logs", kind: text, enum: []string{"object-storage", "volume"},
		doc: "Where task logs are kept: object storage, or a volume that all pods share."},
	{path: "platform.keepPods", kind: truth,
		doc: "Keep finished task pods instead of deleting them."},
	{path: "platform.valuesFiles", kind: textList, file: true,
		doc: "Files of values for the chart, relative to this file; later ones win. Files encrypted by SOPS for age are decrypted in memory, with platform.ageKey."},
	{path: "platform.ageKey", kind: text, file: true,
		doc: "File of age identities that decrypt platform.valuesFiles, relative to this file."},
	{path: "platform.values", kind: values,
		doc: "Values for the chart. They win over airworthy's own."},

	{path: "database", kind: section, doc: "The metadata database."},
	{path: "database.kind", kind: text, enum: []string{"postgres", "mysql"}, doc: "Kind of database."},
	{path: "database.image", kind: text, pattern: imagePattern, must: imageMust, mend: imageMend,
		doc: "Image of the database, by upstream's name. Where it is left out, it is that of the kind: postgres:15 or mysql:9.7."},
	{path: "database.secret", kind: text, pattern: labelPattern, optional: true, must: labelMust + "63 characters", mend: labelMend,
		doc: "Name of a Secret that is made before the platform, and that the platform is given instead of the connection itself. Empty: the chart gets the connection as a value."},
	{path: "database.tls", kind: text, enum: []string{"none", "verify-full"},
		doc: "How the components reach the database: none, or verify-full for a connection by TLS to a server that proves its name, with an authority of the stack's own, for postgres."},
	{path: "database.pooler", kind: text, enum: []string{"none", "pgbouncer"},
		doc: "Connection pooler in the cluster, between the components and the database: pgbouncer for postgres. Migrations go to the database itself."},
	{path: "database.poolerImage", kind: text, pattern: imagePattern, must: imageMust, mend: imageMend,
		doc: "Image of the connection pooler, by upstream's name."},

	{path: "objectStorage", kind: section, doc: "Where remote task logs go."},
	{path: "objectStorage.kind", kind: text, enum: []string{"minio", "none"},
		doc: "Kind of object storage; none where platform.logs is volume."},
	{path: "objectStorage.image", kind: text, pattern: imagePattern, must: imageMust, mend: imageMend,
		doc: "Image of the object storage, by upstream's name."},
	{path: "objectStorage.bucket", kind: text, pattern: bucketPattern, must: bucketMust, mend: bucketMend,
		doc: "Bucket for task logs; made when it does not exist."},

	{path: "metrics", kind: section, doc: "What collects the platform's metrics."},
	{path: "metrics.kind", kind: text, enum: []string{"prometheus", "none"},
		doc: "prometheus brings its operator, and has the platform export StatsD metrics to it; none leaves metrics off."},
	{path: "metrics.image", kind: text, pattern: imagePattern, must: imageMust, mend: imageMend,
		doc: "Image of Prometheus, by upstream's name."},
	{path: "metrics.operatorImage", kind: text, pattern: imagePattern, must: imageMust, mend: imageMend,
		doc: "Image of the Prometheus operator, by upstream's name."},
	{path: "metrics.reloaderImage", kind: text, pattern: imagePattern, must: imageMust, mend: imageMend,
		doc: "Image of the operator's configuration reloader, by upstream's name."},
	{path: "metrics.exporterImage", kind: text, pattern: imagePattern, must: imageMust, mend: imageMend,
		doc: "Image of the StatsD exporter, by upstream's name."},
	{path: "metrics.grafana", kind: text, enum: []string{"none", "auto", "always"},
		doc: "Grafana with the platform's dashboards: auto brings it where both of its images can be had, always fails where they cannot."},
	{path: "metrics.grafanaImage", kind: text, pattern: imagePattern, must: imageMust, mend: imageMend,
		doc: "Image of Grafana, by upstream's name."},
	{path: "metrics.sidecarImage", kind: text, pattern: imagePattern, must: imageMust, mend: imageMend,
		doc: "Image of the side-car that hands Grafana the platform's dashboards, by upstream's name."},

	{path: "logShipping", kind: section, doc: "Where the logs of all pods go, beside the task logs that Airflow keeps."},
	{path: "logShipping.kind", kind: text, enum: []string{"none", "graylog"},
		doc: "graylog: Fluent Bit on every node structures them and sends them to a Graylog."},
	{path: "logShipping.shipper", kind: text, pattern: imagePattern, must: imageMust, mend: imageMend,
		doc: "Image of Fluent Bit, by upstream's name."},
	{path: "logShipping.graylog", kind: text, pattern: imagePattern, optional: true, must: imageMust, mend: imageMend,
		doc: "Image of Graylog, by upstream's name; with search and metadata. Where none of them is given: the current one where all three can be had, else the last that can be built."},
	{path: "logShipping.search", kind: text, pattern: imagePattern, optional: true, must: imageMust, mend: imageMend,
		doc: "Image of the search engine that holds Graylog's messages."},
	{path: "logShipping.metadata", kind: text, pattern: imagePattern, optional: true, must: imageMust, mend: imageMend,
		doc: "Image of the database that holds Graylog's settings."},

	{path: "ingress", kind: section, doc: "How people reach the platform by HTTPS."},
	{path: "ingress.kind", kind: text, enum: []string{"none", "traefik"},
		doc: "Ingress controller to install, with cert-manager beside it. traefik serves the ingress class nginx and its annotations."},
	{path: "ingress.host", kind: text, pattern: hostPattern, must: "a DNS name such as airflow.airworthy.test", mend: "use lower case labels with dots between them",
		doc: "Name that the platform is served under. It need not resolve anywhere."},
	{path: "ingress.path", kind: text, pattern: pathPattern, must: "/ or a path such as /airflow", mend: "begin with a slash and end without one",
		doc: "Base path of the platform."},
	{path: "ingress.certificates", kind: text, enum: []string{"self-signed", "acme"},
		doc: "Who issues the certificate: a CA of the stack's own, or an ACME test server (Pebble) beside the cluster."},
	{path: "ingress.hsts", kind: whole, min: 0, max: 63072000,
		doc: "Seconds that browsers are told to use HTTPS alone (Strict-Transport-Security); 0 says nothing to them."},
	{path: "ingress.networkPolicy", kind: truth,
		doc: "Let nobody but the ingress and the platform itself reach the API server, by a NetworkPolicy and without a node port. In a kind cluster kube-router enforces it, in others their own pod network must."},

	{path: "git", kind: section, doc: "The Git repository that DAG files come from, on a server made for the run."},
	{path: "git.kind", kind: text, enum: []string{"none", "ssh", "https"},
		doc: "How the repository is reached: ssh with a deploy key and a pinned host key, or https with a token and a certificate authority; none where platform.dagDelivery does not use it."},
	{path: "git.server", kind: text, pattern: imagePattern, must: imageMust, mend: imageMend,
		doc: "Image of the Git server."},
	{path: "git.image", kind: text, pattern: imagePattern, must: imageMust, mend: imageMend,
		doc: "Image of git-sync, by upstream's name."},
	{path: "git.ref", kind: text, pattern: refPattern, must: "a branch, a tag or a full hash", mend: "write for example main",
		doc: "Branch, tag or full hash that DAG files are taken from."},
	{path: "git.subPath", kind: text, pattern: subPathPattern, optional: true, must: "a folder of the repository", mend: "write for example dags, without a slash at either end",
		doc: "Folder of the repository that holds the DAG files; empty for its root."},
	{path: "git.period", kind: duration, doc: "Time between looks at the repository."},

	{path: "cluster", kind: section, doc: "The Kubernetes cluster to make or to use."},
	{path: "cluster.kind", kind: text, enum: []string{"kind", "existing"},
		doc: "kind makes a cluster in the container engine; existing uses the one of cluster.kubeconfig."},
	{path: "cluster.kubernetes", kind: text, pattern: kubernetes, optional: true, must: "a Kubernetes version such as v1.36.3", mend: "write v and all three numbers",
		doc: "Kubernetes version of a kind cluster."},
	{path: "cluster.workers", kind: whole, min: 0, max: 9,
		doc: "Worker nodes of a kind cluster beside its one control plane. With 0 the control plane runs everything."},
	{path: "cluster.kubeconfig", kind: text, file: true,
		doc: "Kubeconfig of an existing cluster, relative to this file."},
	{path: "cluster.context", kind: text,
		doc: "Context of the kubeconfig; empty for its current one."},
	{path: "cluster.namespace", kind: text, pattern: labelPattern, must: labelMust + "63 characters", mend: labelMend,
		doc: "Namespace of the platform."},
	{path: "cluster.apiPort", kind: whole, min: 0, max: 65535,
		doc: "Port on this machine for Airflow's API; 0 picks a free one."},

	{path: "images", kind: section, doc: "How images are obtained."},
	{path: "images.policy", kind: text, enum: policies,
		doc: "auto tries what works here: bundle and mirror (when given), pull, build from package registries. bundle reads images.bundle alone."},
	{path: "images.mirror", kind: text, pattern: mirrorPattern, optional: true, must: "host[:port][/prefix]", mend: "leave out the scheme, write for example mirror.example.org/hub",
		doc: "Registry that answers for upstream's names, as host[:port][/prefix]."},
	{path: "images.bundle", kind: text, file: true,
		doc: "OCI layout made by `airworthy images save`, relative to this file."},
	{path: "images.airflow", kind: text, pattern: imagePattern, optional: true, must: imageMust, mend: imageMend,
		doc: "Airflow's image; empty for apache/airflow:<airflowVersion>."},
	{path: "images.perImage", kind: textMap, enum: policies,
		doc: "A policy of its own for an image, by its name."},

	{path: "checks", kind: section, doc: "Selection of checks by hand."},
	{path: "checks.skip", kind: textList, pattern: checkPattern, must: "a check id such as executor.pod_per_task", mend: "`airworthy checks` lists them",
		doc: "Checks to leave out. The verdict is then inconclusive."},

	{path: "timeouts", kind: section, doc: "How long to wait, as 90s or 5m."},
	{path: "timeouts.scale", kind: number, min: 0, above: true, max: 20,
		doc: "Multiplies every timeout; 1 is for two cores."},
	{path: "timeouts.cluster", kind: duration, doc: "The cluster, until it is ready."},
	{path: "timeouts.service", kind: duration, doc: "Each service, until it answers."},
	{path: "timeouts.install", kind: duration, doc: "The platform, until every component is ready."},
	{path: "timeouts.dagRun", kind: duration, doc: "One DAG run, until it has finished."},
	{path: "timeouts.observe", kind: duration, doc: "One fact, until it shows."},
	{path: "timeouts.build", kind: duration, doc: "One step of building an image: its downloads, one compilation, one build by the engine; not the waiting for its turn."},
}

// need is a key that must be given where another one has a certain value.
type need struct {
	when, is, path, mend string
}

var needs = []need{
	{"platform.adapter", "official", "platform.chart", "give the folder or the .tgz of the official chart"},
	{"cluster.kind", "existing", "cluster.kubeconfig", "give the path of the cluster's kubeconfig"},
	{"images.policy", "mirror", "images.mirror", "give the mirror as host[:port][/prefix]"},
	{"images.policy", "bundle", "images.bundle", "give the folder that `airworthy images save` made"},
}

// lookup finds the description of a path.
func lookup(path string) (field, bool) {
	for _, f := range fields {
		if f.path == path {
			return f, true
		}
	}
	return field{}, false
}

// children lists the keys directly below path, in the table's order.
func children(path string) []string {
	var keys []string
	for _, f := range fields {
		parent, key := "", f.path
		if i := strings.LastIndex(f.path, "."); i >= 0 {
			parent, key = f.path[:i], f.path[i+1:]
		}
		if parent == path {
			keys = append(keys, key)
		}
	}
	return keys
}

// join appends a key to a path.
func join(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}

// at returns the settable field of run that path names by its yaml tags.
func at(run *Run, path string) reflect.Value {
	v := reflect.ValueOf(run).Elem()
	for _, key := range strings.Split(path, ".") {
		t := v.Type()
		for i := range t.NumField() {
			if t.Field(i).Tag.Get("yaml") == key {
				v = v.Field(i)
				break
			}
		}
	}
	return v
}
