package harness

import (
	"context"
	"encoding/json"
	"fmt"
	"path"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/yaml"

	"github.com/airworthy/airworthy/pkg/airflow"
	"github.com/airworthy/airworthy/pkg/gitrepo"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Refs are a branch and a tag that were made for a check.
type Refs struct {
	Branch   string `json:"branch"`
	Branched Commit `json:"branched"`
	Tag      string `json:"tag,omitempty"`
	Tagged   Commit `json:"tagged"`
}

// Of is the commit that a ref of the three stands for.
func (r Refs) Of(ref string) string {
	if ref == r.Branch {
		return r.Branched.Hash
	}
	return r.Tagged.Hash
}

// PushRefs makes a branch of two commits, and an annotated tag on the first:
// the tag and the full commit are not the tip of anything.
func (s *Session) PushRefs(ctx context.Context) (Refs, error) {
	name := NewDAGFile("ref").DAG
	refs := Refs{Branch: "branch/" + name, Tag: "v-" + name}
	var err error
	if refs.Tagged, err = s.PushTo(ctx, refs.Branch, "First of "+name, GitChange{Write: map[string]string{"ref.txt": "tagged\n"}}); err != nil {
		return refs, err
	}
	repo, err := s.repository()
	if err != nil {
		return refs, err
	}
	ctx, cancel := s.within(ctx, s.Asked().Timeouts.Observe)
	defer cancel()
	if err := repo.Tag(ctx, refs.Tag, refs.Branch, refs.Tagged.Hash); err != nil {
		return refs, err
	}
	refs.Branched, err = s.PushTo(ctx, refs.Branch, "Second of "+name, GitChange{Write: map[string]string{"ref.txt": "branched\n"}})
	s.fact("refs", refs)
	return refs, err
}

// DropRefs removes a branch and a tag.
func (s *Session) DropRefs(ctx context.Context, refs Refs) error {
	ctx, cancel := s.within(ctx, s.Asked().Timeouts.Observe)
	defer cancel()
	repo, err := s.repository()
	if err != nil {
		return err
	}
	names := []string{"refs/heads/" + refs.Branch}
	if refs.Tag != "" {
		names = append(names, "refs/tags/"+refs.Tag)
	}
	return repo.Delete(ctx, names...)
}

// PushSubmodule makes a branch with a submodule in its DAG folder, and returns
// a file that only the submodule has.
func (s *Session) PushSubmodule(ctx context.Context) (branch, file, commit string, err error) {
	within, cancel := s.within(ctx, s.Asked().Timeouts.Observe)
	defer cancel()
	repo, err := s.repository()
	if err != nil {
		return "", "", "", err
	}
	name := NewDAGFile("submodule").DAG
	hash, err := repo.In("shared").Commit(within, gitrepo.Main, "Share "+name, GitChange{Write: map[string]string{name + ".py": "SHARED = True\n"}})
	if err != nil {
		return "", "", "", err
	}
	git := s.suite.stack.Git
	address := git.SSH
	if s.Asked().Git.Kind == "https" {
		address = git.HTTPS
	}
	at := s.InDAGFolder("shared")
	pushed, err := s.PushTo(ctx, name, "Use the shared repository", GitChange{
		Submodules: map[string]gitrepo.Submodule{at: {URL: address.Other("shared").FromPod, Hash: hash}},
	})
	return name, path.Join(at, name+".py"), pushed.Hash, err
}

// KeyMount is one container that mounts the secret with the deploy key.
type KeyMount struct {
	Of        string `json:"of"` // a pod, or the template of task pods
	Container string `json:"container"`
	GitSync   bool   `json:"gitSync"` // whether it is one of git-sync's
	Mode      int32  `json:"mode"`
}

// KeyMounts looks at the pod that holds DAG files and at the template of task
// pods for containers that mount the secret which git-sync takes its key from.
func (s *Session) KeyMounts(ctx context.Context) ([]KeyMount, error) {
	ctx, cancel := s.within(ctx, s.Asked().Timeouts.Observe)
	defer cancel()
	pod, err := s.gitSyncPod(ctx)
	if err != nil {
		return nil, err
	}
	mounts := s.keyMounts(pod.Name, pod.Spec)
	client := s.suite.clients.kube
	maps, err := client.Typed().CoreV1().ConfigMaps(client.Namespace()).List(ctx, metav1.ListOptions{})
	if err != nil {
		return nil, fmt.Errorf("look for the template of task pods: %w", err)
	}
	for _, object := range maps.Items {
		for _, name := range []string{"pod_template.yaml", "pod_template_file.yaml"} {
			text, ok := object.Data[name]
			if !ok {
				continue
			}
			var template corev1.Pod
			if err := yaml.Unmarshal([]byte(text), &template); err != nil {
				return nil, fmt.Errorf("read %s of %s: %w", name, object.Name, err)
			}
			mounts = append(mounts, s.keyMounts("the template of task pods", template.Spec)...)
		}
	}
	s.fact("key-mounts", mounts)
	return mounts, nil
}

func (s *Session) keyMounts(of string, spec corev1.PodSpec) []KeyMount {
	containers := slices.Concat(spec.InitContainers, spec.Containers)
	key := ""
	for _, c := range containers {
		for _, e := range c.Env {
			if e.Name == "GITSYNC_SSH_KEY_FILE" {
				key = e.Value
			}
		}
	}
	var mounts []KeyMount
	for _, volume := range spec.Volumes {
		if volume.Secret == nil {
			continue
		}
		mode := int32(0o644) // Kubernetes's default
		if volume.Secret.DefaultMode != nil {
			mode = *volume.Secret.DefaultMode
		}
		for _, c := range containers {
			for _, m := range c.VolumeMounts {
				if m.Name == volume.Name && key != "" && strings.HasPrefix(key, strings.TrimSuffix(s.mountOf(containers, volume.Name), "/")+"/") {
					mounts = append(mounts, KeyMount{Of: of, Container: c.Name, GitSync: strings.HasPrefix(c.Name, s.suite.stack.Release.DAGSync), Mode: mode})
				}
			}
		}
	}
	return mounts
}

// mountOf is where git-sync mounts a volume.
func (s *Session) mountOf(containers []corev1.Container, volume string) string {
	for _, c := range containers {
		if !strings.HasPrefix(c.Name, s.suite.stack.Release.DAGSync) {
			continue
		}
		for _, m := range c.VolumeMounts {
			if m.Name == volume {
				return m.MountPath
			}
		}
	}
	return "(nowhere)"
}

// DAGIDs gives the DAGs that Airflow lists and that are not stale.
func (s *Session) DAGIDs(ctx context.Context) ([]string, error) {
	return s.listed(ctx, "dag-ids", func(airflow.DAG) bool { return true })
}

// ExampleDAGs gives the DAGs listed now that come with Airflow itself.
func (s *Session) ExampleDAGs(ctx context.Context) ([]string, error) {
	return s.listed(ctx, "example-dags", func(dag airflow.DAG) bool { return strings.Contains(dag.FileLoc, "/example_dags/") })
}

func (s *Session) listed(ctx context.Context, fact string, wanted func(airflow.DAG) bool) ([]string, error) {
	ctx, cancel := s.within(ctx, s.Asked().Timeouts.Observe)
	defer cancel()
	dags, err := s.Airflow.DAGs(ctx)
	if err != nil {
		return nil, fmt.Errorf("list DAGs: %w", err)
	}
	var ids []string
	for _, dag := range dags {
		if !dag.Stale && wanted(dag) {
			ids = append(ids, dag.ID)
		}
	}
	s.fact(fact, ids)
	return ids, nil
}

// Looked is what a reader of the files saw while commits came in.
type Looked struct {
	Looks   int      `json:"looks"`
	Commits int      `json:"commits"` // different ones
	Mixed   []string `json:"mixed"`   // what was wrong below one and the same commit
}

// watch reads two files that belong together, through the link, hundreds of
// times a second. A look counts where the link was the same before and after it.
const watch = `
import json, os, sys, time
link, name, until = sys.argv[1], sys.argv[2], time.time() + float(sys.argv[3])
looks, commits, mixed = 0, set(), []
def read(part):
    try:
        with open(os.path.join(link, name + part)) as file:
            return file.read()
    except OSError as error:
        return type(error).__name__ + part
while time.time() < until:
    time.sleep(0.001)  # others need the core too
    try:
        before = os.readlink(link)
        a, b = read("_a.txt"), read("_b.txt")
        after = os.readlink(link)
    except OSError as error:
        mixed.append("the link: " + type(error).__name__)
        continue
    looks += 1
    commits.add(after)
    if before == after and a != b and len(mixed) < 20:
        mixed.append(after[-40:][:8] + ": " + repr(a) + " and " + repr(b))
print(json.dumps({"looks": looks, "commits": len(commits), "mixed": mixed}))
`

// LookWhilePushing pushes commits, each of which changes two files, and reads
// the two meanwhile where DAG files are parsed.
func (s *Session) LookWhilePushing(ctx context.Context, commits int) (Looked, error) {
	ctx, cancel := s.within(ctx, 2*s.Asked().Timeouts.DAGRun)
	defer cancel()
	name := NewDAGFile("pair").DAG
	push := func(ctx context.Context, n int) (Commit, error) {
		text := fmt.Sprintf("%d\n", n)
		return s.Push(ctx, fmt.Sprintf("Pair %d", n), GitChange{Write: map[string]string{
			s.InDAGFolder(name + "_a.txt"): text, s.InDAGFolder(name + "_b.txt"): text,
		}})
	}
	first, err := push(ctx, 0)
	if err != nil {
		return Looked{}, err
	}
	if _, err := s.WaitHeld(ctx, first); err != nil {
		return Looked{}, err
	}
	period := s.Asked().Git.Period + time.Second
	pushed := make(chan error, 1)
	go func() {
		for n := 1; n <= commits; n++ {
			commit, err := push(ctx, n)
			if err == nil {
				_, err = s.WaitHeld(ctx, commit)
			}
			if err != nil {
				pushed <- err
				return
			}
		}
		pushed <- nil
	}()
	out, err := s.exec(ctx, s.suite.stack.Release.DAGReaders[0], "python", "-c", watch,
		s.suite.stack.Release.DAGLink, path.Join(s.Asked().Git.SubPath, name), fmt.Sprint((time.Duration(commits) * period * 3 / 2).Seconds()))
	if pushErr := <-pushed; err == nil {
		err = pushErr
	}
	var looked Looked
	if err == nil {
		err = json.Unmarshal([]byte(out), &looked)
	}
	s.fact("looked", looked)
	return looked, err
}
