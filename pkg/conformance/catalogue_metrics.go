package conformance

// The checks of the area metrics: what the platform says of itself reaches
// those who watch it.
var (
	MetricsScraped = Check{
		ID: "metrics.scraped", Title: "is scraped through its ServiceMonitor",
		Level: Core, Requires: []Feature{FeatureMetrics},
		Sources: []string{"Airflow documentation: Metrics Configuration", "apache/airflow#16099"},
		Since:   firstVersion,
		Why:     "A monitor that selects nothing raises no error anywhere, and every graph and alert stays quiet.",
	}
	MetricsCountsRuns = Check{
		ID: "metrics.counts_runs", Title: "counts runs, task instances and failures exactly",
		Level: Core, Requires: []Feature{FeatureMetrics, FeatureKubernetesExecutor},
		Sources: []string{"Airflow documentation: Metrics Descriptions", "apache/airflow#35678", "prometheus/statsd_exporter#486"},
		Since:   firstVersion,
		Why:     "Task pods send their own metrics: a setting that they lack loses counts while the scheduler's graphs look sound.",
	}
	MetricsLabels = Check{
		ID: "metrics.labels", Title: "carries DAG and task as labels, and in no metric's name",
		Level: Core, Requires: []Feature{FeatureMetrics, FeatureKubernetesExecutor},
		Sources: []string{"Airflow documentation: Metrics Configuration", "prometheus/statsd_exporter#486"},
		Since:   firstVersion,
		Why:     "A metric for every DAG can be neither summed up nor alerted on, and grows until Prometheus falls over.",
	}
	MetricsScheduler = Check{
		ID: "metrics.scheduler", Title: "reports heartbeats, executor slots, pools, DAG processing and import errors",
		Level: Core, Requires: []Feature{FeatureMetrics},
		Sources: []string{"Airflow documentation: Metrics Descriptions", "apache/airflow#35678"},
		Since:   firstVersion,
		Why:     "A component whose metrics are missing can die or fall behind without anyone being told.",
	}
	MetricsDurations = Check{
		ID: "metrics.durations", Title: "reports how long DAG runs and tasks took, in seconds",
		Level: Core, Requires: []Feature{FeatureMetrics, FeatureKubernetesExecutor},
		Sources: []string{"Airflow documentation: Metrics Descriptions", "apache/airflow#43833"},
		Since:   firstVersion,
		Why:     "Objectives are set on durations, and one that is lost or a thousand times too large breaks them in silence.",
	}
	MetricsDashboards = Check{
		ID: "metrics.dashboards", Title: "answers every query of every dashboard with data",
		Level: Core, Requires: []Feature{FeatureMetrics, FeatureKubernetesExecutor},
		Sources: []string{"Airflow documentation: Metrics Descriptions", "apache/airflow#43833"},
		Since:   firstVersion,
		Why:     "A renamed metric empties a graph, and an empty graph is taken for a quiet day.",
	}
	MetricsGrafana = Check{
		ID: "metrics.grafana", Title: "has every dashboard in Grafana, each panel with data from the data source that it asks",
		Level: Core, Requires: []Feature{FeatureGrafana, FeatureMetrics, FeatureKubernetesExecutor},
		Sources: []string{"Grafana documentation: Provision Grafana", "grafana/grafana#10786"},
		Since:   firstVersion,
		Why:     "A dashboard that was exported names the data source of the Grafana where it was made, and elsewhere every panel of it is empty.",
	}
	MetricsAlerts = Check{
		ID: "metrics.alerts", Title: "fires its alerts on import errors and failing tasks, and resolves them",
		Level: Core, Requires: []Feature{FeatureMetrics, FeatureLiveDAGs, FeatureKubernetesExecutor},
		Sources: []string{"Airflow documentation: Metrics Descriptions"},
		Since:   firstVersion,
		Why:     "An alert that was never seen to fire may never fire, and one that does not end is switched off by people.",
	}
	MetricsAlertsScheduler = Check{
		ID: "metrics.alerts.scheduler", Title: "fires an alert while there is no scheduler, and resolves it",
		Level: Core, Requires: []Feature{FeatureMetrics},
		Sources: []string{"Airflow documentation: Checking Airflow Health Status"},
		Since:   firstVersion,
		Why:     "The exporter goes on showing the last heartbeat of a dead scheduler, so a rule that looks at the value stays quiet.",
	}
	MetricsExporterRestart = Check{
		ID: "metrics.exporter_restart", Title: "goes on measuring after its exporter was restarted",
		Level: Core, Requires: []Feature{FeatureMetrics},
		Sources: []string{"Airflow documentation: Metrics Configuration"},
		Since:   firstVersion,
		Why:     "Components look the exporter's address up once; when it changes they send into the void until someone restarts them.",
	}
)

func metricsChecks() []Check {
	return []Check{MetricsScraped, MetricsCountsRuns, MetricsLabels, MetricsScheduler, MetricsDurations,
		MetricsDashboards, MetricsGrafana, MetricsAlerts, MetricsAlertsScheduler, MetricsExporterRestart}
}
