package images

import (
	"bytes"
	"context"
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	cerrdefs "github.com/containerd/errdefs"
	"github.com/distribution/reference"
	"github.com/moby/moby/client"
)

// labelBaked is on every node image made here; its value is the image's hash.
const labelBaked = "airworthy.dev/baked"

// bakeFormat goes into the hash: raise it when the way of baking changes.
const bakeFormat = "1"

//go:embed bake.sh
var bakeScript string

// BakeNode makes an image of the kind node image that holds the workload images
// under upstream's names, so that a cluster starts with them. The image is
// found again at no cost as long as node and workloads are the same.
func (r *Resolver) BakeNode(ctx context.Context, node Resolution, workloads []Resolution) (Resolution, error) {
	cargo, err := newCargo(workloads)
	if err != nil {
		return Resolution{}, fmt.Errorf("bake node image: %w", err)
	}
	hash := bakeHash(node, cargo)
	res := Resolution{
		Ref: node.Ref, Role: RoleNode, Source: node.Source,
		Local: localDomain + "/node:" + hash,
		From:  fmt.Sprintf("%s, with %s", node.From, cargo.names()),
	}
	if ok, err := r.baked(ctx, &res, hash); ok || err != nil {
		return res, err
	}
	// One node image at a time: baking keeps the disk busy, and gives images without
	// a tag one for the while, which two would take from each other.
	unlock, err := lock(ctx, r.opts.Cache, "bake")
	if err != nil {
		return Resolution{}, fmt.Errorf("bake node image: %w", err)
	}
	defer unlock()
	// Another process may have made it while this one waited.
	if ok, err := r.baked(ctx, &res, hash); ok || err != nil {
		return res, err
	}
	begun := time.Now()
	r.progress(node.Ref, "putting into the node image: "+cargo.names())
	if err := r.bake(ctx, node, cargo, res.Local, hash); err != nil {
		return Resolution{}, fmt.Errorf("bake node image %s with %s: %w", node.Ref, cargo.names(), err)
	}
	ok, err := r.baked(ctx, &res, hash)
	if err == nil && !ok {
		err = fmt.Errorf("bake node image: %s is not in the container engine after all", res.Local)
	}
	r.progress(node.Ref, fmt.Sprintf("node image ready in %s", time.Since(begun).Round(time.Second)))
	return res, err
}

// baked completes res when the engine has the image.
func (r *Resolver) baked(ctx context.Context, res *Resolution, hash string) (bool, error) {
	have, ok, err := r.engine.inspect(ctx, res.Local)
	if err != nil || !ok || have.labels[labelBaked] != hash {
		return false, err
	}
	res.ID, res.Digest, res.Size = have.id, have.id, have.size
	return true, nil
}

// cargo is the workload images of a node, sorted by name.
type cargo []cargoImage

type cargoImage struct {
	id     string
	ref    Ref
	local  string // in the engine
	source string // in the archive
	target string // in containerd, by which the kubelet asks
}

func newCargo(workloads []Resolution) (cargo, error) {
	var all cargo
	seen := map[string]bool{}
	for _, w := range sortedByRef(workloads) {
		if w.Source == ByCluster || w.Role == RoleNode {
			return nil, fmt.Errorf("image %s has no place in a node (role %s, source %s)", w.Ref, w.Role, w.Source)
		}
		n, err := parse(w.Ref)
		if err != nil {
			return nil, err
		}
		img := cargoImage{id: w.ID, ref: w.Ref, local: w.Local, target: n.full}
		if n.digest != "" {
			// The kubelet's side drops the tag where there is a digest.
			img.target = n.repo + "@" + n.digest
		}
		if img.source, err = tagged(w); err != nil {
			return nil, err
		}
		if !seen[img.target] {
			seen[img.target] = true
			all = append(all, img)
		}
	}
	return all, nil
}

// tagged is the name that an image has in the engine's archive. One without a
// tag is given one for the while.
func tagged(w Resolution) (string, error) {
	if !strings.HasPrefix(w.Local, "sha256:") {
		n, err := parse(Ref(w.Local))
		if err != nil {
			return "", err
		}
		if n.digest == "" {
			return n.full, nil
		}
	}
	return localDomain + "/cargo:" + strings.TrimPrefix(w.ID, "sha256:")[:16], nil
}

func (c cargo) names() string {
	var names []string
	for _, img := range c {
		names = append(names, string(img.ref))
	}
	if len(names) == 0 {
		return "no workload images"
	}
	return strings.Join(names, ", ")
}

func bakeHash(node Resolution, c cargo) string {
	h := sha256.New()
	fmt.Fprintf(h, "%s\n%s\n%s\n", bakeFormat, bakeScript, node.ID)
	for _, img := range c {
		fmt.Fprintf(h, "%s %s\n", img.id, img.target)
	}
	return hex.EncodeToString(h.Sum(nil))[:16]
}

// bake runs the steps in a container of the node image, and commits it.
//
// The images are unpacked here, into folders outside /var, and their snapshots
// are links to them: the node has nothing to unpack when a pod starts, and the
// engine nothing to copy when it fills the node's volume at /var. Measured with
// a 645 MB Airflow image on 2 busy cores (load 30), each twice:
//
//	                        kind create   pod created until its container started   until done
//	packed (--no-unpack)    118 s, 37 s   43 s, 37 s                                48 s, 50 s
//	unpacked, linked         28 s, 32 s    6 s,  3 s                                16 s, 13 s
//
// Baking itself takes 50 s packed and up to 210 s unpacked on such a machine,
// once. Snapshots inside /var would make the engine copy every file of them for
// each node, and could not hold deletions between layers, which neither an
// overlay nor a commit takes from a container.
func (r *Resolver) bake(ctx context.Context, node Resolution, c cargo, local, hash string) (err error) {
	oven, err := r.startOven(ctx, node, hash)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, oven.remove(ctx)) }()
	if err := oven.ready(ctx); err != nil {
		return err
	}
	if err := r.fill(ctx, oven, c); err != nil {
		return err
	}
	if err := r.unpack(ctx, oven, node); err != nil {
		return err
	}
	if err := oven.stop(ctx); err != nil {
		return err
	}
	return r.commit(ctx, oven, node, local, hash)
}

