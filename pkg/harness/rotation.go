package harness

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/airworthy/airworthy/pkg/airflow"
	"github.com/airworthy/airworthy/pkg/await"
	"github.com/airworthy/airworthy/pkg/kube"
	"github.com/airworthy/airworthy/pkg/platform"
	"github.com/airworthy/airworthy/pkg/service/minio/admin"
)

// Rotation is what became of things from before when the platform's secrets
// were replaced by new ones. It holds none of them.
type Rotation struct {
	// The keys that the stored connection's password could be decrypted with,
	// each tried alone: OldKey and NewKey.
	KeysBefore []string `json:"keysBefore"`
	KeysAfter  []string `json:"keysAfter"`
	// What the API answered to a token of the old signing secret, before and
	// after, and to one that was issued afterwards.
	TokenBefore int `json:"tokenBefore"`
	TokenAfter  int `json:"tokenAfter"`
	TokenNew    int `json:"tokenNew"`
	// Sessions is nil where there is no ingress.
	Sessions *RotatedSessions `json:"sessions,omitempty"`
	// Run was started afterwards; Read is what its task found, as in ConnectionsRun.
	Run  Run                       `json:"run"`
	Read map[string]map[string]any `json:"read"`
	Logs RotatedLogs               `json:"logs"` // zero where logs are not in an object store
	Took map[string]string         `json:"took"` // steps, for whoever wants the scenario shorter
}

// RotatedSessions is what was answered to the cookies of a session that was begun
// before, and to one that was begun afterwards.
type RotatedSessions struct {
	Before Answers `json:"before"`
	After  Answers `json:"after"`
	New    Answers `json:"new"`
}

// RotatedLogs is what became of task logs. What could not be read is said in
// the place of what it would have held.
type RotatedLogs struct {
	OldUser string `json:"oldUser"` // what the store answered to the user that was revoked
	New     string `json:"new"`     // the log of Rotation.Run in the store
	Old     string `json:"old"`     // a log that was stored before, through the API
}

// The names of the fernet keys in a Rotation.
const (
	OldKey = "the old key"
	NewKey = "the new key"
)

// RotatedSecrets replaces the platform's keys and access keys as its documentation says:
// the Secrets first, with the fernet keys new and old, then one restart of every
// component, then `airflow rotate-fernet-key`, then the old access key is
// revoked. It happens once for all checks that look at it.
//
// Afterwards everything is put back as it was. The other way, to leave the new
// secrets and write them into the stack's description, would spare a restart and
// cost the certainty that descriptions read before, such as those of a sabotage
// that mends by them, are true. The restart costs no time: the scenario does not
// wait for it, and what comes after is what looks back at the whole run.
func (s *Session) RotatedSecrets(ctx context.Context) (Rotation, error) {
	ctx, cancel := s.within(ctx, 3*s.Asked().Timeouts.DAGRun+s.Asked().Timeouts.Install)
	defer cancel()
	got, err := once(ctx, s.suite.sharedDir(), "rotation", s.rotate)
	s.fact("rotation", got)
	return got, err
}

