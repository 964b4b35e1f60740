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
	SecretsFernetRotation = Check{
		ID: "secrets.fernet_rotation", Title: "reads its connections with a new fernet key, and has none left that needs the old one",
		Level: Extended, Requires: []Feature{FeatureKubernetesExecutor, FeatureEnvironmentConnections, FeatureDatabaseAccess, FeatureRotatableSecrets},
		Sources: []string{"Airflow documentation: Fernet", "apache/airflow#52977"},
		Since:   firstVersion,
		Why:     "A component that keeps a copy of the old key works until somebody takes the old key away, and then no task gets its connections.",
	}
	SecretsSigningRotation = Check{
		ID: "secrets.signing_rotation", Title: "refuses the tokens of an old signing secret, and starts tasks and logs people in with a new one",
		Level: Extended, Requires: []Feature{FeatureKubernetesExecutor, FeatureEnvironmentConnections, FeatureDatabaseAccess, FeatureRotatableSecrets},
		Sources: []string{"apache/airflow#60040", "apache/airflow#49871"},
		Since:   firstVersion,
		Why:     "A secret is changed because somebody has it who should not; tokens that are still believed, or tasks that no component believes, make that an outage.",
	}
	SecretsNotShown = Check{
		ID: "secrets.not_shown", Title: "shows no secret in pods, workloads, config maps, events, logs or what Helm keeps beside its values, also not in logs of pods that are gone",
		Level: Core, Requires: []Feature{FeatureKubernetesExecutor},
		Sources: []string{"Airflow documentation: Helm Chart, Production Guide"},
		Since:   firstVersion,
		Why:     "Far more people, and every log store, may read pods, events and logs than may read Secrets.",
	}
)

func secretChecks() []Check {
	return []Check{SecretsConnectionsAgree, SecretsEncryptedAtRest, SecretsMaskedInLogs, SecretsSigningKey,
		SecretsFernetRotation, SecretsSigningRotation, SecretsNotShown}
}
