//go:build e2e

package platform

import (
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/airworthy/airworthy/pkg/airflow"
	"github.com/airworthy/airworthy/pkg/conformance"
)

var _ = Describe("KubernetesExecutor", SpecPriority(first), func() {
	It("runs every task instance in a pod of its own", suite.Check(conformance.ExecutorPodPerTask), func(ctx SpecContext) {
		s := suite.Session(ctx)

		By("running one source, three mapped tasks and a sum")
		run, err := s.SharedRun(ctx, "fan_out")
		Expect(err).To(BeWithoutError())
		Expect(run).To(HaveState(airflow.Success))

		By("comparing the task instances that Airflow reports with the pods that Kubernetes ran")
		pods, err := s.FinishedPods(ctx, run)
		Expect(err).To(BeWithoutError())
		Expect(pods).To(HaveOnePodPerTask(run))
	})

	It("runs tasks that do not depend on each other at the same time", suite.Check(conformance.ExecutorParallelTasks), func(ctx SpecContext) {
		s := suite.Session(ctx)
		run, err := s.SharedRun(ctx, "fan_out")
		Expect(err).To(BeWithoutError())
		Expect(run).To(HaveState(airflow.Success))

		By("comparing when the pods of the three mapped tasks started and when the tasks ended")
		pods, err := s.FinishedPods(ctx, run)
		Expect(err).To(BeWithoutError())
		Expect(pods.OfTask("work")).To(HaveLen(3))
		Expect(pods.OfTask("work")).To(StartBeforeAnyEnds(run))
	})

	It("expands a mapped task into one instance for each element", suite.Check(conformance.ExecutorMappedTasks), func(ctx SpecContext) {
		s := suite.Session(ctx)
		run, err := s.SharedRun(ctx, "fan_out")
		Expect(err).To(BeWithoutError())

		By("reading the instances of the mapped task, and what each was given")
		Expect(run).To(HaveMapIndexes("work", 0, 1, 2))
		for index := range 3 {
			value, err := s.XCom(ctx, run, "work", index)
			Expect(err).To(BeWithoutError())
			Expect(value).To(HaveKeyWithValue("number", BeNumerically("==", index+1)), "what work[%d] was given", index)
		}
	})

	It("carries XCom values from pod to pod", suite.Check(conformance.ExecutorXCom), func(ctx SpecContext) {
		s := suite.Session(ctx)
		run, err := s.SharedRun(ctx, "fan_out")
		Expect(err).To(BeWithoutError())
		Expect(run).To(HaveState(airflow.Success))

		By("reading what the last task made of the values that three other pods returned")
		value, err := s.XCom(ctx, run, "total", -1)
		Expect(err).To(BeWithoutError())
		Expect(value).To(HaveExactElements(BeNumerically("==", 1), BeNumerically("==", 4), BeNumerically("==", 9)),
			"the squares that reached the task total")
	})

	It("gives task pods their default requests and limits", suite.Check(conformance.ExecutorDefaultResources), func(ctx SpecContext) {
		s := suite.Session(ctx)
		run, err := s.SharedRun(ctx, "fan_out")
		Expect(err).To(BeWithoutError())

		pods, err := s.FinishedPods(ctx, run)
		Expect(err).To(BeWithoutError())
		Expect(pods).NotTo(BeEmpty())
		for _, pod := range pods {
			Expect(pod).To(HaveRequests("cpu", "memory"))
			Expect(pod).To(HaveLimits("memory"))
			Expect(pod).To(HaveLimit("cpu", "1"), "one Python process uses one CPU")
		}
	})

	It("runs task pods under their own service account and the platform's image", suite.Check(conformance.ExecutorServiceAccount), func(ctx SpecContext) {
		s := suite.Session(ctx)
		run, err := s.SharedRun(ctx, "fan_out")
		Expect(err).To(BeWithoutError())

		pods, err := s.FinishedPods(ctx, run)
		Expect(err).To(BeWithoutError())
		Expect(pods).NotTo(BeEmpty())
		for _, pod := range pods {
			Expect(pod.ServiceAccount).NotTo(Or(BeEmpty(), Equal("default")), "the service account of pod %s", pod.Name)
			Expect(pod).To(RunImage(s.AirflowImage()))
		}
	})

	It("keeps or removes finished pods as configured", suite.Check(conformance.ExecutorFinishedPods), func(ctx SpecContext) {
		s := suite.Session(ctx)
		run, err := s.SharedRun(ctx, "fan_out")
		Expect(err).To(BeWithoutError())

		if s.Asked().Platform.KeepPods {
			By("looking for the finished pods, which shall stay")
			pods, err := s.FinishedPods(ctx, run)
			Expect(err).To(BeWithoutError())
			Expect(pods.Deleted()).To(BeEmpty())
			return
		}
		By("waiting until the finished pods are gone")
		pods, err := s.DeletedPods(ctx, run)
		Expect(err).To(BeWithoutError())
		Expect(pods).NotTo(BeEmpty())
	})

	It("fails the run of a task that fails, with the reason in its log", suite.Check(conformance.ExecutorFailingTask), func(ctx SpecContext) {
		s := suite.Session(ctx)
		run, err := s.SharedRun(ctx, "failing")
		Expect(err).To(BeWithoutError())
		Expect(run).To(HaveState(airflow.FailedState))
		Expect(run).To(HaveTask("fail", airflow.FailedState))

		By("reading the reason where a user would look for it")
		// The pod uploads its log in its last seconds, after Airflow has heard of the task's end.
		_, err = s.FinishedPods(ctx, run)
		Expect(err).To(BeWithoutError())
		log, err := s.TaskLog(ctx, run.Ref("fail", 1))
		Expect(err).To(BeWithoutError())
		text := string(log.Raw)
		Expect(text).To(And(ContainSubstring("ValueError"), ContainSubstring("airworthy marker: this task fails on purpose"), ContainSubstring("failing.py")))
	})

	It("runs each retry in a new pod with the next try number", suite.Check(conformance.ExecutorRetries), func(ctx SpecContext) {
		s := suite.Session(ctx)
		run, err := s.SharedRun(ctx, "retries")
		Expect(err).To(BeWithoutError())
		Expect(run).To(HaveState(airflow.Success))

		By("comparing the tries with the pods")
		pods, err := s.FinishedPods(ctx, run)
		Expect(err).To(BeWithoutError())
		Expect(pods.Tries("second_time_lucky")).To(Equal([]int{1, 2}))
		Expect(pods.Names()).To(HaveLen(2))
		value, err := s.XCom(ctx, run, "second_time_lucky", -1)
		Expect(err).To(BeWithoutError())
		Expect(value).To(BeNumerically("==", 2), "the try number that the task saw")
	})

	It("applies pod_override to the pod", suite.Check(conformance.ExecutorPodOverride), func(ctx SpecContext) {
		s := suite.Session(ctx)
		run, err := s.SharedRun(ctx, "pod_override")
		Expect(err).To(BeWithoutError())
		Expect(run).To(HaveState(airflow.Success))

		pods, err := s.FinishedPods(ctx, run)
		Expect(err).To(BeWithoutError())
		Expect(pods).To(HaveLen(1))
		pod := pods[0]
		Expect(pod.Labels).To(HaveKeyWithValue("airworthy/override", "yes"))
		Expect(pod).To(HaveLimit("memory", "768Mi"))
		Expect(pod).To(HaveEnv("AIRWORTHY_OVERRIDE", "reached the pod"))
		Expect(pod).To(HaveRunContainer("side-car"))
		value, err := s.XCom(ctx, run, "overridden", -1)
		Expect(err).To(BeWithoutError())
		Expect(value).To(Equal("reached the pod"), "the environment variable as the task saw it")
	})

	It("retries a task whose pod was killed from outside", suite.Check(conformance.ExecutorPodKilled), func(ctx SpecContext) {
		s := suite.Session(ctx)
		killed, err := s.KilledRun(ctx, "long_task", "until_killed")
		Expect(err).To(BeWithoutError())
		Expect(killed.Run).To(HaveState(airflow.Success))

		By("comparing the tries: the first was killed, the second ran in another pod")
		Expect(killed.Run).To(HaveTries("until_killed", 2))
		pods, err := s.FinishedPods(ctx, killed.Run)
		Expect(err).To(BeWithoutError())
		Expect(pods.Tries("until_killed")).To(Equal([]int{1, 2}))
		value, err := s.XCom(ctx, killed.Run, "until_killed", -1)
		Expect(err).To(BeWithoutError())
		Expect(value).To(BeNumerically("==", 2), "the try number that the task saw")
	})

	It("ends a task whose pod can never be scheduled as failed", suite.Check(conformance.ExecutorUnschedulable), func(ctx SpecContext) {
		s := suite.Session(ctx)
		run, err := s.SharedRun(ctx, "unschedulable")
		Expect(err).To(BeWithoutError())
		Expect(run).To(HaveState(airflow.FailedState))
		Expect(run).To(HaveTask("never", airflow.FailedState))

		By("looking for a pod that ran, and for the reason that Kubernetes gave")
		pods, err := s.Pods(ctx, run)
		Expect(err).To(BeWithoutError())
		Expect(pods.Started()).To(BeEmpty())
		Expect(pods).To(ContainElement(HaveReason("Unschedulable")))
	})
})
