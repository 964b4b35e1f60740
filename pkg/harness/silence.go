package harness

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/airworthy/airworthy/pkg/evidence"
	"github.com/airworthy/airworthy/pkg/service/pause"
	"github.com/airworthy/airworthy/pkg/stack/standing"
)

// silence is a time during which the database answered nobody, or refused everybody.
type silence struct {
	From time.Time `json:"from"`
	To   time.Time `json:"to"`
	// Restarts counts the restarts that it caused by POD/CONTAINER, where the check
	// that caused it counted them.
	Restarts map[string]int32 `json:"restarts,omitempty"`
}

const silencesFile evidence.File = "shared/silences.jsonl"

// afterSilence is how long components may still speak of a silence: calls that
// were sent into it have to time out and be repeated.
const afterSilence = 30 * time.Second

// silences gives what checks of this run did to the database.
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
		return fmt.Errorf("note a silence of the database: %w", err)
	}
	return s.suite.dir.Append(silencesFile, string(line)+"\n")
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

// Outage is a run during which the database was silent.
type Outage struct {
	Run     Run     `json:"run"`
	Silence silence `json:"silence"`
	// Meanwhile is what a new connection met; empty when it was answered.
	Meanwhile string `json:"meanwhile"`
}

// RunWithDatabaseSilent starts a run of its own, silences the database for a
// while when the named task runs, and waits for the run's end. The database is
// let go on whatever happens.
func (s *Session) RunWithDatabaseSilent(ctx context.Context, dag, task string, lasts time.Duration) (Outage, error) {
	var outage Outage
	ctx, cancel := s.within(ctx, 2*s.Asked().Timeouts.DAGRun)
	defer cancel()
	own := s.apart("silence")
	if _, err := own.start(ctx, dag); err != nil {
		return outage, err
	}
	if _, err := own.waitRunning(ctx, dag, task); err != nil {
		return outage, err
	}
	err := s.countingRestarts(ctx, &outage.Silence, func() (err error) {
		if outage.Silence, outage.Meanwhile, err = s.silenceDatabase(ctx, lasts); err != nil {
			return err
		}
		outage.Run, err = own.finish(ctx, dag)
		return err
	})
	s.fact("outage", outage)
	return outage, err
}

// connectTry is how long a connection is tried while the database is silent.
const connectTry = 3 * time.Second

func (s *Session) silenceDatabase(ctx context.Context, lasts time.Duration) (during silence, meanwhile string, err error) {
	database := pause.Container{Host: s.suite.stack.Engine, Name: s.suite.stack.Database.Container}
	during.From = time.Now().UTC()
	resume, err := database.Silence(ctx)
	defer func() {
		err = errors.Join(err, resume())
		during.To = time.Now().UTC()
		err = errors.Join(err, s.noteSilence(during))
	}()
	if err != nil {
		return during, "", err
	}
	over := time.NewTimer(lasts)
	defer over.Stop()
	try, cancel := context.WithTimeout(ctx, connectTry)
	defer cancel()
	if db, err := standing.ConnectDatabase(try, s.Asked().Database.Kind, s.suite.clients.database); err == nil {
		_ = db.Close()
	} else {
		meanwhile = err.Error()
	}
	select {
	case <-over.C:
		return during, meanwhile, nil
	case <-ctx.Done():
		return during, meanwhile, context.Cause(ctx)
	}
}
