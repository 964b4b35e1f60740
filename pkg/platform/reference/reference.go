// Package reference installs the project's own chart, fixtures/reference. It
// owns the mapping from a platform.Spec to that chart's values.
package reference

import (
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
	}
}

// source is the embedded chart, or the one that the spec names in its place.
func source(spec platform.Spec) (helm.Source, error) {
	if spec.ChartPath != "" {
		return helm.LoadPath(spec.ChartPath)
	}
	return helm.LoadFS(fixtures.FS, "reference")
}
