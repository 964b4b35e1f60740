package stack

import (
	"fmt"
	"slices"

	"github.com/airworthy/airworthy/pkg/config"
	"github.com/airworthy/airworthy/pkg/conformance"
	"github.com/airworthy/airworthy/pkg/platform"
)

// notOffered says of every feature that is not claimed why that is so: a check
// that was not tried must not leave its reader guessing. policies is what is
// known of the pod network where the run file asks for a network policy.
func notOffered(h Handoff, policies string) []conformance.Absence {
	grafana := "the run file asks for no Grafana (metrics.grafana)"
	if h.NoGrafana != "" {
		grafana = "Grafana " + h.NoGrafana + ". What its dashboards ask is asked of Prometheus itself (metrics.dashboards)"
	}
	var all []conformance.Absence
	for _, one := range reasons(h.Run, policies, grafana) {
		if !slices.Contains(h.Features, one.Feature) {
			all = append(all, one)
		}
	}
	return all
}

// reasons holds a reason for every feature; it holds where the feature is not claimed.
func reasons(run config.Run, policies, grafana string) []conformance.Absence {
	delivery := fmt.Sprintf("the run file delivers DAG files otherwise (platform.dagDelivery: %s)", run.Platform.DAGDelivery)
	access, bundle, ingress := delivery, delivery, "the run file asks for no ingress (ingress.kind)"
	if run.Platform.DAGDelivery == platform.DAGsGitSync {
		access = fmt.Sprintf("the run file reaches the repository otherwise (git.kind: %s)", run.Git.Kind)
	}
	if run.Platform.DAGDelivery == platform.DAGsGitBundle {
		bundle = fmt.Sprintf("the run file reaches the repository otherwise (git.kind: %s)", run.Git.Kind)
	}
	behind := func(otherwise string) string {
		if run.Ingress.Kind == "none" {
			return ingress
		}
		return otherwise
	}
	if !run.Ingress.NetworkPolicy {
		policies = behind("the run file asks for no network policy (ingress.networkPolicy)")
	}
	logs := fmt.Sprintf("the run file keeps task logs elsewhere (platform.logs: %s)", run.Platform.Logs)
	return []conformance.Absence{
		{Feature: conformance.FeatureKubernetesExecutor, Because: "the run file asks for another executor (platform.executor)"},
		{Feature: conformance.FeatureDatabaseAccess, Because: "the database can be reached by the platform alone"},
		{Feature: conformance.FeatureEnvironmentConnections, Because: "the platform's chart takes no connections for its environment"},
		{Feature: conformance.FeatureObjectStorageLogs, Because: logs},
		{Feature: conformance.FeatureVolumeLogs, Because: logs},
		{Feature: conformance.FeatureLiveDAGs, Because: "DAG files are part of the image and change with it alone (platform.dagDelivery: " + run.Platform.DAGDelivery + ")"},
		{Feature: conformance.FeatureGitDAGs, Because: delivery},
		{Feature: conformance.FeatureGitSync, Because: delivery},
		{Feature: conformance.FeatureGitSyncSSH, Because: access},
		{Feature: conformance.FeatureGitSyncHTTPS, Because: access},
		{Feature: conformance.FeatureGitBundle, Because: delivery},
		{Feature: conformance.FeatureGitBundleSSH, Because: bundle},
		{Feature: conformance.FeatureGitBundleHTTPS, Because: bundle},
		{Feature: conformance.FeatureDatabaseSecret, Because: "the run file names no Secret for the connection (database.secret)"},
		{Feature: conformance.FeatureDatabasePause, Because: "the database does not run in a container engine of this machine, which alone can pause it"},
		{Feature: conformance.FeatureDatabaseLimit, Because: "the database does not run in a container engine of this machine, where alone airworthy may be its administrator"},
		{Feature: conformance.FeatureDatabaseTLS, Because: "the run file asks for no TLS to the database (database.tls)"},
		{Feature: conformance.FeatureConnectionPooler, Because: "the run file asks for no connection pooler (database.pooler)"},
		{Feature: conformance.FeatureObjectStorePause, Because: "no object store runs in a container engine of this machine, which alone can pause it"},
		{Feature: conformance.FeatureRotatableSecrets, Because: "it is not known in which Secrets the platform's chart keeps its keys"},
		{Feature: conformance.FeatureMetrics, Because: "the run file asks for no metrics (metrics.kind)"},
		{Feature: conformance.FeatureLogShipping, Because: "the run file asks for no log shipping (logShipping.kind)"},
		{Feature: conformance.FeatureIngress, Because: ingress},
		{Feature: conformance.FeatureACME, Because: behind("the run file has certificates issued otherwise (ingress.certificates: " + run.Ingress.Certificates + ")")},
		{Feature: conformance.FeatureHSTS, Because: behind("the run file asks for no such header (ingress.hsts: 0)")},
		{Feature: conformance.FeatureBasePath, Because: behind("the run file serves the platform at the root (ingress.path: /)")},
		{Feature: conformance.FeatureNetworkPolicy, Because: policies},
		{Feature: conformance.FeatureGrafana, Because: grafana},
	}
}
