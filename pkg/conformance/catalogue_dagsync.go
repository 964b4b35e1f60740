package conformance

// The checks of the area dagsync: how DAG files come from a Git repository.
// They take the place of the area dags where the DAG folder cannot be written.
var (
	DAGSyncFirst = dagsync("first_sync", Core,
		"has the DAG files before anything looks for them",
		"A component that starts without its files parses nothing, and Airflow takes every DAG for deleted.",
		[]Feature{FeatureGitSync}, "git-sync documentation: Kubernetes", "apache/airflow#60500")
	DAGSyncNewCommit = dagsync("new_commit", Core,
		"shows a new commit within its period and one round of parsing",
		"A side-car that stopped or is not there leaves every pod Ready and every DAG at yesterday's version.",
		[]Feature{FeatureGitDAGs}, "apache/airflow#60500", "apache/airflow#27625")
	DAGSyncSameCommit = dagsync("same_commit", Core,
		"runs a task from the commit that the DAG processor has parsed",
		"When components follow the repository at different paces or to different folders, a task runs code that nobody sees, or is not found at all.",
		[]Feature{FeatureGitDAGs, FeatureKubernetesExecutor}, "apache/airflow#27625", "helm/charts#22637")
	DAGSyncChanges = dagsync("changes", Core,
		"follows files that are changed, renamed and deleted",
		"A deleted DAG that stays goes on running on its schedule; a rename that is missed runs it twice.",
		[]Feature{FeatureGitDAGs}, "Airflow documentation: DAG File Processing")
	DAGSyncBrokenCommit = dagsync("broken_commit", Core,
		"keeps the other DAGs through a broken commit, and heals with the next",
		"A repository has many authors: the mistake of one must not take the others' DAGs away, or outlive its correction.",
		[]Feature{FeatureGitDAGs}, "Airflow documentation: DAG File Processing")
	DAGSyncWrongHostKey = dagsync("wrong_host_key", Core,
		"refuses a Git server with another host key",
		"Whoever answers in the Git server's place decides what every task runs, with every credential the platform has.",
		[]Feature{FeatureGitSyncSSH, FeatureKubernetesExecutor}, "git-sync documentation: Using SSH with git-sync")
	DAGSyncBundleHostKey = dagsync("bundle_host_key", Core,
		"refuses a Git server with another host key where Airflow itself fetches DAG files",
		"Airflow's own Git connection verifies no host key until it is told to: whoever answers in the server's place decides what every task runs.",
		[]Feature{FeatureGitBundleSSH}, "Airflow documentation: Git Connection")
	DAGSyncBundleCA = dagsync("bundle_wrong_ca", Core,
		"refuses a Git server whose certificate another authority signed where Airflow itself fetches DAG files",
		"Airflow leaves it to git whom it believes: whoever answers in the Git server's place is given the token, and decides what every task runs.",
		[]Feature{FeatureGitBundleHTTPS}, "Airflow documentation: Git Connection")
	DAGSyncBundleToken = dagsync("bundle_wrong_token", Core,
		"gets nothing with a wrong token where Airflow itself fetches DAG files, and does not show the one that it has",
		"The token is part of the address that Airflow gives to git: where git's words reach a log as they are, the token does too.",
		[]Feature{FeatureGitBundleHTTPS}, "Airflow documentation: Git Connection")
	DAGSyncWrongCA = dagsync("wrong_ca", Core,
		"refuses a Git server whose certificate another authority signed",
		"Whoever answers in the Git server's place is given the token, and decides what every task runs.",
		[]Feature{FeatureGitSyncHTTPS, FeatureKubernetesExecutor}, "git-sync documentation: --git-config")
	DAGSyncWrongToken = dagsync("wrong_token", Core,
		"gets nothing with a wrong token, and does not show the one that it has",
		"A token that is taken away must end the access; where another way in is left, or the token stands in a log, it does not.",
		[]Feature{FeatureGitSyncHTTPS, FeatureKubernetesExecutor}, "git-sync documentation: --password-file")
	DAGSyncKeyPrivate = dagsync("key_private", Core,
		"shows the deploy key to git-sync alone",
		"Task pods run code of many authors: a key that they can read leaves with the first of them.",
		[]Feature{FeatureGitSyncSSH, FeatureKubernetesExecutor}, "git-sync documentation: Using SSH with git-sync")
	DAGSyncServerGone = dagsync("server_gone", Core,
		"lives through a minute without its Git server",
		"A forge is away for a minute every week; a side-car that gives up at once restarts the DAG processor with it.",
		[]Feature{FeatureGitSync}, "kubernetes/git-sync#105", "helm/charts#21199")
	DAGSyncSubFolder = dagsync("sub_folder", Core,
		"takes DAGs from the configured folder of the repository and from nowhere else",
		"One directory off, and a platform runs the examples of a library or nothing at all.",
		[]Feature{FeatureGitDAGs}, "helm/charts#22637")
	DAGSyncRefs = dagsync("refs", Core,
		"delivers a branch, a tag and a full commit",
		"Releases are pinned by tag or commit; a ref that is quietly taken for another delivers what nobody approved.",
		[]Feature{FeatureGitSync}, "git-sync documentation: --ref")
	DAGSyncSubmodule = dagsync("submodule", Core,
		"delivers submodules",
		"Shared code that is a submodule is an empty folder where it is not followed, and every DAG that imports it breaks.",
		[]Feature{FeatureGitSync}, "git-sync documentation: --submodules")
	DAGSyncDepth = dagsync("depth", Core,
		"fetches as much history as configured and no more",
		"Every task pod clones: the whole history of a large repository in each of them costs minutes and fills the node's disk.",
		[]Feature{FeatureGitSync}, "git-sync documentation: --depth")
	DAGSyncAtomic = dagsync("atomic_switch", Core,
		"never shows the files of two commits together",
		"A DAG file that is read next to the helpers of another commit fails in ways that nobody can reproduce.",
		[]Feature{FeatureGitSync}, "git-sync documentation: Contract")
	DAGSyncPinnedRun = dagsync("pinned_run", Core,
		"runs every task of a DAG run from the commit that the run began with",
		"A commit in the middle of a run gives its later tasks other code than its earlier ones: what the run did stands in no commit.",
		[]Feature{FeatureGitBundle, FeatureKubernetesExecutor}, "Airflow documentation: Dag Bundles, versioning")
)

func dagsync(subject string, level Level, title, why string, requires []Feature, sources ...string) Check {
	return Check{ID: "dagsync." + subject, Title: title, Level: level, Requires: requires, Sources: sources, Since: firstVersion, Why: why}
}

func dagsyncChecks() []Check {
	return []Check{
		DAGSyncFirst, DAGSyncNewCommit, DAGSyncSameCommit, DAGSyncChanges, DAGSyncBrokenCommit, DAGSyncWrongHostKey, DAGSyncBundleHostKey, DAGSyncBundleCA, DAGSyncBundleToken, DAGSyncWrongCA, DAGSyncWrongToken,
		DAGSyncKeyPrivate, DAGSyncServerGone, DAGSyncSubFolder, DAGSyncRefs, DAGSyncSubmodule, DAGSyncDepth, DAGSyncAtomic, DAGSyncPinnedRun,
	}
}
