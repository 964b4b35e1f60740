//go:build e2e

package platform

import (
	"fmt"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/airworthy/airworthy/pkg/airflow"
	"github.com/airworthy/airworthy/pkg/conformance"
	"github.com/airworthy/airworthy/pkg/harness"
)

// Serial: the first ones disturb what every other check uses, and the others look
// back at the whole run, so they come after everything else, in this order.
var _ = Describe("the whole run", SpecPriority(last), Serial, Ordered, ContinueOnFailure, func() {
	// Before what restarts components: a new process looks its exporter up anew.
	It("goes on measuring after its exporter was restarted", suite.Check(conformance.MetricsExporterRestart), func(ctx SpecContext) {
		s := suite.Session(ctx)
		By("killing the exporter's pod, or reading what became of it while there was no Git server")
		exporter, err := s.RestartExporter(ctx)
		Expect(err).To(BeWithoutError())

		By("waiting until every component is heard by the new one")
		heartbeats := []string{"airflow_scheduler_heartbeat", "airflow_dag_processor_heartbeat", "airflow_triggerer_heartbeat"}
		var now, before []string
		for _, heartbeat := range heartbeats {
			now = append(now, fmt.Sprintf("%s{pod=%q} > 0", heartbeat, exporter.Now))
			before = append(before, fmt.Sprintf("last_over_time(%s{pod=%q}[15m])", heartbeat, exporter.Killed))
		}
		_, err = s.WaitSeries(ctx, "the components' heartbeats", now, harness.HasData)
		Expect(err).To(BeWithoutError())

		By("looking for what was scraped before")
		_, err = s.WaitSeries(ctx, "the heartbeats from before", before, harness.HasData)
		Expect(err).To(BeWithoutError())
	})

	It("survives the death of the scheduler without losing or repeating a task", suite.Check(conformance.ExecutorSchedulerKilled), func(ctx SpecContext) {
		s := suite.Session(ctx)

		By("killing the scheduler while the first of two tasks runs, or reading what came of it while there was no Git server")
		run, err := s.RunWithSchedulerKilled(ctx)
		Expect(err).To(BeWithoutError())
		Expect(run).To(HaveState(airflow.Success))

		By("counting tries and pods")
		Expect(run).To(HaveTries("first", 1))
		Expect(run).To(HaveTries("second", 1))
		pods, err := s.FinishedPods(ctx, run)
		Expect(err).To(BeWithoutError())
		Expect(pods).To(HaveOnePodPerTask(run))
	})

	It("adopts a running task when the scheduler is replaced", suite.Check(conformance.ExecutorAdoption), func(ctx SpecContext) {
		s := suite.Session(ctx)

		By("stopping every scheduler while the first of two tasks runs, and starting them again")
		adoption, err := s.RunThroughSchedulerStop(ctx)
		Expect(err).To(BeWithoutError())
		Expect(adoption).To(BeAdopted())
		Expect(adoption).To(HaveLivingSchedulers())

		By("counting tries and pods")
		Expect(adoption.Run).To(HaveState(airflow.Success))
		Expect(adoption.Run).To(HaveTries("first", 1))
		Expect(adoption.Run).To(HaveTries("second", 1))
		pods, err := s.FinishedPods(ctx, adoption.Run)
		Expect(err).To(BeWithoutError())
		Expect(pods).To(HaveOnePodPerTask(adoption.Run))
	})

	It("keeps logs on the volume while everything is scaled down", suite.Check(conformance.LogsVolume), func(ctx SpecContext) {
		s := suite.Session(ctx)
		run, err := s.SharedRun(ctx, "fan_out")
		Expect(err).To(BeWithoutError())
		Expect(run).To(HaveState(airflow.Success))
		if !s.Asked().Platform.KeepPods {
			_, err = s.DeletedPods(ctx, run)
			Expect(err).To(BeWithoutError())
		}

		By("scaling every component to nothing")
		start, err := s.StopAll(ctx)
		DeferCleanup(start)
		Expect(err).To(BeWithoutError())

		By("scaling them back")
		Expect(start(ctx)).To(BeWithoutError())

		By("reading a task's log")
		log, err := s.TaskLog(ctx, run.Ref("source", 1))
		Expect(err).To(BeWithoutError())
		Expect(log).To(HaveLine("airworthy marker: source"))
	})

	It("keeps people logged in while the API server restarts", suite.Check(conformance.IngressSession), func(ctx SpecContext) {
		s := suite.Session(ctx)
		kept, err := s.KeepSession(ctx)
		Expect(err).To(BeWithoutError())
		Expect(kept.Instead).NotTo(Equal(kept.Gone))
		Expect(kept).To(KeepTheSession())
	})

	It("raises an alert while there is no scheduler", suite.Check(conformance.MetricsAlertsScheduler), func(ctx SpecContext) {
		s := suite.Session(ctx)

		By("stopping every scheduler until the alert fires, or reading what came of it while there was no Git server")
		_, err := s.WithoutScheduler(ctx, nil)
		Expect(err).To(BeWithoutError())

		By("looking for the alert once they are back")
		Expect(s.WaitNoAlert(ctx, harness.SchedulerGone)).To(BeWithoutError())
	})

	It("survives a silent database without losing or repeating a task", suite.Check(conformance.DatabaseOutage), func(ctx SpecContext) {
		s := suite.Session(ctx)

		By("silencing the database for half a minute while the first of two tasks runs and ends")
		outage, err := s.RunWithDatabaseSilent(ctx, "two_steps", "first", 30*time.Second)
		Expect(err).To(BeWithoutError())
		Expect(outage.Meanwhile).NotTo(BeEmpty(), "what a new connection met: it was answered, so there was no outage")
		Expect(outage.Run).To(HaveState(airflow.Success))

		By("counting tries and pods, and reading what the tasks returned")
		Expect(outage.Run).To(HaveTries("first", 1))
		Expect(outage.Run).To(HaveTries("second", 1))
		pods, err := s.FinishedPods(ctx, outage.Run)
		Expect(err).To(BeWithoutError())
		Expect(pods).To(HaveOnePodPerTask(outage.Run))
		value, err := s.XCom(ctx, outage.Run, "second", -1)
		Expect(err).To(BeWithoutError())
		Expect(value).To(Equal("first, second"))
	})

	It("says that the database refuses connections, and goes on when it accepts them", suite.Check(conformance.DatabaseTooFewConnections), func(ctx SpecContext) {
		s := suite.Session(ctx)

		By("having the database refuse every connection, and accept them again")
		refusal, err := s.RefusedAndBack(ctx, "log_content", 10*time.Second)
		Expect(err).To(BeWithoutError())
		Expect(refusal.Meanwhile).NotTo(BeEmpty(), "what a new connection met: it was accepted, so nothing was tried")
		Expect(refusal).To(SayThatConnectionsAreRefused())

		By("looking at a run that was begun after it")
		Expect(refusal.Run).To(HaveState(airflow.Success))
		Expect(refusal.Run).To(HaveTries("write", 1))
	})

	// The first task lasts eight seconds of the silence. That leaves fifty in which
	// its pod tries to store the log, and gives up after ten each time: it has to
	// begin anew four times.
	It("loses no log while the object store is silent", suite.Check(conformance.LogsStoreGone), func(ctx SpecContext) {
		s := suite.Session(ctx)

		By("silencing the object store for a minute while two tasks end")
		outage, err := s.RunWithObjectStoreSilent(ctx, "two_steps", "first", time.Minute)
		Expect(err).To(BeWithoutError())
		Expect(outage.Meanwhile).NotTo(BeEmpty(), "what a new connection met: it was answered, so there was no outage")
		Expect(outage.Run).To(HaveState(airflow.Success))
		if err := outage.Covers("first", 40*time.Second); err != nil {
			s.Unable(err.Error()) // a machine that slow says nothing of the platform
		}

		By("looking for their logs in the store and through the API")
		for _, ref := range outage.Run.Refs() {
			stored, err := s.StoredLog(ctx, ref)
			Expect(err).To(BeWithoutError(), "the stored log of %s", harness.LogKey(ref))
			Expect(stored).NotTo(BeEmpty(), "the stored log of %s", harness.LogKey(ref))
		}
		log, err := s.TaskLog(ctx, outage.Run.Ref("first", 1))
		Expect(err).To(BeWithoutError())
		Expect(log).To(HaveLine("airworthy marker: first has begun"))
	})

	It("reads connections with a new fernet key", suite.Check(conformance.SecretsFernetRotation), func(ctx SpecContext) {
		s := suite.Session(ctx)
		got, err := s.RotatedSecrets(ctx)
		Expect(err).To(BeWithoutError())
		Expect(got.KeysBefore).To(BeDecryptedBy(harness.OldKey), "the connection as it was written before")
		Expect(got.KeysAfter).To(BeDecryptedBy(harness.NewKey), "the connection after `airflow rotate-fernet-key`")
		Expect(got.Run).To(HaveState(airflow.Success))
		for _, id := range harness.CheckedConnections() {
			Expect(got.Read).To(HaveKeyWithValue(id, Equal(s.WantedConnection())), "connection %s as the task found it", id)
		}
	})

	It("believes no token of an old signing secret", suite.Check(conformance.SecretsSigningRotation), func(ctx SpecContext) {
		s := suite.Session(ctx)
		got, err := s.RotatedSecrets(ctx)
		Expect(err).To(BeWithoutError())
		Expect(got.TokenBefore).To(BeAnswered(true), "a token before the rotation")
		Expect(got.TokenAfter).To(BeAnswered(false), "the same token after it")
		Expect(got.TokenNew).To(BeAnswered(true), "a token of a new log-in")
		if sessions := got.Sessions; sessions != nil {
			Expect(sessions.Before).To(BeKnown(true), "a session of the user interface before the rotation")
			Expect(sessions.After).To(BeKnown(false), "the same session after it")
			Expect(sessions.New).To(BeKnown(true), "a session of a new log-in")
		}
		Expect(got.Run).To(HaveState(airflow.Success), "a task that needs the API server to begin")
	})

	It("stores and reads logs with a new access key", suite.Check(conformance.LogsCredentialsRotated), func(ctx SpecContext) {
		s := suite.Session(ctx)
		got, err := s.RotatedSecrets(ctx)
		Expect(err).To(BeWithoutError())
		Expect(got.Logs.OldUser).NotTo(BeEmpty(), "what the store answered to the old key: it was taken, so it was not revoked")
		Expect(got.Run).To(HaveState(airflow.Success))
		Expect(got.Logs.New).To(ContainSubstring("airworthy marker: password of"), "the stored log of a task that ran with the new key")
		Expect(got.Logs.Old).To(ContainSubstring("airworthy marker: password of"), "an old log as the API gives it")
	})

	// After the rest: what is gone by then showed secrets too, if it did.
	It("shows no secret but in Secrets", suite.Check(conformance.SecretsNotShown), func(ctx SpecContext) {
		s := suite.Session(ctx)
		secrets, err := s.AllSecrets(ctx)
		Expect(err).To(BeWithoutError())

		By("waiting until a task's pod was there and is gone")
		_, err = s.GonePods(ctx, "failing")
		Expect(err).To(BeWithoutError())

		By("reading pods, workloads, config maps, events, logs and what Helm keeps, and what was recorded of those that are gone")
		places, looked, err := s.WhereSecretsShow(ctx, secrets)
		Expect(err).To(BeWithoutError())
		Expect(looked).To(BeNumerically(">", 10), "objects and logs that were read")
		Expect(places).To(ShowNothing())
	})

	It("restarts no container", suite.Check(conformance.PlatformNoRestarts), func(ctx SpecContext) {
		s := suite.Session(ctx)
		pods, err := s.RecordedComponents(ctx)
		Expect(err).To(BeWithoutError())
		Expect(pods).NotTo(BeEmpty())
		explained, err := s.ExplainedRestarts()
		Expect(err).To(BeWithoutError())
		for _, pod := range pods {
			Expect(pod).To(NotHaveRestarted(explained))
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
