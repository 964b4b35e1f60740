package stack

import (
	"fmt"
	"net/url"

	"github.com/airworthy/airworthy/dags"
	"github.com/airworthy/airworthy/fixtures"
	"github.com/airworthy/airworthy/pkg/config"
	"github.com/airworthy/airworthy/pkg/environment"
	"github.com/airworthy/airworthy/pkg/images"
	"github.com/airworthy/airworthy/pkg/platform"
	"github.com/airworthy/airworthy/pkg/platform/official"
	"github.com/airworthy/airworthy/pkg/platform/reference"
	"github.com/airworthy/airworthy/pkg/service"
)

const (
	releaseName = "airflow"
	adminUser   = "admin"
	objectUser  = "airflow-logs"
	// The user that objectUser gives way to when its key is rotated.
	nextObjectUser = "airflow-logs-next"
	databaseIs     = "airflow"
)

// adapterOf gives the adapter that a run file names.
func adapterOf(run config.Run) (platform.Adapter, error) {
	switch run.Platform.Adapter {
	case "reference":
		return reference.New(), nil
	case "official":
		return official.New(), nil
	}
	return nil, fmt.Errorf("platform.adapter %q is not known", run.Platform.Adapter)
}

// AirflowImage is the image of every component and task pod.
func AirflowImage(run config.Run) string {
	base := baseImage(run)
	if bakes(run) {
		return string(bakedDAGs().Over(images.Ref(base)))
	}
	return base
}

// baseImage is Airflow's image before DAG files are laid over it.
func baseImage(run config.Run) string {
	if run.Images.Airflow != "" {
		return run.Images.Airflow
	}
	return "apache/airflow:" + run.Platform.AirflowVersion
}

// bakes says that the DAG files go into an image made here. A cluster that is
// not ours pulls its images: there the run file names one that holds them.
func bakes(run config.Run) bool {
	return run.Platform.DAGDelivery == platform.DAGsBaked && run.Cluster.Kind == environment.KindKind
}

// bakedDAGs are owned by the user and group of Airflow's images.
func bakedDAGs() images.Files {
	return images.Files{Folder: "/opt/airflow/dags", Content: dags.Files(), UID: 50000, GID: 0}
}

// specOf says what the platform shall be. Before services run, its endpoints
// are empty, which is enough for rendering.
func specOf(h Handoff) platform.Spec {
	run := h.Run
	spec := platform.Spec{
		Release: releaseName, Namespace: run.Cluster.Namespace, Stack: run.Name,
		AirflowVersion: run.Platform.AirflowVersion, ChartPath: run.Platform.Chart,
		AirflowImage: h.AirflowImage, Executor: run.Platform.Executor,
		DAGDelivery: run.Platform.DAGDelivery, LogStore: run.Platform.Logs, KeepPods: run.Platform.KeepPods,
		Values: lay(h.FileValues, run.Platform.Values), DAGs: dags.Files(),
		Git:           gitSource(h),
		Database:      databaseSpec(h),
		ObjectStorage: placeholder(h.ObjectStorage),
		AdminUser:     h.AdminUser, AdminPassword: h.AdminPassword,
		Connections: map[string]map[string]any{platform.CheckedConnection: {
			"conn_type": "http", "host": platform.CheckedHost, "port": platform.CheckedPort,
			"login": platform.CheckedLogin, "password": h.ConnectionSecret,
		}},
		Ingress:   ingressSpec(run),
		FernetKey: h.FernetKey, JWTSecret: h.JWTSecret, APISecretKey: h.APISecretKey,
		Metrics: platform.MetricsSpec{Enabled: run.Metrics.Kind == "prometheus", ExporterImage: run.Metrics.ExporterImage},
	}
	if spec.Metrics.Enabled {
		spec.Metrics.Dashboards = fixtures.Dashboards()
	}
	if run.Cluster.Kind == "kind" && !run.Ingress.NetworkPolicy { // a node port is a way around the ingress
		spec.NodePort = environment.APINodePort
	}
	return spec
}

func databaseSpec(h Handoff) platform.DatabaseSpec {
	asked := h.Run.Database
	spec := platform.DatabaseSpec{
		Kind: asked.Kind, Endpoint: placeholder(h.Database), Secret: asked.Secret, TLS: asked.TLS != "none", Pooler: pooler(h.Run),
	}
	if spec.TLS && spec.Endpoint.CA == "" {
		spec.Endpoint.CA = "not known yet"
	}
	return spec
}

func pooler(run config.Run) platform.PoolerSpec {
	if run.Database.Pooler == "none" {
		return platform.PoolerSpec{}
	}
	return platform.PoolerSpec{Image: run.Database.PoolerImage}
}

// placeholder keeps rendering possible before a service has an address.
func placeholder(e service.Endpoint) service.Endpoint {
	if e.FromPod == "" {
		e.FromPod = "not-known-yet:1"
	}
	return e
}

func baseURL(hostPort string) string { return (&url.URL{Scheme: "http", Host: hostPort}).String() }
