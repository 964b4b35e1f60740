package reference

import (
	"net"

	"github.com/airworthy/airworthy/pkg/environment"
	"github.com/airworthy/airworthy/pkg/platform"
)

// Values maps a spec to the reference chart's values. The spec's own
// Values are not among them: they are merged over these.
func Values(spec platform.Spec) map[string]any {
	repository, tag := spec.Image()
	values := map[string]any{
		"airflowVersion": spec.AirflowVersion,
		"image":          map[string]any{"repository": repository, "tag": tag},
		"executor":       spec.Executor,
		"labels":         map[string]any{environment.LabelStack: spec.Stack},
		"database":       database(spec),
		"secrets": map[string]any{
			"fernetKey": spec.FernetKey, "jwtSecret": spec.JWTSecret, "apiSecretKey": spec.APISecretKey,
		},
		"admin":       map[string]any{"user": spec.AdminUser, "password": spec.AdminPassword},
		"dags":        dagValues(spec),
		"logs":        logs(spec),
		"connections": connections(spec),
		"apiServer":   map[string]any{"service": apiService(spec)},
		"taskPods":    map[string]any{"keep": spec.KeepPods},
		"metrics":     metrics(spec),
	}
	if spec.Ingress.Host != "" {
		values["ingress"] = map[string]any{
			"enabled": true, "host": spec.Ingress.Host, "path": spec.Ingress.Path, "clusterIssuer": spec.Ingress.Issuer,
		}
	}
	if spec.Ingress.Policy {
		pods := map[string]any{}
		for key, value := range spec.Ingress.Pods {
			pods[key] = value
		}
		values["networkPolicy"] = map[string]any{"enabled": true, "from": []any{map[string]any{
			"namespaceSelector": map[string]any{"matchLabels": map[string]any{"kubernetes.io/metadata.name": spec.Ingress.Namespace}},
			"podSelector":       map[string]any{"matchLabels": pods},
		}}}
	}
	return values
}

func database(spec platform.Spec) map[string]any {
	values := map[string]any{}
	if spec.Database.Secret != "" {
		values["secretName"], values["secretKey"] = spec.Database.Secret, platform.DatabaseSecretKey
	} else {
		values["url"] = spec.DatabaseURL()
	}
	if spec.Database.TLS {
		values["ca"] = spec.Database.Endpoint.CA
	}
	if !spec.Pooled() {
		return values
	}
	e := spec.Database.Endpoint
	host, port, err := net.SplitHostPort(e.FromPod)
	if err != nil {
		host, port = e.FromPod, "5432"
	}
	pooler := map[string]any{
		"enabled": true, "image": spec.Database.Pooler.Image,
		"database": map[string]any{"host": host, "port": port, "name": e.Database}, "user": e.User,
	}
	if spec.Database.Secret == "" {
		values["directUrl"], pooler["userList"] = spec.DirectDatabaseURL(), spec.UserList()
	}
	values["pooler"] = pooler
	return values
}

func dagValues(spec platform.Spec) map[string]any {
	values := map[string]any{"delivery": spec.DAGDelivery, "files": dagFiles(spec)}
	if !spec.FromGit() {
		return values
	}
	g := spec.Git
	git := map[string]any{
		"image": g.Image, "repo": g.URL(), "ref": g.Ref, "subPath": g.SubPath, "period": g.Period.String(),
	}
	if g.Kind == platform.GitHTTPS {
		git["https"] = map[string]any{"user": g.Server.User, "token": g.Server.Token, "ca": g.Server.CA}
	} else {
		git["ssh"] = map[string]any{"key": g.Server.Key, "knownHosts": g.Server.PodKnownHosts()}
	}
	values["git"] = git
	return values
}

func dagFiles(spec platform.Spec) map[string]any {
	files := map[string]any{}
	if spec.DAGDelivery == platform.DAGsMounted {
		for name, content := range spec.DAGs {
			files[name] = content
		}
	}
	return files
}

func connections(spec platform.Spec) map[string]any {
	out := map[string]any{}
	for id, connection := range spec.Connections {
		out[id] = connection
	}
	return out
}

func logs(spec platform.Spec) map[string]any {
	out := map[string]any{"store": spec.LogStore}
	if spec.LogStore == platform.LogsObjectStorage {
		out["remote"] = map[string]any{"folder": spec.LogFolder(), "connection": spec.LogConnection()}
	}
	return out
}

func metrics(spec platform.Spec) map[string]any {
	if !spec.Metrics.Enabled {
		return map[string]any{"enabled": false}
	}
	dashboards := map[string]any{}
	for name, content := range spec.Metrics.Dashboards {
		dashboards[name] = content
	}
	return map[string]any{
		"enabled": true, "exporter": map[string]any{"image": spec.Metrics.ExporterImage}, "dashboards": dashboards,
	}
}

func apiService(spec platform.Spec) map[string]any {
	if spec.NodePort == 0 {
		return map[string]any{"type": "ClusterIP"}
	}
	return map[string]any{"type": "NodePort", "nodePort": spec.NodePort}
}
