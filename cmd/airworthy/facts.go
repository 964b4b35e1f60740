package main

import (
	"context"
	"errors"
	"io/fs"
	"time"

	"github.com/airworthy/airworthy/internal/usage"
	"github.com/airworthy/airworthy/pkg/airflow"
	"github.com/airworthy/airworthy/pkg/conformance"
	"github.com/airworthy/airworthy/pkg/conformance/reportv1"
	"github.com/airworthy/airworthy/pkg/environment"
	"github.com/airworthy/airworthy/pkg/evidence"
	"github.com/airworthy/airworthy/pkg/stack"
	"github.com/airworthy/airworthy/pkg/stack/standing"
)

// readFacts reads the facts of a run, or begins them anew where it was cut
// short before they were written.
func readFacts(dir *evidence.Dir) (reportv1.Facts, error) {
	var facts reportv1.Facts
	err := dir.ReadJSON(evidence.FactsFile, &facts)
	if errors.Is(err, fs.ErrNotExist) {
		return reportv1.Facts{
			Run: dir.Name(), Airworthy: thisBuild().Version,
			Problems: []string{"the run was cut short: its facts were never written"},
		}, nil
	}
	return facts, err
}

// describeStack enters what was tested. h may be of a stack that never became
// ready: what is not known stays empty.
func describeStack(facts *reportv1.Facts, h stack.Handoff) {
	run := h.Run
	facts.Platform = reportv1.Platform{Adapter: h.Plan.Adapter, Chart: h.Plan.Chart, Version: h.Plan.Version, Digest: h.Plan.Digest}
	if facts.Platform.Adapter == "" {
		facts.Platform.Adapter = run.Platform.Adapter
	}
	facts.Airflow.Asked, facts.Airflow.Image = run.Platform.AirflowVersion, h.AirflowImage
	facts.Kubernetes = reportv1.Kubernetes{
		Kind: run.Cluster.Kind, Version: h.Cluster.Kubernetes, Nodes: len(h.Cluster.Nodes),
	}
	if run.Cluster.Kind == environment.KindKind {
		facts.Kubernetes.Image = string(stack.NodeRef(run))
	}
	if facts.Kubernetes.Version == "" {
		facts.Kubernetes.Version = run.Cluster.Kubernetes
	}
	facts.Database.Kind, facts.Database.Image = run.Database.Kind, run.Database.Image
	facts.ObjectStorage = reportv1.ObjectStorage{Kind: run.ObjectStorage.Kind}
	if run.ObjectStorage.Kind != "none" {
		facts.ObjectStorage.Image = run.ObjectStorage.Image
	}
	facts.Images = facts.Images[:0]
	for _, i := range h.Images {
		facts.Images = append(facts.Images, reportv1.Image{
			Ref: string(i.Ref), Role: string(i.Role), Source: string(i.Source), Digest: i.Digest, ID: i.ID, From: i.From,
		})
	}
}

// describeSetup enters the parts of the set-up, as offsets from began.
func describeSetup(t *reportv1.Timings, began time.Time, spans []stack.Span) {
	t.Setup = t.Setup[:0]
	for _, s := range spans {
		t.Setup = append(t.Setup, reportv1.Step{
			Name: s.Name, Offset: max(0, s.Started.Sub(began)), Took: s.Took, Error: s.Error,
		})
	}
}

// checksTook is the time from the first check's begin to the last one's end.
func checksTook(records []conformance.Record) time.Duration {
	var from, to time.Time
	for _, r := range records {
		if r.Started.IsZero() {
			continue
		}
		if from.IsZero() || r.Started.Before(from) {
			from = r.Started
		}
		if end := r.Started.Add(r.Took); end.After(to) {
			to = end
		}
	}
	return to.Sub(from)
}

// reported asks the platform which Airflow it says it is. Nothing depends on
// the answer: a check compares it with what was asked for.
func reported(ctx context.Context, h stack.Handoff) string {
	if h.AirflowURL == "" {
		return ""
	}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	c, err := airflow.New(ctx, airflow.Options{URL: h.AirflowURL, User: h.AdminUser, Password: h.AdminPassword})
	if err != nil {
		return ""
	}
	v, err := c.Version(ctx)
	if err != nil {
		return ""
	}
	return v.Version
}

// databaseVersion asks the database's server likewise. Of one that no port of this
// machine leads to nothing is known.
func databaseVersion(ctx context.Context, h stack.Handoff) string {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	version, err := standing.DatabaseVersion(ctx, h.Run.Database.Kind, h.Database)
	if err != nil {
		return ""
	}
	return version
}

func describeHarness(u usage.Usage, stackBytes int64) reportv1.Harness {
	return reportv1.Harness{
		StackBytes: stackBytes, ProgramBytes: u.PeakPrograms, ProgramCPUSeconds: u.CPUPrograms.Seconds(),
		MaxRSSBytes: u.PeakMemory, CPUSeconds: u.CPU.Seconds(), RunCPUSeconds: u.MachineCPU.Seconds(),
	}
}
