package sabotage

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/airworthy/airworthy/pkg/await"
	"github.com/airworthy/airworthy/pkg/config"
	"github.com/airworthy/airworthy/pkg/conformance"
	"github.com/airworthy/airworthy/pkg/kube"
	"github.com/airworthy/airworthy/pkg/stack"
	"github.com/airworthy/airworthy/pkg/stack/standing"
)

// Runner installs groups of sabotages on a standing stack, one after the other.
// Each group is installed over the one before it, which costs one rollout in
// place of two; Mend undoes the last.
type Runner struct {
	Stack *stack.Stack
	// Configure gives the run file of the stack with settings changed.
	Configure func(settings []string) (config.Run, error)
	// Test runs the named checks against the stack as h describes it and
	// returns what was recorded. h differs from the stack's own description
	// where the group changes what was asked for.
	Test     func(ctx context.Context, group string, h stack.Handoff, checks []string) ([]conformance.Record, error)
	Progress func(group, line string)

	installed Group      // what the platform is broken by
	changed   []Sabotage // of installed: those whose SQL must be undone
}

// Run sabotages, tests, and says what was found. The platform stays broken
// until another group is installed over it, or it is mended.
func (r *Runner) Run(ctx context.Context, g Group) (findings []Finding, err error) {
	h := r.Stack.Handoff
	if h.Run, err = r.Configure(g.Settings()); err != nil {
		return nil, fmt.Errorf("sabotage group %s: %w", g.Name, err)
	}
	client, err := kube.New(r.Stack.Cluster.REST(), h.Release.Namespace)
	if err != nil {
		return nil, err
	}
	r.say(g, "breaking: "+g.titles())
	before, err := r.parsed(ctx, client)
	if err != nil {
		return nil, err
	}
	err = r.replace(ctx, g)
	if s, ok := g.breaksInstall(); ok && ctx.Err() == nil {
		return []Finding{s.compareInstall(err)}, nil
	}
	if err != nil {
		return nil, fmt.Errorf("install sabotage group %s: %w", g.Name, err)
	}
	if err := r.waitGone(ctx, client); err != nil {
		return nil, fmt.Errorf("install sabotage group %s: %w", g.Name, err)
	}
	if err := r.waitParsed(ctx, g, client, before); err != nil {
		return nil, err
	}
	for _, s := range g.Sabotages {
		if s.SQL != nil {
			if err := r.execSQL(ctx, s.SQL.Do); err != nil {
				return nil, fmt.Errorf("sabotage %s: %w", s.ID(), err)
			}
			r.changed = append(r.changed, s)
		}
		if s.Exec != nil {
			if err := disturb(ctx, client, h, *s.Exec); err != nil {
				return nil, fmt.Errorf("sabotage %s: %w", s.ID(), err)
			}
		}
	}
	r.say(g, "running "+strings.Join(g.Checks(), ", "))
	records, err := r.Test(ctx, g.Name, h, g.Checks())
	if err != nil {
		return nil, fmt.Errorf("sabotage group %s: %w", g.Name, err)
	}
	return g.Compare(records), nil
}

// Mend undoes what was installed last. Where it fails, the stack should be removed.
func (r *Runner) Mend(ctx context.Context) error {
	was := r.installed
	r.say(was, "mending")
	if err := r.replace(ctx, Group{Name: was.Name}); err != nil {
		return fmt.Errorf("mend sabotage group %s: %w", was.Name, err)
	}
	return nil
}

// replace installs a group over the one before it; a group of nothing mends. The
// database comes first, since the migration job of the install reads it.
func (r *Runner) replace(ctx context.Context, g Group) error {
	for len(r.changed) > 0 {
		if err := r.execSQL(ctx, r.changed[0].SQL.Undo); err != nil {
			return err
		}
		r.changed = r.changed[1:]
	}
	if err := r.execSQL(ctx, forgetUnfinished); err != nil {
		return err
	}
	addons := append(r.installed.Addons(), g.Addons()...)
	// Whoever broke the stack before, and was stopped, may not have mended it.
	platform := r.installed.Name == "" || r.installed.changesPlatform() || g.changesPlatform()
	r.installed = g
	slices.Sort(addons)
	for _, name := range slices.Compact(addons) {
		err := stack.ReinstallAddon(ctx, r.Stack.Cluster.REST(), r.Stack.Handoff, name, g.ApplyTo,
			func(step, waitingFor string) { r.say(g, step+": "+waitingFor) })
		if err != nil {
			return err
		}
	}
	if !platform {
		return nil
	}
	_, err := stack.Reinstall(ctx, r.Stack.Cluster.REST(), r.Stack.Handoff, g.Apply,
		func(step, waitingFor string) { r.say(g, step+": "+waitingFor) })
	return err
}

// waitGone waits until no pod of a component is ending any more. One that the
// rollout replaced runs on for up to its grace period, sound, answers requests
// and writes log lines, and a check could take it for the platform.
func (r *Runner) waitGone(ctx context.Context, client *kube.Client) error {
	ctx, cancel := context.WithTimeout(ctx, r.Stack.Handoff.Run.Timeouts.Scaled().Install)
	defer cancel()
	_, err := await.Until(ctx, "the pods that were replaced to be gone", time.Second,
		func(ctx context.Context) (ending []string, err error) {
			for _, component := range r.Stack.Handoff.Release.Components {
				pods, err := client.Pods(ctx, component.Selector)
				if err != nil {
					return nil, err
				}
				for _, pod := range pods {
					if !pod.DeletionRequested.IsZero() {
						ending = append(ending, pod.Name)
					}
				}
			}
			return ending, nil
		},
		func(ending []string) error {
			if len(ending) > 0 {
				return fmt.Errorf("%s ending", strings.Join(ending, ", "))
			}
			return nil
		})
	return err
}

