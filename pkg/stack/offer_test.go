package stack

import (
	"slices"
	"testing"

	"github.com/airworthy/airworthy/pkg/config"
	"github.com/airworthy/airworthy/pkg/conformance"
)

// A check that nobody could try is listed with a reason, whatever it needs.
func TestEveryRequiredFeatureHasAReason(t *testing.T) {
	all := notOffered(Handoff{Run: config.Default()}, noPolicies)
	for _, check := range conformance.All() {
		for _, feature := range check.Requires {
			if !slices.ContainsFunc(all, func(a conformance.Absence) bool { return a.Feature == feature && a.Because != "" }) {
				t.Errorf("%s needs %s, and nothing says why a platform would not offer it", check.ID, feature)
			}
		}
	}
}

func TestNotOffered(t *testing.T) {
	for _, row := range []struct {
		name    string
		set     func(*config.Run)
		claimed []conformance.Feature
		feature conformance.Feature
		want    string
	}{
		{"no ingress", func(*config.Run) {}, nil, conformance.FeatureACME, "the run file asks for no ingress (ingress.kind)"},
		{"an ingress without ACME", func(r *config.Run) { r.Ingress.Kind = "traefik" }, nil, conformance.FeatureACME,
			"the run file has certificates issued otherwise (ingress.certificates: self-signed)"},
		{"git-sync over HTTPS", func(r *config.Run) { r.Platform.DAGDelivery, r.Git.Kind = "git-sync", "https" }, nil, conformance.FeatureGitSyncSSH,
			"the run file reaches the repository otherwise (git.kind: https)"},
		{"no policy", func(r *config.Run) { r.Ingress.Kind = "traefik" }, nil, conformance.FeatureNetworkPolicy,
			"the run file asks for no network policy (ingress.networkPolicy)"},
		{"a policy", func(r *config.Run) { r.Ingress.Kind, r.Ingress.NetworkPolicy = "traefik", true }, nil, conformance.FeatureNetworkPolicy, noPolicies},
		{"claimed", func(*config.Run) {}, []conformance.Feature{conformance.FeatureVolumeLogs}, conformance.FeatureVolumeLogs, ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			run := config.Default()
			row.set(&run)
			got := ""
			for _, a := range notOffered(Handoff{Run: run, Features: row.claimed}, noPolicies) {
				if a.Feature == row.feature {
					got = a.Because
				}
			}
			if got != row.want {
				t.Errorf("got %q, want %q", got, row.want)
			}
		})
	}
}
