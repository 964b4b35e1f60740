package official

import (
	"encoding/json"
	"fmt"
	"maps"
	"net"
	"slices"
	"strconv"
	"strings"

	"github.com/airworthy/airworthy/pkg/environment"
	"github.com/airworthy/airworthy/pkg/platform"
	"github.com/airworthy/airworthy/pkg/platform/internal/charted"
)

type values = map[string]any

// Values maps a spec to the official chart's values. The spec's own
// Values are not among them: they are merged over these.
func Values(spec platform.Spec) values {
	repository, tag := spec.Image()
	out := values{
		"airflowVersion":           spec.AirflowVersion,
		"defaultAirflowRepository": repository,
		"defaultAirflowTag":        tag,
		"images":                   values{"migrationsWaitTimeout": 180},
		"executor":                 spec.Executor,
		"labels":                   values{environment.LabelStack: spec.Stack},
		"fernetKey":                spec.FernetKey,
		"jwtSecret":                spec.JWTSecret,
		"apiSecretKey":             spec.APISecretKey,
		"config":                   config(spec),
		"dags":                     values{"persistence": values{"enabled": spec.DAGDelivery == platform.DAGsMounted, "size": "128Mi"}},
		"logs":                     values{"persistence": values{"enabled": spec.LogStore == platform.LogsVolume, "size": "1Gi"}},
		"createUserJob":            values{"defaultUser": values{"username": spec.AdminUser, "password": spec.AdminPassword}},
		"workers":                  values{"kubernetes": values{"resources": taskResources()}},
		"apiServer":                values{"service": apiService(spec), "startupProbe": slowStart()},
		"scheduler":                values{"startupProbe": slowStart()},
		"triggerer":                values{"persistence": values{"enabled": false}},
		// Services that are not under test here.
		"postgresql": values{"enabled": false},
		"redis":      values{"enabled": false},
		"statsd":     values{"enabled": false},
	}
	addDatabase(out, spec)
	if spec.LogStore == platform.LogsObjectStorage {
		addConnection(out, spec, logConnection, spec.LogConnection())
	}
	for _, id := range slices.Sorted(maps.Keys(spec.Connections)) {
		addConnection(out, spec, id, spec.Connections[id])
	}
	if spec.DAGDelivery == platform.DAGsMounted && len(spec.DAGs) > 0 {
		addSeeds(out, spec)
	}
	if spec.Ingress.Host != "" {
		out["ingress"] = values{"apiServer": ingress(spec.Ingress)}
	}
	return out
}

// addDatabase gives the connection as the chart's own values where they can say
// it. They have no place for MySQL's character set, so that goes through a
// Secret of the release, and so does everything where a Secret is asked for.
func addDatabase(out values, spec platform.Spec) {
	switch {
	case spec.Database.Secret != "":
		out["data"] = values{"metadataSecretName": spec.Database.Secret}
	case spec.Database.Kind == platform.DatabaseMySQL:
		name := spec.Release + "-metadata-url"
		out["data"] = values{"metadataSecretName": name}
		addSecret(out, name, platform.DatabaseSecretKey, spec.DatabaseURL())
	default:
		out["data"] = values{"metadataConnection": database(spec)}
	}
}

// addSecret puts a Secret of one key into the release.
func addSecret(out values, name, key, content string) {
	extra, ok := out["extraSecrets"].(values)
	if !ok {
		extra = values{}
		out["extraSecrets"] = extra
	}
	extra[name] = values{"useHelmHooks": false, "stringData": literal(key + ": " + quote(content))}
}

func ingress(spec platform.IngressSpec) values {
	return values{
		"enabled": true, "ingressClassName": "nginx", "path": spec.Path, "pathType": "Prefix",
		"annotations": values{"cert-manager.io/cluster-issuer": spec.Issuer},
		"hosts":       []any{values{"name": spec.Host, "tls": values{"enabled": true, "secretName": "airflow-tls"}}},
	}
}

func database(spec platform.Spec) values {
	e := spec.Database.Endpoint
	host, port := e.FromPod, 5432
	if h, p, err := net.SplitHostPort(e.FromPod); err == nil {
		host = h
		if n, err := strconv.Atoi(p); err == nil {
			port = n
		}
	}
	return values{"user": e.User, "pass": e.Secret, "db": e.Database, "host": host, "port": port, "protocol": "postgresql", "sslmode": "disable"}
}

