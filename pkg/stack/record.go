package stack

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"sync"

	"k8s.io/client-go/rest"

	"github.com/airworthy/airworthy/pkg/evidence"
	"github.com/airworthy/airworthy/pkg/kube"
	"github.com/airworthy/airworthy/pkg/stack/standing"
)

// Recording watches every pod of the namespace and follows the log of each of
// its containers from the start, into the run directory. Task pods are removed
// seconds after they finished: what is not kept at once is lost.
type Recording struct {
	dir     *evidence.Dir
	secrets *evidence.Named
	watcher *kube.Watcher
	logs    []*kube.LogStreamer

	mu   sync.Mutex
	errs []error
}

// Record begins a recording of a stack; it ends with Stop. Of add-ons it keeps
// the logs.
func Record(ctx context.Context, cfg *rest.Config, h Handoff, dir *evidence.Dir) (*Recording, error) {
	// The set-up's own deadline must not end a recording that outlives it.
	ctx = context.WithoutCancel(ctx)
	client, err := kube.New(cfg, h.Run.Cluster.Namespace)
	if err != nil {
		return nil, err
	}
	r := &Recording{dir: dir}
	if r.secrets, err = evidence.NewNamed(namedSecrets(h)); err != nil {
		return nil, fmt.Errorf("record the cluster: %w", err)
	}
	if err := dir.Append(standing.RecordedRedactions, ""); err != nil {
		return nil, fmt.Errorf("record the cluster: %w", err)
	}
	if r.watcher, err = client.Watch(ctx, kube.Watching{Events: true, OnChange: r.change}); err != nil {
		return nil, fmt.Errorf("record the cluster: %w", err)
	}
	if err := r.follow(ctx, client, r.noticeIn); err != nil {
		return nil, err
	}
	if len(h.Addons) > 0 {
		if err := r.follow(ctx, client.In(addonPlace(h.Run).Namespace), nil); err != nil {
			return nil, err
		}
	}
	return r, nil
}

// follow keeps the logs of every pod of a namespace. noticing, where there is one,
// makes what is told of the secrets that were taken out of one log.
func (r *Recording) follow(ctx context.Context, client *kube.Client, noticing func(place string) func([]byte)) error {
	logs, err := client.StreamLogs(ctx, kube.Streaming{Sink: func(pod, container string, restart int) io.WriteCloser {
		var noticed func([]byte)
		if noticing != nil {
			noticed = noticing("the recorded log of " + pod + "/" + container)
		}
		return r.sink(pod, container, restart, noticed)
	}})
	if err != nil {
		return errors.Join(fmt.Errorf("record the cluster: %w", err), r.Stop())
	}
	r.logs = append(r.logs, logs)
	return nil
}

func (r *Recording) change(c kube.Change) {
	switch {
	case c.Pod != nil:
		r.append(standing.RecordedPods, "the record of pod "+c.Pod.Name, c.Pod)
	case c.Event != nil:
		r.append(standing.RecordedEvents, "the recorded event about "+c.Event.Object, c.Event)
	}
}

func (r *Recording) append(file evidence.File, place string, fact any) {
	line, err := json.Marshal(fact)
	if err == nil {
		r.noticeIn(place)(line)
		// Redacted as JSON first: a pattern that ends at a blank would take quotes with it.
		err = r.dir.Append(file, string(r.dir.Redactor().JSON(line))+"\n")
	}
	r.keep(err)
}

// noticeIn notes the secrets of texts from one place, as they were before those
// were taken out. The recording shows nothing of a secret afterwards, and where the
// pod is gone nobody else can tell that it showed one.
func (r *Recording) noticeIn(place string) func(text []byte) {
	return func(text []byte) {
		for secret, count := range r.secrets.In(text) {
			line, err := json.Marshal(standing.Redaction{Secret: secret, Place: place, Count: count})
			if err == nil {
				err = r.dir.Append(standing.RecordedRedactions, string(line)+"\n")
			}
			r.keep(err)
		}
	}
}

func (r *Recording) sink(pod, container string, restart int, noticed func([]byte)) io.WriteCloser {
	name := container + ".log"
	if restart > 0 {
		name = fmt.Sprintf("%s.%d.log", container, restart)
	}
	log, err := r.dir.NoticingLog(standing.RecordedLogs(pod)+evidence.File("/"+name), noticed)
	if err != nil {
		r.keep(err)
		return nil
	}
	return log
}

func (r *Recording) keep(err error) {
	if err == nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.errs) < 20 { // a full disk says the same for every line
		r.errs = append(r.errs, err)
	}
}

// Stop ends the recording and returns what could not be recorded. It may be
// called again.
func (r *Recording) Stop() error {
	var errs []error
	for _, logs := range r.logs {
		errs = append(errs, logs.Stop())
	}
	r.watcher.Stop()
	r.mu.Lock()
	defer r.mu.Unlock()
	return errors.Join(append(append(errs, r.errs...), r.watcher.Trouble())...)
}
