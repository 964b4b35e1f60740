//go:build e2e

package platform

import (
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/airworthy/airworthy/pkg/conformance"
	"github.com/airworthy/airworthy/pkg/harness"
)

var _ = Describe("DAG files", func() {
	It("appear as DAGs", suite.Check(conformance.DAGsAppears), func(ctx SpecContext) {
		s := suite.Session(ctx)
		file := harness.NewDAGFile("appears")
		DeferCleanup(s.RemoveDAGFile, file)

		By("writing a new DAG file")
		Expect(s.WriteDAGFile(ctx, file.Valid())).To(BeWithoutError())

		By("waiting until Airflow lists its DAG")
		dag, err := s.WaitDAG(ctx, file.DAG)
		Expect(err).To(BeWithoutError())
		Expect(dag.FileLoc).To(HaveSuffix(file.Name))
		Expect(dag.Tags).To(ContainElement("airworthy"))
	})

	It("that cannot be imported are reported with file and line, and hurt no other", suite.Check(conformance.DAGsImportError), func(ctx SpecContext) {
		s := suite.Session(ctx)
		broken, sound := harness.NewDAGFile("broken"), harness.NewDAGFile("beside_broken")
		DeferCleanup(s.RemoveDAGFile, broken)
		DeferCleanup(s.RemoveDAGFile, sound)

		By("writing a DAG file that raises, and a sound one beside it")
		Expect(s.WriteDAGFile(ctx, broken.Broken())).To(BeWithoutError())
		Expect(s.WriteDAGFile(ctx, sound.Valid())).To(BeWithoutError())

		By("waiting until the error is reported")
		failure, err := s.WaitImportError(ctx, broken)
		Expect(err).To(BeWithoutError())
		Expect(failure.Trace).To(NameFileAndLine(broken.Name, broken.BrokenLine()))
		Expect(failure.Trace).To(ContainSubstring("airworthy marker: this file is broken on purpose"))

		By("waiting until the sound one is listed")
		_, err = s.WaitDAG(ctx, sound.DAG)
		Expect(err).To(BeWithoutError())
	})

	It("recover when they are corrected", suite.Check(conformance.DAGsRecovery), func(ctx SpecContext) {
		s := suite.Session(ctx)
		file := harness.NewDAGFile("recovery")
		DeferCleanup(s.RemoveDAGFile, file)

		By("breaking a DAG file")
		Expect(s.WriteDAGFile(ctx, file.Broken())).To(BeWithoutError())
		_, err := s.WaitImportError(ctx, file)
		Expect(err).To(BeWithoutError())

		By("correcting it")
		Expect(s.WriteDAGFile(ctx, file.Valid())).To(BeWithoutError())
		_, err = s.WaitDAG(ctx, file.DAG)
		Expect(err).To(BeWithoutError())
		Expect(s.WaitNoImportError(ctx, file)).To(BeWithoutError())
	})
})
