package harness

import (
	"context"
	"errors"
	"fmt"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/airworthy/airworthy/pkg/airflow"
	"github.com/airworthy/airworthy/pkg/await"
	"github.com/airworthy/airworthy/pkg/gitrepo"
)

// GitChange is what a commit does.
type GitChange = gitrepo.Change

// Commit is a commit that was pushed.
type Commit struct {
	Hash   string    `json:"hash"`
	Pushed time.Time `json:"pushed"`
}

// Holding is the commit that one pod holds.
type Holding struct {
	Component string        `json:"component"`
	Pod       string        `json:"pod"`
	Commit    string        `json:"commit"`
	After     time.Duration `json:"after"` // since the push, nanoseconds
}

func (s *Session) repository() (*gitrepo.Repo, error) {
	repo, err := gitrepo.New(s.suite.stack.Git)
	if err != nil {
		return nil, fmt.Errorf("reach the Git repository: %w", err)
	}
	return repo, nil
}

// InDAGFolder is the path in the repository of a file of the DAG folder.
func (s *Session) InDAGFolder(name string) string { return path.Join(s.Asked().Git.SubPath, name) }

// Push commits to the branch that the platform follows.
func (s *Session) Push(ctx context.Context, message string, change GitChange) (Commit, error) {
	return s.PushTo(ctx, s.Asked().Git.Ref, message, change)
}

// PushTo commits to a branch, which is made where it does not exist.
func (s *Session) PushTo(ctx context.Context, branch, message string, change GitChange) (Commit, error) {
	ctx, cancel := s.within(ctx, s.Asked().Timeouts.Observe)
	defer cancel()
	repo, err := s.repository()
	if err != nil {
		return Commit{}, err
	}
	hash, err := repo.Commit(ctx, branch, message, change)
	commit := Commit{Hash: hash, Pushed: time.Now()}
	s.fact("commit-"+fold(message), commit)
	return commit, err
}

// PushFiles commits versions of DAG files.
func (s *Session) PushFiles(ctx context.Context, message string, files ...Content) (Commit, error) {
	write := map[string]string{}
	for _, file := range files {
		write[s.InDAGFolder(file.Name)] = file.Text
	}
	return s.Push(ctx, message, GitChange{Write: write})
}

// DropFiles takes DAG files away by a commit. It is used for clean-up: what is
// not there any more is no error.
func (s *Session) DropFiles(ctx context.Context, files ...DAGFile) error {
	ctx, cancel := s.within(ctx, s.Asked().Timeouts.Observe)
	defer cancel()
	repo, err := s.repository()
	if err != nil {
		return err
	}
	for _, file := range files {
		_, err := repo.Commit(ctx, s.Asked().Git.Ref, "Remove "+file.Name, GitChange{Remove: []string{s.InDAGFolder(file.Name)}})
		if err != nil && !gitrepo.NotFound(err) {
			return err
		}
	}
	return nil
}

func fold(text string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' {
			return r
		}
		return '-'
	}, strings.ToLower(text))
}

// syncWithin is how long git-sync may take to bring a commit: one period until
// it looks, and time to fetch and check out on a busy machine.
func (s *Session) syncWithin() time.Duration {
	return s.Asked().Git.Period + s.Asked().Timeouts.Observe/3
}

// SyncedAndParsedWithin is how long a new file may take from its push until Airflow
// lists it: a period, and on a busy machine time to fetch it, to notice and to parse it.
func (s *Session) SyncedAndParsedWithin() time.Duration {
	return s.Asked().Git.Period + s.scaled(s.Asked().Timeouts.Observe/2)
}

// WaitHeld waits until every pod of the components that hold DAG files has the
// commit, or one that came after it. Where no link shows the commit that is
// held, as with Airflow's own bundles, there is nothing to wait for.
func (s *Session) WaitHeld(ctx context.Context, commit Commit) ([]Holding, error) {
	release := s.suite.stack.Release
	if release.DAGLink == "" {
		return nil, nil
	}
	ctx, cancel := s.within(ctx, s.syncWithin())
	defer cancel()
	var all []Holding
	for _, component := range release.DAGReaders {
		held, err := await.Until(ctx, fmt.Sprintf("%s to hold commit %.8s", component, commit.Hash), everyDAG/2,
			func(ctx context.Context) ([]Holding, error) { return s.holding(ctx, component, commit) },
			func(held []Holding) error {
				for _, one := range held {
					if err := s.reached(ctx, one.Commit, commit.Hash); err != nil {
						return fmt.Errorf("pod %s: %w", one.Pod, err)
					}
				}
				return nil
			})
		all = append(all, held...)
		if err != nil {
			s.fact("held", all)
			return all, err
		}
	}
	s.fact("held", all)
	return all, nil
}

// holding reads the link of every pod of a component.
func (s *Session) holding(ctx context.Context, name string, since Commit) ([]Holding, error) {
	component, err := s.component(name)
	if err != nil {
		return nil, err
	}
	pods, err := s.componentPods(ctx, name)
	if err != nil {
		return nil, err
	}
	if len(pods) == 0 {
		return nil, fmt.Errorf("component %s has no pod", name)
	}
	var all []Holding
	for _, pod := range pods {
		target, err := s.execIn(ctx, pod.Name, component.Container, "readlink", s.suite.stack.Release.DAGLink)
		if err != nil {
			return all, err
		}
		all = append(all, Holding{
			Component: name, Pod: pod.Name, After: time.Since(since.Pushed),
			Commit: filepath.Base(strings.TrimSpace(target)),
		})
	}
	return all, nil
}

