package conformance

// The checks of log shipping, in the area logs: what pods write arrives in a
// store outside the cluster, as something that can be searched.
var (
	LogsShippedOnce = Check{
		ID: "logs.shipped_once", Title: "ships every line of a task's pod once",
		Level: Core, Requires: []Feature{FeatureKubernetesExecutor, FeatureLogShipping},
		Sources: []string{"fluent/fluent-bit#2670", "fluent/fluent-bit#3702"},
		Since:   firstVersion,
		Why:     "A task's pod is gone seconds after its last line; a shipper that finds its file too late loses the log, and one that reads it twice makes alarms count double.",
	}
	LogsShippedFields = Check{
		ID: "logs.shipped_fields", Title: "ships lines with DAG, task, run, try, pod, namespace and level as fields",
		Level: Core, Requires: []Feature{FeatureKubernetesExecutor, FeatureLogShipping},
		Sources: []string{"Airflow documentation: Logging for Tasks", "fluent/fluent-bit#2670", "fluent/fluent-bit#2934"},
		Since:   firstVersion,
		Why:     "A line of which nobody can tell whose it is cannot be searched, counted or given to its owner.",
	}
	LogsShippedMultiline = Check{
		ID: "logs.shipped_multiline", Title: "ships a traceback as one message",
		Level: Core, Requires: []Feature{FeatureKubernetesExecutor, FeatureLogShipping},
		Sources: []string{"fluent/fluent-bit#11516", "fluent/fluent-bit#4387"},
		Since:   firstVersion,
		Why:     "A traceback in thirty messages between those of other pods explains nothing, and no alarm can be set on it.",
	}
	LogsShippedFilter = Check{
		ID: "logs.shipped_filter", Title: "ships none of the lines that are configured to be dropped",
		Level: Core, Requires: []Feature{FeatureKubernetesExecutor, FeatureLogShipping},
		Sources: []string{"fluent/fluent-bit#906", "fluent/fluent-bit#9753"},
		Since:   firstVersion,
		Why:     "The lines that every process writes at every start cost storage and hide the others.",
	}
	LogsShippedOutage = Check{
		ID: "logs.shipped_outage", Title: "ships what was written while the log store was gone",
		Level: Core, Requires: []Feature{FeatureKubernetesExecutor, FeatureLogShipping},
		Sources: []string{"fluent/fluent-bit#5815", "fluent/fluent-bit#3702"},
		Since:   firstVersion,
		Why:     "Log stores are updated while tasks run; what is written meanwhile must wait and not be lost.",
	}
	LogsShippedNoSecrets = Check{
		ID: "logs.shipped_no_secrets", Title: "ships no secret of the platform",
		Level: Core, Requires: []Feature{FeatureLogShipping},
		Sources: []string{"apache/airflow#63921", "apache/airflow#15599"},
		Since:   firstVersion,
		Why:     "Many more people read the log store than may know the key by which all connections are encrypted.",
	}
)

func shippingChecks() []Check {
	return []Check{LogsShippedOnce, LogsShippedFields, LogsShippedMultiline, LogsShippedFilter, LogsShippedOutage, LogsShippedNoSecrets}
}
