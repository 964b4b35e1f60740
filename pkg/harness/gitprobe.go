package harness

import (
	"cmp"
	"context"
	"crypto/rand"
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
	"github.com/airworthy/airworthy/pkg/evidence"
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
	CA         string            // likewise, of HTTPS
	Token      string            // likewise; it can be read in the pod's own description, so it is no real one
}

// files are those that take the place of what a volume of the platform holds.
func (p Probe) files(volume corev1.Volume) map[string]string {
	files := map[string]string{}
	switch {
	case volume.ConfigMap != nil:
		files["known_hosts"], files["ca.crt"] = p.KnownHosts, p.CA
	case volume.Secret != nil:
		files["token"] = p.Token
	}
	maps.DeleteFunc(files, func(_, content string) bool { return content == "" })
	return files
}

// Probed is what a probe left behind.
type Probed struct {
	ExitCode int32    `json:"exitCode"` // of git-sync
	Error    string   `json:"error"`    // git-sync's last, from its error file
	Message  string   `json:"message"`  // the node's, of a git-sync that failed: mostly the end of its log
	Commit   string   `json:"commit"`   // that the link names; empty where there is none
	Files    []string `json:"files"`    // below the link
	Shallow  []string `json:"shallow"`  // commits at which the history was cut
	Showed   bool     `json:"showed"`   // the probe's token, in what git-sync said
}

const (
	lookName  = "look"
	saidMount = "/said" // holds git-sync's error file
)

// Said is all that is known of what git-sync said when it failed.
func (p Probed) Said() string { return strings.TrimSpace(p.Error + "\n" + p.Message) }

// look prints what git-sync left, by the Airflow image's Python.
const look = `
import json, os
link, root = "/git/repo", "/git/repo/"
shallow, said = "/git/.git/shallow", "/said/error"
print(json.dumps({
    "commit": os.path.basename(os.readlink(link)) if os.path.islink(link) else "",
    "files": sorted(os.path.join(f, n)[len(root):] for f, _, names in os.walk(root) for n in names),
    "shallow": open(shallow).read().split() if os.path.exists(shallow) else [],
    "error": open(said).read() if os.path.exists(said) else "",
}))
`

// GitProbe runs a probe to its end. What git-sync did is read from the pod's own
// volumes, by a container beside it that lives on, and from its exit code: the
// node's copy of a log may lack what a container said in its last moments. Where
// the node could not run git-sync at all another pod is made, as nothing was
// learnt; after probePods of them the spec is blocked, with what the node said.
func (s *Session) GitProbe(ctx context.Context, name string, probe Probe) (Probed, error) {
	ctx, cancel := s.within(ctx, 2*s.Asked().Timeouts.Observe)
	defer cancel()
	pod, err := s.probePod(ctx, name, probe)
	if err != nil {
		return Probed{}, err
	}
	for made := 1; ; made++ {
		probed, ended, err := s.runProbe(ctx, pod, probe)
		var never notRunError
		switch {
		case err == nil:
			s.fact("probe-"+name, probed)
			return probed, nil
		case errors.As(err, &never) && made < probePods && ctx.Err() == nil:
			s.fact(fmt.Sprintf("probe-pod-not-run-%d", made), ended)
		default:
			return probed, s.probeFailed(ctx, ended, err)
		}
	}
}

// probePods is how many pods are made for a probe that the node does not run.
const probePods = 3

