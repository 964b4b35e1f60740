package airflow

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"

	v2 "github.com/airworthy/airworthy/pkg/airflow/internal/v2"
)

// clientV2 is the Client of Airflow 3.
type clientV2 struct{ *caller }

// pageSize is the largest page that a server with default settings gives
// ([api] maximum_page_limit); one that gives less is paged through all the same.
const pageSize = 100

func (c *clientV2) get(ctx context.Context, path string, query url.Values, out any) error {
	return c.call(ctx, request{method: http.MethodGet, path: path, query: query}, out)
}

func (c *clientV2) Version(ctx context.Context) (Version, error) {
	var w v2.Version
	err := c.call(ctx, request{method: http.MethodGet, path: v2.Path("version"), open: true}, &w)
	return Version{Version: w.Version, GitHash: w.Git}, err
}

func (c *clientV2) Health(ctx context.Context) (Health, error) {
	var w map[string]v2.Component
	if err := c.call(ctx, request{method: http.MethodGet, path: v2.Path("monitor", "health"), open: true}, &w); err != nil {
		return nil, err
	}
	health := make(Health, len(w))
	for name, component := range w {
		if component == nil {
			continue // null: the server does not report it
		}
		status, at := component.Heartbeat(name)
		health[name] = ComponentHealth{Status: status, Heartbeat: at}
	}
	return health, nil
}

func (c *clientV2) DAG(ctx context.Context, id string) (DAG, error) {
	var w v2.DAG
	if err := c.get(ctx, v2.DAGPath(id), nil, &w); err != nil {
		return DAG{}, err
	}
	return dagV2(w), nil
}

func (c *clientV2) DAGs(ctx context.Context) ([]DAG, error) {
	all, err := pages(ctx, c, v2.Path("dags"), url.Values{"order_by": {"dag_id"}, "exclude_stale": {"false"}},
		func(p v2.Page) []v2.DAG { return p.DAGs }, func(d v2.DAG) string { return d.ID })
	return convert(all, dagV2), err
}

func (c *clientV2) ImportErrors(ctx context.Context) ([]ImportError, error) {
	all, err := pages(ctx, c, v2.Path("importErrors"), url.Values{"order_by": {"id"}},
		func(p v2.Page) []v2.ImportError { return p.ImportErrors }, func(e v2.ImportError) int { return e.ID })
	return convert(all, func(w v2.ImportError) ImportError {
		return ImportError{ID: w.ID, Filename: w.Filename, Bundle: w.Bundle, Trace: w.Trace, Timestamp: w.Timestamp}
	}), err
}

func (c *clientV2) SetPaused(ctx context.Context, dag string, paused bool) error {
	return c.call(ctx, request{
		method: http.MethodPatch, path: v2.DAGPath(dag),
		query: url.Values{"update_mask": {"is_paused"}}, body: map[string]bool{"is_paused": paused},
	}, nil)
}

func (c *clientV2) Trigger(ctx context.Context, dag, run string, conf map[string]any) (DAGRun, error) {
	if conf == nil {
		conf = map[string]any{}
	}
	var w v2.Run
	err := c.call(ctx, request{
		method: http.MethodPost, path: v2.DAGPath(dag) + "/dagRuns", body: v2.Trigger{ID: run, Conf: conf},
	}, &w)
	if err != nil {
		return DAGRun{}, err
	}
	return runV2(w), nil
}

func (c *clientV2) Run(ctx context.Context, dag, run string) (DAGRun, error) {
	var w v2.Run
	if err := c.get(ctx, v2.RunPath(dag, run), nil, &w); err != nil {
		return DAGRun{}, err
	}
	return runV2(w), nil
}

func (c *clientV2) SetNote(ctx context.Context, dag, run, note string) error {
	return c.call(ctx, request{
		method: http.MethodPatch, path: v2.RunPath(dag, run),
		query: url.Values{"update_mask": {"note"}}, body: map[string]string{"note": note},
	}, nil)
}

func (c *clientV2) DeleteRun(ctx context.Context, dag, run string) error {
	return c.call(ctx, request{method: http.MethodDelete, path: v2.RunPath(dag, run)}, nil)
}

func (c *clientV2) AddConnection(ctx context.Context, n Connection) error {
	return c.call(ctx, request{method: http.MethodPost, path: v2.Path("connections"), body: v2.Connection{
		ID: n.ID, Type: n.Type, Host: n.Host, Port: n.Port, Login: n.Login, Password: n.Password,
	}}, nil)
}

