package harness

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/airworthy/airworthy/pkg/airflow"
	"github.com/airworthy/airworthy/pkg/await"
	"github.com/airworthy/airworthy/pkg/stack/standing"
)

// Refusal is a time during which the database refused every connection, and what
// came after it.
type Refusal struct {
	Run     Run     `json:"run"` // begun when the platform was healthy again
	Silence silence `json:"silence"`
	// Meanwhile is what a new connection met; empty when it was accepted.
	Meanwhile string `json:"meanwhile"`
	// Health is what Airflow said last of the database meanwhile: its status, or
	// that it answered an error.
	Health string `json:"health"`
	// Said are log lines of that time that name the cause, by POD/CONTAINER.
	Said map[string]string `json:"said,omitempty"`
	// Recovered is how long the platform took to be healthy again.
	Recovered time.Duration `json:"recovered"`
}

// tooFew are the words in which databases, and the pooler before one, refuse
// connections because there are too few.
var tooFew = regexp.MustCompile(`(?i)too many connections|remaining connection slots|no more connections allowed|max_user_connections`)

// RefusedAndBack has the database refuse every connection until Airflow has said
// something of it and at least for a while, waits until the platform is healthy
// again, and then runs a DAG. The database accepts connections again whatever
// happens. No run is under way meanwhile that has to succeed: a task of Airflow
// 3.2.2 asks the API again for some five seconds, and fails when it still errs.
func (s *Session) RefusedAndBack(ctx context.Context, dag string, lasts time.Duration) (Refusal, error) {
	var refusal Refusal
	ctx, cancel := s.within(ctx, 2*s.Asked().Timeouts.DAGRun)
	defer cancel()
	read, err := s.logSizes(ctx)
	if err != nil {
		return refusal, err
	}
	err = s.countingRestarts(ctx, &refusal.Silence, func() error {
		if err := s.refuse(ctx, &refusal, lasts); err != nil {
			return err
		}
		if err := s.recover(ctx, &refusal, dag); err != nil {
			return err
		}
		own := s.apart("refusal")
		if _, err := own.start(ctx, dag); err != nil {
			return err
		}
		refusal.Run, err = own.finish(ctx, dag)
		return err
	})
	if err == nil {
		refusal.Said, err = s.saidSince(ctx, read)
	}
	s.fact("refusal", refusal)
	return refusal, err
}

