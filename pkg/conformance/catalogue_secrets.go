package conformance

// The checks of the area secrets: keys that components share, and what they protect.
var (
	SecretsConnectionsAgree = Check{
		ID: "secrets.connections_agree", Title: "gives tasks the same connection from the environment and from the database",
		Level: Core, Requires: []Feature{FeatureKubernetesExecutor, FeatureEnvironmentConnections},
		Sources: []string{"Airflow documentation: Managing Connections", "helm/charts#22294"},
		Since:   firstVersion,
		Why:     "Task pods are made of a template of their own; a Secret that it leaves out is missed by the first task that needs it.",
	}
	SecretsEncryptedAtRest = Check{
		ID: "secrets.encrypted_at_rest", Title: "keeps the password of a connection encrypted in the database",
		Level: Core, Requires: []Feature{FeatureDatabaseAccess},
		Sources: []string{"Airflow documentation: Fernet", "apache/airflow#52977"},
		Since:   firstVersion,
		Why:     "Airflow without a usable fernet key says nothing and writes every password in the clear, into every backup.",
	}
	SecretsMaskedInLogs = Check{
		ID: "secrets.masked_in_logs", Title: "masks the password of a connection that a task prints",
		Level: Core, Requires: []Feature{FeatureKubernetesExecutor, FeatureEnvironmentConnections},
		Sources: []string{"Airflow documentation: Masking sensitive data"},
		Since:   firstVersion,
		Why:     "Task logs go to stores that more people may read than may read the connection.",
	}
	SecretsSigningKey = Check{
		ID: "secrets.signing_key", Title: "accepts at the API server the tokens that the scheduler signs for tasks",
		Level: Core, Requires: []Feature{FeatureKubernetesExecutor},
		Sources: []string{"apache/airflow#49871", "apache/airflow#60040"},
		Since:   firstVersion,
		Why:     "Where the two do not share one key, everything is Ready, users log in, and no task can report that it began.",
	}
)

func secretChecks() []Check {
	return []Check{SecretsConnectionsAgree, SecretsEncryptedAtRest, SecretsMaskedInLogs, SecretsSigningKey}
}
