//go:build e2e

package platform

import (
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/airworthy/airworthy/pkg/airflow"
	"github.com/airworthy/airworthy/pkg/conformance"
)

var _ = Describe("the metadata database", func() {
	It("is migrated before any component starts", suite.Check(conformance.DatabaseMigratedFirst), func(ctx SpecContext) {
		s := suite.Session(ctx)
		order, err := s.MigrationOrder(ctx)
		Expect(err).To(BeWithoutError())
		Expect(order.Components).NotTo(BeEmpty())
		Expect(order).To(BeMigratedFirst())
	})

	It("keeps every character of notes, XComs and logs", suite.Check(conformance.DatabaseUnicode), func(ctx SpecContext) {
		s := suite.Session(ctx)
		const text = "airworthy unicode: Größe, ελληνικά, кириллица, 中文, עברית, 🛫 \u200b|"
		run, err := s.SharedRun(ctx, "log_content")
		Expect(err).To(BeWithoutError())
		Expect(run).To(HaveState(airflow.Success))

		By("writing a note with characters of four bytes")
		throughAPI, stored, err := s.NoteInDatabase(ctx, run, text)
		Expect(err).To(BeWithoutError())
		Expect(throughAPI).To(Equal(text), "the note as the API gives it back")
		Expect(stored).To(Equal(text), "the note as the database holds it")

		By("reading what the task returned")
		value, err := s.XCom(ctx, run, "write", -1)
		Expect(err).To(BeWithoutError())
		Expect(value).To(Equal(text), "the XCom as the API gives it back")

		By("reading what the task printed")
		_, err = s.FinishedPods(ctx, run)
		Expect(err).To(BeWithoutError())
		log, err := s.TaskLog(ctx, run.Ref("write", 1))
		Expect(err).To(BeWithoutError())
		Expect(log).To(HaveLine(text))
	})

	It("gives the times of a run back as they were", suite.Check(conformance.DatabaseTimeZone), func(ctx SpecContext) {
		s := suite.Session(ctx)
		run, err := s.SharedRun(ctx, "log_content")
		Expect(err).To(BeWithoutError())

		By("comparing the API's times with the database's and with those of the run's pods")
		times, err := s.TimesOf(ctx, run)
		Expect(err).To(BeWithoutError())
		Expect(times).To(AgreeInTime())
	})

	It("is reached by TLS, and only under its own name", suite.Check(conformance.DatabaseTLS), func(ctx SpecContext) {
		s := suite.Session(ctx)

		By("asking the database for its sessions")
		tls, err := s.DatabaseTLS(ctx)
		Expect(err).To(BeWithoutError())
		Expect(tls.Sessions).NotTo(BeEmpty(), "sessions of the platform at the database")
		Expect(tls).To(BeEncrypted())

		By("sending every component to the same server under a name that its certificate has not")
		Expect(tls.Misnamed).NotTo(BeEmpty())
		Expect(tls).To(VerifyTheName())
	})

	It("is reached through the connection pooler alone", suite.Check(conformance.DatabasePooled), func(ctx SpecContext) {
		s := suite.Session(ctx)
		run, err := s.SharedRun(ctx, "log_content")
		Expect(err).To(BeWithoutError())
		Expect(run).To(HaveState(airflow.Success))

		By("asking the pooler for its clients, and the database for its sessions")
		pooling, err := s.Pooling(ctx)
		Expect(err).To(BeWithoutError())
		Expect(pooling.Servers).NotTo(BeEmpty(), "sessions that the pooler holds at the database")
		Expect(pooling).To(BePooled())
	})

	It("shows its password nowhere but in the Secret", suite.Check(conformance.DatabaseSecretHidden), func(ctx SpecContext) {
		s := suite.Session(ctx)

		By("reading pods, workloads, config maps, events and logs")
		places, looked, err := s.WhereSecretsShow(ctx, s.DatabasePassword())
		Expect(err).To(BeWithoutError())
		Expect(looked).To(BeNumerically(">", 10), "objects and logs that were read")
		Expect(places).To(ShowNothing())

		By("having a task look into its own environment")
		run, err := s.SharedRun(ctx, "log_content")
		Expect(err).To(BeWithoutError())
		Expect(run).To(HaveState(airflow.Success))
		shown, err := s.ShownToTasks(ctx, run)
		Expect(err).To(BeWithoutError())
		Expect(shown).To(ShowNothing())
	})
})
