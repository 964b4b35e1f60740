package images

import (
	"context"
	"fmt"
)

// configured opens the bundle of the run once.
func (r *Resolver) configured() (*bundle, error) {
	if r.opts.Bundle == "" {
		return nil, fmt.Errorf("%w (images.bundle)", errNotConfigured)
	}
	r.bundleOnce.Do(func() { r.bundle, r.bundleErr = openBundle(r.opts.Bundle) })
	return r.bundle, r.bundleErr
}

// find looks an image up by the name that runs want it by.
func (b *bundle) find(n name) (bundledImage, error) {
	for _, img := range b.images {
		if have, err := parse(img.ref); err == nil && have.full == n.full {
			return img, nil
		}
	}
	return bundledImage{}, fmt.Errorf("%s does not hold it", b.path)
}

func (r *Resolver) fromBundle(ctx context.Context, j job) (remembered, error) {
	b, err := r.configured()
	if err != nil {
		return remembered{}, err
	}
	img, err := b.find(j.name)
	if err != nil {
		return remembered{}, err
	}
	var got remembered
	err = within(ctx, r.loads, func() error {
		// What the engine holds already is told by its digest, not by the
		// bundle: only what is to be loaded needs verifying.
		if _, there, err := r.engine.inspect(ctx, img.manifest.Config.Digest.String()); err != nil || !there {
			if err == nil {
				err = b.verify(ctx, img)
			}
			if err != nil {
				return err
			}
		}
		got, err = r.loadImage(ctx, b, img, j)
		return err
	})
	return got, err
}
