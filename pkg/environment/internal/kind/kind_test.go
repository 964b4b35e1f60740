package kind

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestMismatch(t *testing.T) {
	control := func(change func(*Node)) Node {
		n := Node{Name: "c", Role: "control-plane", Running: true, ImageID: "i", Network: "net", Published: map[int]string{30080: "8080"}}
		if change != nil {
			change(&n)
		}
		return n
	}
	worker := Node{Name: "w", Role: "worker", Running: true, ImageID: "i", Network: "net"}
	tests := []struct {
		name  string
		port  int
		nodes []Node
		want  string
	}{
		{"as wanted", 8080, []Node{control(nil), worker}, ""},
		{"any port", 0, []Node{control(nil), worker}, ""},
		{"a node is missing", 0, []Node{control(nil)}, "it has 1 of 2 nodes"},
		{"stopped", 0, []Node{control(func(n *Node) { n.Running = false }), worker}, "node c is not running"},
		{"another image", 0, []Node{control(func(n *Node) { n.ImageID = "j" }), worker}, "node c runs another image than node:1"},
		{"another network", 0, []Node{control(func(n *Node) { n.Network = "kind" }), worker}, "node c is on network kind, not on net"},
		{"another port", 9090, []Node{control(nil), worker}, "port 30080 of node c is published on 8080, not on 9090"},
		{"not published", 0, []Node{control(func(n *Node) { n.Published = nil }), worker}, "port 30080 of node c is not published"},
		{"no control plane", 0, []Node{worker, worker}, "it has 0 control planes, not 1"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			c := Config{Image: "node:1", Workers: 1, Network: "net", Ports: []Port{{Node: 30080, Host: test.port}}}
			if got := c.Mismatch(test.nodes, "i"); got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}

func TestSpec(t *testing.T) {
	plain := Config{Name: "airworthy-x", Image: "node:1", Workers: 2, Ports: []Port{{Node: 30080, Host: 8080}, {Node: 30443}}}.spec()
	var roles []string
	for _, node := range plain.Nodes {
		roles = append(roles, string(node.Role))
	}
	if diff := cmp.Diff([]string{"control-plane", "worker", "worker"}, roles); diff != "" {
		t.Error(diff)
	}
	if mapped := plain.Nodes[0].ExtraPortMappings[0]; mapped.ListenAddress != "127.0.0.1" || mapped.HostPort != 8080 || mapped.ContainerPort != 30080 {
		t.Errorf("published is %+v", mapped)
	}
	if mapped := plain.Nodes[0].ExtraPortMappings[1]; mapped.HostPort != 0 || mapped.ContainerPort != 30443 {
		t.Errorf("the second one published is %+v", mapped)
	}
	if strings.Contains(strings.Join(plain.KubeadmConfigPatches, ""), "failCgroupV1") || len(plain.ContainerdConfigPatches) != 0 {
		t.Error("the machine's special cases are patched in without being asked for")
	}
	special := Config{CgroupV1: true, RestrictOOMScore: true}.spec()
	if !strings.Contains(special.KubeadmConfigPatches[0], "failCgroupV1: false\n") || len(special.ContainerdConfigPatches) != 2 {
		t.Errorf("patches are %q and %q", special.KubeadmConfigPatches, special.ContainerdConfigPatches)
	}
}

func TestLoggerLines(t *testing.T) {
	var got []string
	l := logger{func(line string) { got = append(got, line) }}
	l.V(0).Infof(" • %s  ...\n", "Preparing nodes 📦 📦 ")
	l.V(0).Infof(" ✓ %s\n", "Preparing nodes 📦 📦 ")
	l.V(0).Info(" ✗ Starting control-plane 🕹️")
	l.Warn("WARNING: Overriding docker network due to KIND_EXPERIMENTAL_DOCKER_NETWORK")
	l.Warn("something else")
	l.V(1).Info("debug")
	want := []string{"Preparing nodes ...", "+ Preparing nodes", "! Starting control-plane", "something else"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}
