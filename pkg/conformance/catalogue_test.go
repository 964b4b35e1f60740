package conformance

import (
	"regexp"
	"slices"
	"strings"
	"testing"
)

func TestCatalogueHasTheseChecks(t *testing.T) {
	want := []string{
		"dags.appears", "dags.import_error", "dags.recovery",
		"dagsync.atomic_switch", "dagsync.broken_commit", "dagsync.bundle_host_key", "dagsync.bundle_wrong_ca", "dagsync.bundle_wrong_token", "dagsync.changes", "dagsync.depth", "dagsync.first_sync", "dagsync.key_private",
		"dagsync.new_commit", "dagsync.pinned_run", "dagsync.refs", "dagsync.same_commit", "dagsync.server_gone", "dagsync.sub_folder", "dagsync.submodule", "dagsync.wrong_ca", "dagsync.wrong_host_key", "dagsync.wrong_token",
		"database.migrated_first", "database.outage", "database.pooled", "database.secret_hidden", "database.time_zone", "database.tls", "database.too_few_connections", "database.unicode",
		"executor.adoption", "executor.default_resources", "executor.failing_task", "executor.finished_pods",
		"executor.mapped_tasks", "executor.parallel_tasks", "executor.pod_killed",
		"executor.pod_override", "executor.pod_per_task", "executor.retries",
		"executor.scheduler_killed", "executor.service_account", "executor.unschedulable", "executor.xcom",
		"ingress.acme", "ingress.api_token", "ingress.base_path", "ingress.hsts", "ingress.https_verifies",
		"ingress.large_log", "ingress.login_browser", "ingress.not_around", "ingress.redirects_http", "ingress.renewal", "ingress.session",
		"logs.content", "logs.credentials_rotated", "logs.forced_deletion", "logs.live", "logs.per_try", "logs.persisted",
		"logs.shipped_fields", "logs.shipped_filter", "logs.shipped_multiline", "logs.shipped_no_secrets", "logs.shipped_once", "logs.shipped_outage",
		"logs.store_gone", "logs.volume",
		"metrics.alerts", "metrics.alerts.scheduler", "metrics.counts_runs", "metrics.dashboards", "metrics.durations",
		"metrics.exporter_restart", "metrics.grafana", "metrics.labels", "metrics.scheduler", "metrics.scraped",
		"platform.components_ready", "platform.database_head", "platform.error_lines",
		"platform.no_restarts", "platform.versions",
		"secrets.connections_agree", "secrets.encrypted_at_rest", "secrets.fernet_rotation", "secrets.masked_in_logs", "secrets.not_shown",
		"secrets.signing_key", "secrets.signing_rotation",
	}
	var got []string
	for _, c := range All() {
		got = append(got, c.ID)
	}
	if !slices.Equal(got, want) {
		t.Errorf("ids are %q\nwant    %q", got, want)
	}
}

func TestEveryCheckIsDescribed(t *testing.T) {
	id := regexp.MustCompile(`^[a-z][a-z0-9]*(\.[a-z][a-z0-9_]*)+$`)
	source := regexp.MustCompile(`^([a-z-]+/[a-z_-]+#\d+|(Airflow|git-sync|Grafana|Kubernetes) documentation: .+)$`)
	for _, c := range All() {
		t.Run(c.ID, func(t *testing.T) {
			if !id.MatchString(c.ID) {
				t.Error("the id is not area.subject in lower case")
			}
			if c.Title == "" || strings.HasSuffix(c.Title, ".") || c.Title[0] < 'a' || c.Title[0] > 'z' {
				t.Errorf("title %q does not go on from %q", c.Title, "The platform")
			}
			if !strings.HasSuffix(c.Why, ".") || strings.Count(c.Why, ". ") > 0 {
				t.Errorf("why is not one sentence: %q", c.Why)
			}
			if len(c.Sources) == 0 || c.Since == "" || (c.Level != Core && c.Level != Extended) {
				t.Errorf("sources %q, since %q, level %q", c.Sources, c.Since, c.Level)
			}
			for _, s := range c.Sources {
				if !source.MatchString(s) {
					t.Errorf("source %q is neither an issue nor a page", s)
				}
			}
		})
	}
}

func TestFind(t *testing.T) {
	if c, ok := Find("executor.xcom"); !ok || c.ID != ExecutorXCom.ID || c.Title != "passes values between the pods of two tasks" {
		t.Errorf("found %+v, %v", c, ok)
	}
	if c, ok := Find("executor.xcoms"); ok {
		t.Errorf("found %+v", c)
	}
}

func TestAllIsTheCallersOwn(t *testing.T) {
	All()[0].ID = "changed"
	if All()[0].ID != "dags.appears" {
		t.Error("a caller changed the catalogue")
	}
}

func TestArea(t *testing.T) {
	for id, want := range map[string]string{"executor.xcom": "executor", "logs.live.slow": "logs", "odd": "odd", "": ""} {
		if got := Area(id); got != want {
			t.Errorf("area of %q is %q, want %q", id, got, want)
		}
	}
}
