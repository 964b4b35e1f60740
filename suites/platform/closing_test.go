//go:build e2e

package platform

import (
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/airworthy/airworthy/pkg/airflow"
	"github.com/airworthy/airworthy/pkg/conformance"
)

// Serial: the first disturbs what every other check uses, and the others look
// back at the whole run, so they come after everything else, in this order.
var _ = Describe("the whole run", Serial, Ordered, ContinueOnFailure, func() {
	It("survives the death of the scheduler without losing or repeating a task", suite.Check(conformance.ExecutorSchedulerKilled), func(ctx SpecContext) {
		s := suite.Session(ctx)

		By("killing the scheduler while the first of two tasks runs")
		run, err := s.RunWithSchedulerKilled(ctx, "two_steps", "first")
		Expect(err).To(BeWithoutError())
		Expect(run).To(HaveState(airflow.Success))

		By("counting tries and pods")
		Expect(run).To(HaveTries("first", 1))
		Expect(run).To(HaveTries("second", 1))
		pods, err := s.FinishedPods(ctx, run)
		Expect(err).To(BeWithoutError())
		Expect(pods).To(HaveOnePodPerTask(run))
	})

	It("restarts no container", suite.Check(conformance.PlatformNoRestarts), func(ctx SpecContext) {
		s := suite.Session(ctx)
		pods, err := s.RecordedComponents(ctx)
		Expect(err).To(BeWithoutError())
		Expect(pods).NotTo(BeEmpty())
		for _, pod := range pods {
			Expect(pod).To(NotHaveRestarted())
		}
	})

	It("logs no error that is not explained", suite.Check(conformance.PlatformErrorLines), func(ctx SpecContext) {
		s := suite.Session(ctx)
		lines, err := s.ErrorLines(ctx)
		Expect(err).To(BeWithoutError())
		Expect(lines.Read).To(BeNumerically(">", 0), "lines of component logs that were read")
		Expect(lines).To(HaveEveryErrorExplained())
	})
})
