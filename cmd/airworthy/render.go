package main

import (
	"context"
	"fmt"

	"github.com/airworthy/airworthy/dags"
	"github.com/airworthy/airworthy/pkg/config"
	"github.com/airworthy/airworthy/pkg/platform"
	"github.com/airworthy/airworthy/pkg/service"
	"github.com/airworthy/airworthy/pkg/stack"
)

// render says what would be installed, with no cluster. Addresses and secrets,
// which nobody has yet, are placeholders.
func render(ctx context.Context, run config.Run) (platform.Plan, error) {
	adapter, err := stack.AdapterOf(run)
	if err != nil {
		return platform.Plan{}, usageError(err)
	}
	const unknown = "not-known-yet"
	endpoint := service.Endpoint{FromPod: unknown + ":1", Database: "airflow", Bucket: run.ObjectStorage.Bucket, User: unknown, Secret: unknown}
	plan, err := adapter.Plan(ctx, platform.Spec{
		Release: "airflow", Namespace: run.Cluster.Namespace, Stack: run.Name,
		AirflowVersion: run.Platform.AirflowVersion, AirflowImage: stack.AirflowImage(run),
		ChartPath: run.Platform.Chart, Executor: run.Platform.Executor, DAGDelivery: run.Platform.DAGDelivery,
		LogStore: run.Platform.Logs, KeepPods: run.Platform.KeepPods, Values: run.Platform.Values, DAGs: dags.Files(),
		Database:      platform.DatabaseSpec{Kind: run.Database.Kind, Endpoint: endpoint},
		ObjectStorage: endpoint,
		AdminUser:     unknown, AdminPassword: unknown,
		FernetKey: "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=", JWTSecret: unknown, APISecretKey: unknown,
	})
	if err != nil {
		return plan, fmt.Errorf("render the platform: %w", err)
	}
	return plan, nil
}