// reached says whether held is the commit want or came after it.
func (s *Session) reached(ctx context.Context, held, want string) error {
	if held == want {
		return nil
	}
	repo, err := s.repository()
	if err != nil {
		return err
	}
	history, err := repo.Log(ctx, s.Asked().Git.Ref)
	if err != nil {
		return err
	}
	at, wanted := slices.Index(history, held), slices.Index(history, want)
	switch {
	case at < 0:
		return fmt.Errorf("it is at %.8q, which is no commit of the branch", held)
	case wanted < 0 || at <= wanted: // the newest comes first
		return nil
	}
	return fmt.Errorf("it is at commit %.8s, %d behind", held, at-wanted)
}

// Seen is a DAG that came by a commit.
type Seen struct {
	DAG    airflow.DAG   `json:"dag"`
	Commit Commit        `json:"commit"`
	Held   []Holding     `json:"held,omitempty"`
	After  time.Duration `json:"after"` // from the push until Airflow listed it, nanoseconds
}

// WaitSeen waits until the commit is held where DAG files are parsed, and then
// until Airflow lists the DAG as accept wants it.
func (s *Session) WaitSeen(ctx context.Context, commit Commit, id string, accept func(airflow.DAG) error) (Seen, error) {
	seen := Seen{Commit: commit}
	var err error
	if seen.Held, err = s.WaitHeld(ctx, commit); err != nil {
		return seen, err
	}
	timeout := s.Asked().Timeouts.Observe
	if len(seen.Held) == 0 {
		timeout += s.syncWithin() // nobody has waited for the sync yet
	}
	ctx, cancel := s.within(ctx, timeout)
	defer cancel()
	if accept == nil {
		seen.DAG, err = airflow.WaitDAG(ctx, s.Airflow, id, everyDAG)
	} else {
		seen.DAG, err = await.Until(ctx, "DAG "+id+" to follow its file", everyDAG,
			func(ctx context.Context) (airflow.DAG, error) { return s.Airflow.DAG(ctx, id) }, accept)
	}
	seen.After = time.Since(commit.Pushed)
	s.fact("seen-"+id, seen)
	return seen, err
}

// Whereabouts is what a task saw of its own files.
type Whereabouts struct {
	Run    Run      `json:"run"`
	Pushed Commit   `json:"pushed"`
	Commit string   `json:"commit"` // that its file belongs to
	Marker string   `json:"marker"` // that its file carries
	Wanted string   `json:"wanted"` // marker of the pushed file
	Keys   []string `json:"keys"`   // files with private keys that it could read
	Holder Holding  `json:"holder"` // the DAG processor, after the run
}

// DeliveredRun pushes a new DAG, runs it once for all checks that look at it,
// and tells what its task saw.
func (s *Session) DeliveredRun(ctx context.Context) (Whereabouts, error) {
	ctx, cancel := s.within(ctx, 2*s.Asked().Timeouts.DAGRun)
	defer cancel()
	found, err := once(ctx, s.suite.sharedDir(), "delivered-run", func(ctx context.Context) (Whereabouts, error) {
		return s.runDelivered(ctx)
	})
	s.fact("delivered-run", found)
	return found, err
}

func (s *Session) runDelivered(ctx context.Context) (Whereabouts, error) {
	file := NewDAGFile("delivered")
	w := Whereabouts{Wanted: file.DAG + "-marker"}
	// There is an older version, which a task pod that lags behind would run.
	older, err := s.PushFiles(ctx, "Deliver an older "+file.DAG, file.Marked(file.DAG+"-older"))
	if err != nil {
		return w, err
	}
	if _, err := s.WaitSeen(ctx, older, file.DAG, nil); err != nil {
		return w, err
	}
	if w.Pushed, err = s.PushFiles(ctx, "Deliver "+file.DAG, file.Marked(w.Wanted)); err != nil {
		return w, err
	}
	if _, err := s.WaitHeld(ctx, w.Pushed); err != nil {
		return w, err
	}
	if w, err = s.runMarked(ctx, file, w); err != nil {
		return w, err
	}
	if s.suite.stack.Release.DAGLink == "" {
		return w, nil
	}
	holders, err := s.WaitHeld(ctx, Commit{Hash: w.Commit, Pushed: w.Pushed.Pushed})
	if len(holders) > 0 {
		w.Holder = holders[0]
	}
	return w, err
}

// runMarked runs a marked DAG and reads what its task returned.
func (s *Session) runMarked(ctx context.Context, file DAGFile, w Whereabouts) (Whereabouts, error) {
	within, cancel := s.within(ctx, s.Asked().Timeouts.DAGRun)
	defer cancel()
	if _, err := s.start(within, file.DAG); err != nil {
		return w, err
	}
	var err error
	if w.Run, err = s.finish(within, file.DAG); err != nil {
		return w, err
	}
	if w.Run.State != airflow.Success {
		return w, fmt.Errorf("run %s of %s is %q with tasks %s", w.Run.ID, file.DAG, w.Run.State, w.Run.Story())
	}
	value, err := s.XCom(ctx, w.Run, "where", -1)
	if err != nil {
		return w, err
	}
	answer, ok := value.(map[string]any)
	if !ok {
		return w, fmt.Errorf("task where of %s returned %v", file.DAG, value)
	}
	w.Commit, _ = answer["commit"].(string)
	w.Marker, _ = answer["marker"].(string)
	keys, _ := answer["keys"].([]any)
	for _, key := range keys {
		w.Keys = append(w.Keys, fmt.Sprint(key))
	}
	if w.Commit == "" {
		return w, errors.New("the task's file lies in no folder that is named after a commit")
	}
	return w, nil
}
