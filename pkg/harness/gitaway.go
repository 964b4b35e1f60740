package harness

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/airworthy/airworthy/pkg/airflow"
	"github.com/airworthy/airworthy/pkg/await"
	"github.com/airworthy/airworthy/pkg/conformance"
	"github.com/airworthy/airworthy/pkg/kube"
)

// GitOutage is what happened while the Git server was away.
type GitOutage struct {
	For    time.Duration  `json:"for"` // nanoseconds
	Before []kube.PodFact `json:"before"`
	After  []kube.PodFact `json:"after"` // the same components, once the server was back
	Run    Run            `json:"run"`   // begun while it was away
	Seen   Seen           `json:"seen"`  // a commit pushed once it was back
}

// taskStart is how long before the server's return a run has to begin: its
// first pod must have asked for a server that was not there.
const taskStart = 10 * time.Second

// WithoutGit takes the Git server away, begins a run meanwhile, and pushes a
// commit once it is back. kept is a run that is let go in it, or nil.
func (s *Session) WithoutGit(ctx context.Context, d time.Duration, dag string, then Content, kept *Held) (out GitOutage, err error) {
	out.For = d
	ctx, cancel := s.within(ctx, d+3*s.Asked().Timeouts.DAGRun+s.absenceTimeout())
	defer cancel()
	repo, err := s.repository()
	if err != nil {
		return out, err
	}
	if out.Before, err = s.readerPods(ctx); err != nil {
		return out, err
	}
	// Its first pod must have fetched before.
	kept.running(ctx)
	began, lasts := time.Now(), d
	if err := repo.Offline(ctx, lasts); err != nil {
		return out, err
	}
	// What git says of a server that does not answer, by SSH and by HTTPS.
	away := silence{Of: "Git server", From: began.UTC(), Only: "Could not read from remote repository"}
	if s.Asked().Git.Kind == "https" {
		away.Only = "unable to access"
	}
	// The next check finds a server, also after an error.
	back := func(ctx context.Context) error {
		// The same call that makes a commit waits for the server to be back.
		_, err := await.Until(ctx, "the Git server to be back", everyDAG,
			func(ctx context.Context) (struct{}, error) {
				_, err := repo.Log(ctx, s.Asked().Git.Ref)
				return struct{}{}, err
			},
			func(struct{}) error {
				if gone := time.Since(began); gone < lasts {
					return fmt.Errorf("it still answers after %s: it was to be away for %s", gone.Round(time.Second), lasts)
				}
				return nil
			})
		away.To = time.Now().UTC()
		return err
	}
	defer func() {
		if away.To.IsZero() {
			fresh, cancel := context.WithTimeout(context.WithoutCancel(ctx), d+s.scaled(30*time.Second))
			defer cancel()
			err = errors.Join(err, back(fresh))
		}
		err = errors.Join(err, s.noteSilence(away))
	}()
	// It is a minute of waiting, which other checks can use that start no task.
	// What goes wrong with them is theirs to say: they get the same facts.
	if s.absentWithoutGit() {
		_, _ = s.WithoutScheduler(ctx, kept)
	}
	// The run begins with a scheduler that is there, so that it says nothing of
	// one that was not; where that took the minute, the server goes away again.
	if time.Since(began) > lasts-taskStart {
		if err := back(ctx); err != nil {
			return out, err
		}
		began, lasts, away.To = time.Now(), taskStart, time.Time{}
		if err := repo.Offline(ctx, lasts); err != nil {
			return out, err
		}
	}
	if _, err := s.start(ctx, dag); err != nil {
		return out, err
	}
	// After that of the scheduler: a new one looks the exporter up anew.
	if s.suite.selects(conformance.MetricsExporterRestart) {
		_, _ = s.RestartExporter(ctx)
	}
	if err := back(ctx); err != nil {
		return out, err
	}
	if out.Run, err = s.finish(ctx, dag); err != nil {
		return out, err
	}
	kept.share(ctx)
	commit, err := s.PushFiles(ctx, "After the outage", then)
	if err != nil {
		return out, err
	}
	out.Seen, err = s.WaitSeen(ctx, commit, then.DAG, func(dag airflow.DAG) error {
		for _, tag := range dag.Tags {
			if tag == "after" {
				return nil
			}
		}
		return fmt.Errorf("its tags are %q", dag.Tags)
	})
	pods, podsErr := s.readerPods(ctx)
	out.After = pods
	s.fact("outage", out)
	if err != nil {
		return out, err
	}
	return out, podsErr
}

// readerPods are the living pods of the components that hold DAG files.
func (s *Session) readerPods(ctx context.Context) ([]kube.PodFact, error) {
	var all []kube.PodFact
	for _, name := range s.suite.stack.Release.DAGReaders {
		pods, err := s.componentPods(ctx, name)
		if err != nil {
			return all, err
		}
		all = append(all, pods...)
	}
	return all, nil
}

// FirstSyncs gives the living pods of the components that hold DAG files, with
// the names of git-sync's containers and of those that read.
func (s *Session) FirstSyncs(ctx context.Context) ([]FirstSync, error) {
	ctx, cancel := s.within(ctx, s.Asked().Timeouts.Observe)
	defer cancel()
	var all []FirstSync
	for _, name := range s.suite.stack.Release.DAGReaders {
		component, err := s.component(name)
		if err != nil {
			return nil, err
		}
		pods, err := s.componentPods(ctx, name)
		if err != nil {
			return nil, err
		}
		for _, pod := range pods {
			one := FirstSync{Pod: pod.Name}
			if c, ok := pod.Container(s.initName()); ok {
				one.Sync = &c
			}
			if c, ok := pod.Container(component.Container); ok {
				one.Reader = &c
			}
			all = append(all, one)
		}
	}
	s.fact("first-syncs", all)
	return all, nil
}

// FirstSync is when the files came into a pod, and when they were first read.
type FirstSync struct {
	Pod    string     `json:"pod"`
	Sync   *Container `json:"sync,omitempty"`   // nil where there is no init container of git-sync
	Reader *Container `json:"reader,omitempty"` // what reads the files
}
