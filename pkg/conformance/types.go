// Package conformance owns the catalogue of checks, the records that checks
// write, and the verdict that follows from them. It is pure: it must not know
// Kubernetes, Airflow's API, Ginkgo or the file system.
package conformance

import "time"

// Level says how much a check weighs in the verdict.
type Level string

const (
	// Core checks decide the verdict; none may be opted out of.
	Core Level = "core"
	// Extended checks are reported, and decide only within the extended profile.
	Extended Level = "extended"
)

// Feature is something that a platform claims to have, and a check may require.
type Feature string

const (
	FeatureKubernetesExecutor Feature = "kubernetes-executor"
	FeatureObjectStorageLogs  Feature = "object-storage-logs"
	FeatureVolumeLogs         Feature = "volume-logs"
	FeatureLiveDAGs           Feature = "live-dags"      // DAG files can be changed while the platform runs
	FeatureGitDAGs            Feature = "git-dags"       // DAG files come from a Git repository
	FeatureGitSync            Feature = "git-sync"       // git-sync brings them
	FeatureGitSyncSSH         Feature = "git-sync-ssh"   // and reaches the repository over SSH
	FeatureGitSyncHTTPS       Feature = "git-sync-https" // or over HTTPS, with a token and an authority of its own
	FeatureGitBundle          Feature = "git-bundle"     // Airflow's own Git DAG bundle brings them, with versions
	FeatureGitBundleSSH       Feature = "git-bundle-ssh" // and reaches the repository over SSH
	FeatureGitBundleHTTPS     Feature = "git-bundle-https"
	FeatureDatabaseAccess     Feature = "database-access"
	FeatureMetrics            Feature = "metrics"         // exported for a Prometheus that the suite can ask
	FeatureDatabaseSecret     Feature = "database-secret" // components read the connection from a Secret
	FeatureLogShipping        Feature = "log-shipping"    // the logs of all pods arrive in a store outside the cluster
	FeatureIngress            Feature = "ingress"         // HTTPS by an ingress whose certificate cert-manager keeps
	FeatureACME               Feature = "acme"            // the certificate is issued by ACME
	FeatureHSTS               Feature = "hsts"            // Strict-Transport-Security is configured
	FeatureBasePath           Feature = "base-path"       // the platform is served below a path
	FeatureNetworkPolicy      Feature = "network-policy"  // the API server is closed to all but the ingress, and the pod network enforces it
	// FeatureEnvironmentConnections: connections of the environment reach every component and task pod.
	FeatureEnvironmentConnections Feature = "environment-connections"
	FeatureDatabasePause          Feature = "database-pause"     // the suite can silence the database for a while
	FeatureObjectStorePause       Feature = "object-store-pause" // and the object store
	FeatureDatabaseLimit          Feature = "database-limit"     // the suite can have the database refuse the components for a while
	FeatureDatabaseTLS            Feature = "database-tls"       // components verify the database's certificate
	FeatureConnectionPooler       Feature = "connection-pooler"  // components reach the database through a PgBouncer that the suite can ask
	FeatureGrafana                Feature = "grafana"            // shows the dashboards
	// FeatureRotatableSecrets: it is known in which Secrets the platform's keys lie.
	FeatureRotatableSecrets Feature = "rotatable-secrets"
)

// Outcome is how one attempt at a check ended.
type Outcome string

const (
	Passed  Outcome = "passed"
	Failed  Outcome = "failed"
	Blocked Outcome = "blocked" // a precondition was not met; Reason names it
	Skipped Outcome = "skipped" // left out by hand
)

// Missing is never recorded: Judge gives it to a planned check without a record.
const Missing Outcome = "missing"

// Unsupported is given to a check whose required features the platform does not claim.
const Unsupported Outcome = "unsupported"

// Contradictory is given by Judge to a check whose records cannot all be true:
// two for one attempt, or an outcome that the plan rules out.
const Contradictory Outcome = "contradictory"

// Check is one promise about a platform. ID is area.subject[.case], lower case,
// and never used again for something else; the spec file, DAG and sabotage
// folder carry the same name.
type Check struct {
	ID       string    `json:"id"`
	Title    string    `json:"title"` // states behaviour in the present
	Level    Level     `json:"level"`
	Requires []Feature `json:"requires,omitempty"`
	Sources  []string  `json:"sources,omitempty"` // where the promise is documented, or the defect reported
	Since    string    `json:"since"`             // airworthy version that introduced the check
	Why      string    `json:"why"`               // what breaks for users when it does not hold
}

// Planned is a check of a plan, with why it is left out where it is.
type Planned struct {
	Check       Check  `json:"check"`
	Unsupported string `json:"unsupported,omitempty"` // the missing feature, when the check cannot be run here
	Because     string `json:"because,omitempty"`     // why that feature is not offered, where it is known
	Skipped     string `json:"skipped,omitempty"`     // the user's selection, when it was left out by hand
}

// Plan is every check of the profile, written before anything runs, so that
// one that never ran is seen as missing.
type Plan struct {
	Profile    Level     `json:"profile"`
	Features   []Feature `json:"features"`
	NotOffered []Absence `json:"notOffered,omitempty"` // ordered by feature
	Checks     []Planned `json:"checks"`               // ordered by ID
}

// Absence is a feature that the platform does not claim.
type Absence struct {
	Feature Feature `json:"feature"`
	Because string  `json:"because"` // a clause that says why
}

// Record is what one attempt at a check left behind.
type Record struct {
	Check    string        `json:"check"`
	Attempt  int           `json:"attempt"` // from 1
	Outcome  Outcome       `json:"outcome"`
	Reason   string        `json:"reason,omitempty"` // required unless passed
	Started  time.Time     `json:"started"`
	Took     time.Duration `json:"took"`               // nanoseconds
	Process  int           `json:"process,omitempty"`  // which of the parallel processes ran it, from 1; 0 when not known
	Evidence []string      `json:"evidence,omitempty"` // paths relative to the run directory
}

// Verdict is the whole run in one word.
type Verdict string

const (
	Conformant    Verdict = "conformant"
	NotConformant Verdict = "not-conformant"
	Inconclusive  Verdict = "inconclusive"
)

// ExitCode maps a verdict to the exit code of the command line:
// 0 conformant, 1 not conformant, 3 inconclusive. 2 is kept for usage errors.
func (v Verdict) ExitCode() int {
	switch v {
	case Conformant:
		return 0
	case NotConformant:
		return 1
	default:
		return 3
	}
}
