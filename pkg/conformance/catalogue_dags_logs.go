package conformance

// The checks of the area dags: how files become DAGs while the platform runs.
var (
	DAGsAppears = Check{
		ID: "dags.appears", Title: "shows a DAG whose file was added",
		Level: Core, Requires: []Feature{FeatureLiveDAGs},
		Sources: []string{"Airflow documentation: DAG File Processing", "apache/airflow#60500", "helm/charts#22637"},
		Since:   firstVersion,
		Why:     "A delivery that stopped leaves every pod Ready and every DAG at yesterday's version.",
	}
	DAGsImportError = Check{
		ID: "dags.import_error", Title: "reports an import error with its file and line and keeps the other DAGs",
		Level: Core, Requires: []Feature{FeatureLiveDAGs},
		Sources: []string{"Airflow documentation: DAG File Processing"},
		Since:   firstVersion,
		Why:     "One broken file must not take other teams' DAGs away, and its author must be told where it broke.",
	}
	DAGsRecovery = Check{
		ID: "dags.recovery", Title: "takes a corrected DAG file up again",
		Level: Core, Requires: []Feature{FeatureLiveDAGs},
		Sources: []string{"Airflow documentation: DAG File Processing", "apache/airflow#27625"},
		Since:   firstVersion,
		Why:     "An import error that outlives its correction makes people restart components to get a fix out.",
	}
)

func dagChecks() []Check { return []Check{DAGsAppears, DAGsImportError, DAGsRecovery} }

// The checks of the area logs: what a task wrote can be read, then and later.
var (
	LogsPersisted = Check{
		ID: "logs.persisted", Title: "keeps a task's log in the object store after its pod is gone",
		Level: Core, Requires: []Feature{FeatureKubernetesExecutor, FeatureObjectStorageLogs},
		Sources: []string{"Airflow documentation: Logging for Tasks", "apache/airflow#39225", "apache/airflow#46159", "helm/charts#22294"},
		Since:   firstVersion,
		Why:     "Task pods are removed when they end; a log that was not stored by then is lost with the reason of the failure.",
	}
	LogsVolume = Check{
		ID: "logs.volume", Title: "keeps a task's log on the volume after its pod is gone and everything was scaled down",
		Level: Core, Requires: []Feature{FeatureKubernetesExecutor, FeatureVolumeLogs},
		Sources: []string{"Airflow documentation: Logging for Tasks", "apache/airflow#16777"},
		Since:   firstVersion,
		Why:     "A volume that belongs to a pod goes with it, and nobody notices before the first night's scale-down.",
	}
	LogsPerTry = Check{
		ID: "logs.per_try", Title: "keeps a log of its own for every try",
		Level: Core, Requires: []Feature{FeatureKubernetesExecutor},
		Sources: []string{"Airflow documentation: Logging for Tasks"},
		Since:   firstVersion,
		Why:     "The log of the try that failed is the one that is needed, and the retry must not overwrite it.",
	}
	LogsLive = Check{
		ID: "logs.live", Title: "shows the log of a task while it runs",
		Level: Core, Requires: []Feature{FeatureKubernetesExecutor},
		Sources: []string{"Airflow documentation: Logging for Tasks", "apache/airflow#65754"},
		Since:   firstVersion,
		Why:     "Nobody can tell a slow task from a stuck one when its log shows only after its end.",
	}
	LogsContent = Check{
		ID: "logs.content", Title: "returns unicode, long lines and large logs whole",
		Level: Core, Requires: []Feature{FeatureKubernetesExecutor},
		Sources: []string{"Airflow documentation: Logging for Tasks"},
		Since:   firstVersion,
		Why:     "A log that is cut or garbled on its way through store and API hides the line that matters.",
	}
	LogsForcedDeletion = Check{
		ID: "logs.forced_deletion", Title: "explains what became of the log of a pod deleted by force",
		Level: Core, Requires: []Feature{FeatureKubernetesExecutor},
		Sources: []string{"Airflow documentation: Logging for Tasks", "apache/airflow#46159"},
		Since:   firstVersion,
		Why:     "An eviction leaves no time to upload; an empty page without a word sends people after the wrong fault.",
	}
	LogsStoreGone = Check{
		ID: "logs.store_gone", Title: "loses no log of a task that ends while the object store answers nobody",
		Level: Extended, Requires: []Feature{FeatureKubernetesExecutor, FeatureObjectStorageLogs, FeatureObjectStorePause},
		Sources: []string{"Airflow documentation: Logging for Tasks", "apache/airflow#39225"},
		Since:   firstVersion,
		Why:     "A pod tries to store its log once, in its last seconds, and takes it along when it gives up; the task is green and its log is nowhere.",
	}
	LogsCredentialsRotated = Check{
		ID: "logs.credentials_rotated", Title: "stores and reads logs with a new access key after the old one was revoked",
		Level: Extended, Requires: []Feature{FeatureKubernetesExecutor, FeatureEnvironmentConnections, FeatureDatabaseAccess, FeatureObjectStorageLogs, FeatureRotatableSecrets},
		Sources: []string{"Airflow documentation: Logging for Tasks", "apache/airflow#60040"},
		Since:   firstVersion,
		Why:     "A task pod or an API server that keeps the old key loses the logs of tomorrow or hides those of yesterday, and every task stays green.",
	}
)

func logChecks() []Check {
	return []Check{LogsPersisted, LogsVolume, LogsPerTry, LogsLive, LogsContent, LogsForcedDeletion, LogsStoreGone, LogsCredentialsRotated}
}
