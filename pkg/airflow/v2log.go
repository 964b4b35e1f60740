package airflow

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	v2 "github.com/airworthy/airworthy/pkg/airflow/internal/v2"
	"github.com/airworthy/airworthy/pkg/await"
)

// followEvery is the period in which FollowLog asks again.
const followEvery = 500 * time.Millisecond

func (c *clientV2) TaskLog(ctx context.Context, ref TaskRef, continuation string) (TaskLog, error) {
	query := url.Values{"map_index": {strconv.Itoa(ref.MapIndex)}}
	if continuation == "" {
		query.Set("full_content", "true")
	} else {
		query.Set("token", continuation)
	}
	r := request{method: http.MethodGet, path: v2.LogPath(ref.DAG, ref.Run, ref.Task, ref.Try), query: query}
	raw, err := c.bytes(ctx, r)
	if err != nil {
		return TaskLog{}, err
	}
	log, err := v2.DecodeLog(bytes.NewReader(raw))
	if err != nil {
		return TaskLog{Raw: raw}, fmt.Errorf("decode log of %s: %w", ref, err)
	}
	return TaskLog{Entries: convert(log.Content, entryV2), Raw: raw, Continuation: log.Continuation}, nil
}

// FollowLog reads the log again and again, because Airflow 3 ends its NDJSON
// stream after one pass while the task is running. Each pass takes the whole
// log rather than what comes after the continuation token: 3.2.2 answers 500 to
// a token, and the token counts lines while the KubernetesExecutor serves the
// last 100 lines of a running pod only, so that counting would skip some.
func (c *clientV2) FollowLog(ctx context.Context, ref TaskRef, emit func(LogEntry) error) error {
	f := follower{c: c, ref: ref, emit: emit, seen: map[string]int{}}
	_, err := await.Until(ctx, "the end of the log of "+ref.String(), followEvery, f.pass, f.ended)
	return err
}

// follower is one FollowLog at work.
type follower struct {
	c    *clientV2
	ref  TaskRef
	emit func(LogEntry) error
	seen map[string]int // how often an entry was emitted
}

// pass is one reading of the log.
type pass struct {
	over    bool // the try had ended before the log was read
	state   State
	entries int    // without the header
	header  string // what the server says of the log's sources
}

// pass asks for the state before the log: a log that was read after the end of
// the try is the last one.
func (f *follower) pass(ctx context.Context) (pass, error) {
	over, state, err := f.over(ctx)
	if err != nil {
		return pass{}, f.stop(err)
	}
	p := pass{over: over, state: state}
	if !over && state != Running && state != Deferred {
		return p, nil // not started: the server would call the empty log complete
	}
	split := headerSplitter{}
	count := map[string]int{}
	query := url.Values{"map_index": {strconv.Itoa(f.ref.MapIndex)}, "full_content": {"true"}}
	r := request{
		method: http.MethodGet, path: v2.LogPath(f.ref.DAG, f.ref.Run, f.ref.Task, f.ref.Try),
		query: query, accept: "application/x-ndjson",
	}
	err = f.c.stream(ctx, r, func(body io.Reader) error {
		return v2.DecodeStream(body, func(w v2.Entry) error {
			e := entryV2(w)
			if split.header(e) {
				return nil
			}
			p.entries++
			return f.offer(e, count)
		})
	})
	p.header = strings.Join(split.sources, "; ")
	return p, f.stop(err)
}

// offer emits e unless a former pass did. The same text may come several times:
// what counts is how often it came in this pass. Time and text name an entry,
// because the other fields differ between a pod's output and the stored log.
func (f *follower) offer(e LogEntry, count map[string]int) error {
	key := e.Timestamp.UTC().Format(time.RFC3339Nano) + " " + e.Event
	count[key]++
	if count[key] <= f.seen[key] {
		return nil
	}
	f.seen[key]++
	if err := f.emit(e); err != nil {
		return emitError{err}
	}
	return nil
}

// emitError marks an error of the caller's own function, which ends the wait
// even when it looks like one of the transport.
type emitError struct{ error }

func (e emitError) Unwrap() error { return e.error }

// stop lets the wait go on over what a restarting server gives, and over a 404:
// the task instance of a run that was just triggered comes a little later.
func (f *follower) stop(err error) error {
	var emit emitError
	if err == nil || !errors.As(err, &emit) && (Transient(err) || NotFound(err)) {
		return err
	}
	return await.Stop(err)
}

// over reports whether the try that is followed has ended, and the state that says so.
func (f *follower) over(ctx context.Context) (bool, State, error) {
	var w v2.TaskInstance
	if err := f.c.get(ctx, v2.MappedPath(f.ref.DAG, f.ref.Run, f.ref.Task, f.ref.MapIndex), nil, &w); err != nil {
		return false, "", err
	}
	state := State(w.State)
	if w.Try != f.ref.Try {
		return w.Try > f.ref.Try, state, nil
	}
	// A rescheduled sensor goes on under the same try number.
	return state.Finished() || state == UpForRetry, state, nil
}

// ended accepts the first pass after the try's end that has a log. A remote log
// is uploaded after the state was set, so that an empty one may be early.
func (f *follower) ended(p pass) error {
	if !p.over {
		return fmt.Errorf("try %d is not over: task instance is %s", f.ref.Try, stateName(p.state))
	}
	if p.entries == 0 {
		return fmt.Errorf("try %d is over (%s), but its log is empty: %s", f.ref.Try, stateName(p.state), p.header)
	}
	return nil
}

func stateName(s State) string {
	if s == NoState {
		return "not scheduled"
	}
	return string(s)
}

func entryV2(w v2.Entry) LogEntry {
	return LogEntry{Timestamp: w.Timestamp, Level: w.Level, Event: w.Event, Extra: w.Extra}
}