// fill streams the images from the engine into the oven's containerd.
func (r *Resolver) fill(ctx context.Context, o *oven, c cargo) error {
	if len(c) == 0 {
		return nil
	}
	var names []string
	for _, img := range c {
		if img.source == localDomain+"/cargo:"+strings.TrimPrefix(img.id, "sha256:")[:16] {
			if err := r.engine.tag(ctx, img.id, img.source); err != nil {
				return err
			}
			defer r.untag(ctx, img.source)
		}
		if !slices.Contains(names, img.source) {
			names = append(names, img.source)
		}
	}
	archive, err := r.engine.save(ctx, names)
	if err != nil {
		return fmt.Errorf("export %s from the container engine: %w", c.names(), err)
	}
	defer archive.Close()
	if _, err := o.exec(ctx, archive, "ctr", "-n", "k8s.io", "images", "import", "--no-unpack", "-"); err != nil {
		return err
	}
	for i, img := range c {
		command := "name"
		if slices.ContainsFunc(c[i+1:], func(later cargoImage) bool { return later.source == img.source }) {
			command = "also"
		}
		if _, err := o.script(ctx, command, img.source, img.target); err != nil {
			return err
		}
	}
	return nil
}

func (r *Resolver) untag(ctx context.Context, name string) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanUp)
	defer cancel()
	if _, err := r.opts.Docker.ImageRemove(ctx, name, client.ImageRemoveOptions{}); err != nil {
		r.progress("", fmt.Sprintf("remove %s: %v", name, err))
	}
}

// unpack prepares the images so far that a pod starts at once, where that works.
func (r *Resolver) unpack(ctx context.Context, o *oven, node Resolution) error {
	info, err := r.opts.Docker.Info(ctx, client.InfoOptions{})
	if err != nil {
		return fmt.Errorf("ask the container engine about itself: %w", err)
	}
	if slices.ContainsFunc(info.Info.SecurityOptions, func(s string) bool { return strings.Contains(s, "name=rootless") }) {
		r.progress(node.Ref, "images stay packed: a rootless engine's nodes use another snapshotter")
		return nil
	}
	out, err := o.script(ctx, "unpack")
	if failed, ok := errors.AsType[*execError](err); ok && failed.code == 3 {
		r.progress(node.Ref, "images stay packed: "+strings.TrimSpace(out))
		return nil
	}
	return err
}

// commit makes the image, with the node image's own way to start.
func (r *Resolver) commit(ctx context.Context, o *oven, node Resolution, local, hash string) error {
	changes := []string{fmt.Sprintf("LABEL %s=%s", labelBaked, hash)}
	for key := range o.labels {
		// The container's labels are for its own clean-up.
		changes = append(changes, fmt.Sprintf("LABEL %s=", key))
	}
	for instruction, words := range map[string][]string{"ENTRYPOINT": o.entrypoint, "CMD": o.command} {
		list := "[]" // none, which must not stay what the oven had
		if len(words) > 0 {
			quoted, err := json.Marshal(words)
			if err != nil {
				return err
			}
			list = string(quoted)
		}
		changes = append(changes, instruction+" "+list)
	}
	_, err := r.opts.Docker.ContainerCommit(ctx, o.id, client.ContainerCommitOptions{
		Reference: local, Comment: "airworthy: " + string(node.Ref) + " with workload images", Changes: changes, NoPause: true,
	})
	if err != nil {
		return fmt.Errorf("commit %s: %w", local, err)
	}
	return nil
}

// Prune removes the node images baked by earlier settings: all that carry our
// label, except those given and those that a container uses. It returns the names
// of what was removed.
func (r *Resolver) Prune(ctx context.Context, keep ...Resolution) ([]string, error) {
	found, err := r.opts.Docker.ImageList(ctx, client.ImageListOptions{Filters: client.Filters{}.Add("label", labelBaked)})
	if err != nil {
		return nil, fmt.Errorf("list baked node images: %w", err)
	}
	var removed []string
	var failed []error
	for _, img := range found.Items {
		if slices.ContainsFunc(keep, func(k Resolution) bool { return k.ID == img.ID }) {
			continue
		}
		names := img.RepoTags
		if len(names) == 0 {
			names = []string{img.ID}
		}
		for _, name := range names {
			named, err := reference.ParseNormalizedNamed(name)
			if len(img.RepoTags) > 0 && (err != nil || reference.Domain(named) != localDomain) {
				continue // a name that somebody gave it is theirs
			}
			_, err = r.opts.Docker.ImageRemove(ctx, name, client.ImageRemoveOptions{PruneChildren: true})
			if cerrdefs.IsConflict(err) {
				continue // the engine's word for an image in use
			}
			if err != nil {
				failed = append(failed, fmt.Errorf("remove image %s: %w", name, err))
				continue
			}
			removed = append(removed, name)
		}
	}
	return removed, errors.Join(failed...)
}

// limited keeps the first bytes of an output, and swallows the rest.
type limited struct {
	bytes.Buffer
	room int
}

func (l *limited) Write(p []byte) (int, error) {
	n := min(len(p), l.room)
	l.room -= n
	l.Buffer.Write(p[:n])
	return len(p), nil
}

var _ io.Writer = (*limited)(nil)
