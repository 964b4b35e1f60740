package conformance

// The checks of the area database: the metadata database is made before it is
// used, keeps what it is given, and may go away for a while.
var (
	DatabaseMigratedFirst = Check{
		ID:      "database.migrated_first",
		Title:   "migrates its database before any component starts",
		Level:   Core,
		Sources: []string{"Airflow documentation: Helm Chart, Production Guide", "apache/airflow#32003", "apache/airflow#11979"},
		Since:   firstVersion,
		Why:     "A component that meets a schema half-way through its migration crashes in a loop, or writes what the next step of the migration does not expect.",
	}
	DatabaseUnicode = Check{
		ID:       "database.unicode",
		Title:    "keeps every character in notes, XComs and logs",
		Level:    Core,
		Requires: []Feature{FeatureKubernetesExecutor, FeatureDatabaseAccess},
		Sources:  []string{"Airflow documentation: Set up a Database Backend"},
		Since:    firstVersion,
		Why:      "A connection or a column with a character set of fewer than four bytes refuses an emoji or turns it into something else, in the middle of somebody's run.",
	}
	DatabaseTimeZone = Check{
		ID:       "database.time_zone",
		Title:    "gives the times of runs back as they were, in UTC",
		Level:    Core,
		Requires: []Feature{FeatureKubernetesExecutor, FeatureDatabaseAccess},
		Sources:  []string{"Airflow documentation: Time Zones"},
		Since:    firstVersion,
		Why:      "Times that are taken for those of another zone start runs hours early or late, and let living tasks look dead.",
	}
	DatabaseSecretHidden = Check{
		ID:       "database.secret_hidden",
		Title:    "shows the database's password nowhere but in its Secret, and in no task's environment",
		Level:    Core,
		Requires: []Feature{FeatureKubernetesExecutor, FeatureEnvironmentConnections, FeatureDatabaseSecret},
		Sources:  []string{"Airflow documentation: Helm Chart, Production Guide"},
		Since:    firstVersion,
		Why:      "Whoever may read pods, events or logs, which is far more people than may read Secrets, or write a DAG, would own every connection that Airflow keeps.",
	}
	DatabasePooled = Check{
		ID:       "database.pooled",
		Title:    "reaches its database through the connection pooler alone",
		Level:    Core,
		Requires: []Feature{FeatureConnectionPooler, FeatureDatabaseAccess, FeatureKubernetesExecutor},
		Sources:  []string{"Airflow documentation: Helm Chart, Production Guide", "apache/airflow#33924", "apache/airflow#19627", "apache/airflow#54875"},
		Since:    firstVersion,
		Why:      "A component that goes past the pooler opens connections that nobody counted on, until the database has none left for anybody; the pooler stands there, healthy and idle.",
	}
	DatabaseTLS = Check{
		ID:       "database.tls",
		Title:    "reaches its database by TLS alone, and no server that has not the right name",
		Level:    Core,
		Requires: []Feature{FeatureDatabaseTLS, FeatureDatabaseAccess},
		Sources:  []string{"Airflow documentation: Set up a Database Backend"},
		Since:    firstVersion,
		Why:      "A connection that is encrypted to whoever answers gives its password to anybody who can answer in the server's place, and looks in every other way like one that is safe.",
	}
	DatabaseTooFewConnections = Check{
		ID:       "database.too_few_connections",
		Title:    "says so when the database refuses connections, and goes on by itself when it accepts them again",
		Level:    Extended,
		Requires: []Feature{FeatureKubernetesExecutor, FeatureDatabaseLimit},
		Sources:  []string{"Airflow documentation: Checking Airflow Health Status", "Airflow documentation: Set up a Database Backend"},
		Since:    firstVersion,
		Why:      "Too few connections is the commonest trouble of a growing platform; where health is green and no log names the cause, it is looked for everywhere else first.",
	}
	DatabaseOutage = Check{
		ID:       "database.outage",
		Title:    "loses no run and runs no task twice when the database is silent for half a minute",
		Level:    Extended,
		Requires: []Feature{FeatureKubernetesExecutor, FeatureDatabasePause},
		Sources:  []string{"Airflow documentation: Scheduler", "apache/airflow#13808"},
		Since:    firstVersion,
		Why:      "Databases fail over in the middle of the night; tasks that die of it, or that are done again, cost the night's results.",
	}
)

func databaseChecks() []Check {
	return []Check{DatabaseMigratedFirst, DatabaseUnicode, DatabaseTimeZone, DatabaseSecretHidden, DatabaseTLS, DatabasePooled, DatabaseOutage, DatabaseTooFewConnections}
}
