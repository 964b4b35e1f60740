//go:build engine

package graylog_test

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"net"
	"testing"
	"time"

	"github.com/moby/moby/client"

	"github.com/airworthy/airworthy/pkg/await"
	api "github.com/airworthy/airworthy/pkg/graylog"

	"github.com/airworthy/airworthy/pkg/environment"
	"github.com/airworthy/airworthy/pkg/service"
	"github.com/airworthy/airworthy/pkg/service/graylog"
)

var (
	server   = flag.String("graylog-image", "graylog/graylog:3.3.11", "Graylog image in the container engine")
	search   = flag.String("search-image", "docker.elastic.co/elasticsearch/elasticsearch-oss:6.8.12", "image of the search engine")
	metadata = flag.String("metadata-image", "mongo:4.2", "image of the database")
	built    = flag.Bool("built", true, "the images are of this project's recipes")
)

const stack = "aw-env-graylog"

func TestRunShipAttachClose(t *testing.T) {
	t.Setenv("TESTCONTAINERS_RYUK_DISABLED", "true")
	docker, err := client.New(client.FromEnv)
	if err != nil {
		t.Fatal(err)
	}
	defer docker.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	t.Cleanup(func() {
		if _, err := environment.Remove(context.Background(), docker, stack); err != nil {
			t.Error(err)
		}
		if left, err := environment.Leftovers(context.Background(), docker, stack); err != nil || !left.Empty() {
			t.Errorf("left over: %+v, %v", left, err)
		}
	})
	network, err := environment.EnsureNetwork(ctx, docker, stack)
	if err != nil {
		t.Fatal(err)
	}
	place := service.Placement{
		Network: network, Name: environment.Name(stack) + "-graylog",
		Labels: map[string]string{environment.LabelStack: stack, environment.LabelPart: "graylog"},
	}
	start := time.Now()
	running, err := graylog.Run(ctx, graylog.Images{Server: *server, Search: *search, Metadata: *metadata, Built: *built}, place)
	if err != nil {
		t.Fatal(err)
	}
	version, err := running.Client().Version(ctx)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("Graylog %s up in %s: API %s, GELF from pods %s", version, time.Since(start), running.Endpoint().FromHost, running.GELF().FromPod)

	ship(ctx, t, running)
	outage(ctx, t, running)
	attached, err := graylog.Attach(ctx, place, running.Endpoint())
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := attached.Close(ctx); err != nil {
			t.Error(err)
		}
	}
}

// send writes GELF messages over one connection.
func send(ctx context.Context, address string, messages ...map[string]any) error {
	connection, err := (&net.Dialer{Timeout: 5 * time.Second}).DialContext(ctx, "tcp", address)
	if err != nil {
		return err
	}
	defer connection.Close()
	for _, m := range messages {
		data, err := json.Marshal(m)
		if err != nil {
			return err
		}
		if _, err := connection.Write(append(data, 0)); err != nil {
			return err
		}
	}
	return nil
}

// found waits until a query has so many matches.
func found(ctx context.Context, t *testing.T, c *api.Client, query string, want int) []api.Message {
	t.Helper()
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	got, err := await.Until(ctx, fmt.Sprintf("%d matches of %s", want, query), 200*time.Millisecond,
		func(ctx context.Context) (api.Result, error) { return c.Recent(ctx, query, time.Hour) },
		func(r api.Result) error {
			if r.Total != want {
				return fmt.Errorf("there are %d: %+v", r.Total, r.Messages)
			}
			return nil
		})
	if err != nil {
		t.Error(err)
	}
	return got.Messages
}

// ship sends messages and looks for them by field and by text.
func ship(ctx context.Context, t *testing.T, running *graylog.Server) {
	t.Helper()
	var messages []map[string]any
	for i := range 500 {
		messages = append(messages, map[string]any{
			"version": "1.1", "host": "node", "short_message": fmt.Sprintf("line %03d of run-2026-11-24", i), "level": 4,
			"full_message": "Traceback\n  all of it", "_dag_id": "ships", "_try_number": "2",
		})
	}
	if err := send(ctx, running.GELF().FromHost, messages...); err != nil {
		t.Fatal(err)
	}
	c := running.Client()
	found(ctx, t, c, "dag_id:ships", 500)
	one := found(ctx, t, c, "message:"+api.Phrase("line 007 of run-2026-11-24"), 1)
	if len(one) != 1 {
		return
	}
	m := one[0]
	if m.Short != "line 007 of run-2026-11-24" || m.Full != "Traceback\n  all of it" || m.Source != "node" || m.Level != 4 ||
		m.Fields["dag_id"] != "ships" || m.Fields["try_number"] != "2" || m.ID == "" || time.Since(m.Timestamp) > time.Hour {
		t.Errorf("found %+v", m)
	}
	found(ctx, t, c, api.Phrase(`a "quoted" text \ of @:/?#%`), 0)
	if _, err := api.New(running.Endpoint().FromHost, "admin", "wrong").Version(ctx); !api.Refused(err) {
		t.Errorf("a wrong password gives %v", err)
	}
}

// outage stops the input: the port refuses, and listens again afterwards.
func outage(ctx context.Context, t *testing.T, running *graylog.Server) {
	t.Helper()
	c := running.Client()
	inputs, err := c.Inputs(ctx)
	if err != nil || len(inputs) != 1 {
		t.Fatalf("inputs are %+v, %v", inputs, err)
	}
	if err := c.StopInput(ctx, inputs[0].ID); err != nil {
		t.Fatal(err)
	}
	lost := map[string]any{"version": "1.1", "host": "node", "short_message": "during the outage"}
	_ = send(ctx, running.GELF().FromHost, lost) // the engine's own proxy may take the connection and drop it
	found(ctx, t, c, api.Phrase("during the outage"), 0)
	if err := c.StartInput(ctx, inputs[0].ID); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	_, err = await.Until(ctx, "the input to run", 200*time.Millisecond, c.Inputs, func(inputs []api.Input) error {
		if inputs[0].State != "RUNNING" {
			return fmt.Errorf("it is %s", inputs[0].State)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
	lost["short_message"] = "after the outage"
	if err := send(ctx, running.GELF().FromHost, lost); err != nil {
		t.Error(err)
	}
	found(ctx, t, c, api.Phrase("after the outage"), 1)
}