// runProbe makes a pod of this description, and reads what git-sync did in it.
func (s *Session) runProbe(ctx context.Context, pod *corev1.Pod, probe Probe) (Probed, kube.PodFact, error) {
	client := s.suite.clients.kube
	pod, err := client.Typed().CoreV1().Pods(client.Namespace()).Create(ctx, pod, metav1.CreateOptions{})
	if err != nil {
		return Probed{}, kube.PodFact{}, fmt.Errorf("make probe pod: %w", err)
	}
	defer func() {
		fresh, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.scaled(s.Asked().Timeouts.Observe))
		defer cancel()
		// It carries the stack's label: what stays goes with the stack.
		_ = client.DeletePod(fresh, pod.Name, kube.Deletion{Force: true})
	}()
	ended, err := await.Until(ctx, "git-sync to end in probe pod "+pod.Name, everyRun,
		func(ctx context.Context) (kube.PodFact, error) { return client.Pod(ctx, pod.Name) },
		func(pod kube.PodFact) error { return probeEnded(pod, s.initName()) })
	if err != nil {
		return Probed{}, ended, err
	}
	sync, _ := ended.Container(s.initName())
	probed := Probed{ExitCode: sync.ExitCode, Message: sync.Message}
	said, stderr, err := client.Exec(ctx, pod.Name, lookName, []string{"python", "-c", look}, nil)
	if err != nil {
		return probed, ended, fmt.Errorf("read what git-sync left: %w: %s", err, strings.TrimSpace(stderr))
	}
	if err := json.Unmarshal([]byte(said), &probed); err != nil {
		return probed, ended, fmt.Errorf("read what git-sync left: %w: %.300q", err, said)
	}
	if probe.Token != "" {
		probed.Showed, err = s.showed(ctx, pod.Name, probe.Token, probed)
	}
	return probed, ended, err
}

// showed looks for a token in everything that git-sync said, in any form in which
// it is usually written.
func (s *Session) showed(ctx context.Context, pod, token string, probed Probed) (bool, error) {
	log, err := s.suite.clients.kube.Logs(ctx, pod, s.initName(), kube.LogOptions{})
	if err != nil {
		return false, fmt.Errorf("read git-sync's log: %w", err)
	}
	defer log.Close()
	text, err := io.ReadAll(log)
	if err != nil {
		return false, fmt.Errorf("read git-sync's log: %w", err)
	}
	return holds(slices.Concat(text, []byte("\n"+probed.Said())), token)
}

// holds says whether a text has the token in it, in any of the forms that
// evidence is kept clean of.
func holds(text []byte, token string) (bool, error) {
	look, err := evidence.NewRedactor(token)
	if err != nil {
		return false, fmt.Errorf("look for the token: %w", err)
	}
	return look.Holds(text), nil
}

// notRunError is why a probe says nothing of git-sync: the node never ran it.
type notRunError struct{ reason string }

func (n notRunError) Error() string { return n.reason }

// probeEnded accepts a pod in which git-sync has ended and the container beside
// it can be asked.
func probeEnded(pod kube.PodFact, syncName string) error {
	sync, _ := pod.Container(syncName)
	beside, _ := pod.Container(lookName)
	for _, c := range []kube.ContainerFact{sync, beside} {
		// A container whose start failed is terminated too, with an exit code of
		// the node's own and a log that stays empty.
		if c.State == "terminated" && (c.Started.IsZero() || neverStarted[c.Reason]) {
			return await.Stop(notRunError{fmt.Sprintf("container %s could not be started: %s", c.Name, told(c.Reason, c.Message))})
		}
	}
	switch {
	case beside.State == "terminated":
		return await.Stop(notRunError{fmt.Sprintf("container %s has ended: %s", lookName, told(beside.Reason, beside.Message, pod.Reason, pod.Message))})
	case pod.Ended(), !pod.DeletionRequested.IsZero():
		return await.Stop(notRunError{fmt.Sprintf("the pod was taken away (%s): %s", pod.Phase, told(pod.Reason, pod.Message))})
	case sync.State != "terminated":
		return fmt.Errorf("container %s is %s", sync.Name, cmp.Or(told(sync.State, sync.Reason, sync.Message), "not on a node: "+told(pod.Phase, pod.Reason, pod.Message)))
	case beside.State != "running":
		return fmt.Errorf("container %s is %s", lookName, told(beside.State, beside.Reason, beside.Message))
	}
	return nil
}

// neverStarted are reasons that a node gives for a container which it made and
// could not start, or lost sight of.
var neverStarted = map[string]bool{"StartError": true, "ContainerCannotRun": true, "ContainerStatusUnknown": true}

func told(parts ...string) string {
	return strings.Join(slices.DeleteFunc(parts, func(p string) bool { return p == "" }), ": ")
}

