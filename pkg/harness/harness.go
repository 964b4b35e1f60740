// Package harness gives Ginkgo suites a standing stack: it turns a check of
// the catalogue into a spec, a spec into a recorded result, and hands each spec
// a Session to act with. It is the only package below pkg/ that knows Ginkgo.
package harness

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/onsi/ginkgo/v2"
	"github.com/onsi/ginkgo/v2/types"
	"github.com/onsi/gomega"

	"github.com/airworthy/airworthy/pkg/conformance"
	"github.com/airworthy/airworthy/pkg/evidence"
	"github.com/airworthy/airworthy/pkg/stack/standing"
)

// LabelCheck begins the Ginkgo label that carries a check's id.
const LabelCheck = "check:"

// specTimeout ends a spec whose own waits failed to. Each wait has a shorter,
// named timeout, scaled by the run file.
const specTimeout = 20 * time.Minute

// Suite is one Ginkgo test binary.
type Suite struct {
	name string

	runDir  string // flag: the run directory to write to
	handoff string // flag: file of the standing stack
	secrets string // flag: file of what the stack's file may not hold
	attempt int    // flag: from 1

	dir      *evidence.Dir
	stack    standing.Stack
	token    string // distinguishes the runs of one stack
	recorded *recorded
	clients  *clients
	current  *Session
	// settle, when set, waits until the platform is as it was before a check that
	// did not wait itself. What comes after may have no use for it.
	settle func(context.Context) error
}

// New makes a suite and registers its flags: -airworthy.run, -airworthy.stack,
// -airworthy.secrets and -airworthy.attempt. `airworthy test` sets them.
func New(name string) *Suite {
	s := &Suite{name: name}
	flag.StringVar(&s.runDir, "airworthy.run", "", "run directory to write results to")
	flag.StringVar(&s.handoff, "airworthy.stack", "", "file that describes the standing stack, written by `airworthy up`")
	flag.StringVar(&s.secrets, "airworthy.secrets", "", "file with a JSON list of more secrets, which airworthy keeps in memory")
	flag.IntVar(&s.attempt, "airworthy.attempt", 1, "number of this attempt, from 1")
	return s
}

// Run runs the suite's specs.
func (s *Suite) Run(t *testing.T) {
	if s.runDir == "" || s.handoff == "" {
		t.Fatal("this suite needs a standing stack: run it by `airworthy test` or `airworthy e2e`, " +
			"or give -airworthy.run=DIR and -airworthy.stack=FILE after --")
	}
	gomega.RegisterFailHandler(ginkgo.Fail)
	ginkgo.RunSpecs(t, "airworthy "+s.name)
}

// Check makes the decorators of the spec that implements a check.
func (s *Suite) Check(check conformance.Check) []any {
	area, _, _ := strings.Cut(check.ID, ".")
	return []any{ginkgo.Label(LabelCheck+check.ID, "area:"+area), ginkgo.SpecTimeout(specTimeout)}
}

// shared is what process 1 hands to the others.
type shared struct {
	Stack standing.Stack `json:"stack"`
	Token string         `json:"token"`
}

// Prepare runs on process 1 before any spec: it reads the standing stack and
// starts the DAG runs that the selected checks share, so that their pods are
// under way while the first specs read other facts.
func (s *Suite) Prepare(ctx ginkgo.SpecContext) []byte {
	standing, err := standing.Read(s.handoff)
	gomega.Expect(err).NotTo(gomega.HaveOccurred(), "reading the standing stack")
	// Letters and digits only: the token becomes part of run ids and object keys.
	token := strings.ToLower(time.Now().UTC().Format("0102t150405"))
	data, err := json.Marshal(shared{Stack: standing, Token: token})
	gomega.Expect(err).NotTo(gomega.HaveOccurred())
	s.join(ctx, data)
	gomega.Expect(s.inherit()).To(gomega.Succeed())
	s.startEarly(ctx)
	return data
}

// Join runs on every process before its first spec.
func (s *Suite) Join(ctx ginkgo.SpecContext, data []byte) {
	if s.clients == nil { // process 1 has joined while it prepared
		s.join(ctx, data)
	}
}