func (s *Session) rotate(ctx context.Context) (got Rotation, err error) {
	clock := stopwatch{at: time.Now(), took: map[string]string{}}
	got.Took = clock.took
	before, err := s.ConnectionsRun(ctx)
	if err != nil {
		return got, err
	}
	if before.Run.State != airflow.Success {
		return got, fmt.Errorf("a run before the rotation is %q", before.Run.State)
	}
	if err := s.stored(ctx, before.Run); err != nil {
		return got, err
	}
	old, err := s.readKeys(ctx)
	if err != nil {
		return got, err
	}
	next, err := s.nextKeys(old)
	if err != nil {
		return got, err
	}
	keys := s.suite.stack.Release.Keys
	alone := map[string]string{OldKey: old[keys.Fernet], NewKey: s.suite.stack.Next.FernetKey}

	if err := s.storeConnection(ctx); err != nil {
		return got, err
	}
	defer func() {
		// Airflow cannot delete a connection that it cannot decrypt.
		fresh, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
		defer cancel()
		err = errors.Join(err, s.forgetConnection(fresh))
	}()
	if got.KeysBefore, err = s.decryptedBy(ctx, alone); err != nil {
		return got, err
	}
	token, err := airflow.Login(ctx, s.apiOptions())
	if err != nil {
		return got, err
	}
	if got.TokenBefore, err = s.tryToken(ctx, token); err != nil {
		return got, err
	}
	var ask func(context.Context) (Answers, error)
	if s.suite.stack.Ingress.CA != "" {
		if ask, err = s.session(ctx); err != nil {
			return got, err
		}
		got.Sessions = &RotatedSessions{}
		if got.Sessions.Before, err = ask(ctx); err != nil {
			return got, err
		}
	}
	clock.lap("before")

	defer func() {
		fresh, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.scaled(time.Minute))
		defer cancel()
		err = errors.Join(err, s.putBack(fresh, old))
	}()
	if err := s.writeKeys(ctx, next); err != nil {
		return got, err
	}
	replaced, err := s.restartAll(ctx, time.Now().UTC().Format(time.RFC3339))
	if err != nil {
		return got, err
	}
	if err := s.rolledOut(ctx); err != nil {
		return got, err
	}
	clock.lap("restart")
	if _, err := s.exec(ctx, "scheduler", "airflow", "rotate-fernet-key"); err != nil {
		return got, err
	}
	clock.lap("rotate-fernet-key")
	if got.KeysAfter, err = s.decryptedBy(ctx, alone); err != nil {
		return got, err
	}
	// A scheduler of before would sign what nobody believes any more.
	if err := s.gone(ctx, replaced); err != nil {
		return got, err
	}
	if err := s.objectUser(ctx, false); err != nil {
		return got, err
	}
	clock.lap("old pods gone")
	if err := s.tokens(ctx, token, ask, &got); err != nil {
		return got, err
	}
	if got.Sessions != nil {
		if ask, err = s.session(ctx); err != nil {
			return got, err
		}
		if got.Sessions.New, err = ask(ctx); err != nil {
			return got, err
		}
	}
	clock.lap("tokens and sessions")
	err = s.runRotated(ctx, before.Run, &got)
	clock.lap("run")
	return got, err
}

// stopwatch notes how long steps take.
type stopwatch struct {
	at   time.Time
	took map[string]string
}

func (w *stopwatch) lap(step string) {
	now := time.Now()
	w.took[step] = now.Sub(w.at).Round(100 * time.Millisecond).String()
	w.at = now
}

// stored waits until the logs of a run are where they will stay.
func (s *Session) stored(ctx context.Context, run Run) error {
	var err error
	if s.Asked().Platform.KeepPods {
		_, err = s.FinishedPods(ctx, run)
	} else {
		_, err = s.DeletedPods(ctx, run)
	}
	return err
}

// keys maps where a key lies to what it is.
type keys map[platform.SecretKey]string

// readKeys reads the keys as they are, which need not be those that the stack
// was made with: the user's own values may have given others.
func (s *Session) readKeys(ctx context.Context) (keys, error) {
	at := s.suite.stack.Release.Keys
	if at == nil {
		return nil, errors.New("read the platform's keys: it is not known where they lie")
	}
	all := keys{}
	for _, key := range []platform.SecretKey{at.Fernet, at.Signing, at.Session, at.LogConnection} {
		if key.Secret == "" {
			continue
		}
		secret, err := s.suite.clients.kube.Typed().CoreV1().Secrets(s.suite.clients.kube.Namespace()).Get(ctx, key.Secret, metav1.GetOptions{})
		if err != nil {
			return nil, fmt.Errorf("read Secret %s: %w", key.Secret, err)
		}
		value, ok := secret.Data[key.Key]
		if !ok {
			return nil, fmt.Errorf("read Secret %s: it has no key %s", key.Secret, key.Key)
		}
		all[key] = string(value)
	}
	return all, nil
}

// nextKeys is what the keys shall be.
func (s *Session) nextKeys(old keys) (keys, error) {
	at, next := s.suite.stack.Release.Keys, s.suite.stack.Next
	if strings.Contains(old[at.Fernet], next.FernetKey) {
		return nil, errors.New("replace the platform's secrets: they are the new ones already, left by a run that was killed: " +
			"remove the stack with `airworthy down` and bring it up anew")
	}
	all := keys{
		at.Fernet:  next.FernetKey + "," + old[at.Fernet],
		at.Signing: next.JWTSecret,
		at.Session: next.APISecretKey,
	}
	if at.LogConnection.Secret == "" {
		return all, nil
	}
	var connection map[string]any
	if err := json.Unmarshal([]byte(old[at.LogConnection]), &connection); err != nil {
		return nil, errors.New("replace the access key of the log store: its connection is not in JSON form")
	}
	connection["login"], connection["password"] = next.ObjectUser, next.ObjectSecret
	text, err := json.Marshal(connection)
	if err != nil {
		return nil, fmt.Errorf("replace the access key of the log store: %w", err)
	}
	all[at.LogConnection] = string(text)
	return all, nil
}

