package stack

import (
	"context"
	"fmt"

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

// shippingImages lists what Graylog and its stores run on.
func shippingImages(run config.Run) []images.Want {
	if !shipsLogs(run) {
		return nil
	}
	var wants []images.Want
	for _, ref := range []string{run.LogShipping.Graylog, run.LogShipping.Search, run.LogShipping.Metadata} {
		wants = append(wants, images.Want{Ref: images.Ref(ref), Role: images.RoleService})
	}
	return wants
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
	used, err := u.shippingImages()
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

func (u *up) shippingImages() (graylog.Images, error) {
	var out graylog.Images
	for _, one := range []struct {
		ref string
		to  *string
	}{{u.Run.LogShipping.Graylog, &out.Server}, {u.Run.LogShipping.Search, &out.Search}, {u.Run.LogShipping.Metadata, &out.Metadata}} {
		image, err := find(u.h.Images, images.Ref(one.ref), images.RoleService)
		if err != nil {
			return out, err
		}
		*one.to = image.Local
	}
	return out, nil
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
