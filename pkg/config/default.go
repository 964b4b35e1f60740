package config

import "time"

// databaseImages are the images of the kinds of database where none is named.
var databaseImages = map[string]string{"postgres": "postgres:15", "mysql": "mysql:9.7"}

// Default returns the run that an empty run file describes: the reference
// platform on a kind cluster of one node.
func Default() Run {
	return Run{
		APIVersion: APIVersion,
		Name:       "local",
		Profile:    "core",
		Platform: Platform{
			Adapter:        "reference",
			AirflowVersion: "3.2.2",
			Executor:       "KubernetesExecutor",
			DAGDelivery:    "mounted",
			Logs:           "object-storage",
		},
		Database: Database{
			Kind: "postgres", Image: databaseImages["postgres"], TLS: "none",
			// The one that Airflow's official chart names.
			Pooler: "none", PoolerImage: "apache/airflow:airflow-pgbouncer-2025.03.05-1.23.1",
		},
		ObjectStorage: ObjectStorage{
			Kind: "minio",
			// The last image that upstream published; later releases are source only.
			Image:  "minio/minio:RELEASE.2025-09-07T16-13-09Z",
			Bucket: "airflow-logs",
		},
		Metrics: Metrics{
			Kind:          "none",
			Image:         "prom/prometheus:v3.16.0",
			OperatorImage: "quay.io/prometheus-operator/prometheus-operator:v0.85.0",
			ReloaderImage: "quay.io/prometheus-operator/prometheus-config-reloader:v0.85.0",
			ExporterImage: "prom/statsd-exporter:v0.31.0",
			Grafana:       "none",
			GrafanaImage:  "grafana/grafana:12.4.0",
			SidecarImage:  "quay.io/kiwigrid/k8s-sidecar:2.11.2",
		},
		LogShipping: LogShipping{
			// The version that can be built from package registries too. Which Graylog
			// there is to be had, the machine decides.
			Kind: "none", Shipper: "fluent/fluent-bit:1.8.15",
		},
		Ingress: Ingress{Kind: "none", Host: "airflow.airworthy.test", Path: "/", Certificates: "self-signed", HSTS: 31536000},
		Git: Git{
			Kind: "none", Server: "airworthy/gitserver:v1", Image: "registry.k8s.io/git-sync/git-sync:v4.7.1",
			Ref: "main", SubPath: "dags", Period: 5 * time.Second,
		},
		Cluster: Cluster{Kind: "kind", Kubernetes: "v1.36.3", Namespace: "airflow"},
		Images:  Images{Policy: "auto"},
		Timeouts: Timeouts{
			Scale:   1,
			Cluster: 3 * time.Minute,
			Service: 2 * time.Minute,
			Install: 6 * time.Minute,
			DAGRun:  3 * time.Minute,
			Observe: 90 * time.Second,
			Build:   40 * time.Minute,
		},
	}
}

// Scaled returns the timeouts multiplied by Scale, and a Scale of 1.
func (t Timeouts) Scaled() Timeouts {
	by := func(d time.Duration) time.Duration { return time.Duration(float64(d) * t.Scale) }
	return Timeouts{
		Scale:   1,
		Cluster: by(t.Cluster),
		Service: by(t.Service),
		Install: by(t.Install),
		DAGRun:  by(t.DAGRun),
		Observe: by(t.Observe),
		Build:   by(t.Build),
	}
}
