package harness

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/airworthy/airworthy/pkg/airflow"
	"github.com/airworthy/airworthy/pkg/await"
	"github.com/airworthy/airworthy/pkg/evidence"
	"github.com/airworthy/airworthy/pkg/graylog"
	"github.com/airworthy/airworthy/pkg/stack/standing"
)

// Message is a message of the log store.
type Message = graylog.Message

// Shipped is what the log store holds of the pods of one run.
type Shipped struct {
	Run      Run       `json:"run"`
	Pods     Pods      `json:"pods"`
	Messages []Message `json:"messages"`
	// Late says what had not arrived when waiting ended, empty when all had.
	Late string `json:"late,omitempty"`
}

// Containing gives the messages that hold text.
func (s Shipped) Containing(text string) []Message {
	var found []Message
	for _, m := range s.Messages {
		if strings.Contains(m.Short, text) || strings.Contains(m.Full, text) {
			found = append(found, m)
		}
	}
	return found
}

const (
	everySearch = time.Second
	// settled is how many searches in a row must give the same before nothing
	// more is expected: shipper and store each hand on once a second.
	settled = 4
	// searchLimit is more than a run of the DAG shipped writes.
	searchLimit = 5000
)

// ShippedRun runs the DAG shipped once for all checks that look at it, and
// gives what arrived of it once nothing more comes.
func (s *Session) ShippedRun(ctx context.Context) (Shipped, error) {
	ctx, cancel := s.within(ctx, 2*s.Asked().Timeouts.DAGRun)
	defer cancel()
	shipped, err := once(ctx, s.suite.sharedDir(), "shipped", func(ctx context.Context) (Shipped, error) {
		run, err := s.SharedRun(ctx, "shipped")
		if err != nil {
			return Shipped{Run: run}, err
		}
		return s.arrived(ctx, run)
	})
	s.fact("shipped", shipped)
	return shipped, err
}

// arrived waits until every numbered line of a run's pods is there and nothing
// more comes. That they do not come is a fact for the checks.
func (s *Session) arrived(ctx context.Context, run Run) (Shipped, error) {
	shipped := Shipped{Run: run}
	var err error
	if shipped.Pods, err = s.FinishedPods(ctx, run); err != nil {
		return shipped, err
	}
	within, cancel := s.within(ctx, s.Asked().Timeouts.Observe)
	defer cancel()
	same, before := 0, -1
	_, late := await.Until(within, "the log store to hold every line of run "+run.ID, everySearch,
		func(ctx context.Context) ([]Message, error) {
			messages, err := s.messagesOf(ctx, shipped)
			if err == nil {
				shipped.Messages = messages
			}
			return messages, err
		},
		func(messages []Message) error {
			if len(messages) == before {
				same++
			} else {
				same, before = 0, len(messages)
			}
			// All lines and not the last alone: what waited for the store to come back
			// comes in no order.
			for _, ref := range run.Refs() {
				for try := 1; try <= ref.Try; try++ {
					if missing := shipped.Missing(try); len(missing) > 0 {
						return fmt.Errorf("%d messages of the run have arrived, and %d lines of try %d have not, the first of them %q", len(messages), len(missing), try, missing[0])
					}
				}
			}
			if same < settled {
				return fmt.Errorf("%d messages have arrived, and more may come", len(messages))
			}
			return nil
		})
	if late != nil {
		shipped.Late = late.Error()
	}
	if ctx.Err() != nil {
		return shipped, late
	}
	return shipped, nil
}

// Missing gives the numbered lines of a try that have not arrived.
func (s Shipped) Missing(try int) []string {
	var missing []string
	for line := range ShippedLines {
		if text := ShippedLine(s.Run.ID, try, line); len(s.Containing(text)) == 0 {
			missing = append(missing, text)
		}
	}
	return missing
}

// ShippedLines is how many numbered lines each try writes.
const ShippedLines = 100

// ShippedLine is one of them.
func ShippedLine(run string, try, line int) string {
	return fmt.Sprintf("airworthy shipped %s try %d line %03d", run, try, line)
}

// messagesOf finds a run's messages by their text and by their pods: what a
// shipper left out of one is in the other.
func (s *Session) messagesOf(ctx context.Context, shipped Shipped) ([]Message, error) {
	queries := []string{"message:" + graylog.Phrase(shipped.Run.ID)}
	for _, name := range shipped.Pods.Names() {
		queries = append(queries, "pod:"+graylog.Phrase(name))
	}
	result, err := s.search(ctx, strings.Join(queries, " OR "))
	return result.Messages, err
}

// search looks at everything since the stack was made.
func (s *Session) search(ctx context.Context, query string) (graylog.Result, error) {
	if s.suite.clients.logStore == nil {
		return graylog.Result{}, errors.New("search the log store: the stack has none")
	}
	return s.suite.clients.logStore.Search(ctx, graylog.Search{
		Query: query, Limit: searchLimit,
		From: time.Now().Add(-24 * time.Hour), To: time.Now().Add(time.Minute),
	})
}

// WrittenLines counts the lines of a pod's container that hold text, as they
// were recorded from Kubernetes, which drops none.
func (s *Session) WrittenLines(pod, container, text string) (int, error) {
	data, err := os.ReadFile(s.suite.dir.Abs(standing.RecordedLogs(pod) + evidence.File("/"+container+".log")))
	if err != nil {
		return 0, fmt.Errorf("read the recorded log of %s: %w", pod, err)
	}
	count := 0
	for line := range strings.Lines(string(data)) {
		if strings.Contains(line, text) {
			count++
		}
	}
	return count, nil
}

