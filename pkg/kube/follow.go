package kube

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/airworthy/airworthy/pkg/await"
)

// Sink gives the writer for the log of one instance of a container, named by
// its pod; restart is 0 for its first. nil leaves that log out. The writer is
// closed at the log's end. A later pod may have the name of an earlier one.
type Sink func(pod, container string, restart int) io.WriteCloser

// Streaming says which logs to copy, and where to.
type Streaming struct {
	Selector   string // label selector for pods; "" for all
	Timestamps bool   // begin lines with the node's time in RFC 3339 and a blank
	Sink       Sink
}

// LogStreamer copies the logs of every container of every pod in a namespace,
// init containers too, from their first line on.
type LogStreamer struct {
	client     *Client
	sink       Sink
	timestamps bool
	watcher    *Watcher

	follow context.Context // ends the following, not the reading of what is there already
	cease  context.CancelFunc
	wg     sync.WaitGroup

	mu      sync.Mutex
	begun   map[instance]bool
	stopped bool
	errs    []error
}

// instance is one run of one container.
type instance struct {
	uid       string
	container string
	restart   int32
}

const (
	// reconnect is the pause before a broken log stream is opened again.
	reconnect = 250 * time.Millisecond
	// lastReading bounds what Stop reads of each log.
	lastReading = 10 * time.Second
)

// StreamLogs begins to copy, and goes on until Stop or until ctx ends.
func (c *Client) StreamLogs(ctx context.Context, what Streaming) (*LogStreamer, error) {
	s := &LogStreamer{client: c, sink: what.Sink, timestamps: what.Timestamps, begun: make(map[instance]bool)}
	s.follow, s.cease = context.WithCancel(ctx)
	var err error
	s.watcher, err = c.Watch(ctx, Watching{Selector: what.Selector, OnChange: func(change Change) { s.pod(*change.Pod) }})
	if err != nil {
		s.cease()
		return nil, fmt.Errorf("stream logs: %w", err)
	}
	return s, nil
}

// Stop ends the copying: what the containers wrote until now is still read. It
// returns which logs could not be had whole, and may be called again.
func (s *LogStreamer) Stop() error {
	s.watcher.Stop()
	s.mu.Lock()
	s.stopped = true
	s.mu.Unlock()
	s.cease()
	s.wg.Wait()
	return errors.Join(s.errs...)
}

// pod begins the streams that a pod's state calls for. The deletion of a pod
// ends none: the node goes on with an open stream until the container is gone.
func (s *LogStreamer) pod(pod PodFact) {
	for _, list := range [][]ContainerFact{pod.InitContainers, pod.Containers} {
		for _, c := range list {
			if c.State == "" || (c.State == "waiting" && c.ID == "") {
				continue // it has never run
			}
			// The instance before may have come and gone between two looks.
			if c.Restarts > 0 {
				s.begin(pod, c.Name, c.Restarts-1, true)
			}
			s.begin(pod, c.Name, c.Restarts, false)
		}
	}
}

func (s *LogStreamer) begin(pod PodFact, container string, restart int32, previous bool) {
	key := instance{pod.UID, container, restart}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.begun[key] || s.stopped {
		return
	}
	s.begun[key] = true
	to := s.sink(pod.Name, container, int(restart))
	if to == nil {
		return
	}
	s.wg.Go(func() {
		one := &oneLog{
			streamer: s, pod: pod, key: key, previous: previous,
			copier: lineCopier{to: to, timestamps: s.timestamps},
		}
		err := errors.Join(one.run(), to.Close())
		if err != nil {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.errs = append(s.errs, fmt.Errorf("log of container %s of pod %s/%s, instance %d, after %d bytes: %w",
				container, pod.Namespace, pod.Name, restart, one.copier.bytes, err))
		}
	})
}

// oneLog is the copying of one container's instance.
type oneLog struct {
	streamer *LogStreamer
	pod      PodFact
	key      instance
	previous bool
	copier   lineCopier
}

// run copies until the instance has ended or the streamer stops. It opens a
// broken stream again where it broke.
func (o *oneLog) run() error {
	follow := o.streamer.follow
	_, err := await.Until(follow, "the end of the log", reconnect,
		func(ctx context.Context) (bool, error) { return o.read(ctx, !o.previous) },
		func(ended bool) error {
			if !ended {
				return errors.New("the stream broke")
			}
			return nil
		})
	if err == nil || follow.Err() == nil {
		return o.explain(err)
	}
	// Told to stop: take what was written since, without waiting for more.
	last, cancel := context.WithTimeout(context.WithoutCancel(follow), lastReading)
	defer cancel()
	_, err = o.read(last, false)
	return o.explain(err)
}

// explain takes the disappearance of a pod whose log was being read for what
// it is: the end.
func (o *oneLog) explain(err error) error {
	if NotFound(err) && o.copier.bytes > 0 {
		return nil
	}
	return err
}

// read copies one stream and says whether the instance has ended.
func (o *oneLog) read(ctx context.Context, follow bool) (ended bool, err error) {
	client := o.streamer.client.In(o.pod.Namespace)
	stream, err := client.Logs(ctx, o.pod.Name, o.key.container, LogOptions{
		Previous: o.previous, Follow: follow, Timestamps: true, Since: o.copier.last,
	})
	if err != nil {
		if Transient(err) {
			return false, err
		}
		return false, await.Stop(err)
	}
	err = o.copier.copy(stream)
	stream.Close()
	var unwritable *writeError
	if errors.As(err, &unwritable) {
		return false, await.Stop(err)
	}
	if !follow || ctx.Err() != nil {
		return true, errors.Join(err, ctx.Err())
	}
	return o.ended(ctx, err)
}

// ended asks whether a stream that ended did so because its container did.
func (o *oneLog) ended(ctx context.Context, broke error) (bool, error) {
	now, err := o.streamer.client.In(o.pod.Namespace).Pod(ctx, o.pod.Name)
	switch {
	case NotFound(err), err == nil && now.UID != o.pod.UID:
		return true, nil
	case err != nil && Transient(err):
		return false, err
	case err != nil:
		return false, await.Stop(err)
	}
	c, _ := now.Container(o.key.container)
	if c.Restarts == o.key.restart && c.State == "running" {
		if broke != nil {
			return false, broke
		}
		// The node may be a moment ahead of the API: the next stream, which is
		// empty then, asks again.
		return false, nil
	}
	if c.Restarts > o.key.restart {
		if broke != nil {
			o.previous = true // the rest is that of the instance before, now
			return false, broke
		}
		return true, nil
	}
	return broke == nil, broke
}
