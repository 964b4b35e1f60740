package harness

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/labels"

	"github.com/airworthy/airworthy/pkg/stack/standing"
)

// MigrationOrder is when the database was migrated, and when what uses it started.
type MigrationOrder struct {
	Migrations []MigrationPod `json:"migrations"`
	Components Pods           `json:"components"`
}

// MigrationPod is one attempt at the migration. Times are exact to the second.
type MigrationPod struct {
	Name      string    `json:"name"`
	Created   time.Time `json:"created"`
	Finished  time.Time `json:"finished,omitzero"`
	Succeeded bool      `json:"succeeded"`
}

// MigrationOrder gives what was recorded of the migration's pods and of the
// components'. Where no pod of a migration was recorded the spec is blocked:
// such pods are removed a while after they have ended.
func (s *Session) MigrationOrder(ctx context.Context) (MigrationOrder, error) {
	var order MigrationOrder
	selector, err := labels.Parse(s.suite.stack.Release.MigrationSelector)
	if err != nil {
		return order, fmt.Errorf("selector of the migration: %w", err)
	}
	all, err := s.suite.recorded.pods(ctx)
	if err != nil {
		return order, err
	}
	for _, pod := range all {
		if selector.Matches(labels.Set(pod.Labels)) {
			order.Migrations = append(order.Migrations, MigrationPod{
				Name: pod.Name, Created: pod.Created, Finished: pod.Finished, Succeeded: pod.Phase == "Succeeded",
			})
		}
	}
	components, err := s.RecordedComponents(ctx)
	if err != nil {
		return order, err
	}
	// A pod of an earlier revision was started after an earlier migration, which
	// may be older than the record. Kubernetes' times are exact to the second.
	began := s.suite.stack.Release.Began.Truncate(time.Second)
	for _, pod := range components {
		if !pod.Created.Before(began) {
			order.Components = append(order.Components, pod)
		}
	}
	s.fact("migration-order", order)
	if len(order.Components) == 0 {
		s.Unable("no component was started since the platform was installed or changed last: check a stack that was just brought up")
	}
	if len(order.Migrations) == 0 {
		s.Unable("the pods of the migration were gone before anybody recorded them: check a stack that was just brought up")
	}
	return order, nil
}

// NoteInDatabase sets the note of a run through the API, and reads it back
// through the API and from the database itself.
func (s *Session) NoteInDatabase(ctx context.Context, run Run, note string) (throughAPI, stored string, err error) {
	ctx, cancel := s.within(ctx, s.Asked().Timeouts.Observe)
	defer cancel()
	if err := s.Airflow.SetNote(ctx, run.DAG, run.ID, note); err != nil {
		return "", "", fmt.Errorf("set the note of run %s of %s: %w", run.ID, run.DAG, err)
	}
	again, err := s.Airflow.Run(ctx, run.DAG, run.ID)
	if err != nil {
		return "", "", err
	}
	err = s.row(ctx, "SELECT n.content FROM dag_run_note n JOIN dag_run r ON r.id = n.dag_run_id WHERE r.dag_id = ? AND r.run_id = ?",
		[]any{run.DAG, run.ID}, &stored)
	s.fact("note", map[string]string{"throughAPI": again.Note, "stored": stored})
	return again.Note, stored, err
}

// RunTimes are the begin and the end of one run, from three sides.
type RunTimes struct {
	Started, Ended             time.Time // by the API
	StoredStarted, StoredEnded time.Time // in the database, its session set to UTC
	PodCreated, PodFinished    time.Time // of its first and its last pod, by Kubernetes
}

// TimesOf gives the times of a finished run.
func (s *Session) TimesOf(ctx context.Context, run Run) (RunTimes, error) {
	times := RunTimes{Started: run.Started, Ended: run.Ended}
	pods, err := s.FinishedPods(ctx, run)
	if err != nil {
		return times, err
	}
	for i, pod := range pods {
		if i == 0 {
			times.PodCreated = pod.Created
		}
		if pod.Finished.After(times.PodFinished) {
			times.PodFinished = pod.Finished
		}
	}
	ctx, cancel := s.within(ctx, s.Asked().Timeouts.Observe)
	defer cancel()
	err = s.row(ctx, "SELECT start_date, end_date FROM dag_run WHERE dag_id = ? AND run_id = ?", []any{run.DAG, run.ID},
		&times.StoredStarted, &times.StoredEnded)
	s.fact("times-"+run.DAG, times)
	return times, err
}

// row reads one row of the metadata database. Each ? in the query stands for an
// argument, whatever the kind of database.
func (s *Session) row(ctx context.Context, query string, args []any, into ...any) error {
	kind := s.Asked().Database.Kind
	if kind == "postgres" {
		parts := strings.Split(query, "?")
		query = parts[0]
		for i, part := range parts[1:] {
			query += "$" + strconv.Itoa(i+1) + part
		}
	}
	db, err := standing.ConnectDatabase(ctx, kind, s.suite.clients.database)
	if err != nil {
		return err
	}
	defer db.Close()
	if err := db.QueryRowContext(ctx, query, args...).Scan(into...); err != nil {
		return fmt.Errorf("read the database: %w", err)
	}
	return nil
}

// change changes the metadata database.
func (s *Session) change(ctx context.Context, statement string) error {
	db, err := standing.ConnectDatabase(ctx, s.Asked().Database.Kind, s.suite.clients.database)
	if err != nil {
		return err
	}
	defer db.Close()
	if _, err := db.ExecContext(ctx, statement); err != nil {
		return fmt.Errorf("change the database: %w", err)
	}
	return nil
}
