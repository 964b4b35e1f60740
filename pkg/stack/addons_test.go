package stack

import (
	"testing"

	"github.com/airworthy/airworthy/pkg/config"
	"github.com/airworthy/airworthy/pkg/platform/addon"
)

// kube-router is brought where a policy is asked for and the cluster is ours.
func TestAddonsEnforceThePolicy(t *testing.T) {
	for _, row := range []struct {
		name, cluster string
		policy        bool
		want          string
	}{
		{"no policy", "kind", false, "certificates, ingress"},
		{"a policy", "kind", true, "certificates, ingress, policies"},
		{"a policy in another's cluster", "existing", true, servicesAddon + ", certificates, ingress"},
	} {
		t.Run(row.name, func(t *testing.T) {
			run := config.Default()
			run.Ingress.Kind, run.Ingress.NetworkPolicy, run.Cluster.Kind = "traefik", row.policy, row.cluster
			got := addon.Names(addonsOf(newHandoff(run, Values{})))
			if got != row.want {
				t.Errorf("the add-ons are %q, want %q", got, row.want)
			}
		})
	}
}
