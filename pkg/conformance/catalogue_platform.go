package conformance

// The checks of the area platform: what was installed is there, is what was
// asked for, and stays up.
var (
	PlatformComponentsReady = Check{
		ID:    "platform.components_ready",
		Title: "has every component ready and healthy",
		Level: Core,
		Sources: []string{
			"Airflow documentation: Checking Airflow Health Status",
			"apache/airflow#57328", "apache/airflow#32003",
		},
		Since: firstVersion,
		Why:   "A component that is not ready or reports itself unhealthy stops scheduling, parsing, deferring or the API, whatever the other pods say.",
	}
	PlatformVersions = Check{
		ID:      "platform.versions",
		Title:   "runs the versions that were asked for in every component",
		Level:   Core,
		Sources: []string{"airflow-helm/charts#352", "apache/airflow#34817"},
		Since:   firstVersion,
		Why:     "A component left on another version or image speaks another schema, and a certificate for one version would be given to another.",
	}
	PlatformNoRestarts = Check{
		ID:      "platform.no_restarts",
		Title:   "restarts no container during the whole run",
		Level:   Core,
		Sources: []string{"apache/airflow#15259", "apache/airflow#20644", "apache/airflow#13677"},
		Since:   firstVersion,
		Why:     "Probes that are too strict or memory limits that are too low restart the scheduler for ever, while every pod looks Ready in between.",
	}
	PlatformErrorLines = Check{
		ID:      "platform.error_lines",
		Title:   "logs no error that is not explained",
		Level:   Core,
		Sources: []string{"apache/airflow#60040", "apache/airflow#28813"},
		Since:   firstVersion,
		Why:     "Refused calls and failed tokens show in the logs of a component long before they cost a user a DAG run.",
	}
	PlatformDatabaseHead = Check{
		ID:       "platform.database_head",
		Title:    "has its database at the head of the migrations",
		Level:    Core,
		Requires: []Feature{FeatureDatabaseAccess},
		Sources: []string{
			"Airflow documentation: Upgrading Airflow to a newer version",
			"apache/airflow#19289", "apache/airflow#32003",
		},
		Since: firstVersion,
		Why:   "A schema that is behind the code breaks at the first query which needs the new column, and a half-made migration blocks the next upgrade.",
	}
)

func platformChecks() []Check {
	return []Check{
		PlatformComponentsReady, PlatformVersions, PlatformNoRestarts,
		PlatformErrorLines, PlatformDatabaseHead,
	}
}
