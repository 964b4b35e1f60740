package images

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"
	"time"

	cerrdefs "github.com/containerd/errdefs"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"

	"github.com/airworthy/airworthy/pkg/environment"
)

// Files are laid over an image, the way in which a team's own image is made
// from a published one.
type Files struct {
	Folder   string            // absolute path in the image; made when only it is missing
	Content  map[string]string // by name
	UID, GID int               // who owns them
}

// hash of everything that goes into the image but its base.
func (f Files) hash() string {
	h := sha256.New()
	fmt.Fprintf(h, "%s %d:%d\n", f.Folder, f.UID, f.GID)
	for _, name := range slices.Sorted(maps.Keys(f.Content)) {
		fmt.Fprintf(h, "%s\x00%d\x00%s", name, len(f.Content[name]), f.Content[name])
	}
	return hex.EncodeToString(h.Sum(nil))[:12]
}

// Over names the image that AddFiles makes of one called base. The name says
// nothing of the base's content: an image of another base takes it over.
func (f Files) Over(base Ref) Ref {
	n, err := parse(base)
	if err != nil {
		return base // whoever resolves the base says what is wrong with it
	}
	name, tag := path.Base(n.repo), n.tag
	if tag == "" {
		tag = "digest"
	}
	return Ref(fmt.Sprintf("%s/%s-with-files:%s-%s", localDomain, name, tag, f.hash()))
}

// labelBase is on every image that AddFiles made: the image it was made of.
const labelBase = "airworthy.dev/base"

// AddFiles makes an image of base that holds the files, and is found again at
// no cost as long as neither changes.
func (r *Resolver) AddFiles(ctx context.Context, base Resolution, f Files) (Resolution, error) {
	ref := f.Over(base.Ref)
	res := Resolution{
		Ref: ref, Role: base.Role, Local: string(ref), Source: base.Source,
		From: fmt.Sprintf("%s (%s), with %d files in %s", base.Ref, base.From, len(f.Content), f.Folder),
	}
	made := func() (bool, error) {
		have, ok, err := r.engine.inspect(ctx, res.Local)
		if err != nil || !ok || have.labels[labelBase] != base.ID {
			return false, err
		}
		res.ID, res.Digest, res.Size = have.id, have.id, have.size
		return true, nil
	}
	if ok, err := made(); ok || err != nil {
		return res, err
	}
	unlock, err := lock(ctx, r.opts.Cache, "files-"+f.hash())
	if err != nil {
		return Resolution{}, fmt.Errorf("add files to %s: %w", base.Ref, err)
	}
	defer unlock()
	if ok, err := made(); ok || err != nil {
		return res, err
	}
	r.progress(base.Ref, fmt.Sprintf("adding %d files in %s", len(f.Content), f.Folder))
	if err := r.addFiles(ctx, base, f, res.Local); err != nil {
		return Resolution{}, fmt.Errorf("add files to %s: %w", base.Ref, err)
	}
	ok, err := made()
	if err == nil && !ok {
		err = fmt.Errorf("add files to %s: %s is not in the container engine after all", base.Ref, res.Local)
	}
	return res, err
}

// addFiles works in a container that is never started.
func (r *Resolver) addFiles(ctx context.Context, base Resolution, f Files, target string) (err error) {
	api := r.opts.Docker
	labels := maps.Clone(r.opts.Labels)
	if labels == nil {
		labels = map[string]string{}
	}
	labels[environment.LabelPart] = "files"
	made, err := api.ContainerCreate(ctx, client.ContainerCreateOptions{
		Config:     &container.Config{Image: base.Local, Labels: labels},
		HostConfig: &container.HostConfig{NetworkMode: "none"},
	})
	if err != nil {
		return fmt.Errorf("create container: %w", err)
	}
	defer func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanUp)
		defer cancel()
		_, removal := api.ContainerRemove(ctx, made.ID, client.ContainerRemoveOptions{Force: true, RemoveVolumes: true})
		if removal != nil && !cerrdefs.IsNotFound(removal) {
			err = errors.Join(err, fmt.Errorf("remove container: %w", removal))
		}
	}()
	archive, err := f.archive()
	if err != nil {
		return err
	}
	_, err = api.CopyToContainer(ctx, made.ID, client.CopyToContainerOptions{DestinationPath: path.Dir(f.Folder), Content: archive, CopyUIDGID: true})
	if err != nil {
		return fmt.Errorf("copy to %s: %w", f.Folder, err)
	}
	changes := []string{fmt.Sprintf("LABEL %s=%s", labelBase, base.ID)}
	for key := range labels {
		changes = append(changes, fmt.Sprintf("LABEL %s=", key)) // the container's, for its own clean-up
	}
	_, err = api.ContainerCommit(ctx, made.ID, client.ContainerCommitOptions{
		Reference: target, Comment: "airworthy: " + string(base.Ref) + " with files", Changes: changes, NoPause: true,
	})
	if err != nil {
		return fmt.Errorf("commit %s: %w", target, err)
	}
	return nil
}

// archive is the same for the same files: their times are not the machine's.
func (f Files) archive() (*bytes.Buffer, error) {
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	folder := path.Base(f.Folder)
	err := w.WriteHeader(&tar.Header{
		Typeflag: tar.TypeDir, Name: folder + "/", Mode: 0o775, Uid: f.UID, Gid: f.GID, ModTime: time.Unix(0, 0),
	})
	if err != nil {
		return nil, err
	}
	for _, name := range slices.Sorted(maps.Keys(f.Content)) {
		if strings.Contains(name, "/") {
			return nil, fmt.Errorf("file %s is not directly below %s", name, f.Folder)
		}
		header := &tar.Header{
			Name: folder + "/" + name, Mode: 0o644, Size: int64(len(f.Content[name])), Uid: f.UID, Gid: f.GID, ModTime: time.Unix(0, 0),
		}
		if err := w.WriteHeader(header); err != nil {
			return nil, err
		}
		if _, err := w.Write([]byte(f.Content[name])); err != nil {
			return nil, err
		}
	}
	return &b, w.Close()
}
