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

var _ = Describe("DAG files from Git", func() {
	It("are there before anything looks for them", suite.Check(conformance.DAGSyncFirst), func(ctx SpecContext) {
		s := suite.Session(ctx)
		syncs, err := s.FirstSyncs(ctx)
		Expect(err).To(BeWithoutError())
		Expect(syncs).NotTo(BeEmpty(), "no component holds DAG files")
		for _, sync := range syncs {
			Expect(sync).To(HaveSyncedFirst())
		}
	})

	It("follow a new commit within the period", suite.Check(conformance.DAGSyncNewCommit), func(ctx SpecContext) {
		s := suite.Session(ctx)
		file := harness.NewDAGFile("new_commit")
		DeferCleanup(func(ctx SpecContext) error { return s.DropFiles(ctx, file) })

		By("pushing a commit with a new DAG")
		commit, err := s.PushFiles(ctx, "Add "+file.DAG, file.Valid())
		Expect(err).To(BeWithoutError())

		By("waiting until Airflow lists it")
		seen, err := s.WaitSeen(ctx, commit, file.DAG, nil)
		Expect(err).To(BeWithoutError())
		Expect(seen.DAG.FileLoc).To(HaveSuffix(file.Name))
		By(fmt.Sprintf("comparing the %s that it took with the period of %s", seen.After.Round(100*time.Millisecond), s.Asked().Git.Period))
		Expect(seen.After).To(BeNumerically("<=", s.SyncedAndParsedWithin()), "from the push until Airflow listed the DAG")
	})

	It("are the same for a task and for the DAG processor", suite.Check(conformance.DAGSyncSameCommit), func(ctx SpecContext) {
		s := suite.Session(ctx)
		where, err := s.DeliveredRun(ctx)
		Expect(err).To(BeWithoutError())
		Expect(where).To(HaveRunWhatWasPushed())
	})

	It("are changed, renamed and deleted with their commits", suite.Check(conformance.DAGSyncChanges), func(ctx SpecContext) {
		s := suite.Session(ctx)
		changed, renamed, deleted := harness.NewDAGFile("changed"), harness.NewDAGFile("renamed"), harness.NewDAGFile("deleted")
		moved := harness.DAGFile{DAG: renamed.DAG, Name: "moved_" + renamed.Name}
		DeferCleanup(func(ctx SpecContext) error { return s.DropFiles(ctx, changed, renamed, deleted, moved) })

		By("pushing three DAGs")
		first, err := s.PushFiles(ctx, "Add three", changed.Valid(), renamed.Valid(), deleted.Valid())
		Expect(err).To(BeWithoutError())
		for _, file := range []harness.DAGFile{changed, renamed, deleted} {
			_, err := s.WaitSeen(ctx, first, file.DAG, nil)
			Expect(err).To(BeWithoutError())
		}

		By("changing one, renaming one and deleting one in one commit")
		second, err := s.Push(ctx, "Change three", harness.GitChange{
			Rename: map[string]string{s.InDAGFolder(renamed.Name): s.InDAGFolder(moved.Name)},
			Remove: []string{s.InDAGFolder(deleted.Name)},
			Write:  map[string]string{s.InDAGFolder(changed.Name): changed.Tagged("changed").Text},
		})
		Expect(err).To(BeWithoutError())

		By("waiting until Airflow has followed all three")
		_, err = s.WaitSeen(ctx, second, changed.DAG, HaveTag("changed"))
		Expect(err).To(BeWithoutError())
		_, err = s.WaitSeen(ctx, second, renamed.DAG, LieIn(moved.Name))
		Expect(err).To(BeWithoutError())
		_, err = s.WaitSeen(ctx, second, deleted.DAG, BeGone())
		Expect(err).To(BeWithoutError())
	})

	It("that are broken hurt no other, and heal with the next commit", suite.Check(conformance.DAGSyncBrokenCommit), func(ctx SpecContext) {
		s := suite.Session(ctx)
		broken, sound := harness.NewDAGFile("broken"), harness.NewDAGFile("beside_broken")
		DeferCleanup(func(ctx SpecContext) error { return s.DropFiles(ctx, broken, sound) })

		By("pushing a DAG file that raises, and a sound one beside it")
		commit, err := s.PushFiles(ctx, "Break "+broken.DAG, broken.Broken(), sound.Valid())
		Expect(err).To(BeWithoutError())
		_, err = s.WaitSeen(ctx, commit, sound.DAG, nil)
		Expect(err).To(BeWithoutError())
		failure, err := s.WaitImportError(ctx, broken)
		Expect(err).To(BeWithoutError())
		Expect(failure.Trace).To(NameFileAndLine(broken.Name, broken.BrokenLine()))

		By("correcting it")
		commit, err = s.PushFiles(ctx, "Mend "+broken.DAG, broken.Valid())
		Expect(err).To(BeWithoutError())
		_, err = s.WaitSeen(ctx, commit, broken.DAG, nil)
		Expect(err).To(BeWithoutError())
		Expect(s.WaitNoImportError(ctx, broken)).To(BeWithoutError())
	})

	It("are taken from the configured folder alone", suite.Check(conformance.DAGSyncSubFolder), func(ctx SpecContext) {
		s := suite.Session(ctx)
		inside, outside := harness.NewDAGFile("inside"), harness.NewDAGFile("outside")
		DeferCleanup(func(ctx SpecContext) error {
			return s.DropFiles(ctx, harness.DAGFile{Name: "nested/" + inside.Name}, harness.DAGFile{Name: "../" + outside.Name})
		})
		files := map[string]string{s.InDAGFolder("nested/" + inside.Name): inside.Valid().Text}
		if s.Asked().Git.SubPath != "" { // else nothing lies outside
			files[outside.Name] = outside.Valid().Text
		}

		By("pushing one DAG below the folder and one beside it")
		commit, err := s.Push(ctx, "Add two", harness.GitChange{Write: files})
		Expect(err).To(BeWithoutError())

		By("waiting until Airflow lists the one, and looking for the other")
		seen, err := s.WaitSeen(ctx, commit, inside.DAG, nil)
		Expect(err).To(BeWithoutError())
		// Files are parsed again when all have been parsed once: by then the other would be listed.
		_, err = s.WaitSeen(ctx, commit, inside.DAG, func(dag airflow.DAG) error {
			if !dag.LastParsed.After(seen.DAG.LastParsed) {
				return fmt.Errorf("it was last parsed at %s, when it came", dag.LastParsed.Format(time.TimeOnly))
			}
			return nil
		})
		Expect(err).To(BeWithoutError())
		ids, err := s.DAGIDs(ctx)
		Expect(err).To(BeWithoutError())
		Expect(ids).NotTo(ContainElement(outside.DAG), "a DAG from outside the configured folder is listed")
		examples, err := s.ExampleDAGs(ctx)
		Expect(err).To(BeWithoutError())
		Expect(examples).To(BeEmpty(), "DAGs listed that are Airflow's own examples")
	})

	It("are refused from a server with another host key", suite.Check(conformance.DAGSyncWrongHostKey), func(ctx SpecContext) {
		s := suite.Session(ctx)
		hosts, err := s.StrangersHosts()
		Expect(err).To(BeWithoutError())

		By("syncing with known hosts that say another key")
		refused, err := s.GitProbe(ctx, "host-key", harness.Probe{KnownHosts: hosts})
		Expect(err).To(BeWithoutError())
		Expect(refused).To(HaveFailedFor("Host key verification failed"))
	})

	It("are refused from a server with another host key by Airflow itself", suite.Check(conformance.DAGSyncBundleHostKey), func(ctx SpecContext) {
		s := suite.Session(ctx)
		strange, err := s.StrangersHosts()
		Expect(err).To(BeWithoutError())
		own, err := s.KnownHosts()
		Expect(err).To(BeWithoutError())

		By("fetching the bundle with known hosts that say another key")
		refused, err := s.BundleProbe(ctx, "host-key", harness.BundleAsked{KnownHosts: strange})
		Expect(err).To(BeWithoutError())
		Expect(refused).To(HaveFailedFor("Host key verification failed"))

		By("fetching it in the same way with the server's own")
		taken, err := s.BundleProbe(ctx, "host-key-own", harness.BundleAsked{KnownHosts: own})
		Expect(err).To(BeWithoutError())
		Expect(taken).To(HaveDeliveredFiles())
	})

	It("are refused from a server with another authority's certificate by Airflow itself", suite.Check(conformance.DAGSyncBundleCA), func(ctx SpecContext) {
		s := suite.Session(ctx)
		stranger, err := s.StrangersAuthority()
		Expect(err).To(BeWithoutError())

		By("fetching the bundle with an authority that did not sign the server's certificate")
		refused, err := s.BundleProbe(ctx, "authority", harness.BundleAsked{CA: stranger})
		Expect(err).To(BeWithoutError())
		Expect(refused).To(HaveFailedFor("server certificate verification failed", "SSL certificate problem"))

		By("fetching it in the same way with the one that did")
		taken, err := s.BundleProbe(ctx, "authority-own", harness.BundleAsked{CA: s.GitAuthority()})
		Expect(err).To(BeWithoutError())
		Expect(taken).To(HaveDeliveredFiles())
	})

	It("are not given to a wrong token of Airflow itself", suite.Check(conformance.DAGSyncBundleToken), func(ctx SpecContext) {
		s := suite.Session(ctx)

		By("fetching the bundle with a token that the server does not know")
		refused, err := s.BundleProbe(ctx, "token", harness.BundleAsked{Token: s.StrangersToken()})
		Expect(err).To(BeWithoutError())
		Expect(refused).To(HaveFailedFor("Authentication failed"))
		Expect(refused).To(HaveKeptItsToken())

		By("fetching it in the same way with the platform's own")
		taken, err := s.BundleProbe(ctx, "token-own", harness.BundleAsked{})
		Expect(err).To(BeWithoutError())
		Expect(taken).To(HaveDeliveredFiles())
	})

	It("are refused from a server with another authority's certificate", suite.Check(conformance.DAGSyncWrongCA), func(ctx SpecContext) {
		s := suite.Session(ctx)
		stranger, err := s.StrangersAuthority()
		Expect(err).To(BeWithoutError())

		By("syncing with an authority that did not sign the server's certificate")
		refused, err := s.GitProbe(ctx, "authority", harness.Probe{CA: stranger})
		Expect(err).To(BeWithoutError())
		// As GnuTLS and as OpenSSL say it.
		Expect(refused).To(HaveFailedFor("server certificate verification failed", "SSL certificate problem"))

		By("syncing in the same way with the one that did")
		taken, err := s.GitProbe(ctx, "authority-own", harness.Probe{CA: s.GitAuthority()})
		Expect(err).To(BeWithoutError())
		Expect(taken).To(HaveDeliveredFiles())
	})

	It("are not given to a wrong token", suite.Check(conformance.DAGSyncWrongToken), func(ctx SpecContext) {
		s := suite.Session(ctx)

		By("syncing with a token that the server does not know")
		refused, err := s.GitProbe(ctx, "token", harness.Probe{Token: s.StrangersToken()})
		Expect(err).To(BeWithoutError())
		Expect(refused).To(HaveFailedFor("Authentication failed"))
		Expect(refused).To(HaveKeptItsToken())

		By("syncing in the same way with the platform's own")
		taken, err := s.GitProbe(ctx, "token-own", harness.Probe{})
		Expect(err).To(BeWithoutError())
		Expect(taken).To(HaveDeliveredFiles())
	})

	It("leave the deploy key to git-sync alone", suite.Check(conformance.DAGSyncKeyPrivate), func(ctx SpecContext) {
		s := suite.Session(ctx)
		where, err := s.DeliveredRun(ctx)
		Expect(err).To(BeWithoutError())
		Expect(where.Keys).To(BeEmpty(), "a task could read private keys")
		mounts, err := s.KeyMounts(ctx)
		Expect(err).To(BeWithoutError())
		Expect(mounts).NotTo(BeEmpty(), "nothing mounts the deploy key: it was looked for in the wrong place")
		for _, mount := range mounts {
			Expect(mount).To(BeOfGitSyncAlone())
		}
	})

	It("are delivered by branch, tag and full commit", suite.Check(conformance.DAGSyncRefs), func(ctx SpecContext) {
		s := suite.Session(ctx)
		refs, err := s.PushRefs(ctx)
		Expect(err).To(BeWithoutError())
		DeferCleanup(func(ctx SpecContext) error { return s.DropRefs(ctx, refs) })
		for _, ref := range []string{refs.Branch, refs.Tag, refs.Tagged.Hash} {
			By("syncing " + ref)
			got, err := s.GitProbe(ctx, "ref", harness.Probe{Env: map[string]string{"GITSYNC_REF": ref}})
			Expect(err).To(BeWithoutError())
			Expect(got).To(HaveDelivered(refs.Of(ref)))
		}
	})

	It("come with their submodules", suite.Check(conformance.DAGSyncSubmodule), func(ctx SpecContext) {
		s := suite.Session(ctx)
		branch, file, commit, err := s.PushSubmodule(ctx)
		Expect(err).To(BeWithoutError())
		DeferCleanup(func(ctx SpecContext) error { return s.DropRefs(ctx, harness.Refs{Branch: branch}) })
		got, err := s.GitProbe(ctx, "submodule", harness.Probe{Env: map[string]string{"GITSYNC_REF": branch}})
		Expect(err).To(BeWithoutError())
		Expect(got).To(HaveDelivered(commit))
		Expect(got.Files).To(ContainElement(file), "the file of the submodule is not there")
	})

	It("come with no more history than configured", suite.Check(conformance.DAGSyncDepth), func(ctx SpecContext) {
		s := suite.Session(ctx)
		got, err := s.GitProbe(ctx, "depth", harness.Probe{})
		Expect(err).To(BeWithoutError())
		Expect(got.ExitCode).To(BeZero(), got.Said())
		Expect(got.Shallow).To(ContainElement(got.Commit), "the history does not end with the commit itself")
	})

	It("never mix two commits", suite.Check(conformance.DAGSyncAtomic), func(ctx SpecContext) {
		s := suite.Session(ctx)
		looked, err := s.LookWhilePushing(ctx, 4)
		Expect(err).To(BeWithoutError())
		Expect(looked.Commits).To(BeNumerically(">=", 3), "too few switches were seen to say anything")
		Expect(looked.Mixed).To(BeEmpty(), "files of two commits, or none, were seen below one link")
	})

	It("stay those of one commit through a run", suite.Check(conformance.DAGSyncPinnedRun), func(ctx SpecContext) {
		s := suite.Session(ctx)
		file := harness.NewDAGFile("pinned")
		DeferCleanup(func(ctx SpecContext) error { return s.DropFiles(ctx, file) })
		pinned, err := s.PinnedRun(ctx, file)
		Expect(err).To(BeWithoutError())
		Expect(pinned).To(HaveKeptToItsCommit())
	})

	// Serial: while the server is away no task pod of any check could start.
	It("outlive a minute without the Git server", Serial, suite.Check(conformance.DAGSyncServerGone), func(ctx SpecContext) {
		s := suite.Session(ctx)
		file := harness.NewDAGFile("without_git")
		DeferCleanup(func(ctx SpecContext) error { return s.DropFiles(ctx, file) })
		kept := s.Hold(ctx)
		commit, err := s.PushFiles(ctx, "Add "+file.DAG, file.Marked("before"))
		Expect(err).To(BeWithoutError())
		_, err = s.WaitSeen(ctx, commit, file.DAG, nil)
		Expect(err).To(BeWithoutError())

		By("taking the Git server away for a minute, and starting a run meanwhile")
		outage, err := s.WithoutGit(ctx, time.Minute, file.DAG, file.Tagged("after"), kept)
		Expect(err).To(BeWithoutError())
		Expect(outage.Run).To(HaveState("success"))
		Expect(outage).To(HaveLostNoContainer())
	})
})