// writeKeys changes the Secrets, each by one call.
func (s *Session) writeKeys(ctx context.Context, all keys) error {
	bySecret := map[string]map[string][]byte{}
	for key, value := range all {
		if bySecret[key.Secret] == nil {
			bySecret[key.Secret] = map[string][]byte{}
		}
		bySecret[key.Secret][key.Key] = []byte(value)
	}
	secrets := s.suite.clients.kube.Typed().CoreV1().Secrets(s.suite.clients.kube.Namespace())
	var errs []error
	for name, data := range bySecret {
		patch, err := json.Marshal(map[string]any{"data": data})
		if err == nil {
			_, err = secrets.Patch(ctx, name, types.MergePatchType, patch, metav1.PatchOptions{})
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("change Secret %s: %w", name, err))
		}
	}
	return errors.Join(errs...)
}

// restartAll starts every component anew, and gives the pods that were there.
func (s *Session) restartAll(ctx context.Context, mark string) (pods []kube.PodFact, err error) {
	for _, component := range s.suite.stack.Release.Components {
		there, err := s.componentPods(ctx, component.Name)
		if err != nil {
			return pods, err
		}
		for _, pod := range there {
			if err := s.noteKill(pod.Name); err != nil {
				return pods, err
			}
		}
		pods = append(pods, there...)
		if err := s.suite.clients.kube.Restart(ctx, component.Kind, component.Object, mark); err != nil {
			return pods, err
		}
	}
	return pods, nil
}

// rolledOut waits until every component is new and ready.
func (s *Session) rolledOut(ctx context.Context) error {
	ctx, cancel := s.within(ctx, s.Asked().Timeouts.Install)
	defer cancel()
	_, err := await.Until(ctx, "every component to be started anew", everyDAG,
		func(ctx context.Context) (missing []string, err error) {
			for _, component := range s.suite.stack.Release.Components {
				what, err := s.suite.clients.kube.RolledOut(ctx, component.Kind, component.Object)
				if err != nil {
					return nil, err
				}
				if what != "" {
					missing = append(missing, component.Name+": "+what)
				}
			}
			return missing, nil
		},
		func(missing []string) error {
			if len(missing) > 0 {
				return errors.New(strings.Join(missing, "; "))
			}
			return nil
		})
	return err
}

// gone waits until pods are not there any more.
func (s *Session) gone(ctx context.Context, pods []kube.PodFact) error {
	ctx, cancel := s.within(ctx, s.Asked().Timeouts.Observe)
	defer cancel()
	was := map[string]bool{}
	for _, pod := range pods {
		was[pod.UID] = true // a StatefulSet gives names again
	}
	_, err := await.Until(ctx, "the components of before to end", everyRun,
		func(ctx context.Context) (left []string, err error) {
			now, err := s.suite.clients.kube.Pods(ctx, s.suite.stack.Release.PodSelector)
			for _, pod := range now {
				if was[pod.UID] {
					left = append(left, pod.Name)
				}
			}
			return left, err
		},
		func(left []string) error {
			if len(left) > 0 {
				return fmt.Errorf("%s still there", strings.Join(left, ", "))
			}
			return nil
		})
	return err
}

// decryptedBy names the keys that decrypt the stored connection's password.
func (s *Session) decryptedBy(ctx context.Context, alone map[string]string) ([]string, error) {
	stored, _, err := s.storedPassword(ctx)
	if err != nil {
		return nil, err
	}
	var by []string
	for _, name := range []string{OldKey, NewKey} {
		for key := range strings.SplitSeq(alone[name], ",") {
			if text, err := fernet(strings.TrimSpace(key), stored); err == nil && text == s.ConnectionPassword() {
				by = append(by, name)
				break
			}
		}
	}
	return by, nil
}

func (s *Session) apiOptions() airflow.Options {
	stack := s.suite.stack
	return airflow.Options{URL: s.suite.clients.url, User: stack.AdminUser, Password: stack.AdminPassword, Record: s.suite.clients.calls}
}

