//go:build e2e

package platform

import (
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/airworthy/airworthy/pkg/airflow"
	"github.com/airworthy/airworthy/pkg/conformance"
	"github.com/airworthy/airworthy/pkg/harness"
)

// Ordered: the last one has the log store refuse everybody's messages, so the
// others come before it; no check elsewhere asks that store.
var _ = Describe("shipped logs", SpecPriority(second), Ordered, ContinueOnFailure, func() {
	It("hold every line once", suite.Check(conformance.LogsShippedOnce), func(ctx SpecContext) {
		s := suite.Session(ctx)
		shipped, err := s.ShippedRun(ctx)
		Expect(err).To(BeWithoutError())
		Expect(shipped.Run).To(HaveTries("speak", 2))

		By("counting the numbered lines of both tries")
		Expect(shipped).To(HaveShippedOnce(1, 2))
	})

	It("say whose line it is, and how grave", suite.Check(conformance.LogsShippedFields), func(ctx SpecContext) {
		s := suite.Session(ctx)
		shipped, err := s.ShippedRun(ctx)
		Expect(err).To(BeWithoutError())

		for try := 1; try <= 2; try++ {
			By("reading the fields of a line that was printed")
			Expect(shipped).To(HaveShippedFields(harness.ShippedLine(shipped.Run.ID, try, 0), s.Asked().Cluster.Namespace, try, 6))
		}
		By("reading the fields of a warning")
		Expect(shipped).To(HaveShippedFields("airworthy shipped "+shipped.Run.ID+" try 1 warning", s.Asked().Cluster.Namespace, 1, 4))
		By("reading the fields of the exception")
		Expect(shipped).To(HaveShippedFields("airworthy raised traceback", s.Asked().Cluster.Namespace, 1, 3))
	})

	It("hold a traceback as one message", suite.Check(conformance.LogsShippedMultiline), func(ctx SpecContext) {
		s := suite.Session(ctx)
		shipped, err := s.ShippedRun(ctx)
		Expect(err).To(BeWithoutError())

		By("looking at the one that Python printed before Airflow started")
		Expect(shipped).To(HaveShippedTraceback("LookupError: airworthy text traceback", 2, "in deep", "in shallow"))
		By("looking at the one that the task printed line by line")
		Expect(shipped).To(HaveShippedTraceback("KeyError: 'airworthy printed traceback'", 2, "shipped.py", "in speak"))
		By("looking at the one that Airflow reported")
		Expect(shipped).To(HaveShippedTraceback("RuntimeError: airworthy raised traceback", 1, "shipped.py", "in speak"))
	})

	It("hold nothing that is configured to be dropped", suite.Check(conformance.LogsShippedFilter), func(ctx SpecContext) {
		s := suite.Session(ctx)
		shipped, err := s.ShippedRun(ctx)
		Expect(err).To(BeWithoutError())

		for _, noise := range []string{"setup plugin alembic", "::group::", "::endgroup::"} {
			By("making sure that the pods wrote " + noise)
			written := 0
			for _, pod := range shipped.Pods.Names() {
				lines, err := s.WrittenLines(pod, "base", noise)
				Expect(err).To(BeWithoutError())
				written += lines
			}
			Expect(written).To(BeNumerically(">", 0), "lines with %s that the pods wrote", noise)

			By("looking for " + noise + " in the log store")
			Expect(shipped).To(HaveShippedNone(noise, written))
		}
		By("making sure that their neighbours arrived")
		Expect(shipped).To(HaveShippedOnce(2))
	})

	It("hold no secret of the platform", suite.Check(conformance.LogsShippedNoSecrets), func(ctx SpecContext) {
		s := suite.Session(ctx)
		leaks, components, err := s.ShippedSecrets(ctx)
		Expect(err).To(BeWithoutError())
		for name, messages := range components {
			Expect(messages).To(BeNumerically(">", 0), "messages of component %s in the log store", name)
		}
		Expect(leaks).To(BeEmpty(), "secrets of the platform in the log store")
	})

	// Once is not asked for here: a delivery that is cut off half-way comes twice.
	It("hold what was written while the log store was gone", suite.Check(conformance.LogsShippedOutage), func(ctx SpecContext) {
		s := suite.Session(ctx)
		shipped, during, err := s.ShippedThroughOutage(ctx, time.Minute)
		Expect(err).To(BeWithoutError())
		Expect(shipped.Run).To(HaveState(airflow.Success))

		By("making sure that the log store was gone")
		Expect(during).To(BeZero(), "messages of the run that arrived while the log store refused them")

		By("looking for what the run's pods wrote meanwhile")
		Expect(shipped).To(HaveShippedAll(1, 2))
	})
})
