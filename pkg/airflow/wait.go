package airflow

import (
	"context"
	"fmt"
	"time"

	"github.com/airworthy/airworthy/pkg/await"
)

// WaitRun waits until the run has finished, in whichever state, and returns it.
// It goes on over Transient errors and stops at any other. The error is an
// *await.Error with the last state; the run is the last one seen in every case.
func WaitRun(ctx context.Context, c Client, dag, run string, every time.Duration) (DAGRun, error) {
	return await.Until(ctx, fmt.Sprintf("run %s of DAG %s to finish", run, dag), every,
		func(ctx context.Context) (DAGRun, error) {
			r, err := c.Run(ctx, dag, run)
			if err != nil && !Transient(err) && ctx.Err() == nil {
				err = await.Stop(err)
			}
			return r, err
		},
		func(r DAGRun) error {
			if r.State.Finished() {
				return nil
			}
			return fmt.Errorf("the run is %s, %s", stateName(r.State), since(r))
		})
}

// since says how long a run has been queued or running by the server's clock's
// own stamps, which is what a reader of the report can compare.
func since(r DAGRun) string {
	switch {
	case !r.Started.IsZero():
		return "started at " + r.Started.UTC().Format(time.RFC3339)
	case !r.Queued.IsZero():
		return "queued at " + r.Queued.UTC().Format(time.RFC3339)
	}
	return "not queued"
}

// WaitDAG waits until the platform knows the DAG and it is not stale. When the
// wait ends before that, the error names the import errors that exist, because
// one of them is the usual reason. It goes on over Transient errors and over 404.
func WaitDAG(ctx context.Context, c Client, id string, every time.Duration) (DAG, error) {
	return await.Until(ctx, fmt.Sprintf("DAG %s to appear", id), every,
		func(ctx context.Context) (DAG, error) {
			d, err := c.DAG(ctx, id)
			switch {
			case err == nil, Transient(err), ctx.Err() != nil:
				return d, err
			case !NotFound(err):
				return d, await.Stop(err)
			}
			// A failure here says nothing of the DAG: the 404 stays the reason.
			if broken, listErr := c.ImportErrors(ctx); listErr == nil && len(broken) > 0 {
				err = fmt.Errorf("%w; import errors: %s", err, summary(broken))
			}
			return d, err
		},
		func(d DAG) error {
			if d.Stale {
				return fmt.Errorf("the DAG is stale: its file %s is gone or no longer defines it", d.FileLoc)
			}
			return nil
		})
}

// Connect is New that waits, asking once in every period, while nothing answers:
// right after a rollout connections may still end at the pod that is going.
// Other errors end the wait. ctx should carry a deadline.
func Connect(ctx context.Context, opts Options, every time.Duration) (Client, error) {
	return await.Until(ctx, "Airflow's API to answer at "+opts.URL, every,
		func(ctx context.Context) (Client, error) {
			client, err := New(ctx, opts)
			if err != nil && !Transient(err) {
				err = await.Stop(err)
			}
			return client, err
		},
		func(Client) error { return nil })
}
