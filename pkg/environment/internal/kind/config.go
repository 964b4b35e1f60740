// Package kind makes, judges and removes one kind cluster. It must not know
// stacks: it is given a name, an image and a network.
package kind

import (
	"fmt"

	"sigs.k8s.io/kind/pkg/apis/config/v1alpha4"

	"github.com/airworthy/airworthy/pkg/environment/internal/engine"
)

// ClusterLabel is the label, of kind's own, that node containers carry. kind
// offers no way to add another.
const ClusterLabel = "io.x-k8s.kind.cluster"

const roleLabel = "io.x-k8s.kind.role"

// Config is a cluster as it is wanted.
type Config struct {
	Name    string // of the cluster; its nodes' names begin with it
	Image   string // node image, present in the container engine
	Workers int    // beside the one control plane
	Network string // container network, made beforehand
	Ports   []Port // of the nodes that are published on 127.0.0.1

	CgroupV1         bool // the machine has cgroup v1, which kubelets refuse unless told otherwise
	RestrictOOMScore bool // the machine lacks CAP_SYS_RESOURCE, so scores cannot be lowered

	Docker   engine.API
	Progress func(string) // never nil
}

// Port is a port of the control plane's node that is published on 127.0.0.1.
type Port struct {
	Node int
	Host int // where Node is published; 0 for any free port
}

// kubeletPatch is for a cluster that lives for one run on a small machine:
// eventRecordQPS 0 drops no event, as events are evidence; images that must
// be pulled are pulled side by side; logs are rotated late, so that the log of a
// noisy pod can still be had whole.
const kubeletPatch = `kind: KubeletConfiguration
apiVersion: kubelet.config.k8s.io/v1beta1
eventRecordQPS: 0
serializeImagePulls: false
containerLogMaxSize: 100Mi
`

// etcdPatch trades durability, which a cluster of one run does not need, for
// the disk's time: on a small machine each write would wait for it.
const etcdPatch = `kind: ClusterConfiguration
apiVersion: kubeadm.k8s.io/v1beta4
etcd:
  local:
    extraArgs:
      - name: unsafe-no-fsync
        value: "true"
`

const oomPatch = `version = 3

[plugins."io.containerd.cri.v1.runtime"]
  restrict_oom_score_adj = true
`

// oomPatchV2 is the same for node images with containerd 1; kind applies the
// patch whose version fits.
const oomPatchV2 = `version = 2

[plugins."io.containerd.grpc.v1.cri"]
  restrict_oom_score_adj = true
`

// spec is the configuration in kind's terms.
func (c Config) spec() *v1alpha4.Cluster {
	kubelet := kubeletPatch
	if c.CgroupV1 {
		kubelet += "failCgroupV1: false\n"
	}
	spec := &v1alpha4.Cluster{
		TypeMeta:             v1alpha4.TypeMeta{Kind: "Cluster", APIVersion: "kind.x-k8s.io/v1alpha4"},
		Name:                 c.Name,
		KubeadmConfigPatches: []string{kubelet, etcdPatch},
		Nodes: []v1alpha4.Node{{
			Role:  v1alpha4.ControlPlaneRole,
			Image: c.Image,
		}},
	}
	for _, port := range c.Ports {
		spec.Nodes[0].ExtraPortMappings = append(spec.Nodes[0].ExtraPortMappings, v1alpha4.PortMapping{
			ContainerPort: int32(port.Node),
			HostPort:      int32(port.Host),
			ListenAddress: "127.0.0.1",
			Protocol:      v1alpha4.PortMappingProtocolTCP,
		})
	}
	if c.RestrictOOMScore {
		spec.ContainerdConfigPatches = []string{oomPatch, oomPatchV2}
	}
	for range c.Workers {
		spec.Nodes = append(spec.Nodes, v1alpha4.Node{Role: v1alpha4.WorkerRole, Image: c.Image})
	}
	v1alpha4.SetDefaultsCluster(spec)
	return spec
}

// size is the number of nodes.
func (c Config) size() int { return 1 + c.Workers }

func (c Config) say(format string, args ...any) { c.Progress(fmt.Sprintf(format, args...)) }
