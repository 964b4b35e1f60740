//go:build linux

package main

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
)

// conflistName sorts before what other network add-ons write, as the container
// runtime takes the first file of the directory.
const conflistName = "10-airworthy.conflist"

type conflist struct {
	CNIVersion string   `json:"cniVersion"`
	Name       string   `json:"name"`
	Plugins    []plugin `json:"plugins"`
}

type plugin struct {
	Type         string          `json:"type"`
	IPMasq       bool            `json:"ipMasq,omitempty"`
	MTU          int             `json:"mtu,omitempty"`
	IPAM         *ipam           `json:"ipam,omitempty"`
	Capabilities map[string]bool `json:"capabilities,omitempty"`
}

type ipam struct {
	Type    string     `json:"type"`
	DataDir string     `json:"dataDir"`
	Routes  []route4   `json:"routes"`
	Ranges  [][]range4 `json:"ranges"`
}

type route4 struct {
	Dst string `json:"dst"`
}

type range4 struct {
	Subnet string `json:"subnet"`
}

// renderConflist is the CNI configuration of one node: a veth pair for each pod
// with an address of podCIDR. mtu is in bytes; 0 leaves the kernel's default.
//
// ipMasq hides the pod behind its node for every destination outside podCIDR.
// That includes pods on other nodes: these see the address of the sending
// pod's node, not the pod's own.
func renderConflist(podCIDR netip.Prefix, mtu int) ([]byte, error) {
	list := conflist{
		CNIVersion: "0.4.0",
		Name:       "airworthy",
		Plugins: []plugin{
			{
				Type:   "ptp",
				IPMasq: true,
				MTU:    mtu,
				IPAM: &ipam{
					Type: "host-local",
					// On a tmpfs, so that leases do not outlive a restart of the node.
					DataDir: "/run/cni-ipam-state",
					Routes:  []route4{{Dst: "0.0.0.0/0"}},
					Ranges:  [][]range4{{{Subnet: podCIDR.Masked().String()}}},
				},
			},
			{Type: "portmap", Capabilities: map[string]bool{"portMappings": true}},
		},
	}
	out, err := json.MarshalIndent(list, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("render the CNI configuration: %w", err)
	}
	return append(out, '\n'), nil
}

// writeFileAtomic replaces name in dir, so that the container runtime, which
// watches dir, never reads half a file. It reports whether anything changed.
func writeFileAtomic(dir, name string, content []byte) (bool, error) {
	path := filepath.Join(dir, name)
	if old, err := os.ReadFile(path); err == nil && string(old) == string(content) {
		return false, nil
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return false, fmt.Errorf("make %s: %w", dir, err)
	}
	// The runtime reads files that end in .conf, .conflist or .json only.
	tmp, err := os.CreateTemp(dir, "."+name+".*.tmp")
	if err != nil {
		return false, fmt.Errorf("write %s: %w", path, err)
	}
	defer os.Remove(tmp.Name()) // no longer there after the rename
	_, err = tmp.Write(content)
	if err == nil {
		err = tmp.Chmod(0o644)
	}
	if closeErr := tmp.Close(); err == nil {
		err = closeErr
	}
	if err == nil {
		err = os.Rename(tmp.Name(), path)
	}
	if err != nil {
		return false, fmt.Errorf("write %s: %w", path, err)
	}
	return true, nil
}
