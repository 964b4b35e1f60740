//go:build e2e

package platform

import (
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"

	gomegatypes "github.com/onsi/gomega/types"

	"github.com/airworthy/airworthy/pkg/airflow"
	"github.com/airworthy/airworthy/pkg/harness"
)

// HaveSyncedFirst: an init container of git-sync ended well before the reader began.
func HaveSyncedFirst() gomegatypes.GomegaMatcher {
	return fact("a first sync before the first look", func(f harness.FirstSync) error {
		switch {
		case f.Sync == nil:
			return fmt.Errorf("pod %s has no init container of git-sync", f.Pod)
		case f.Reader == nil:
			return fmt.Errorf("pod %s has no container that reads DAG files", f.Pod)
		case f.Sync.State != "terminated" || f.Sync.ExitCode != 0:
			return fmt.Errorf("git-sync of pod %s is %s with exit code %d", f.Pod, f.Sync.State, f.Sync.ExitCode)
		case f.Reader.Started.Before(f.Sync.Finished):
			return fmt.Errorf("in pod %s files were read from %s on and are there since %s", f.Pod, f.Reader.Started, f.Sync.Finished)
		}
		return nil
	})
}

// HaveRunWhatWasPushed: the task's file carried the marker of the commit that was pushed.
func HaveRunWhatWasPushed() gomegatypes.GomegaMatcher {
	return fact("a task that ran what was pushed", func(w harness.Whereabouts) error {
		if w.Marker != w.Wanted {
			return fmt.Errorf("the task's file carries the marker %q of commit %s, not %q", w.Marker, w.Commit, w.Wanted)
		}
		return nil
	})
}

// HaveKeptToItsCommit: both tasks ran what the run began with, and a later run what came after.
func HaveKeptToItsCommit() gomegatypes.GomegaMatcher {
	return fact("a run that kept to its commit", func(p harness.Pinned) error {
		for _, task := range []struct{ name, marker, want, of string }{
			{"first", p.First, harness.MarkedBefore, p.Run.ID}, {"second", p.Second, harness.MarkedBefore, p.Run.ID},
			{"second", p.Latest, harness.MarkedAfter, p.Later.ID},
		} {
			if task.marker != task.want {
				return fmt.Errorf("task %s of run %s ran the file from %q the commit, not from %q it", task.name, task.of, task.marker, task.want)
			}
		}
		return nil
	})
}

// HaveTag, LieIn and BeGone are conditions for Session.WaitSeen.
func HaveTag(tag string) func(airflow.DAG) error {
	return func(dag airflow.DAG) error {
		if slices.Contains(dag.Tags, tag) {
			return nil
		}
		return fmt.Errorf("its tags are %q, without %q", dag.Tags, tag)
	}
}

func LieIn(name string) func(airflow.DAG) error {
	return func(dag airflow.DAG) error {
		if path.Base(dag.FileLoc) == name && !dag.Stale {
			return nil
		}
		return fmt.Errorf("its file is %s, stale: %t", dag.FileLoc, dag.Stale)
	}
}

func BeGone() func(airflow.DAG) error {
	return func(dag airflow.DAG) error {
		if dag.Stale {
			return nil
		}
		return errors.New("it is still listed, although its file is deleted")
	}
}

// HaveFailedFor: nothing came, for one of the reasons.
func HaveFailedFor(reasons ...string) gomegatypes.GomegaMatcher {
	return fact("a sync that failed for "+strings.Join(reasons, " or "), func(p harness.Probed) error {
		if p.ExitCode == 0 {
			return fmt.Errorf("it delivered commit %s", p.Commit)
		}
		if p.Commit != "" || len(p.Files) > 0 {
			return fmt.Errorf("it failed, and delivered commit %q with %d files all the same", p.Commit, len(p.Files))
		}
		if !slices.ContainsFunc(reasons, func(reason string) bool { return strings.Contains(p.Said(), reason) }) {
			return fmt.Errorf("it failed with exit code %d for something else:\n%s", p.ExitCode, end(p.Said()))
		}
		return nil
	})
}

// HaveKeptItsToken: what git-sync said does not hold the token that it was given.
func HaveKeptItsToken() gomegatypes.GomegaMatcher {
	return fact("a token that is not shown", func(p harness.Probed) error {
		if p.Showed {
			return errors.New("the token that was given is shown in what was said")
		}
		return nil
	})
}

// HaveDeliveredFiles: a commit came, whichever it is.
func HaveDeliveredFiles() gomegatypes.GomegaMatcher {
	return fact("a sync that delivers", func(p harness.Probed) error {
		if p.ExitCode != 0 {
			return fmt.Errorf("it failed with exit code %d:\n%s", p.ExitCode, end(p.Said()))
		}
		if p.Commit == "" || len(p.Files) == 0 {
			return fmt.Errorf("it delivered commit %q with %d files", p.Commit, len(p.Files))
		}
		return nil
	})
}

func HaveDelivered(commit string) gomegatypes.GomegaMatcher {
	return fact("a sync to commit "+commit, func(p harness.Probed) error {
		if p.ExitCode != 0 {
			return fmt.Errorf("it failed with exit code %d:\n%s", p.ExitCode, end(p.Said()))
		}
		if p.Commit != commit {
			return fmt.Errorf("it delivered commit %s", p.Commit)
		}
		return nil
	})
}

// end is the end of a text that is too long to be shown.
func end(text string) string { return text[max(0, len(text)-800):] }

// BeOfGitSyncAlone: the key's file is closed to others, and no other container mounts it.
func BeOfGitSyncAlone() gomegatypes.GomegaMatcher {
	return fact("a key for git-sync alone", func(m harness.KeyMount) error {
		if !m.GitSync {
			return fmt.Errorf("container %s of %s mounts it too", m.Container, m.Of)
		}
		if m.Mode&0o007 != 0 {
			return fmt.Errorf("its mode in %s is %04o: others can read it", m.Of, m.Mode)
		}
		return nil
	})
}

// HaveLostNoContainer: the pods are those of before, and none was restarted.
func HaveLostNoContainer() gomegatypes.GomegaMatcher {
	return fact("no container that was restarted", func(o harness.GitOutage) error {
		for _, before := range o.Before {
			at := slices.IndexFunc(o.After, func(p harness.PodFact) bool { return p.UID == before.UID })
			if at < 0 {
				return fmt.Errorf("pod %s is gone", before.Name)
			}
			for _, was := range before.Containers {
				if is, _ := o.After[at].Container(was.Name); is.Restarts != was.Restarts {
					return fmt.Errorf("container %s of pod %s was restarted %d times while the Git server was away for %s", was.Name, before.Name, is.Restarts-was.Restarts, o.For)
				}
			}
		}
		return nil
	})
}
