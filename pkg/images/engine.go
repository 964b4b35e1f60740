package images

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	cerrdefs "github.com/containerd/errdefs"
	"github.com/moby/moby/api/types/jsonstream"
	"github.com/moby/moby/client"
)

// held is an image in the container engine.
type held struct {
	id          string
	repoDigests []string
	size        int64
	labels      map[string]string
}

// engine is what resolving and bundling need of the container engine.
type engine interface {
	// inspect returns false, and no error, where there is no such image.
	inspect(ctx context.Context, name string) (held, bool, error)
	// distribution asks the registry of ref, through the engine, for the manifest digest.
	distribution(ctx context.Context, ref, auth string) (string, error)
	pull(ctx context.Context, ref, auth string, progress func(string)) error
	tag(ctx context.Context, source, target string) error
	save(ctx context.Context, names []string) (io.ReadCloser, error)
	load(ctx context.Context, archive io.Reader) error
	// architecture is the one that the engine runs, in Go's spelling.
	architecture(ctx context.Context) (string, error)
}

// docker is the engine over the Docker API.
type docker struct{ api *client.Client }

func (d docker) inspect(ctx context.Context, name string) (held, bool, error) {
	got, err := d.api.ImageInspect(ctx, name)
	if cerrdefs.IsNotFound(err) {
		return held{}, false, nil
	}
	if err != nil {
		return held{}, false, fmt.Errorf("inspect image %s in the container engine: %w", name, err)
	}
	h := held{id: got.ID, repoDigests: got.RepoDigests, size: got.Size}
	if got.Config != nil {
		h.labels = got.Config.Labels
	}
	return h, true, nil
}

func (d docker) distribution(ctx context.Context, ref, auth string) (string, error) {
	got, err := d.api.DistributionInspect(ctx, ref, client.DistributionInspectOptions{EncodedRegistryAuth: auth})
	if err != nil {
		return "", err
	}
	return got.Descriptor.Digest.String(), nil
}

func (d docker) pull(ctx context.Context, ref, auth string, progress func(string)) error {
	stream, err := d.api.ImagePull(ctx, ref, client.ImagePullOptions{RegistryAuth: auth})
	if err != nil {
		return err
	}
	defer stream.Close()
	meter := newMeter(progress)
	for msg, err := range stream.JSONMessages(ctx) {
		if err != nil {
			return err
		}
		if msg.Error != nil {
			return msg.Error
		}
		if msg.Progress != nil && msg.Status == "Downloading" {
			meter.at(msg.ID, msg.Progress.Current, msg.Progress.Total)
		}
	}
	return ctx.Err()
}

func (d docker) tag(ctx context.Context, source, target string) error {
	if _, err := d.api.ImageTag(ctx, client.ImageTagOptions{Source: source, Target: target}); err != nil {
		return fmt.Errorf("tag image %s as %s: %w", source, target, err)
	}
	return nil
}

func (d docker) save(ctx context.Context, names []string) (io.ReadCloser, error) {
	return d.api.ImageSave(ctx, names)
}

func (d docker) load(ctx context.Context, archive io.Reader) error {
	answer, err := d.api.ImageLoad(ctx, archive, client.ImageLoadWithQuiet(true))
	if err != nil {
		return fmt.Errorf("load images into the container engine: %w", err)
	}
	defer answer.Close()
	// The engine answers 200 first and tells of trouble in the stream.
	for dec := json.NewDecoder(answer); ; {
		var msg jsonstream.Message
		switch err := dec.Decode(&msg); {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return fmt.Errorf("load images into the container engine: %w", err)
		case msg.Error != nil:
			return fmt.Errorf("load images into the container engine: %w", msg.Error)
		}
	}
}

func (d docker) architecture(ctx context.Context) (string, error) {
	v, err := d.api.ServerVersion(ctx, client.ServerVersionOptions{})
	if err != nil {
		return "", fmt.Errorf("ask the container engine for its architecture: %w", err)
	}
	return v.Arch, nil
}

// meter adds up the layers of a download and tells every tenth of it.
type meter struct {
	tell   func(string)
	layers map[string][2]int64
	told   int64
}

func newMeter(tell func(string)) *meter {
	return &meter{tell: tell, layers: map[string][2]int64{}}
}

func (m *meter) at(layer string, done, total int64) {
	m.layers[layer] = [2]int64{done, total}
	var d, t int64
	for _, l := range m.layers {
		d, t = d+l[0], t+l[1]
	}
	if t == 0 {
		return
	}
	if tenth := d * 10 / t; tenth > m.told {
		m.told = tenth
		m.tell(fmt.Sprintf("pulling: %d of %d MB", d/1e6, t/1e6))
	}
}