// tryToken gives the status that the API answers to a token.
func (s *Session) tryToken(ctx context.Context, token string) (int, error) {
	o := s.apiOptions()
	o.Token = token
	client, err := connect(ctx, s.suite.stack, o)
	if err != nil {
		return 0, err
	}
	_, err = client.DAG(ctx, connectionsDAG)
	var answered *airflow.APIError
	switch {
	case err == nil:
		return 200, nil
	case errors.As(err, &answered):
		return answered.Status, nil
	}
	return 0, err
}

// tokens tries the token and the session of before, and a new token.
func (s *Session) tokens(ctx context.Context, old string, ask func(context.Context) (Answers, error), got *Rotation) error {
	shown := silence{Of: "a token of the old secret", From: time.Now().UTC(), Only: "JWT token is not valid: Signature verification failed"}
	var err error
	if got.TokenAfter, err = s.tryToken(ctx, old); err != nil {
		return err
	}
	if got.Sessions != nil {
		if got.Sessions.After, err = ask(ctx); err != nil {
			return err
		}
	}
	shown.To = time.Now().UTC()
	if err := s.noteSilence(shown); err != nil {
		return err
	}
	token, err := airflow.Login(ctx, s.apiOptions())
	if err != nil {
		return err
	}
	got.TokenNew, err = s.tryToken(ctx, token)
	return err
}

// objectUser revokes the first user's access key, or lets it be used again.
func (s *Session) objectUser(ctx context.Context, enabled bool) error {
	if s.suite.stack.Release.Keys.LogConnection.Secret == "" {
		return nil
	}
	as := s.suite.stack.ObjectAdmin
	as.FromHost = s.suite.clients.objectStore
	return admin.New(as).SetEnabled(ctx, s.suite.stack.ObjectStorage.User, enabled)
}

// runRotated runs the connections' DAG with the new secrets, and looks for logs.
func (s *Session) runRotated(ctx context.Context, before Run, got *Rotation) (err error) {
	own := s.apart("rotation")
	if _, err := own.start(ctx, connectionsDAG); err != nil {
		return err
	}
	if got.Run, err = own.finish(ctx, connectionsDAG); err != nil {
		return err
	}
	if got.Run.State == airflow.Success {
		if got.Read, err = s.foundConnections(ctx, got.Run); err != nil {
			return err
		}
	}
	if s.suite.stack.Release.Keys.LogConnection.Secret == "" {
		return nil
	}
	if _, err := s.FinishedPods(ctx, got.Run); err != nil {
		return err
	}
	ctx, cancel := s.within(ctx, s.Asked().Timeouts.Observe)
	defer cancel()
	bucket := s.Asked().ObjectStorage.Bucket
	if _, err := s.suite.clients.objects.BucketExists(ctx, bucket); err != nil {
		got.Logs.OldUser = err.Error()
	}
	next := s.suite.stack.Next
	objects, err := objectsAs(s.suite.clients.objectStore, next.ObjectUser, next.ObjectSecret)
	if err != nil {
		return err
	}
	got.Logs.New = s.logOr(s.storedLog(ctx, objects, got.Run.Ref("read", 1)))
	log, err := s.TaskLog(ctx, before.Ref("read", 1))
	got.Logs.Old = s.logOr([]byte(log.Text()), err)
	return nil
}

// logOr is a log, or why there is none.
func (s *Session) logOr(content []byte, err error) string {
	if err != nil {
		return "error: " + err.Error()
	}
	return s.suite.dir.Redactor().Text(string(content))
}

// forgetConnection takes the connection out of the database itself.
func (s *Session) forgetConnection(ctx context.Context) error {
	return s.change(ctx, "DELETE FROM connection WHERE conn_id = '"+storedConnection+"'")
}

// putBack gives the platform its first secrets again. That its components have
// read them is not waited for here: see settle.
func (s *Session) putBack(ctx context.Context, old keys) error {
	errs := []error{s.objectUser(ctx, true), s.writeKeys(ctx, old)}
	_, err := s.restartAll(ctx, "")
	if err = errors.Join(append(errs, err)...); err != nil {
		return fmt.Errorf("put the platform's secrets back: %w", err)
	}
	s.suite.settle = func(ctx context.Context) error { return s.rolledOut(ctx) }
	return nil
}
