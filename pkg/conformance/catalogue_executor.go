package conformance

// The checks of the area executor: how tasks become pods, and what becomes of
// both when something dies.
var (
	ExecutorPodPerTask = executor("pod_per_task",
		"runs every task in a pod of its own",
		"Tasks that share a pod share its memory, its image and its end, so that one task takes others down.",
		"Airflow documentation: Kubernetes Executor", "apache/airflow#28813")
	ExecutorParallelTasks = executor("parallel_tasks",
		"runs independent tasks at the same time",
		"When slots leak or pods are made one after the other, every DAG run takes the sum of its tasks and schedules fall behind.",
		"Airflow documentation: Kubernetes Executor", "apache/airflow#21087")
	ExecutorMappedTasks = executor("mapped_tasks",
		"expands a mapped task into one pod for each element",
		"An element that is lost or run twice gives wrong results behind a green DAG run.",
		"Airflow documentation: Dynamic Task Mapping")
	ExecutorXCom = executor("xcom",
		"passes values between the pods of two tasks",
		"Task pods reach the database only through the execution API; when its address or token is wrong, tasks lose what the one before them returned.",
		"Airflow documentation: XComs", "apache/airflow#55148")
	ExecutorFailingTask = executor("failing_task",
		"fails the run of a failing task and shows the reason",
		"A failure that reads as success, or that leaves no reason behind, is found by the people who use the data.",
		"Airflow documentation: Tasks", "apache/airflow#41867")
	ExecutorRetries = executor("retries",
		"retries a task in a new pod under the next try number",
		"A retry in the old pod repeats its fault, and a wrong try number overwrites the log that explains it.",
		"Airflow documentation: Tasks")
	ExecutorPodOverride = executor("pod_override",
		"gives a task's pod what its executor_config asks for",
		"Labels, resources, environment and side-cars that are dropped in silence leave tasks without memory, credentials or cost accounting.",
		"Airflow documentation: Kubernetes Executor", "apache/airflow#29295")
	ExecutorDefaultResources = executor("default_resources",
		"sets requests and limits on every task pod",
		"Task pods without requests are packed onto one node, and without limits one task starves the scheduler beside it.",
		"apache/airflow#29295", "apache/airflow#31328", "apache/airflow#33514")
	ExecutorFinishedPods = executor("finished_pods",
		"removes finished pods, or keeps them when configured to",
		"Finished pods that stay fill the namespace's quota until no task can start; pods that go in spite of the setting take the evidence along.",
		"Airflow documentation: Kubernetes Executor", "apache/airflow#57553")
	ExecutorPodKilled = executor("pod_killed",
		"notices a task pod that was killed from outside and retries its task",
		"Nodes are drained every week; a task whose pod is gone and that stays running for ever holds its slot and its DAG run.",
		"apache/airflow#21087", "apache/airflow#35354", "apache/airflow#44127")
	ExecutorSchedulerKilled = executor("scheduler_killed",
		"loses no run and runs no task twice when the scheduler is killed",
		"A new scheduler that does not adopt the running pods loses their results or does the work a second time.",
		"apache/airflow#57553", "apache/airflow#61839", "apache/airflow#13808")
	ExecutorAdoption = Check{
		ID: "executor.adoption", Title: "adopts a running task when the scheduler is replaced, and goes on",
		Level: Extended, Requires: []Feature{FeatureKubernetesExecutor},
		Sources: []string{"apache/airflow#67891", "apache/airflow#67813", "apache/airflow#68398"},
		Since:   firstVersion,
		Why:     "Every roll-out replaces the scheduler while tasks run: one that dies of adopting them, or never looks after them again, is down just when it is busiest.",
	}
	ExecutorUnschedulable = executor("unschedulable",
		"ends a pod that can never be scheduled as a clear failure",
		"A task that waits for ever in the queue raises no alarm, and nobody learns which resource the cluster does not have.",
		"Airflow documentation: Configuration Reference, scheduler.task_queued_timeout")
	ExecutorServiceAccount = executor("service_account",
		"runs task pods under the worker service account and the platform's image",
		"Task pods under the default account or from another image have other rights and other code than the ones that were reviewed.",
		"helm/charts#19014", "airflow-helm/charts#352", "apache/airflow#28813", "apache/airflow#66730")
)

// executor makes a core check of this area; all of them need the KubernetesExecutor.
func executor(subject, title, why string, sources ...string) Check {
	return Check{
		ID: "executor." + subject, Title: title, Level: Core,
		Requires: []Feature{FeatureKubernetesExecutor},
		Sources:  sources, Since: firstVersion, Why: why,
	}
}

func executorChecks() []Check {
	return []Check{
		ExecutorPodPerTask, ExecutorParallelTasks, ExecutorMappedTasks, ExecutorXCom,
		ExecutorFailingTask, ExecutorRetries, ExecutorPodOverride, ExecutorDefaultResources,
		ExecutorFinishedPods, ExecutorPodKilled, ExecutorSchedulerKilled, ExecutorAdoption,
		ExecutorUnschedulable, ExecutorServiceAccount,
	}
}
