package sabotage

import (
	"testing"
	"time"

	"github.com/airworthy/airworthy/pkg/platform"
	"github.com/airworthy/airworthy/pkg/platform/reference"
	"github.com/airworthy/airworthy/pkg/service"
)

// everything is a spec of the reference platform with every part that a sabotage may change.
func everything() platform.Spec {
	return platform.Spec{
		Release: "airflow", Namespace: "airflow", Stack: "whole", AirflowVersion: "3.2.2", Executor: "KubernetesExecutor",
		DAGDelivery: platform.DAGsGitSync, LogStore: platform.LogsObjectStorage,
		Git: platform.GitSource{
			Kind: platform.GitSSH, Image: "git-sync:v4", Ref: "main", SubPath: "dags", Period: 5 * time.Second,
			Server: service.Git{SSH: service.GitURL{FromPod: "ssh://git@forge/dags.git"}, HostKey: "ssh-ed25519 AAAA", Key: "private\n"},
		},
		Database: platform.DatabaseSpec{Kind: "postgres", Secret: "metadata", Pooler: platform.PoolerSpec{Image: "pooler:1"},
			Endpoint: service.Endpoint{FromPod: "db:5432", Database: "airflow", User: "airflow", Secret: "password"}},
		ObjectStorage: service.Endpoint{FromPod: "store:9000", Bucket: "logs", User: "writer", Secret: "written"},
		Metrics:       platform.MetricsSpec{Enabled: true, ExporterImage: "statsd-exporter:1", Dashboards: map[string]string{"airflow.json": "{}"}},
		Ingress: platform.IngressSpec{Host: "airflow.airworthy.test", Path: "/", Issuer: "airworthy-acme", Policy: true,
			Namespace: "airflow-addons", Pods: map[string]string{"app.kubernetes.io/name": "traefik"}},
		AdminUser: "admin", AdminPassword: "let-me-in", FernetKey: "fernet", JWTSecret: "jwt", APISecretKey: "api",
	}
}

// A patch of an object that the chart does not make, or one that changes
// nothing, would be found out by a whole pass on a cluster.
func TestEveryGroupChangesThePlatform(t *testing.T) {
	sound, err := reference.New().Plan(t.Context(), everything())
	if err != nil {
		t.Fatal(err)
	}
	groups, err := Groups(shipped(t), nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, g := range groups {
		if !g.changesPlatform() {
			continue
		}
		t.Run(g.Name, func(t *testing.T) {
			spec := everything()
			g.Apply(&spec)
			broken, err := reference.New().Plan(t.Context(), spec)
			if err != nil {
				t.Fatal(err)
			}
			if broken.Manifests == sound.Manifests {
				t.Error("the manifests are those of the sound platform")
			}
		})
	}
}
