//go:build linux

package main

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"

	corev1 "k8s.io/api/core/v1"
)

// route sends packets for the pods of one other node to that node.
type route struct {
	dst netip.Prefix // the other node's pod CIDR
	via netip.Addr   // the other node's internal address
}

func (r route) String() string { return fmt.Sprintf("%s via %s", r.dst, r.via) }

func compareRoutes(a, b route) int {
	return cmp.Or(a.dst.Addr().Compare(b.dst.Addr()), cmp.Compare(a.dst.Bits(), b.dst.Bits()), a.via.Compare(b.via))
}

// wantedRoutes is one route for every node but self. A node that has no pod
// CIDR or no internal address yet is left out; it will be seen again when it has.
func wantedRoutes(nodes []*corev1.Node, self string) []route {
	var routes []route
	for _, node := range nodes {
		if node.Name == self {
			continue
		}
		dst, hasCIDR := podCIDR(node)
		via, hasAddr := internalIP(node)
		if hasCIDR && hasAddr {
			routes = append(routes, route{dst: dst, via: via})
		}
	}
	slices.SortFunc(routes, compareRoutes)
	return routes
}

// diffRoutes says which routes to set and which to remove, so that existing
// becomes wanted. A destination in wanted whose gateway changed is set, which
// replaces the old route without a gap; only further duplicates are removed.
func diffRoutes(wanted, existing []route) (set, remove []route) {
	gateway := make(map[netip.Prefix]netip.Addr, len(wanted))
	for _, r := range wanted {
		gateway[r.dst] = r.via
	}
	kept := make(map[netip.Prefix]bool, len(wanted))
	stale := make(map[netip.Prefix][]route)
	for _, r := range existing {
		via, ok := gateway[r.dst]
		switch {
		case !ok:
			remove = append(remove, r)
		case via == r.via && !kept[r.dst]:
			kept[r.dst] = true
		default:
			stale[r.dst] = append(stale[r.dst], r)
		}
	}
	for _, r := range wanted {
		old := stale[r.dst]
		if !kept[r.dst] {
			set = append(set, r)
			if len(old) > 0 {
				old = old[1:] // this one is replaced in place
			}
		}
		remove = append(remove, old...)
	}
	slices.SortFunc(set, compareRoutes)
	slices.SortFunc(remove, compareRoutes)
	return set, remove
}

// podCIDR gives the node's IPv4 pod range, and false while it has none.
func podCIDR(node *corev1.Node) (netip.Prefix, bool) {
	for _, text := range append([]string{node.Spec.PodCIDR}, node.Spec.PodCIDRs...) {
		if prefix, err := netip.ParsePrefix(text); err == nil && prefix.Addr().Is4() {
			return prefix.Masked(), true
		}
	}
	return netip.Prefix{}, false
}

// internalIP gives the node's IPv4 address on the nodes' network.
func internalIP(node *corev1.Node) (netip.Addr, bool) {
	for _, address := range node.Status.Addresses {
		if address.Type != corev1.NodeInternalIP {
			continue
		}
		if addr, err := netip.ParseAddr(address.Address); err == nil && addr.Is4() {
			return addr, true
		}
	}
	return netip.Addr{}, false
}
