package stack

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/airworthy/airworthy/pkg/config"
	"github.com/airworthy/airworthy/pkg/conformance"
	"github.com/airworthy/airworthy/pkg/environment"
	"github.com/airworthy/airworthy/pkg/images"
	"github.com/airworthy/airworthy/pkg/platform/addon"
	"github.com/airworthy/airworthy/pkg/service"
	"github.com/airworthy/airworthy/pkg/service/graylog"
)

// graylogPart names Graylog's container after the stack's name.
const graylogPart = "graylog"

func shipsLogs(run config.Run) bool { return run.LogShipping.Kind == "graylog" }

// logShipping describes the add-on. Graylog's name is known before it runs, so
// that the shipper does not wait for it: it buffers, as it would in an outage.
func logShipping(h Handoff) addon.Addon {
	return addon.Addon{Name: "log-shipping", Values: map[string]any{
		"image":     h.Run.LogShipping.Shipper,
		"namespace": h.Run.Cluster.Namespace,
		"graylog":   map[string]any{"host": environment.Name(h.Run.Name) + "-" + graylogPart},
	}}
}

// logStores are the versions of Graylog that a run file without names of images
// can mean, each with the stores that it goes with. The first is upstream's
// current line, and needs a registry, a mirror or a bundle; the second is the
// last that package registries hold whole.
var logStores = []config.LogShipping{
	{Graylog: "graylog/graylog:7.1", Search: "opensearchproject/opensearch:2.19.5", Metadata: "mongo:7.0"},
	{Graylog: "graylog/graylog:3.3.11", Search: "docker.elastic.co/elasticsearch/elasticsearch-oss:6.8.12", Metadata: "mongo:4.2"},
}

// logStoresOf are the versions that a run file allows.
func logStoresOf(run config.Run) []config.LogShipping {
	if run.LogShipping.Graylog != "" {
		return []config.LogShipping{run.LogShipping}
	}
	return logStores
}

func logStoreWants(l config.LogShipping) []images.Want {
	var wants []images.Want
	for _, ref := range []string{l.Graylog, l.Search, l.Metadata} {
		wants = append(wants, images.Want{Ref: images.Ref(ref), Role: images.RoleService})
	}
	return wants
}

// shippingImages are what Graylog and its stores run on. Where the run file
// leaves it open: a version that is there already, as for any image, then the
// current one where it can be had, then the one that can be built.
func shippingImages(ctx context.Context, resolver lister, run config.Run) ([]images.Want, error) {
	if !shipsLogs(run) {
		return nil, nil
	}
	open := logStoresOf(run)
	last := logStoreWants(open[len(open)-1])
	if len(open) == 1 {
		return last, nil
	}
	// Asked first, as images that are there cost no question to a registry.
	listed, err := resolver.List(ctx, last)
	if err != nil {
		return nil, fmt.Errorf("choose a Graylog: %w", err)
	}
	if !slices.ContainsFunc(listed, func(l images.Listed) bool { return !l.Present }) {
		return last, nil
	}
	for _, one := range open[:len(open)-1] {
		wants := logStoreWants(one)
		listed, err := resolver.List(ctx, wants)
		if err != nil {
			return nil, fmt.Errorf("choose a Graylog: %w", err)
		}
		if !slices.ContainsFunc(listed, images.Listed.Unavailable) {
			return wants, nil
		}
	}
	return last, nil
}

// lister says which images can be had: images.Resolver.
type lister interface {
	List(ctx context.Context, wants []images.Want) ([]images.Listed, error)
}

func shippingFeatures(run config.Run) []conformance.Feature {
	if !shipsLogs(run) {
		return nil
	}
	return []conformance.Feature{conformance.FeatureLogShipping}
}

// logStore is a Graylog that starts while the rest of the stack does. It takes
// longest of all services, and nothing needs it before the end.
type logStore struct {
	cancel context.CancelFunc
	done   chan struct{}
	api    service.Endpoint
	err    error
}

// startLogStore begins; wait or abandon ends it.
func (u *up) startLogStore(ctx context.Context) {
	if !shipsLogs(u.Run) {
		return
	}
	// As long as the platform may take: it starts beside it, on the same cores.
	ctx, cancel := context.WithTimeout(ctx, u.timeouts.Install)
	l := &logStore{cancel: cancel, done: make(chan struct{})}
	u.logs = l
	secret := u.h.LogStore.Secret // read here: the handoff is written to while Graylog starts
	used, err := u.logStoreImages()
	go func() {
		defer close(l.done)
		defer cancel()
		l.err = u.line.step("log store", func(waiting func(string)) error {
			if err != nil {
				return err
			}
			waiting("graylog to answer")
			handle, err := graylog.Run(ctx, used, u.placement(graylogPart), graylog.WithPassword(secret))
			if err != nil {
				return fmt.Errorf("start the log store: %w", err)
			}
			l.api = handle.Endpoint()
			return nil
		})
	}()
}

// logStoreImages are those of the version that was chosen.
func (u *up) logStoreImages() (graylog.Images, error) {
	var missing error
	for _, one := range logStoresOf(u.Run) {
		out := graylog.Images{Built: true}
		var err error
		for _, part := range []struct {
			ref string
			to  *string
		}{{one.Graylog, &out.Server}, {one.Search, &out.Search}, {one.Metadata, &out.Metadata}} {
			image, wrong := find(u.h.Images, images.Ref(part.ref), images.RoleService)
			err = errors.Join(err, wrong)
			*part.to, out.Built = image.Local, out.Built && image.Built()
		}
		if err == nil {
			return out, nil
		}
		missing = errors.Join(missing, err)
	}
	return graylog.Images{}, missing
}

// waitLogStore is the last step of the set-up.
func (u *up) waitLogStore(context.Context) error {
	if u.logs == nil {
		return nil
	}
	<-u.logs.done // its own deadline ends it
	if u.logs.err == nil {
		u.h.LogStore = u.logs.api
	}
	return u.logs.err
}

// abandonLogStore ends a start that nobody waits for any more, before what it
// made is removed.
func (u *up) abandonLogStore() {
	if u.logs != nil {
		u.logs.cancel()
		<-u.logs.done
	}
}
