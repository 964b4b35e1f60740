//go:build e2e

package platform

import (
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/airworthy/airworthy/pkg/airflow"
	"github.com/airworthy/airworthy/pkg/conformance"
	"github.com/airworthy/airworthy/pkg/harness"
)

var _ = Describe("secrets", func() {
	It("give tasks the same connection from the environment and from the database", suite.Check(conformance.SecretsConnectionsAgree), func(ctx SpecContext) {
		s := suite.Session(ctx)
		got, err := s.ConnectionsRun(ctx)
		Expect(err).To(BeWithoutError())
		Expect(got.Run).To(HaveState(airflow.Success))
		for _, id := range harness.CheckedConnections() {
			Expect(got.Read).To(HaveKeyWithValue(id, Equal(s.WantedConnection())), "connection %s as the task found it", id)
		}
	})

	It("are encrypted in the database", suite.Check(conformance.SecretsEncryptedAtRest), func(ctx SpecContext) {
		s := suite.Session(ctx)
		got, err := s.ConnectionsRun(ctx)
		Expect(err).To(BeWithoutError())
		Expect(got.Clear).To(BeFalse(), "the password of a connection lies in the database in the clear")
		Expect(got.Encrypted).To(BeTrue(), "Airflow's own mark of an encrypted password is not set")
	})

	It("are masked in the log of a task that prints them", suite.Check(conformance.SecretsMaskedInLogs), func(ctx SpecContext) {
		s := suite.Session(ctx)
		got, err := s.ConnectionsRun(ctx)
		Expect(err).To(BeWithoutError())
		Expect(got.Run).To(HaveState(airflow.Success))
		// A pod uploads its log in its last seconds.
		_, err = s.FinishedPods(ctx, got.Run)
		Expect(err).To(BeWithoutError())

		By("reading what the task printed")
		log, err := s.TaskLog(ctx, got.Run.Ref("read", 1))
		Expect(err).To(BeWithoutError())
		for _, id := range harness.CheckedConnections() {
			Expect(log).To(HaveLine("airworthy marker: password of " + id + " is <***>"))
		}
		Expect(log).To(BeWithoutSecret(s.ConnectionPassword()))
	})

	It("are shared by those who sign tokens and those who check them", suite.Check(conformance.SecretsSigningKey), func(ctx SpecContext) {
		s := suite.Session(ctx)
		got, err := s.ConnectionsRun(ctx)
		Expect(err).To(BeWithoutError())
		Expect(got.Run).To(HaveState(airflow.Success), "a task that needs the API server to begin")
	})
})