// parsing is who parses DAG files, and when they were parsed last.
type parsing struct {
	pods []string
	last time.Time
}

func (r *Runner) parsed(ctx context.Context, client *kube.Client) (p parsing, err error) {
	for _, component := range r.Stack.Handoff.Release.Components {
		if component.Name != "dag-processor" {
			continue
		}
		pods, err := client.Pods(ctx, component.Selector)
		if err != nil {
			return p, err
		}
		for _, pod := range pods {
			p.pods = append(p.pods, pod.Name)
		}
	}
	var last sql.NullTime
	err = r.queryRow(ctx, &last, "SELECT MAX(last_parsed_time) FROM dag")
	p.last = last.Time
	return p, err
}

// waitParsed waits until a DAG processor that was replaced has parsed every
// file: a run that begins before that is a run of the DAG as the sound platform
// knew it. A DAG processor that the sabotage keeps from parsing is not waited
// for to the end.
func (r *Runner) waitParsed(ctx context.Context, g Group, client *kube.Client, before parsing) error {
	now, err := r.parsed(ctx, client)
	if err != nil || slices.Equal(now.pods, before.pods) {
		return err
	}
	within, cancel := context.WithTimeout(ctx, r.Stack.Handoff.Run.Timeouts.Scaled().Observe/2)
	defer cancel()
	_, err = await.Until(within, "the DAG files to be parsed anew", time.Second,
		func(ctx context.Context) (int, error) {
			var old int
			err := r.queryRow(ctx, &old, "SELECT COUNT(*) FROM dag WHERE is_stale = false AND last_parsed_time <= "+r.placeholder(), before.last)
			return old, err
		},
		func(old int) error {
			if old > 0 {
				return fmt.Errorf("%d DAGs are as they were", old)
			}
			return nil
		})
	if err != nil && ctx.Err() == nil {
		r.say(g, "going on: "+err.Error())
		return nil
	}
	return err
}

// disturb runs a command in a component's pods and waits until Kubernetes has
// counted the restart that it caused and the component is ready again.
func disturb(ctx context.Context, client *kube.Client, h stack.Handoff, e Exec) error {
	for _, component := range h.Release.Components {
		if component.Name != e.Component {
			continue
		}
		pods, err := client.Pods(ctx, component.Selector)
		if err != nil {
			return err
		}
		for _, pod := range pods {
			// The command kills the shell that runs it, so its own error says nothing.
			_, _, _ = client.Exec(ctx, pod.Name, component.Container, e.Command, nil)
		}
		ctx, cancel := context.WithTimeout(ctx, h.Run.Timeouts.Scaled().Install)
		defer cancel()
		_, err = await.Until(ctx, "component "+e.Component+" to be restarted", time.Second,
			func(ctx context.Context) ([]kube.PodFact, error) { return client.Pods(ctx, component.Selector) },
			func(pods []kube.PodFact) error {
				for _, pod := range pods {
					if c, ok := pod.Container(component.Container); !ok || c.Restarts == 0 || !pod.Ready {
						return fmt.Errorf("container %s of pod %s has %d restarts, ready: %t", component.Container, pod.Name, c.Restarts, pod.Ready)
					}
				}
				return nil
			})
		return err
	}
	return fmt.Errorf("the platform has no component %s", e.Component)
}

// forgetUnfinished removes runs that a sabotage left hanging. A task instance
// that is running without a pod would follow the platform into the next group:
// the scheduler of Airflow 3.2.2 ends with a DetachedInstanceError at every
// start while there is one.
const forgetUnfinished = "DELETE FROM dag_run WHERE state IN ('queued', 'running')"

func (r *Runner) execSQL(ctx context.Context, statements string) error {
	return r.withDatabase(ctx, func(db *sql.DB) error {
		if _, err := db.ExecContext(ctx, statements); err != nil {
			return fmt.Errorf("change the database: %w", err)
		}
		return nil
	})
}

func (r *Runner) queryRow(ctx context.Context, into any, query string, args ...any) error {
	return r.withDatabase(ctx, func(db *sql.DB) error {
		if err := db.QueryRowContext(ctx, query, args...).Scan(into); err != nil {
			return fmt.Errorf("read the database: %w", err)
		}
		return nil
	})
}

// placeholder is how the kind of database writes the first argument of a query.
func (r *Runner) placeholder() string {
	if r.Stack.Handoff.Run.Database.Kind == "postgres" {
		return "$1"
	}
	return "?"
}

func (r *Runner) withDatabase(ctx context.Context, use func(*sql.DB) error) error {
	database, closing, err := standing.Reach(ctx, r.Stack.Cluster.REST(), r.Stack.Handoff.Database)
	if err != nil {
		return err
	}
	defer closing()
	db, err := standing.ConnectDatabase(ctx, r.Stack.Handoff.Run.Database.Kind, database)
	if err != nil {
		return err
	}
	defer db.Close()
	return use(db)
}

func (r *Runner) say(g Group, line string) {
	if r.Progress != nil {
		r.Progress(g.Name, line)
	}
}

func (g Group) titles() string {
	var titles []string
	for _, s := range g.Sabotages {
		titles = append(titles, s.Title)
	}
	return strings.Join(titles, "; ")
}
