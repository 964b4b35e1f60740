// Package reference installs the project's own chart, fixtures/reference. It
// owns the mapping from a platform.Spec to that chart's values.
package reference

import (
	"strings"

	"github.com/airworthy/airworthy/fixtures"
	"github.com/airworthy/airworthy/pkg/platform"
	"github.com/airworthy/airworthy/pkg/platform/internal/charted"
	"github.com/airworthy/airworthy/pkg/platform/internal/helm"
)

// New is the adapter of the reference chart.
func New() platform.Adapter {
	return charted.Adapter{
		Label: "reference", Source: source, Values: Values, ComponentKey: "app.kubernetes.io/component", Migration: "migrate",
		Pods: func(spec platform.Spec) string {
			return "app.kubernetes.io/name=airflow,app.kubernetes.io/instance=" + spec.Release
		},
		Keys: keys,
	}
}

// keys are named by the variables of the environment that they become.
func keys(spec platform.Spec) platform.Keys {
	in, session := spec.Release+"-keys", "AIRFLOW__API__SECRET_KEY"
	if strings.HasPrefix(spec.AirflowVersion, "2.") {
		session = "AIRFLOW__WEBSERVER__SECRET_KEY"
	}
	return platform.Keys{
		Fernet:        platform.SecretKey{Secret: in, Key: "AIRFLOW__CORE__FERNET_KEY"},
		Signing:       platform.SecretKey{Secret: in, Key: "AIRFLOW__API_AUTH__JWT_SECRET"},
		Session:       platform.SecretKey{Secret: in, Key: session},
		LogConnection: platform.SecretKey{Secret: spec.Release + "-logs", Key: "AIRFLOW_CONN_TASK_LOGS"},
	}
}

// source is the embedded chart, or the one that the spec names in its place.
func source(spec platform.Spec) (helm.Source, error) {
	if spec.ChartPath != "" {
		return helm.LoadPath(spec.ChartPath)
	}
	return helm.LoadFS(fixtures.FS, "reference")
}
