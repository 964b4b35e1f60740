package harness

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/airworthy/airworthy/pkg/await"
	"github.com/airworthy/airworthy/pkg/environment"
	"github.com/airworthy/airworthy/pkg/kube"
)

// Around is what a pod of another namespace found when it went to the API
// server itself, and to the ingress controller.
type Around struct {
	Namespace string `json:"namespace"`
	Service   string `json:"service"`
	Status    int    `json:"status"`  // that the API server answered; 0 for no answer
	Refused   string `json:"refused"` // why there was none
	Ingress   string `json:"ingress"` // why the controller could not be reached; empty where it was
}

const goAround = `
import json, socket, sys, urllib.error, urllib.request
found = {"status": 0, "refused": "", "ingress": ""}
try:
    found["status"] = urllib.request.urlopen(sys.argv[1], timeout=10).status
except urllib.error.HTTPError as answer:
    found["status"] = answer.code
except OSError as error:
    found["refused"] = repr(error)
try:
    socket.create_connection((sys.argv[2], 443), 10).close()
except OSError as error:
    found["ingress"] = repr(error)
print(json.dumps(found))
`

// GoAround goes to the API server's service from a pod in the namespace of the
// add-ons, which is neither the platform's nor the ingress controller's.
func (s *Session) GoAround(ctx context.Context) (Around, error) {
	ctx, cancel := s.within(ctx, s.Asked().Timeouts.Observe)
	defer cancel()
	stack := s.suite.stack
	client := s.suite.clients.kube.In(stack.AddonsIn)
	found := Around{Namespace: stack.AddonsIn, Service: fmt.Sprintf("%s.%s:%d", stack.Release.APIService, stack.Release.Namespace, stack.Release.APIPort)}
	pod, err := client.Typed().CoreV1().Pods(stack.AddonsIn).Create(ctx, &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{GenerateName: "around-", Labels: map[string]string{environment.LabelStack: stack.Name}},
		Spec: corev1.PodSpec{
			RestartPolicy: corev1.RestartPolicyNever, AutomountServiceAccountToken: new(bool), TerminationGracePeriodSeconds: new(int64),
			Containers: []corev1.Container{{Name: "around", Image: s.AirflowImage(), ImagePullPolicy: corev1.PullIfNotPresent, Command: []string{"sleep", "600"}}},
		},
	}, metav1.CreateOptions{})
	if err != nil {
		return found, fmt.Errorf("make a pod beside the platform: %w", err)
	}
	defer func() {
		fresh, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.scaled(s.Asked().Timeouts.Observe))
		defer cancel()
		// It carries the stack's label: what stays goes with the stack.
		_ = client.DeletePod(fresh, pod.Name, kube.Deletion{Force: true})
	}()
	if _, err := await.Until(ctx, "pod "+pod.Name+" to run", everyRun,
		func(ctx context.Context) (kube.PodFact, error) { return client.Pod(ctx, pod.Name) },
		func(pod kube.PodFact) error {
			if c, _ := pod.Container("around"); c.State != "running" {
				return errors.New("it is " + told(pod.Phase, c.State, c.Reason, c.Message))
			}
			return nil
		}); err != nil {
		return found, err
	}
	out, stderr, err := client.Exec(ctx, pod.Name, "around", []string{"python", "-c", goAround,
		"http://" + found.Service + stack.Release.APIPath + "/api/v2/version", "ingress." + stack.Ingress.Namespace}, nil)
	if err != nil {
		return found, fmt.Errorf("go around the ingress: %w: %s", err, strings.TrimSpace(stderr))
	}
	if err := json.Unmarshal([]byte(out), &found); err != nil {
		return found, fmt.Errorf("go around the ingress: %w: %.300q", err, out)
	}
	s.fact("around", found)
	return found, nil
}