// config sets what the checks' time limits rely on, as the reference chart does,
// and leaves everything else as the chart has it.
func config(spec platform.Spec) values {
	out := values{
		"core": values{"dags_are_paused_at_creation": "False", "parallelism": "16"},
		"scheduler": values{
			"job_heartbeat_sec":                                  "5",
			"scheduler_health_check_threshold":                   "20",
			"orphaned_tasks_check_interval":                      "10",
			"task_instance_heartbeat_timeout":                    "60",
			"task_instance_heartbeat_timeout_detection_interval": "5",
			"task_queued_timeout":                                "90",
			"task_queued_timeout_check_interval":                 "5",
			"num_stuck_in_queued_retries":                        "0",
		},
		"dag_processor": values{
			"refresh_interval": "2", "bundle_refresh_check_interval": "2", "min_file_process_interval": "60",
		},
		"kubernetes_executor": values{
			"delete_worker_pods":              title(!spec.KeepPods),
			"delete_worker_pods_on_failure":   title(!spec.KeepPods),
			"worker_pods_creation_batch_size": "16",
		},
	}
	if spec.Ingress.Host != "" {
		out["api"] = values{"base_url": "https://" + spec.Ingress.Host + spec.Ingress.Path}
	}
	if spec.LogStore == platform.LogsObjectStorage {
		out["logging"] = values{
			"remote_logging": "True", "remote_log_conn_id": logConnection, "remote_base_log_folder": spec.LogFolder(),
		}
	}
	return out
}

func title(b bool) string {
	if b {
		return "True"
	}
	return "False"
}

func taskResources() values {
	return values{
		"requests": values{"cpu": "100m", "memory": "192Mi"},
		"limits":   values{"cpu": "1", "memory": "1Gi"},
	}
}

// slowStart gives a component five minutes instead of one: a start is seconds
// of imports, and on few cores all of them happen at once.
func slowStart() values { return values{"failureThreshold": 30} }

func apiService(spec platform.Spec) values {
	if spec.NodePort == 0 {
		return values{"type": "ClusterIP"}
	}
	return values{"type": "NodePort", "ports": []any{
		values{"name": "api-server", "port": "{{ .Values.ports.apiServer }}", "nodePort": strconv.Itoa(spec.NodePort)}}}
}

// logConnection is the connection to the store of task logs.
const logConnection = "task_logs"

// connectionSecret is the Secret that holds a connection of the environment.
func connectionSecret(spec platform.Spec, id string) string {
	return spec.Release + "-" + strings.ReplaceAll(id, "_", "-")
}

// addConnection gives every container a connection through a Secret of its own.
func addConnection(out values, spec platform.Spec, id string, connection map[string]any) {
	content, err := json.Marshal(connection)
	if err != nil {
		panic(fmt.Sprintf("a map of strings did not marshal: %v", err))
	}
	secret := connectionSecret(spec, id)
	addSecret(out, secret, "connection", string(content))
	all, _ := out["secret"].([]any)
	out["secret"] = append(all, values{"envName": "AIRFLOW_CONN_" + strings.ToUpper(id), "secretName": secret, "secretKey": "connection"})
}

// addSeeds copies the DAG files onto the volume before the DAG processor
// starts. They cannot be mounted: a ConfigMap's files are links, which Airflow 3
// refuses to follow.
func addSeeds(out values, spec platform.Spec) {
	files := spec.Release + "-dag-files"
	names := make([]string, 0, len(spec.DAGs))
	for name := range spec.DAGs {
		names = append(names, name)
	}
	slices.Sort(names)
	var data strings.Builder
	for _, name := range names {
		fmt.Fprintf(&data, "%s: %s\n", quote(name), quote(spec.DAGs[name]))
	}
	out["extraConfigMaps"] = values{files: values{"useHelmHooks": false, "data": literal(data.String())}}
	repository, tag := spec.Image()
	out["dagProcessor"] = values{
		"extraVolumes": []any{values{"name": "dag-files", "configMap": values{"name": files}}},
		"extraInitContainers": []any{values{
			"name": "seed-dags", "image": repository + ":" + tag,
			"command": []any{"bash", "-euc",
				`for f in /seed/*; do cmp -s "$f" "` + charted.DAGFolder + `/${f##*/}" || cp -L "$f" ` + charted.DAGFolder + `/; done`},
			"volumeMounts": []any{
				values{"name": "dag-files", "mountPath": "/seed", "readOnly": true},
				values{"name": "dags", "mountPath": charted.DAGFolder},
			},
		}},
	}
}

// quote writes a YAML scalar on one line.
func quote(s string) string {
	b, err := json.Marshal(s)
	if err != nil {
		panic(fmt.Sprintf("a string did not marshal: %v", err))
	}
	return string(b)
}

// literal keeps braces from being taken for a template: this chart runs such
// values through the template engine.
func literal(s string) string { return strings.ReplaceAll(s, "{{", `{{ "{{" }}`) }
