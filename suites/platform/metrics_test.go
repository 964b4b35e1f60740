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

// What one run of the DAG measured does: works succeeds within the task group
// steps, fails has failed, and with it the run.
var (
	works = map[string]string{"dag_id": "measured", "task_id": "steps.works"}
	fails = map[string]string{"dag_id": "measured", "task_id": "fails"}
)

var _ = Describe("metrics", func() {
	It("are scraped through the ServiceMonitor", suite.Check(conformance.MetricsScraped), func(ctx SpecContext) {
		s := suite.Session(ctx)
		_, err := s.ScrapeTarget(ctx, time.Now())
		Expect(err).To(BeWithoutError())
	})

	It("rise by exactly what a DAG run did", suite.Check(conformance.MetricsCountsRuns), func(ctx SpecContext) {
		s := suite.Session(ctx)
		measured, err := s.MeasuredRun(ctx)
		Expect(err).To(BeWithoutError())
		Expect(measured.Run).To(HaveState(airflow.FailedState))
		for _, task := range []map[string]string{works, fails} {
			Expect(measured).To(HaveRisen("airflow_ti_start", task, 1))
			Expect(measured).To(HaveRisen("airflow_ti_finish", task, 1))
		}
		Expect(measured).To(HaveRisen("airflow_ti_finish", with(works, "state", "success"), 1))
		Expect(measured).To(HaveRisen("airflow_ti_finish", with(fails, "state", "failed"), 1))
		Expect(measured).To(HaveRisen("airflow_ti_successes", works, 1))
		Expect(measured).To(HaveRisen("airflow_ti_failures", works, 0))
		Expect(measured).To(HaveRisen("airflow_ti_failures", fails, 1))
		Expect(measured).To(HaveRisen("airflow_ti_successes", fails, 0))
		Expect(measured).To(HaveRisen("airflow_dagrun_duration_count", map[string]string{"dag_id": "measured", "state": "failed"}, 1))
		Expect(measured).To(HaveRisen("airflow_dagrun_duration_count", map[string]string{"dag_id": "measured"}, 1))
	})

	It("carry DAG and task as labels, not in their names", suite.Check(conformance.MetricsLabels), func(ctx SpecContext) {
		s := suite.Session(ctx)
		measured, err := s.MeasuredRun(ctx)
		Expect(err).To(BeWithoutError())

		By("looking for the labels on what the run left behind")
		for _, metric := range []string{"airflow_ti_start", "airflow_ti_finish", "airflow_task_duration_count"} {
			Expect(measured).To(HaveSeries(metric, works))
			Expect(measured).To(HaveSeries(metric, fails))
		}

		By("looking for ids in the names of all metrics")
		names, err := s.MetricNames(ctx)
		Expect(err).To(BeWithoutError())
		Expect(names).NotTo(BeEmpty())
		Expect(names).To(NameNone("measured", "steps", "works", "fan_out", "long_task", "two_steps"))
	})

	It("tell of scheduler, executor, pools and DAG processing", suite.Check(conformance.MetricsScheduler), func(ctx SpecContext) {
		s := suite.Session(ctx)
		// The series of an exporter that was replaced stay for some seconds more.
		target, err := s.ScrapeTarget(ctx, time.Now())
		Expect(err).To(BeWithoutError())
		rises := func(counter string) string {
			return fmt.Sprintf("increase(%s{pod=%q}[30s]) > 0", counter, target.Labels["pod"])
		}
		is := func(gauge, rest string) string { return fmt.Sprintf("%s{pod=%q}%s", gauge, target.Labels["pod"], rest) }
		pool := func(gauge string) string {
			return fmt.Sprintf(`%s{pod=%q, pool_name="default_pool"}`, gauge, target.Labels["pod"])
		}
		_, err = s.WaitSeries(ctx, "the components' metrics", []string{
			rises("airflow_scheduler_heartbeat"), rises("airflow_dag_processor_heartbeat"), rises("airflow_triggerer_heartbeat"),
			rises("airflow_scheduler_scheduler_loop_duration_count"),
			is("airflow_executor_open_slots", " > 0"), is("airflow_executor_queued_tasks", ""), is("airflow_executor_running_tasks", ""),
			pool("airflow_pool_open_slots"), pool("airflow_pool_queued_slots"), pool("airflow_pool_running_slots"),
			is("airflow_dagbag_size", " > 0"), is("airflow_dag_processing_import_errors", ""), is("airflow_dag_processing_total_parse_time", " > 0"),
			is("airflow_dag_processing_file_path_queue_size", ""), is("airflow_dag_processing_last_duration_count", " > 0"),
		}, harness.HasData)
		Expect(err).To(BeWithoutError())
	})

	It("tell how long runs and tasks took", suite.Check(conformance.MetricsDurations), func(ctx SpecContext) {
		s := suite.Session(ctx)
		measured, err := s.MeasuredRun(ctx)
		Expect(err).To(BeWithoutError())
		took := measured.Run.Ended.Sub(measured.Run.Started).Seconds()
		Expect(measured).To(HaveRisen("airflow_dagrun_duration_count", map[string]string{"dag_id": "measured"}, 1))
		Expect(measured.Rose("airflow_dagrun_duration_sum", map[string]string{"dag_id": "measured"})).
			To(BeNumerically("~", took, 1), "seconds that the run took by its metric, and by Airflow's API")
		for _, task := range []map[string]string{works, fails} {
			Expect(measured).To(HaveRisen("airflow_task_duration_count", task, 1))
			Expect(measured.Rose("airflow_task_duration_sum", task)).To(And(BeNumerically(">", 0), BeNumerically("<", took)),
				"seconds that %s took by its metric; the run took %.1f", task["task_id"], took)
			Expect(measured).To(HaveRisen("airflow_task_scheduled_duration_count", task, 1))
		}
	})

	It("fill every query of every dashboard", suite.Check(conformance.MetricsDashboards), func(ctx SpecContext) {
		s := suite.Session(ctx)
		_, err := s.MeasuredRun(ctx)
		Expect(err).To(BeWithoutError())

		By("evaluating the queries")
		queries, err := s.DashboardQueries(ctx)
		Expect(err).To(BeWithoutError())
		Expect(queries).NotTo(BeEmpty(), "queries of the dashboards that the platform brings")
		var expressions []string
		for _, query := range queries {
			expressions = append(expressions, query.Expression)
		}
		_, err = s.WaitSeries(ctx, "every query of the dashboards to have data", expressions, harness.HasData)
		Expect(err).To(BeWithoutError())
		s.KeepPanels(ctx, queries)
	})

	It("are shown by every dashboard in Grafana", suite.Check(conformance.MetricsGrafana), func(ctx SpecContext) {
		s := suite.Session(ctx)
		_, err := s.MeasuredRun(ctx)
		Expect(err).To(BeWithoutError())

		By("looking for the dashboards in Grafana")
		shown, err := s.ShownDashboards(ctx)
		Expect(err).To(BeWithoutError())
		Expect(shown.Queries).NotTo(BeEmpty(), "queries of the dashboards as Grafana holds them")

		By("having Grafana ask for every panel")
		DeferCleanup(func(ctx SpecContext) { s.KeepDashboardPictures(ctx, shown) })
		Expect(s.WaitPanels(ctx, shown)).To(BeWithoutError())
	})
})

var _ = Describe("alerts", SpecPriority(second), func() {
	It("end with their cause", suite.Check(conformance.MetricsAlerts), func(ctx SpecContext) {
		s := suite.Session(ctx)
		file := harness.NewDAGFile("alerting")
		DeferCleanup(s.RemoveDAGFile, file)
		began := time.Now()

		By("breaking a DAG file")
		Expect(s.WriteDAGFile(ctx, file.Broken())).To(BeWithoutError())
		measured, err := s.MeasuredRun(ctx)
		Expect(err).To(BeWithoutError())
		broken := harness.Alert{Name: "AirflowImportError"}
		Expect(s.WaitAlert(ctx, broken, began)).To(BeWithoutError())

		By("correcting it")
		Expect(s.WriteDAGFile(ctx, file.Valid())).To(BeWithoutError())
		Expect(s.WaitNoAlert(ctx, broken)).To(BeWithoutError())

		By("looking for the alert of the task that failed")
		failing := harness.Alert{Name: "AirflowTaskFailing", Labels: fails}
		Expect(s.WaitAlert(ctx, failing, measured.Run.Started)).To(BeWithoutError())
		Expect(s.WaitNoAlert(ctx, failing)).To(BeWithoutError())
	})
})