// refuse is the time of the refusal itself.
func (s *Session) refuse(ctx context.Context, refusal *Refusal, lasts time.Duration) (err error) {
	kind, database := s.Asked().Database.Kind, s.suite.clients.database
	refusal.Silence.From = time.Now().UTC()
	accept, err := standing.RefuseConnections(ctx, kind, s.suite.stack.DatabaseAdmin, database)
	defer func() {
		err = errors.Join(err, accept())
		refusal.Silence.To = time.Now().UTC()
		err = errors.Join(err, s.noteSilence(refusal.Silence))
	}()
	if err != nil {
		return err
	}
	over := time.NewTimer(lasts)
	defer over.Stop()
	if db, err := standing.ConnectDatabase(ctx, kind, database); err == nil {
		_ = db.Close()
	} else {
		refusal.Meanwhile = err.Error()
	}
	// What it says first may be from before: a connection that was cut is noticed
	// when it is used. That it goes on calling the database healthy is a fact.
	within, cancel := context.WithTimeout(ctx, lasts)
	defer cancel()
	_, _ = await.Until(within, "Airflow to say that the database does not answer", everyDAG,
		func(ctx context.Context) (string, error) {
			said := s.databaseHealth(ctx)
			if ctx.Err() == nil || refusal.Health == "" {
				refusal.Health = said
			}
			return said, nil
		},
		func(said string) error {
			if said == "healthy" {
				return errors.New("it says that the database is healthy")
			}
			return nil
		})
	select {
	case <-over.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// databaseHealth is what Airflow says of the database.
func (s *Session) databaseHealth(ctx context.Context) string {
	health, err := s.Airflow.Health(ctx)
	if err != nil {
		return "error: " + err.Error()
	}
	return health["metadatabase"].Status
}

// recover waits until Airflow calls every component healthy again, and answers
// about the DAG: a connection that was cut is noticed by the request that uses
// it, which the API server of Airflow 3.2.2 on MySQL was seen to answer with 500,
// half a minute later.
func (s *Session) recover(ctx context.Context, refusal *Refusal, dag string) error {
	ctx, cancel := s.within(ctx, s.Asked().Timeouts.Observe)
	defer cancel()
	_, err := await.Until(ctx, "every component to be healthy again after the database accepted connections", everyDAG,
		func(ctx context.Context) (airflow.Health, error) {
			health, err := s.Airflow.Health(ctx)
			if err == nil {
				_, err = s.Airflow.DAG(ctx, dag)
			}
			return health, err
		},
		func(health airflow.Health) error {
			var errs []error
			for _, component := range []string{"metadatabase", "scheduler", "triggerer", "dag_processor"} {
				if at := health[component]; at.Status != "healthy" {
					errs = append(errs, fmt.Errorf("%s is %q", component, at.Status))
				} else if component != "metadatabase" && at.Heartbeat.Before(refusal.Silence.To) {
					errs = append(errs, fmt.Errorf("the last sign of %s is of %s", component, at.Heartbeat.Format(time.TimeOnly)))
				}
			}
			return errors.Join(errs...)
		})
	refusal.Recovered = time.Since(refusal.Silence.To)
	return err
}

// restarts counts the restarts of every container of the components by POD/CONTAINER.
func (s *Session) restarts(ctx context.Context) (map[string]int32, error) {
	count := map[string]int32{}
	for _, component := range s.suite.stack.Release.Components {
		pods, err := s.componentPods(ctx, component.Name)
		if err != nil {
			return nil, err
		}
		for _, pod := range pods {
			for _, container := range pod.Containers {
				count[pod.Name+"/"+container.Name] = container.Restarts
			}
		}
	}
	return count, nil
}

// countingRestarts does something to the database, and tells the checks that
// look back at the whole run which containers ended of it and were started again.
func (s *Session) countingRestarts(ctx context.Context, during *silence, do func() error) error {
	before, err := s.restarts(ctx)
	if err != nil {
		return err
	}
	done := do()
	fresh, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	after, err := s.restarts(fresh)
	if err != nil {
		return errors.Join(done, err)
	}
	more := map[string]int32{}
	for name, count := range after {
		if count > before[name] {
			more[name] = count - before[name]
		}
	}
	if len(more) == 0 {
		return done
	}
	during.Restarts = more
	return errors.Join(done, s.noteSilence(*during))
}

// logSizes gives how much of each component's log was recorded so far, by path.
func (s *Session) logSizes(ctx context.Context) (map[string]int64, error) {
	sizes := map[string]int64{}
	err := s.componentLogs(ctx, func(_, path string) error {
		info, err := os.Stat(path)
		if err == nil {
			sizes[path] = info.Size()
		}
		return err
	})
	return sizes, err
}

// saidSince waits until a component's log that was recorded since names the
// cause of a refusal, and gives a line of every log that does. None is a fact.
func (s *Session) saidSince(ctx context.Context, read map[string]int64) (map[string]string, error) {
	ctx, cancel := context.WithTimeout(ctx, s.scaled(logDelay))
	defer cancel()
	said, err := await.Until(ctx, "a component's log to name the cause", everyDAG,
		func(ctx context.Context) (map[string]string, error) {
			said := map[string]string{}
			err := s.componentLogs(ctx, func(name, path string) error {
				line, err := lineAfter(path, read[path], tooFew)
				if line != "" {
					said[name] = line
				}
				return err
			})
			return said, err
		},
		func(said map[string]string) error {
			if len(said) == 0 {
				return errors.New("none does")
			}
			return nil
		})
	if said != nil {
		return said, nil
	}
	return nil, err
}

// logDelay is how late the recording may be with a line.
const logDelay = 10 * time.Second

// componentLogs visits every recorded log of the components.
func (s *Session) componentLogs(ctx context.Context, visit func(name, path string) error) error {
	pods, err := s.RecordedComponents(ctx)
	if err != nil {
		return err
	}
	var errs []error
	for _, pod := range pods {
		files, err := s.recordedLogs(pod.Name)
		errs = append(errs, err)
		for _, file := range files {
			errs = append(errs, visit(pod.Name+"/"+strings.TrimSuffix(filepath.Base(file), ".log"), file))
		}
	}
	return errors.Join(errs...)
}

// recordedLogs are the files that hold what was recorded of a pod's logs so far, by name.
func (s *Session) recordedLogs(pod string) ([]string, error) {
	files, err := filepath.Glob(s.suite.dir.Abs(standing.RecordedLogs(pod)) + "/*.log")
	slices.Sort(files)
	return files, err
}

// lineAfter gives the first line of a file behind an offset that matches.
func lineAfter(path string, offset int64, want *regexp.Regexp) (string, error) {
	file, err := os.Open(path)
	if err != nil {
		return "", fmt.Errorf("read recorded log: %w", err)
	}
	defer file.Close()
	if _, err := file.Seek(offset, io.SeekStart); err != nil {
		return "", fmt.Errorf("read recorded log %s: %w", path, err)
	}
	for lines := bufio.NewReader(file); ; {
		line, err := lines.ReadString('\n')
		if want.MatchString(line) {
			return fmt.Sprintf("%.400s", strings.TrimSpace(line)), nil
		}
		if errors.Is(err, io.EOF) {
			return "", nil
		}
		if err != nil {
			return "", fmt.Errorf("read recorded log %s: %w", path, err)
		}
	}
}
