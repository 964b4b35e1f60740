//go:build e2e

package platform

import (
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/airworthy/airworthy/pkg/airflow"
	"github.com/airworthy/airworthy/pkg/conformance"
	"github.com/airworthy/airworthy/pkg/harness"
)

var _ = Describe("task logs", func() {
	It("are kept in the log store and readable after the pod is gone", suite.Check(conformance.LogsPersisted), func(ctx SpecContext) {
		s := suite.Session(ctx)
		run, err := s.SharedRun(ctx, "fan_out")
		Expect(err).To(BeWithoutError())
		Expect(run).To(HaveState(airflow.Success))
		if !s.Asked().Platform.KeepPods {
			_, err = s.DeletedPods(ctx, run)
			Expect(err).To(BeWithoutError())
		}

		By("finding each task's log under the key that Airflow's template gives")
		for _, ref := range run.Refs() {
			stored, err := s.StoredLog(ctx, ref)
			Expect(err).To(BeWithoutError(), "the stored log of %s", harness.LogKey(ref))
			Expect(stored).NotTo(BeEmpty(), "the stored log of %s", harness.LogKey(ref))
		}

		By("reading one through the API")
		log, err := s.TaskLog(ctx, run.Ref("source", 1))
		Expect(err).To(BeWithoutError())
		Expect(log).To(HaveLine("airworthy marker: source"))
	})

	It("are kept for each try", suite.Check(conformance.LogsPerTry), func(ctx SpecContext) {
		s := suite.Session(ctx)
		run, err := s.SharedRun(ctx, "retries")
		Expect(err).To(BeWithoutError())
		// A pod uploads its log in its last seconds.
		_, err = s.FinishedPods(ctx, run)
		Expect(err).To(BeWithoutError())

		first, err := s.TaskLog(ctx, run.Ref("second_time_lucky", 1))
		Expect(err).To(BeWithoutError())
		Expect(first).To(HaveLine("airworthy marker: this is try 1"))
		Expect(first).NotTo(HaveLine("airworthy marker: this is try 2"))
		second, err := s.TaskLog(ctx, run.Ref("second_time_lucky", 2))
		Expect(err).To(BeWithoutError())
		Expect(second).To(HaveLine("airworthy marker: this is try 2"))
		Expect(second).NotTo(HaveLine("airworthy marker: this is try 1"))
	})

	It("can be followed while the task runs", suite.Check(conformance.LogsLive), func(ctx SpecContext) {
		s := suite.Session(ctx)
		killed, err := s.KilledRun(ctx, "long_task", "until_killed")
		Expect(err).To(BeWithoutError())

		By("looking at what the API gave while the first try was running")
		Expect(killed.Live.State).To(Equal(airflow.Running))
		Expect(killed.Live.Err).To(BeEmpty(), "reading the log of the running task")
		Expect(killed.Live.Text).To(ContainSubstring("airworthy marker: try 1 has begun"))
	})

	It("come back whole, however long and in whatever script", suite.Check(conformance.LogsContent), func(ctx SpecContext) {
		s := suite.Session(ctx)
		run, err := s.SharedRun(ctx, "log_content")
		Expect(err).To(BeWithoutError())
		Expect(run).To(HaveState(airflow.Success))
		// A pod uploads its log in its last seconds.
		_, err = s.FinishedPods(ctx, run)
		Expect(err).To(BeWithoutError())

		By("reading five megabytes through the API")
		log, err := s.TaskLog(ctx, run.Ref("write", 1))
		Expect(err).To(BeWithoutError())
		Expect(log).To(HaveLine("airworthy unicode: Größe, ελληνικά, кириллица, 中文, עברית, 🛫 \u200b|"))
		Expect(log).To(HaveWholeLine("airworthy long: ", 32*1024+len("airworthy long:  end"), " end"))
		Expect(log).To(HaveBulk("airworthy bulk ", 5*1024, 1023))
		Expect(log).To(HaveLine("airworthy marker: all written"))
	})

	It("say what became of a try whose pod was deleted by force", suite.Check(conformance.LogsForcedDeletion), func(ctx SpecContext) {
		s := suite.Session(ctx)
		killed, err := s.KilledRun(ctx, "long_task", "until_killed")
		Expect(err).To(BeWithoutError())
		Expect(killed.Run).To(HaveState(airflow.Success))

		By("reading the log of the try that was cut off")
		log, err := s.TaskLog(ctx, killed.Run.Ref("until_killed", 1))
		Expect(err).To(BeWithoutError())
		Expect(log).To(HoldOrExplain("airworthy marker: try 1 has begun"))

		By("reading the log of the try that followed")
		_, err = s.FinishedPods(ctx, killed.Run)
		Expect(err).To(BeWithoutError())
		log, err = s.TaskLog(ctx, killed.Run.Ref("until_killed", 2))
		Expect(err).To(BeWithoutError())
		Expect(log).To(HaveLine("airworthy marker: try 2 has begun"))
		Expect(log).NotTo(HaveLine("airworthy marker: try 1 has begun"))
	})
})
