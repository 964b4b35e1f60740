//go:build linux

package main

import (
	"net/netip"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func node(name, cidr, address string) *corev1.Node {
	n := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: name}}
	if cidr != "" {
		n.Spec.PodCIDR, n.Spec.PodCIDRs = cidr, []string{cidr}
	}
	if address != "" {
		n.Status.Addresses = []corev1.NodeAddress{
			{Type: corev1.NodeHostName, Address: name},
			{Type: corev1.NodeInternalIP, Address: address},
		}
	}
	return n
}

func text(routes []route) []string {
	var out []string
	for _, r := range routes {
		out = append(out, r.String())
	}
	return out
}

func routes(pairs ...string) []route {
	var out []route
	for i := 0; i < len(pairs); i += 2 {
		out = append(out, route{dst: netip.MustParsePrefix(pairs[i]), via: netip.MustParseAddr(pairs[i+1])})
	}
	return out
}

func TestWantedRoutes(t *testing.T) {
	dual := node("dual", "fd00:10:244::/64", "")
	dual.Spec.PodCIDRs = []string{"fd00:10:244::/64", "10.244.7.0/24"}
	dual.Status.Addresses = []corev1.NodeAddress{
		{Type: corev1.NodeInternalIP, Address: "fc00::7"},
		{Type: corev1.NodeInternalIP, Address: "172.18.0.7"},
	}
	tests := []struct {
		name  string
		nodes []*corev1.Node
		want  []string
	}{
		{"no node", nil, nil},
		{"this node alone", []*corev1.Node{node("me", "10.244.0.0/24", "172.18.0.2")}, nil},
		{
			"two others, in order of destination",
			[]*corev1.Node{node("b", "10.244.2.0/24", "172.18.0.4"), node("me", "10.244.0.0/24", "172.18.0.2"), node("a", "10.244.1.0/24", "172.18.0.3")},
			[]string{"10.244.1.0/24 via 172.18.0.3", "10.244.2.0/24 via 172.18.0.4"},
		},
		{"another without a pod CIDR yet", []*corev1.Node{node("a", "", "172.18.0.3")}, nil},
		{"another without an address yet", []*corev1.Node{node("a", "10.244.1.0/24", "")}, nil},
		{"both families: the IPv4 part", []*corev1.Node{dual}, []string{"10.244.7.0/24 via 172.18.0.7"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, text(wantedRoutes(test.nodes, "me"))); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestDiffRoutes(t *testing.T) {
	tests := []struct {
		name             string
		wanted, existing []route
		set, remove      []string
	}{
		{"nothing at all", nil, nil, nil, nil},
		{"nothing to do", routes("10.244.1.0/24", "172.18.0.3"), routes("10.244.1.0/24", "172.18.0.3"), nil, nil},
		{"a new node", routes("10.244.1.0/24", "172.18.0.3"), nil, []string{"10.244.1.0/24 via 172.18.0.3"}, nil},
		{"a node that is gone", nil, routes("10.244.1.0/24", "172.18.0.3"), nil, []string{"10.244.1.0/24 via 172.18.0.3"}},
		{
			"a new address replaces the route in place",
			routes("10.244.1.0/24", "172.18.0.9"), routes("10.244.1.0/24", "172.18.0.3"),
			[]string{"10.244.1.0/24 via 172.18.0.9"}, nil,
		},
		{
			"a duplicate beside the right one",
			routes("10.244.1.0/24", "172.18.0.3"), routes("10.244.1.0/24", "172.18.0.8", "10.244.1.0/24", "172.18.0.3"),
			nil, []string{"10.244.1.0/24 via 172.18.0.8"},
		},
		{
			"two wrong ones: one replaced, one removed",
			routes("10.244.1.0/24", "172.18.0.3"), routes("10.244.1.0/24", "172.18.0.7", "10.244.1.0/24", "172.18.0.8"),
			[]string{"10.244.1.0/24 via 172.18.0.3"}, []string{"10.244.1.0/24 via 172.18.0.8"},
		},
		{
			"another length of prefix is another route",
			routes("10.244.0.0/16", "172.18.0.3"), routes("10.244.0.0/24", "172.18.0.3"),
			[]string{"10.244.0.0/16 via 172.18.0.3"}, []string{"10.244.0.0/24 via 172.18.0.3"},
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			set, remove := diffRoutes(test.wanted, test.existing)
			if diff := cmp.Diff(test.set, text(set)); diff != "" {
				t.Errorf("set: %s", diff)
			}
			if diff := cmp.Diff(test.remove, text(remove)); diff != "" {
				t.Errorf("remove: %s", diff)
			}
		})
	}
}

func TestRenderConflist(t *testing.T) {
	const want = `{
  "cniVersion": "0.4.0",
  "name": "airworthy",
  "plugins": [
    {
      "type": "ptp",
      "ipMasq": true,
      "mtu": 1500,
      "ipam": {
        "type": "host-local",
        "dataDir": "/run/cni-ipam-state",
        "routes": [
          {
            "dst": "0.0.0.0/0"
          }
        ],
        "ranges": [
          [
            {
              "subnet": "10.244.1.0/24"
            }
          ]
        ]
      }
    },
    {
      "type": "portmap",
      "capabilities": {
        "portMappings": true
      }
    }
  ]
}
`
	got, err := renderConflist(netip.MustParsePrefix("10.244.1.0/24"), 1500)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, string(got)); diff != "" {
		t.Error(diff)
	}
}

func TestWriteFileAtomic(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "net.d")
	steps := []struct {
		content string
		written bool
	}{{"one", true}, {"one", false}, {"two", true}}
	for _, step := range steps {
		written, err := writeFileAtomic(dir, conflistName, []byte(step.content))
		if err != nil || written != step.written {
			t.Fatalf("write %q: written %t, error %v; want %t and none", step.content, written, err, step.written)
		}
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	if len(entries) != 1 || entries[0].Name() != conflistName {
		t.Errorf("the directory holds %v, want %s alone", entries, conflistName)
	}
}
