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

// specFor says what the platform of a run file shall be. Addresses and secrets,
// which nobody has yet, are placeholders.
func specFor(run config.Run) platform.Spec {
	const unknown = "not-known-yet"
	endpoint := service.Endpoint{FromPod: unknown + ":1", Database: "airflow", Bucket: run.ObjectStorage.Bucket, User: unknown, Secret: unknown}
	return platform.Spec{
		Release: "airflow", Namespace: run.Cluster.Namespace, Stack: run.Name,
		AirflowVersion: run.Platform.AirflowVersion, AirflowImage: stack.AirflowImage(run),
		ChartPath: run.Platform.Chart, Executor: run.Platform.Executor, DAGDelivery: run.Platform.DAGDelivery,
		LogStore: run.Platform.Logs, KeepPods: run.Platform.KeepPods, Values: run.Platform.Values, DAGs: dags.Files(),
		Database:      platform.DatabaseSpec{Kind: run.Database.Kind, Endpoint: endpoint},
		ObjectStorage: endpoint,
		AdminUser:     "admin", AdminPassword: unknown,
		// 32 bytes of zero: what is rendered with it is never used for anything of worth.
		FernetKey: "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=", JWTSecret: unknown, APISecretKey: unknown,
	}
}

// render says what would be installed, with no cluster.
func render(ctx context.Context, run config.Run) (platform.Plan, error) {
	adapter, err := stack.AdapterOf(run)
	if err != nil {
		return platform.Plan{}, usageError(err)
	}
	plan, err := adapter.Plan(ctx, specFor(run))
	if err != nil {
		return plan, fmt.Errorf("render the platform: %w", err)
	}
	return plan, nil
}
