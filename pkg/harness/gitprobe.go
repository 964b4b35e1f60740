package harness

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/airworthy/airworthy/pkg/await"
	"github.com/airworthy/airworthy/pkg/gitrepo"
	"github.com/airworthy/airworthy/pkg/kube"
	"github.com/airworthy/airworthy/pkg/service"
)

// Probe is one sync by the platform's own git-sync: its image, key, known hosts
// and settings, but for what the check changes, in a pod of its own. The
// platform's pods are left alone.
type Probe struct {
	Env        map[string]string // that replaces the platform's
	KnownHosts string            // that replaces the platform's, when not empty
}

// Probed is what a probe left behind.
type Probed struct {
	ExitCode int32    `json:"exitCode"` // of git-sync
	Log      string   `json:"log"`      // of git-sync
	Commit   string   `json:"commit"`   // that the link names
	Files    []string `json:"files"`    // below the link
	Shallow  []string `json:"shallow"`  // commits at which the history was cut
}

// look prints what git-sync left, by the Airflow image's Python.
const look = `
import json, os
link, root = "/git/repo", "/git/repo/"
shallow = "/git/.git/shallow"
print(json.dumps({
    "commit": os.path.basename(os.readlink(link)),
    "files": sorted(os.path.join(f, n)[len(root):] for f, _, names in os.walk(root) for n in names),
    "shallow": open(shallow).read().split() if os.path.exists(shallow) else [],
}))
`

// GitProbe runs a probe to its end.
func (s *Session) GitProbe(ctx context.Context, name string, probe Probe) (Probed, error) {
	ctx, cancel := s.within(ctx, 2*s.Asked().Timeouts.Observe)
	defer cancel()
	pod, err := s.probePod(ctx, name, probe)
	if err != nil {
		return Probed{}, err
	}
	pods := s.suite.clients.kube.Typed().CoreV1().Pods(s.suite.clients.kube.Namespace())
	if pod, err = pods.Create(ctx, pod, metav1.CreateOptions{}); err != nil {
		return Probed{}, fmt.Errorf("make probe pod: %w", err)
	}
	defer func() {
		fresh, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.scaled(s.Asked().Timeouts.Observe))
		defer cancel()
		// It has ended, and carries the stack's label: what stays goes with the stack.
		_ = s.suite.clients.kube.DeletePod(fresh, pod.Name, kube.Deletion{Force: true})
	}()
	ended, err := await.Until(ctx, "probe pod "+pod.Name+" to end", everyRun,
		func(ctx context.Context) (kube.PodFact, error) { return s.suite.clients.kube.Pod(ctx, pod.Name) },
		func(pod kube.PodFact) error {
			if pod.Ended() {
				return nil
			}
			return fmt.Errorf("it is %s", pod.Phase)
		})
	if err != nil {
		return Probed{}, err
	}
	probed, err := s.readProbe(ctx, ended)
	s.fact("probe-"+name, probed)
	return probed, err
}

func (s *Session) readProbe(ctx context.Context, pod kube.PodFact) (Probed, error) {
	var probed Probed
	container, ok := pod.Container(s.initName())
	if !ok {
		return probed, errors.New("the probe has no git-sync container")
	}
	probed.ExitCode = container.ExitCode
	var err error
	probed.Log, err = s.endedLog(ctx, pod.Name, container.Name)
	if err != nil || probed.ExitCode != 0 {
		return probed, err // there is nothing to look at
	}
	seen, err := s.endedLog(ctx, pod.Name, "look")
	if err != nil {
		return probed, err
	}
	if err := json.Unmarshal([]byte(seen), &probed); err != nil {
		return probed, fmt.Errorf("read what git-sync left: %w: %.300q", err, seen)
	}
	return probed, nil
}

// endedLog reads the log of a container that has ended and said something. The
// node may still be writing it down when the end is known.
func (s *Session) endedLog(ctx context.Context, pod, container string) (string, error) {
	ctx, cancel := s.within(ctx, s.Asked().Timeouts.Observe)
	defer cancel()
	return await.Until(ctx, "what container "+container+" of pod "+pod+" said", everyRun,
		func(ctx context.Context) (string, error) { return s.podLog(ctx, pod, container) },
		func(log string) error {
			if log == "" {
				return errors.New("its log is empty")
			}
			return nil
		})
}

func (s *Session) podLog(ctx context.Context, pod, container string) (string, error) {
	stream, err := s.suite.clients.kube.Logs(ctx, pod, container, kube.LogOptions{})
	if err != nil {
		return "", err
	}
	defer stream.Close()
	text, err := io.ReadAll(io.LimitReader(stream, 1<<20))
	return string(text), err
}

