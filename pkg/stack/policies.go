package stack

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/airworthy/airworthy/pkg/await"
	"github.com/airworthy/airworthy/pkg/conformance"
	"github.com/airworthy/airworthy/pkg/environment"
	"github.com/airworthy/airworthy/pkg/kube"
)

// Why network-policy is not offered where the run file asks for it.
const (
	noPolicies     = "it was not found out whether the cluster's pod network enforces policies"
	openNetwork    = "the cluster's pod network was seen to let through what a policy forbids"
	policiesWithin = 20 * time.Second // until a network that enforces policies, if it does, has taken one up
)

// findPolicies claims network-policy where the run file asks for a policy and
// something enforces it, which no API tells: it is found out by acting.
func (u *up) findPolicies(ctx context.Context) error {
	if !u.Run.Ingress.NetworkPolicy {
		return nil
	}
	var enforced bool
	err := u.line.step("network policies", func(waiting func(string)) (err error) {
		ctx, cancel := context.WithTimeout(ctx, u.timeouts.Service)
		defer cancel()
		enforced, err = u.enforced(ctx, waiting)
		return err
	})
	if err != nil {
		return err
	}
	if !enforced && u.Run.Cluster.Kind == environment.KindKind {
		return errors.New("enforce network policies: kube-router is there for it, and a pod that a policy forbids is still reached: its log is that of the pod of daemonset/policies")
	}
	if enforced {
		u.h.Features = append(u.h.Features, conformance.FeatureNetworkPolicy)
		slices.Sort(u.h.Features)
	}
	u.h.NotOffered = notOffered(u.h, openNetwork)
	return nil
}

const (
	policyProbe = "policy-probe"
	// connects answers with its exit code, within three seconds.
	connects = "import socket, sys; socket.create_connection((sys.argv[1], 8099), 3).close()"
)

// enforced makes a pod that others reach, forbids it by a policy, and looks
// whether they still do.
func (u *up) enforced(ctx context.Context, waiting func(string)) (bool, error) {
	platform, err := kube.New(u.cluster.REST(), u.h.Run.Cluster.Namespace)
	if err != nil {
		return false, err
	}
	around := platform.In(u.h.AddonsIn)
	labels := map[string]string{environment.LabelStack: u.Run.Name, "app.kubernetes.io/name": policyProbe}
	pods, policies := around.Typed().CoreV1().Pods(u.h.AddonsIn), around.Typed().NetworkingV1().NetworkPolicies(u.h.AddonsIn)
	defer func() {
		fresh, cancel := context.WithTimeout(context.WithoutCancel(ctx), u.timeouts.Observe)
		defer cancel()
		// What stays carries the stack's label, and goes with the stack.
		_ = policies.Delete(fresh, policyProbe, metav1.DeleteOptions{})
		_ = around.DeletePod(fresh, policyProbe, kube.Deletion{Force: true})
	}()
	if _, err := pods.Create(ctx, &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: policyProbe, Labels: labels},
		Spec: corev1.PodSpec{
			RestartPolicy: corev1.RestartPolicyNever, AutomountServiceAccountToken: new(bool), TerminationGracePeriodSeconds: new(int64),
			Containers: []corev1.Container{{
				Name: "listen", Image: u.h.AirflowImage, ImagePullPolicy: corev1.PullIfNotPresent,
				Command: []string{"python", "-m", "http.server", "--directory", "/var/empty", "8099"},
			}},
		},
	}, metav1.CreateOptions{}); err != nil {
		return false, fmt.Errorf("make a pod to forbid: %w", err)
	}
	from, err := platform.Pods(ctx, u.h.Release.Components[0].Selector)
	if err != nil {
		return false, err
	}
	if len(from) == 0 {
		return false, fmt.Errorf("component %s has no pod to reach another from", u.h.Release.Components[0].Name)
	}
	reach := func(ctx context.Context) (error, error) {
		pod, err := around.Pod(ctx, policyProbe)
		if err != nil || pod.IP == "" {
			return errors.New("it has no address"), err
		}
		_, _, err = platform.Exec(ctx, from[0].Name, u.h.Release.Components[0].Container, []string{"python", "-c", connects, pod.IP}, nil)
		var refused *kube.ExitError
		if errors.As(err, &refused) {
			return refused, nil
		}
		return nil, err
	}
	waiting("a pod to be reached without a policy")
	if _, err := await.Until(ctx, "a pod to be reached by another", time.Second, reach, func(refused error) error { return refused }); err != nil {
		return false, err
	}
	if _, err := policies.Create(ctx, &networkingv1.NetworkPolicy{
		ObjectMeta: metav1.ObjectMeta{Name: policyProbe, Labels: labels},
		Spec: networkingv1.NetworkPolicySpec{
			PodSelector: metav1.LabelSelector{MatchLabels: labels}, PolicyTypes: []networkingv1.PolicyType{networkingv1.PolicyTypeIngress},
		},
	}, metav1.CreateOptions{}); err != nil {
		return false, fmt.Errorf("forbid the pod: %w", err)
	}
	waiting("the pod to be closed by a policy")
	limit := policiesWithin
	if u.Run.Cluster.Kind == environment.KindKind {
		limit = u.timeouts.Observe // kube-router must, and tries again twice a minute
	}
	within, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	_, err = await.Until(within, "a pod to be closed by a policy", time.Second, reach, func(refused error) error {
		if refused == nil {
			return errors.New("it is still reached")
		}
		return nil
	})
	if err != nil && ctx.Err() == nil && within.Err() != nil {
		return false, nil
	}
	return err == nil, err
}
