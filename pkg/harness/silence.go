package harness

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/airworthy/airworthy/pkg/airflow"
	"github.com/airworthy/airworthy/pkg/evidence"
	"github.com/airworthy/airworthy/pkg/service/pause"
	"github.com/airworthy/airworthy/pkg/stack/standing"
)

// silence is a time during which a check kept something from the platform.
type silence struct {
	Of   string    `json:"of,omitempty"` // what answered nobody
	From time.Time `json:"from"`
	To   time.Time `json:"to"`
	// Only is the text of the one kind of error that it explains; empty for all.
	Only string `json:"only,omitempty"`
	// Restarts counts the restarts that it caused by POD/CONTAINER, where the check
	// that caused it counted them.
	Restarts map[string]int32 `json:"restarts,omitempty"`
}

const silencesFile evidence.File = "shared/silences.jsonl"

// afterSilence is how long components may still speak of a silence: calls that
// were sent into it have to time out and be repeated.
const afterSilence = time.Minute

// silences gives what checks of this run kept from the platform.
func (s *Session) silences() ([]silence, error) {
	data, err := os.ReadFile(s.suite.dir.Abs(silencesFile))
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read silences: %w", err)
	}
	var all []silence
	for decoder := json.NewDecoder(bytes.NewReader(data)); decoder.More(); {
		var one silence
		if err := decoder.Decode(&one); err != nil {
			return nil, fmt.Errorf("read silences: %w", err)
		}
		all = append(all, one)
	}
	return all, nil
}

// noteSilence tells the checks that look back at the whole run whose doing it was.
func (s *Session) noteSilence(during silence) error {
	line, err := json.Marshal(during)
	if err != nil {
		return fmt.Errorf("note a silence: %w", err)
	}
	return s.suite.disturbed(silencesFile, line)
}

// ExplainedRestarts counts the restarts of containers, by POD/CONTAINER, that
// checks of this run caused when they took the database away.
func (s *Session) ExplainedRestarts() (map[string]int32, error) {
	silences, err := s.silences()
	if err != nil {
		return nil, err
	}
	count := map[string]int32{}
	for _, one := range silences {
		for name, restarts := range one.Restarts {
			count[name] += restarts
		}
	}
	return count, nil
}

// Outage is a run during which a service was silent.
type Outage struct {
	Run     Run     `json:"run"`
	Silence silence `json:"silence"`
	// Meanwhile is what a new connection met; empty when it was answered.
	Meanwhile string `json:"meanwhile"`
}

// Covers says why the silence did not go on for so long after a task had ended
// in it, or nil.
func (o Outage) Covers(task string, after time.Duration) error {
	for _, instance := range o.Run.Tasks {
		if instance.Task != task {
			continue
		}
		if instance.Ended.After(o.Silence.From) && instance.Ended.Add(after).Before(o.Silence.To) {
			return nil
		}
		const clock = "15:04:05"
		return fmt.Errorf("task %s ended at %s, and the silence of the %s lasted from %s to %s", task,
			instance.Ended.UTC().Format(clock), o.Silence.Of, o.Silence.From.Format(clock), o.Silence.To.Format(clock))
	}
	return fmt.Errorf("the run has no task %s: its tasks are %s", task, o.Run.TaskStates())
}

// RunWithDatabaseSilent starts a run of its own, silences the database for a
// while when the named task's own code runs, and waits for the run's end. The
// database is let go on whatever happens.
func (s *Session) RunWithDatabaseSilent(ctx context.Context, dag, task string, lasts time.Duration) (Outage, error) {
	return s.runWithSilent(ctx, dag, task, lasts, silenced{
		name: "database", container: s.suite.stack.Database.Container, explains: true,
		try: func(ctx context.Context) error {
			db, err := standing.ConnectDatabase(ctx, s.Asked().Database.Kind, s.suite.clients.database)
			if err == nil {
				_ = db.Close()
			}
			return err
		},
	})
}

// RunWithObjectStoreSilent is the same for the object store. It returns when
// the pods of the run have ended too, which store their logs last.
func (s *Session) RunWithObjectStoreSilent(ctx context.Context, dag, task string, lasts time.Duration) (Outage, error) {
	outage, err := s.runWithSilent(ctx, dag, task, lasts, silenced{
		name: "object store", container: s.suite.stack.ObjectStorage.Container,
		try: func(ctx context.Context) error {
			_, err := s.suite.clients.objects.BucketExists(ctx, s.Asked().ObjectStorage.Bucket)
			return err
		},
	})
	if err == nil {
		_, err = s.FinishedPods(ctx, outage.Run)
	}
	return outage, err
}

// silenced is a service whose container is paused for a while.
type silenced struct {
	name, container string
	try             func(context.Context) error // reaches it anew
	explains        bool                        // components that need it may speak of its silence as an error
}

func (s *Session) runWithSilent(ctx context.Context, dag, task string, lasts time.Duration, what silenced) (Outage, error) {
	var outage Outage
	ctx, cancel := s.within(ctx, 2*s.Asked().Timeouts.DAGRun)
	defer cancel()
	own := s.apart("silent-" + strings.ReplaceAll(what.name, " ", "-"))
	if _, err := own.start(ctx, dag); err != nil {
		return outage, err
	}
	if _, err := own.waitTask(ctx, dag, task, airflow.Running); err != nil {
		return outage, err
	}
	if live := own.readLive(ctx, airflow.TaskRef{DAG: dag, Run: own.runID(), Task: task, MapIndex: -1, Try: 1}, "has begun"); live.Err != "" || live.State != airflow.Running {
		s.Unable(fmt.Sprintf("task %s was not caught while it ran: it is %q. %s", task, live.State, live.Err))
	}
	act := func() (err error) {
		if outage.Silence, outage.Meanwhile, err = s.silence(ctx, what, lasts); err != nil {
			return err
		}
		outage.Run, err = own.finish(ctx, dag)
		return err
	}
	var err error
	if what.explains {
		err = s.countingRestarts(ctx, &outage.Silence, act)
	} else {
		err = act()
	}
	s.fact("outage", outage)
	return outage, err
}

// connectTry is how long a service is tried while it is silent.
const connectTry = 3 * time.Second

func (s *Session) silence(ctx context.Context, what silenced, lasts time.Duration) (during silence, meanwhile string, err error) {
	container := pause.Container{Host: s.suite.stack.Engine, Name: what.container}
	during = silence{Of: what.name, From: time.Now().UTC()}
	resume, err := container.Silence(ctx)
	defer func() {
		err = errors.Join(err, resume())
		during.To = time.Now().UTC()
		if what.explains {
			err = errors.Join(err, s.noteSilence(during))
		}
	}()
	if err != nil {
		return during, "", err
	}
	over := time.NewTimer(lasts)
	defer over.Stop()
	try, cancel := context.WithTimeout(ctx, connectTry)
	defer cancel()
	if err := what.try(try); err != nil {
		meanwhile = err.Error()
	}
	select {
	case <-over.C:
		return during, meanwhile, nil
	case <-ctx.Done():
		return during, meanwhile, context.Cause(ctx)
	}
}