// probeFailed keeps the pod and its events as facts, and adds the events to the
// error. A probe that the node did not run blocks the spec.
func (s *Session) probeFailed(ctx context.Context, pod kube.PodFact, failed error) error {
	fresh, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.scaled(s.Asked().Timeouts.Observe))
	defer cancel()
	events, err := s.suite.clients.kube.Events(fresh, "Pod", pod.Name)
	if err != nil {
		failed = fmt.Errorf("%w (its events: %w)", failed, err)
	}
	s.fact("probe-pod", pod)
	s.fact("probe-events", events)
	for _, e := range events {
		if e.Type != "Normal" {
			failed = fmt.Errorf("%w\nevent %s: %s", failed, e.Reason, e.Message)
		}
	}
	var never notRunError
	if errors.As(failed, &never) {
		s.Unable(failed.Error())
	}
	return failed
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
	env := map[string]string{"GITSYNC_MAX_FAILURES": "0", "GITSYNC_ERROR_FILE": saidMount + "/error"}
	maps.Copy(env, probe.Env)
	sync.Env = slices.DeleteFunc(slices.Clone(sync.Env), func(e corev1.EnvVar) bool { _, ok := env[e.Name]; return ok })
	for _, key := range slices.Sorted(maps.Keys(env)) {
		sync.Env = append(sync.Env, corev1.EnvVar{Name: key, Value: env[key]})
	}
	// A mount of its service account's token would need that account.
	sync.VolumeMounts = slices.DeleteFunc(slices.Clone(sync.VolumeMounts), func(m corev1.VolumeMount) bool {
		return strings.HasPrefix(m.MountPath, "/var/run/secrets/kubernetes.io")
	})
	own, annotations := probeVolumes(of.Spec.Volumes, sync, probe)
	volumes := append(own,
		corev1.Volume{Name: "said", VolumeSource: corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{}}})
	// What ends git-sync before its first sync stands in its log alone.
	sync.TerminationMessagePolicy = corev1.TerminationMessageFallbackToLogsOnError
	sync.VolumeMounts = append(sync.VolumeMounts, corev1.VolumeMount{Name: "said", MountPath: saidMount})
	beside := corev1.Container{
		// It is asked while it sleeps, and goes with the pod: nothing waits for its end.
		Name: lookName, Image: s.AirflowImage(), ImagePullPolicy: sync.ImagePullPolicy, Command: []string{"sleep", "900"},
		SecurityContext: sync.SecurityContext, Resources: sync.Resources,
		VolumeMounts: slices.DeleteFunc(slices.Clone(sync.VolumeMounts), func(m corev1.VolumeMount) bool { return m.MountPath != "/git" && m.MountPath != saidMount }),
	}
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{GenerateName: "gitprobe-" + name + "-", Annotations: annotations},
		Spec: corev1.PodSpec{
			RestartPolicy: corev1.RestartPolicyNever, SecurityContext: of.Spec.SecurityContext, TerminationGracePeriodSeconds: new(int64),
			AutomountServiceAccountToken: new(bool), Volumes: volumes, Containers: []corev1.Container{sync, beside},
		},
	}, nil
}

// probeVolumes are those that git-sync mounts. What the check gives in their place
// comes from the pod's own annotations.
func probeVolumes(all []corev1.Volume, sync corev1.Container, probe Probe) (kept []corev1.Volume, annotations map[string]string) {
	annotations = map[string]string{}
	for _, volume := range all {
		if !slices.ContainsFunc(sync.VolumeMounts, func(m corev1.VolumeMount) bool { return m.Name == volume.Name }) {
			continue
		}
		if files := probe.files(volume); len(files) > 0 {
			from := &corev1.DownwardAPIVolumeSource{}
			for _, name := range slices.Sorted(maps.Keys(files)) {
				annotations["airworthy.dev/"+name] = files[name]
				from.Items = append(from.Items, corev1.DownwardAPIVolumeFile{
					Path: name, FieldRef: &corev1.ObjectFieldSelector{FieldPath: "metadata.annotations['airworthy.dev/" + name + "']"},
				})
			}
			volume.VolumeSource = corev1.VolumeSource{DownwardAPI: from}
		}
		kept = append(kept, volume)
	}
	return kept, annotations
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

// GitAuthority is the certificate of the authority that signed the Git server's, PEM.
func (s *Session) GitAuthority() string { return s.suite.stack.Git.CA }

// StrangersAuthority is the certificate of an authority that signed no server's, PEM.
func (s *Session) StrangersAuthority() (string, error) { return gitrepo.StrangersAuthority() }

// StrangersToken is a token like the platform's that no server takes.
func (s *Session) StrangersToken() string { return rand.Text() + rand.Text() }
