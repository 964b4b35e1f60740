//go:build e2e

package platform

import (
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/airworthy/airworthy/pkg/conformance"
)

var _ = Describe("the platform", func() {
	It("has every component ready and healthy", suite.Check(conformance.PlatformComponentsReady), func(ctx SpecContext) {
		s := suite.Session(ctx)

		By("asking Kubernetes for the components' workloads")
		workloads, err := s.Workloads(ctx)
		Expect(err).To(BeWithoutError())
		Expect(workloads).NotTo(BeEmpty())
		for _, workload := range workloads {
			Expect(workload).To(BeReady())
		}

		By("asking Airflow for its own view")
		health, err := s.Airflow.Health(ctx)
		Expect(err).To(BeWithoutError())
		Expect(health).To(BeHealthy("metadatabase", "scheduler", "triggerer", "dag_processor"))
	})

	It("runs the versions that were asked for", suite.Check(conformance.PlatformVersions), func(ctx SpecContext) {
		s := suite.Session(ctx)
		asked := s.Asked()

		version, err := s.Airflow.Version(ctx)
		Expect(err).To(BeWithoutError())
		Expect(version.Version).To(Equal(asked.Platform.AirflowVersion), "the version that Airflow reports")

		server, err := s.KubernetesVersion(ctx)
		Expect(err).To(BeWithoutError())
		if asked.Cluster.Kubernetes != "" {
			Expect(server).To(Equal(asked.Cluster.Kubernetes), "the version that the Kubernetes API reports")
		}

		By("comparing the image of every component")
		pods, err := s.ComponentPods(ctx)
		Expect(err).To(BeWithoutError())
		Expect(pods).NotTo(BeEmpty())
		for _, pod := range pods {
			Expect(pod).To(RunImage(s.AirflowImage()))
		}
	})

	It("has its database at the migration head", suite.Check(conformance.PlatformDatabaseHead), func(ctx SpecContext) {
		s := suite.Session(ctx)

		By("comparing the database's revision with the head of the migrations that the image carries")
		head, err := s.MigrationHead(ctx)
		Expect(err).To(BeWithoutError())
		current, err := s.DatabaseRevision(ctx)
		Expect(err).To(BeWithoutError())
		Expect(current).To(Equal(head))
	})
})