func (c *clientV2) DeleteConnection(ctx context.Context, id string) error {
	return c.call(ctx, request{method: http.MethodDelete, path: v2.Path("connections", id)}, nil)
}

func (c *clientV2) TaskInstances(ctx context.Context, dag, run string) ([]TaskInstance, error) {
	type key struct {
		task     string
		mapIndex int
	}
	// map_index, and the key of the row after it, do not change while a task
	// instance lives, except that expanding a task turns -1 into 0 and more.
	all, err := pages(ctx, c, v2.RunPath(dag, run)+"/taskInstances", url.Values{"order_by": {"map_index"}},
		func(p v2.Page) []v2.TaskInstance { return p.TaskInstances },
		func(w v2.TaskInstance) key { return key{w.Task, w.MapIndex} })
	return convert(all, taskV2), err
}

func (c *clientV2) Tries(ctx context.Context, dag, run, task string, mapIndex int) ([]TaskInstance, error) {
	var w v2.Page
	if err := c.get(ctx, v2.MappedPath(dag, run, task, mapIndex)+"/tries", nil, &w); err != nil {
		return nil, err
	}
	// The server gives the history in no order, the current try after it.
	slices.SortStableFunc(w.TaskInstances, func(a, b v2.TaskInstance) int { return a.Try - b.Try })
	return convert(w.TaskInstances, taskV2), nil
}

func (c *clientV2) XCom(ctx context.Context, dag, run, task string, mapIndex int, key string) (any, error) {
	var w v2.XCom
	// deserialize=true would read a text as JSON once more: "42" came back as 42.
	query := url.Values{"map_index": {strconv.Itoa(mapIndex)}, "deserialize": {"false"}}
	if err := c.get(ctx, v2.TaskPath(dag, run, task)+"/xcomEntries/"+url.PathEscape(key), query, &w); err != nil {
		return nil, err
	}
	if len(w.Value) == 0 {
		return nil, nil
	}
	v, err := v2.Value(w.Value)
	if err != nil {
		return nil, fmt.Errorf("decode XCom %s of %s: %w", key, task, err)
	}
	return v2.Sequences(v), nil
}

// pages reads a list to its end. What changes on the server between two pages
// may show an item twice: key names it, and the later one wins.
func pages[T any, K comparable](ctx context.Context, c *clientV2, path string, query url.Values, items func(v2.Page) []T, key func(T) K) ([]T, error) {
	var all []T
	at := map[K]int{}
	for offset := 0; ; {
		query.Set("limit", strconv.Itoa(pageSize))
		query.Set("offset", strconv.Itoa(offset))
		var page v2.Page
		if err := c.get(ctx, path, query, &page); err != nil {
			return nil, err
		}
		got := items(page)
		for _, item := range got {
			if i, seen := at[key(item)]; seen {
				all[i] = item
				continue
			}
			at[key(item)] = len(all)
			all = append(all, item)
		}
		offset += len(got)
		if len(got) == 0 || offset >= page.Total {
			return all, nil
		}
	}
}

func convert[W, T any](from []W, one func(W) T) []T {
	to := make([]T, len(from))
	for i, w := range from {
		to[i] = one(w)
	}
	return to
}

func dagV2(w v2.DAG) DAG {
	return DAG{
		ID: w.ID, Paused: w.Paused, Stale: w.Stale, FileLoc: w.FileLoc, RelativeFileLoc: w.RelativeFileLoc,
		Tags: convert(w.Tags, func(t v2.Tag) string { return t.Name }), HasImportErrors: w.HasImportErrors, LastParsed: w.LastParsed,
	}
}

func runV2(w v2.Run) DAGRun {
	return DAGRun{DAG: w.DAG, ID: w.ID, State: State(w.State), Conf: w.Conf, Queued: w.Queued, Started: w.Started, Ended: w.Ended, Note: w.Note}
}

func taskV2(w v2.TaskInstance) TaskInstance {
	return TaskInstance{
		DAG: w.DAG, Run: w.Run, Task: w.Task, MapIndex: w.MapIndex, Try: w.Try, MaxTries: w.MaxTries, State: State(w.State),
		Hostname: w.Hostname, Started: w.Started, Ended: w.Ended, Operator: w.Operator,
		Queued: w.Queued, Scheduled: w.Scheduled, Executor: w.Executor, Pool: w.Pool,
	}
}
