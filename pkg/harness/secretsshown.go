package harness

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/airworthy/airworthy/pkg/evidence"
	"github.com/airworthy/airworthy/pkg/kube"
	"github.com/airworthy/airworthy/pkg/stack/standing"
)

// Secrets are texts that nobody may see but in a Secret, by what they are.
type Secrets map[string]string

// DatabasePassword is the password of the metadata database.
func (s *Session) DatabasePassword() Secrets {
	return Secrets{standing.DatabasePassword: s.suite.stack.Database.Secret}
}

// AllSecrets is every secret that the stack was made with, those of its files of
// values among them, and the keys as they are now.
func (s *Session) AllSecrets(ctx context.Context) (Secrets, error) {
	ctx, cancel := s.within(ctx, s.Asked().Timeouts.Observe)
	defer cancel()
	stack := s.suite.stack
	all := Secrets(stack.NamedSecrets())
	at := stack.Release.Keys
	if at == nil {
		return all, nil
	}
	now, err := s.readKeys(ctx)
	if err != nil {
		return nil, err
	}
	all["the fernet key in use"], all["the signing secret in use"], all["the session key in use"] = now[at.Fernet], now[at.Signing], now[at.Session]
	return all, nil
}

// Shown is a place that holds a secret. It says which by what it is.
type Shown struct {
	Secret string `json:"of"` // what it is: a key of another name would be taken for the secret itself
	Place  string `json:"place"`
}

func (s Shown) String() string { return s.Place + " holds " + s.Secret }

// looking compares texts with secrets.
type looking struct {
	secrets *evidence.Named
	places  map[Shown]bool
}

func lookFor(secrets Secrets) (*looking, error) {
	named, err := evidence.NewNamed(secrets)
	return &looking{secrets: named, places: map[Shown]bool{}}, err
}

func (l *looking) at(place string, text []byte) {
	for what := range l.secrets.In(text) {
		l.places[Shown{Secret: what, Place: place}] = true
	}
}

// recorded adds where one of the secrets was taken out of the recording, but for
// logs that show it to this day.
func (l *looking) recorded(redactions []standing.Redaction) {
	for _, one := range redactions {
		living := Shown{Secret: one.Secret, Place: strings.Replace(one.Place, "the recorded log of ", "the log of ", 1)}
		if l.secrets.Knows(one.Secret) && !l.places[living] {
			l.places[Shown{Secret: one.Secret, Place: one.Place}] = true
		}
	}
}

func (l *looking) found() []Shown {
	var all []Shown
	for shown := range l.places {
		all = append(all, shown)
	}
	slices.SortFunc(all, func(a, b Shown) int { return strings.Compare(a.String(), b.String()) })
	return all
}

// WhereSecretsShow lists what of the platform holds a secret, in any form in
// which it is usually written: objects that are no Secrets, events, the logs of
// all containers, and what Helm keeps of the release beside its values and its
// Secrets. What is found is read from the cluster and never written down, since
// evidence must not hold it either. Of what is gone by now, pods and logs, it is
// told by those who recorded it.
func (s *Session) WhereSecretsShow(ctx context.Context, secrets Secrets) (places []Shown, looked int, err error) {
	ctx, cancel := s.within(ctx, s.Asked().Timeouts.Observe)
	defer cancel()
	look, err := lookFor(secrets)
	if err != nil {
		return nil, 0, err
	}
	objects, err := s.openObjects(ctx)
	if err != nil {
		return nil, 0, err
	}
	releases, err := s.keptByHelm(ctx)
	if err != nil {
		return nil, 0, err
	}
	for _, texts := range []map[string][]byte{objects, releases} {
		for place, text := range texts {
			look.at(place, text)
		}
		looked += len(texts)
	}
	pods, err := s.suite.clients.kube.Pods(ctx, "")
	if err != nil {
		return nil, 0, err
	}
	for _, pod := range pods {
		for _, container := range slices.Concat(pod.InitContainers, pod.Containers) {
			err := s.lookIntoLog(ctx, pod.Name, container.Name, look)
			switch {
			case kube.NotFound(err) || container.State == "waiting" || container.State == "":
				continue // a pod that went meanwhile, or a container that has not said anything yet
			case err != nil && s.going(ctx, pod):
				continue // the node has removed its container already, and says so in other words
			case err != nil:
				return nil, looked, err
			}
			looked++
		}
	}
	redactions, err := s.suite.redactions()
	if err != nil {
		return nil, looked, err
	}
	look.recorded(redactions)
	places = look.found()
	s.fact("secrets-shown", map[string]any{"places": places, "looked": looked})
	return places, looked, nil
}

// redactions are the secrets that were taken out of what was recorded so far. A
// line without its end is still being written.
func (s *Suite) redactions() ([]standing.Redaction, error) {
	data, err := os.ReadFile(s.dir.Abs(standing.RecordedRedactions))
	if err != nil {
		return nil, fmt.Errorf("read what was taken out of the recording: %w", err)
	}
	var all []standing.Redaction
	for line := range bytes.Lines(data[:bytes.LastIndexByte(data, '\n')+1]) {
		var one standing.Redaction
		if err := json.Unmarshal(line, &one); err != nil {
			return nil, fmt.Errorf("read what was taken out of the recording: %w", err)
		}
		all = append(all, one)
	}
	return all, nil
}