// ShippedThroughOutage makes the log store refuse all connections for a while and
// no less than one run, runs the DAG shipped under an id of its own meanwhile, and
// gives what arrived when the store had come back. During is how many messages of
// the run were there before.
func (s *Session) ShippedThroughOutage(ctx context.Context, lasts time.Duration) (shipped Shipped, during int, err error) {
	ctx, cancel := s.within(ctx, lasts+2*s.Asked().Timeouts.DAGRun)
	defer cancel()
	store := s.suite.clients.logStore
	if store == nil {
		return shipped, 0, errors.New("stop the log store: the stack has none")
	}
	inputs, err := store.Inputs(ctx)
	if err != nil {
		return shipped, 0, err
	}
	// Whatever happens, the next check finds a store that listens.
	back := func() error {
		fresh, cancel := context.WithTimeout(context.WithoutCancel(ctx), 30*time.Second)
		defer cancel()
		return s.listening(fresh, inputs)
	}
	began := time.Now()
	for _, input := range inputs {
		if err := store.StopInput(ctx, input.ID); err != nil {
			return shipped, 0, errors.Join(err, back())
		}
	}
	run, err := s.separateRun(ctx, "shipped", s.runID()+"-outage")
	if err != nil {
		return Shipped{Run: run}, 0, errors.Join(err, back())
	}
	pods, err := s.FinishedPods(ctx, run)
	if err != nil {
		return Shipped{Run: run}, 0, errors.Join(err, back())
	}
	_, err = await.Until(ctx, "the log store to have been away for "+lasts.String(), everySearch,
		func(context.Context) (time.Duration, error) { return time.Since(began), nil },
		func(gone time.Duration) error {
			if gone < lasts {
				return fmt.Errorf("it has been for %s", gone.Round(time.Second))
			}
			return nil
		})
	if err != nil {
		return Shipped{Run: run}, 0, errors.Join(err, back())
	}
	before, err := s.messagesOf(ctx, Shipped{Run: run, Pods: pods})
	if err := errors.Join(err, back()); err != nil {
		return Shipped{Run: run}, len(before), err
	}
	shipped, err = s.arrived(ctx, run)
	s.fact("shipped-outage", shipped)
	return shipped, len(before), err
}

// listening starts the inputs and waits until they run.
func (s *Session) listening(ctx context.Context, inputs []graylog.Input) error {
	store := s.suite.clients.logStore
	var errs []error
	for _, input := range inputs {
		errs = append(errs, store.StartInput(ctx, input.ID))
	}
	_, err := await.Until(ctx, "the log store to listen again", everySearch, store.Inputs, func(inputs []graylog.Input) error {
		for _, input := range inputs {
			if input.State != "RUNNING" {
				return fmt.Errorf("input %s is %s", input.Title, input.State)
			}
		}
		return nil
	})
	return errors.Join(append(errs, err)...)
}

// separateRun runs a DAG under an id that no other check shares.
func (s *Session) separateRun(ctx context.Context, dag, id string) (Run, error) {
	ctx, cancel := s.within(ctx, s.Asked().Timeouts.DAGRun)
	defer cancel()
	if _, err := airflow.WaitDAG(ctx, s.Airflow, dag, everyDAG); err != nil {
		return Run{}, err
	}
	if _, err := s.Airflow.Trigger(ctx, dag, id, nil); err != nil {
		return Run{}, fmt.Errorf("trigger %s: %w", dag, err)
	}
	run, err := airflow.WaitRun(ctx, s.Airflow, dag, id, everyRun)
	if err != nil {
		return Run{DAGRun: run}, err
	}
	tasks, err := s.Airflow.TaskInstances(ctx, dag, id)
	return Run{DAGRun: run, Tasks: tasks}, err
}

// Leak is a secret that the log store holds. It names the secret by its place
// in the list of all, never by its value.
type Leak struct {
	Secret  int    `json:"secret"`
	Matches int    `json:"matches"`
	Where   string `json:"where"` // component or pod of the first match
}

// ShippedSecrets searches the log store for every secret of the stack, as it is
// and as it stands in a URL, and counts what components sent at all: a store
// that holds nothing holds no secret.
func (s *Session) ShippedSecrets(ctx context.Context) (leaks []Leak, components map[string]int, err error) {
	ctx, cancel := s.within(ctx, s.Asked().Timeouts.Observe)
	defer cancel()
	components = map[string]int{}
	for _, component := range s.suite.stack.Release.Components {
		result, err := s.search(ctx, "component:"+graylog.Phrase(component.Name))
		if err != nil {
			return nil, nil, err
		}
		components[component.Name] = result.Total
	}
	for i, secret := range s.suite.stack.Secrets {
		forms := slices.Compact([]string{secret, url.QueryEscape(secret), url.PathEscape(secret)})
		for j, form := range forms {
			forms[j] = graylog.Phrase(form)
		}
		result, err := s.search(ctx, strings.Join(forms, " OR "))
		if err != nil {
			// The query holds the secret, and so may the error.
			return nil, nil, fmt.Errorf("search the log store for secret %d of %d: it refused the query", i+1, len(s.suite.stack.Secrets))
		}
		if len(result.Messages) > 0 {
			first := result.Messages[0]
			leaks = append(leaks, Leak{Secret: i + 1, Matches: result.Total, Where: first.Fields["component"] + " " + first.Fields["pod"]})
		}
	}
	s.fact("shipped-secrets", leaks)
	s.fact("shipped-components", components)
	return leaks, components, nil
}
