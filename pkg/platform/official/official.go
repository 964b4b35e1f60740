// Package official installs the chart that the Apache Airflow project
// publishes, from a folder or .tgz that the user supplies; the chart is not
// part of this project. It owns the mapping from a platform.Spec to that
// chart's values, written for chart 1.22.
package official

import (
	"errors"

	"github.com/airworthy/airworthy/pkg/platform"
	"github.com/airworthy/airworthy/pkg/platform/internal/charted"
	"github.com/airworthy/airworthy/pkg/platform/internal/helm"
)

// New is the adapter of the official chart.
func New() platform.Adapter {
	return charted.Adapter{
		Label: "official", Source: source, Values: Values, ComponentKey: "component", Migration: "run-airflow-migrations",
		Pods: func(spec platform.Spec) string { return "tier=airflow,release=" + spec.Release },
		Keys: func(spec platform.Spec) platform.Keys {
			return platform.Keys{
				Fernet:        platform.SecretKey{Secret: spec.Release + "-fernet-key", Key: "fernet-key"},
				Signing:       platform.SecretKey{Secret: spec.Release + "-jwt-secret", Key: "jwt-secret"},
				Session:       platform.SecretKey{Secret: spec.Release + "-api-secret-key", Key: "api-secret-key"},
				LogConnection: platform.SecretKey{Secret: connectionSecret(spec, logConnection), Key: "connection"},
			}
		},
	}
}

func source(spec platform.Spec) (helm.Source, error) {
	if spec.ChartPath == "" {
		return helm.Source{}, errors.New("the official chart is not part of airworthy: download the chart (such as " +
			"airflow-1.22.0.tgz) and name the file in platform.chart")
	}
	return helm.LoadPath(spec.ChartPath)
}