// keptByHelm is what Helm keeps of the present revision. Its values hold
// secrets, as those of any chart that makes Secrets of them do, so they may lie
// in a Secret alone: of that one, what would show elsewhere is given, and of
// anything else everything.
func (s *Session) keptByHelm(ctx context.Context) (map[string][]byte, error) {
	namespace := s.suite.clients.kube.Namespace()
	of := metav1.ListOptions{LabelSelector: "owner=helm,status=deployed,name=" + s.suite.stack.Release.Name}
	core := s.suite.clients.kube.Typed().CoreV1()
	texts := map[string][]byte{}
	secrets, err := core.Secrets(namespace).List(ctx, of)
	if err != nil {
		return nil, fmt.Errorf("list what Helm keeps in namespace %s: %w", namespace, err)
	}
	for _, o := range secrets.Items {
		release, err := decodeRelease(o.Data["release"])
		if err != nil {
			return nil, fmt.Errorf("read Helm's Secret %s: %w", o.Name, err)
		}
		if texts["what Helm keeps beside values and Secrets in "+o.Name], err = shownOf(release); err != nil {
			return nil, fmt.Errorf("read Helm's Secret %s: %w", o.Name, err)
		}
	}
	maps, err := core.ConfigMaps(namespace).List(ctx, of)
	if err != nil {
		return nil, fmt.Errorf("list what Helm keeps in namespace %s: %w", namespace, err)
	}
	for _, o := range maps.Items {
		if texts["the release that Helm keeps in config map "+o.Name], err = decodeRelease([]byte(o.Data["release"])); err != nil {
			return nil, fmt.Errorf("read Helm's config map %s: %w", o.Name, err)
		}
	}
	return texts, nil
}

// decodeRelease undoes how Helm writes a release: JSON, packed, in base64.
func decodeRelease(encoded []byte) ([]byte, error) {
	packed, err := base64.StdEncoding.DecodeString(string(encoded))
	if err != nil {
		return nil, err
	}
	reader, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		return nil, err
	}
	return io.ReadAll(reader)
}

var (
	documents = regexp.MustCompile(`(?m)^---\s*$`)
	isSecret  = regexp.MustCompile(`(?m)^kind: *"?Secret"?\s*$`)
)

// shownOf is what anybody may see of a release: its objects that are no
// Secrets, and its notes.
func shownOf(release []byte) ([]byte, error) {
	var kept struct {
		Info     struct{ Notes string }
		Manifest string
		Hooks    []struct{ Manifest string }
	}
	if err := json.Unmarshal(release, &kept); err != nil {
		return nil, err
	}
	texts := []string{kept.Manifest}
	for _, hook := range kept.Hooks {
		texts = append(texts, hook.Manifest)
	}
	var shown strings.Builder
	shown.WriteString(kept.Info.Notes + "\n")
	for _, text := range texts {
		for _, document := range documents.Split(text, -1) {
			if !isSecret.MatchString(document) {
				shown.WriteString(document)
			}
		}
	}
	return []byte(shown.String()), nil
}

// openObjects are the objects of the namespace that are not meant to hold
// secrets, as JSON, by kind and name.
func (s *Session) openObjects(ctx context.Context) (map[string][]byte, error) {
	set, namespace, all := s.suite.clients.kube.Typed(), s.suite.clients.kube.Namespace(), metav1.ListOptions{}
	objects := map[string][]byte{}
	var errs []error
	add := func(kind, name string, object any) {
		content, err := json.Marshal(object)
		errs = append(errs, err)
		objects[kind+" "+name] = content
	}
	pods, err := set.CoreV1().Pods(namespace).List(ctx, all)
	errs = append(errs, err)
	for _, o := range pods.Items {
		add("pod", o.Name, o)
	}
	maps, err := set.CoreV1().ConfigMaps(namespace).List(ctx, all)
	errs = append(errs, err)
	for _, o := range maps.Items {
		add("config map", o.Name, o)
	}
	events, err := set.CoreV1().Events(namespace).List(ctx, all)
	errs = append(errs, err)
	for _, o := range events.Items {
		add("event", o.Name, o)
	}
	deployments, err := set.AppsV1().Deployments(namespace).List(ctx, all)
	errs = append(errs, err)
	for _, o := range deployments.Items {
		add("deployment", o.Name, o)
	}
	sets, err := set.AppsV1().StatefulSets(namespace).List(ctx, all)
	errs = append(errs, err)
	for _, o := range sets.Items {
		add("stateful set", o.Name, o)
	}
	jobs, err := set.BatchV1().Jobs(namespace).List(ctx, all)
	errs = append(errs, err)
	for _, o := range jobs.Items {
		add("job", o.Name, o)
	}
	if err := errors.Join(errs...); err != nil {
		return nil, fmt.Errorf("list objects of namespace %s: %w", namespace, err)
	}
	return objects, nil
}

// lookIntoLog looks at a log line by line.
func (s *Session) lookIntoLog(ctx context.Context, pod, container string, look *looking) error {
	log, err := s.suite.clients.kube.Logs(ctx, pod, container, kube.LogOptions{})
	if err != nil {
		return err
	}
	defer log.Close()
	for lines := bufio.NewReader(log); ; {
		line, err := lines.ReadBytes('\n')
		look.at("the log of "+pod+"/"+container, line)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read the log of %s/%s: %w", pod, container, err)
		}
	}
}

// going says whether a pod is being removed, or is gone.
func (s *Session) going(ctx context.Context, pod kube.PodFact) bool {
	now, err := s.suite.clients.kube.Pod(ctx, pod.Name)
	if err != nil {
		return kube.NotFound(err)
	}
	return now.UID != pod.UID || !now.DeletionRequested.IsZero()
}