// initName is the name of git-sync's init containers.
func (s *Session) initName() string { return s.suite.stack.Release.DAGSync + "-init" }

// probePod takes git-sync's init container from where the platform runs it.
func (s *Session) probePod(ctx context.Context, name string, probe Probe) (*corev1.Pod, error) {
	of, err := s.gitSyncPod(ctx)
	if err != nil {
		return nil, err
	}
	at := slices.IndexFunc(of.Spec.InitContainers, func(c corev1.Container) bool { return c.Name == s.initName() })
	if at < 0 {
		return nil, fmt.Errorf("pod %s has no init container %s", of.Name, s.initName())
	}
	sync := of.Spec.InitContainers[at]
	env := map[string]string{"GITSYNC_MAX_FAILURES": "0"}
	maps.Copy(env, probe.Env)
	sync.Env = slices.DeleteFunc(slices.Clone(sync.Env), func(e corev1.EnvVar) bool { _, ok := env[e.Name]; return ok })
	for _, key := range slices.Sorted(maps.Keys(env)) {
		sync.Env = append(sync.Env, corev1.EnvVar{Name: key, Value: env[key]})
	}
	// A mount of its service account's token would need that account.
	sync.VolumeMounts = slices.DeleteFunc(slices.Clone(sync.VolumeMounts), func(m corev1.VolumeMount) bool {
		return strings.HasPrefix(m.MountPath, "/var/run/secrets/kubernetes.io")
	})
	pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{GenerateName: "gitprobe-" + name + "-", Annotations: map[string]string{"airworthy.dev/known-hosts": probe.KnownHosts}}}
	pod.Spec = corev1.PodSpec{
		RestartPolicy: corev1.RestartPolicyNever, SecurityContext: of.Spec.SecurityContext,
		AutomountServiceAccountToken: new(bool), InitContainers: []corev1.Container{sync},
		Volumes: probeVolumes(of.Spec.Volumes, sync, probe.KnownHosts != ""),
		Containers: []corev1.Container{{
			Name: "look", Image: s.AirflowImage(), ImagePullPolicy: sync.ImagePullPolicy,
			Command: []string{"python", "-c", look}, SecurityContext: sync.SecurityContext, Resources: sync.Resources,
			VolumeMounts: slices.DeleteFunc(slices.Clone(sync.VolumeMounts), func(m corev1.VolumeMount) bool { return m.MountPath != "/git" }),
		}},
	}
	return pod, nil
}

// probeVolumes are those that git-sync mounts; the known hosts come from the
// pod's own annotation where the check gives others.
func probeVolumes(all []corev1.Volume, sync corev1.Container, ownHosts bool) []corev1.Volume {
	var kept []corev1.Volume
	for _, volume := range all {
		if !slices.ContainsFunc(sync.VolumeMounts, func(m corev1.VolumeMount) bool { return m.Name == volume.Name }) {
			continue
		}
		if ownHosts && volume.ConfigMap != nil {
			volume.VolumeSource = corev1.VolumeSource{DownwardAPI: &corev1.DownwardAPIVolumeSource{Items: []corev1.DownwardAPIVolumeFile{{
				Path: "known_hosts", FieldRef: &corev1.ObjectFieldSelector{FieldPath: "metadata.annotations['airworthy.dev/known-hosts']"},
			}}}}
		}
		kept = append(kept, volume)
	}
	return kept
}

// gitSyncPod is a living pod that git-sync runs in.
func (s *Session) gitSyncPod(ctx context.Context) (*corev1.Pod, error) {
	for _, name := range s.suite.stack.Release.DAGReaders {
		pods, err := s.componentPods(ctx, name)
		if err != nil {
			return nil, err
		}
		if len(pods) == 0 {
			continue
		}
		client := s.suite.clients.kube
		pod, err := client.Typed().CoreV1().Pods(client.Namespace()).Get(ctx, pods[0].Name, metav1.GetOptions{})
		if err != nil {
			return nil, fmt.Errorf("read pod %s: %w", pods[0].Name, err)
		}
		return pod, nil
	}
	return nil, errors.New("no component that holds DAG files has a pod")
}

// StrangersHosts is a known_hosts line under which the Git server is a stranger.
func (s *Session) StrangersHosts() (string, error) {
	key, err := gitrepo.StrangersKey()
	if err != nil {
		return "", err
	}
	return service.KnownHosts(s.suite.stack.Git.SSH.FromPod, key)
}