func (s *Suite) join(ctx ginkgo.SpecContext, data []byte) {
	var given shared
	gomega.Expect(json.Unmarshal(data, &given)).To(gomega.Succeed())
	s.stack, s.token = given.Stack, given.Token
	more, err := standing.ReadSecrets(s.secrets)
	gomega.Expect(err).NotTo(gomega.HaveOccurred(), "reading the secrets of the files of values")
	s.stack.Secrets = append(s.stack.Secrets, more...)
	s.dir, err = evidence.Open(s.runDir, s.stack.Secrets...)
	gomega.Expect(err).NotTo(gomega.HaveOccurred(), "opening the run directory")
	s.recorded = newRecorded(s.dir.Abs(standing.RecordedPods))
	s.clients, err = newClients(ctx, s.stack)
	gomega.Expect(err).NotTo(gomega.HaveOccurred(), "reaching the standing stack")
}

// uses says which DAG serves which checks, for starting it early.
var uses = map[string][]conformance.Check{
	"unschedulable": {conformance.ExecutorUnschedulable},
	"long_task":     {conformance.ExecutorPodKilled, conformance.LogsLive, conformance.LogsForcedDeletion},
	"fan_out": {conformance.ExecutorPodPerTask, conformance.ExecutorParallelTasks, conformance.ExecutorMappedTasks, conformance.ExecutorXCom,
		conformance.ExecutorDefaultResources, conformance.ExecutorServiceAccount, conformance.ExecutorFinishedPods, conformance.LogsPersisted},
	"retries":      {conformance.ExecutorRetries, conformance.LogsPerTry},
	"failing":      {conformance.ExecutorFailingTask, conformance.SecretsNotShown},
	"pod_override": {conformance.ExecutorPodOverride},
	"log_content": {conformance.LogsContent, conformance.IngressLargeLog, conformance.DatabaseUnicode, conformance.DatabaseTimeZone, conformance.DatabasePooled,
		conformance.DatabaseSecretHidden},
	"shipped": {conformance.LogsShippedOnce, conformance.LogsShippedFields, conformance.LogsShippedMultiline, conformance.LogsShippedFilter},
}

// early is the order in which runs are started: those that wait longest first.
var early = []string{"unschedulable", "long_task", "fan_out", "retries", "shipped", "log_content", "pod_override", "failing"}

// startEarly triggers the shared runs of the checks that Ginkgo's label filter
// selects. An error is left for the check that needs the run: it will meet it
// again, and say so in its own record.
func (s *Suite) startEarly(ctx ginkgo.SpecContext) {
	session := &Session{suite: s, Airflow: s.clients.airflow}
	// One bound for all: where DAGs do not come, the checks say so, each by itself.
	within, cancel := session.within(ctx, s.stack.Run.Timeouts.Observe)
	defer cancel()
	for _, dag := range early {
		for _, check := range uses[dag] {
			if !s.selects(check) {
				continue
			}
			if _, err := session.start(within, dag); err != nil {
				ginkgo.GinkgoWriter.Printf("starting %s early: %v\n", dag, err)
			}
			break
		}
	}
}

// selects says whether Ginkgo's label filter selects a check.
func (s *Suite) selects(check conformance.Check) bool {
	configuration, _ := ginkgo.GinkgoConfiguration()
	selects, err := types.ParseLabelFilter(configuration.LabelFilter)
	gomega.Expect(err).NotTo(gomega.HaveOccurred(), "reading the label filter")
	return selects([]string{LabelCheck + check.ID})
}

// End runs on every process after its last spec. Attempts and runs that follow
// find the platform as this one did: components that a check had restarted have
// come up, and their API server answers with the secrets of its tasks.
func (s *Suite) End(ctx ginkgo.SpecContext) {
	if settle := s.settle; settle != nil {
		s.settle = nil
		gomega.Expect(settle(ctx)).To(gomega.Succeed(), "waiting for the components that a check had restarted")
	}
}

// Begin runs before each spec.
func (s *Suite) Begin(ctx ginkgo.SpecContext) {
	check, ok := s.checkOf(ginkgo.CurrentSpecReport())
	if !ok {
		ginkgo.Fail("the spec belongs to no check of the catalogue: decorate it with suite.Check")
	}
	recorder, err := s.dir.Begin(check.ID, s.attempt)
	gomega.Expect(err).NotTo(gomega.HaveOccurred(), "beginning the record")
	s.current = &Session{suite: s, check: check, recorder: recorder, waiting: &waitLog{}, Airflow: s.clients.airflow}
	s.clients.recordTo(s.current)
	if settle := s.settle; settle != nil && !looksBack(check) {
		s.settle = nil
		if err := settle(ctx); err != nil {
			s.current.blocked = err.Error()
			ginkgo.Fail("blocked: " + s.current.blocked)
		}
	}
	if blocked := s.current.precondition(ctx); blocked != nil {
		s.current.blocked = blocked.Error()
		ginkgo.Fail("blocked: " + blocked.Error())
	}
}

// looksBack says that a check reads what others did and does nothing itself.
func looksBack(check conformance.Check) bool {
	switch check.ID {
	case conformance.SecretsFernetRotation.ID, conformance.SecretsSigningRotation.ID, conformance.LogsCredentialsRotated.ID,
		conformance.SecretsNotShown.ID, conformance.PlatformNoRestarts.ID, conformance.PlatformErrorLines.ID:
		return true
	}
	return false
}

// Session is what the running spec acts with.
func (s *Suite) Session(ginkgo.SpecContext) *Session { return s.current }

// Collect runs right after a spec, before anything is cleaned up, and keeps
// what explains its failure.
func (s *Suite) Collect(ctx ginkgo.SpecContext) {
	if s.current != nil && ginkgo.CurrentSpecReport().Failed() {
		s.current.collect(ctx)
	}
}

// Record runs after each spec and writes its result.
func (s *Suite) Record(report ginkgo.SpecReport) {
	check, ok := s.checkOf(report)
	session := s.current
	s.current = nil
	if !ok || session == nil || session.check.ID != check.ID {
		return // never begun: the plan will show it as missing
	}
	s.clients.recordTo(nil)
	outcome, reason := outcomeOf(report, session.blocked)
	record := evidence.Record{
		Outcome: string(outcome), Reason: reason, Started: report.StartTime.UTC(), Took: report.RunTime, Process: report.ParallelProcess,
	}
	session.timeline(report)
	if err := session.recorder.Finish(record); err != nil {
		// Without its record the check counts as missing; say why where people look.
		fmt.Fprintf(os.Stderr, "record %s: %v\n", check.ID, err)
	}
}

func outcomeOf(report ginkgo.SpecReport, blocked string) (conformance.Outcome, string) {
	switch {
	case report.State.Is(types.SpecStatePassed):
		return conformance.Passed, ""
	case report.State.Is(types.SpecStateInterrupted | types.SpecStateAborted):
		return conformance.Blocked, "interrupted: " + report.FailureMessage()
	case report.State.Is(types.SpecStateSkipped | types.SpecStatePending):
		return conformance.Skipped, "left out by hand"
	case blocked != "":
		return conformance.Blocked, blocked
	default:
		return conformance.Failed, reasonOf(report)
	}
}

// reasonOf gives the failure's message and the step during which it came.
func reasonOf(report ginkgo.SpecReport) string {
	reason := strings.TrimSpace(report.FailureMessage())
	if report.Failure.ForwardedPanic != "" {
		reason += ": " + report.Failure.ForwardedPanic
	}
	var step string
	for _, event := range report.SpecEvents {
		if event.SpecEventType == types.SpecEventByStart {
			step = event.Message
		}
	}
	if step != "" {
		reason += "\nwhile " + step
	}
	return reason
}

func (s *Suite) checkOf(report ginkgo.SpecReport) (conformance.Check, bool) {
	for _, label := range report.Labels() {
		if id, ok := strings.CutPrefix(label, LabelCheck); ok {
			return conformance.Find(id)
		}
	}
	return conformance.Check{}, false
}
