//go:build linux

package main

import (
	"encoding/binary"
	"fmt"
	"net"
	"net/netip"
	"os"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// routeProtocol marks the routes of this program in the kernel's table, so that
// it removes its own and no others. The number is in the range that the kernel
// leaves to administrators and is used by no known routing daemon.
const routeProtocol = 171

// kernelRoutes lists the IPv4 routes of the main table that carry routeProtocol.
func kernelRoutes() ([]route, error) {
	var routes []route
	err := eachRoute(func(head *unix.RtMsg, attrs []syscall.NetlinkRouteAttr) {
		if head.Protocol != routeProtocol {
			return
		}
		var r route
		for _, attr := range attrs {
			switch attr.Attr.Type {
			case unix.RTA_DST:
				if addr, ok := netip.AddrFromSlice(attr.Value); ok {
					r.dst = netip.PrefixFrom(addr, int(head.Dst_len))
				}
			case unix.RTA_GATEWAY:
				r.via, _ = netip.AddrFromSlice(attr.Value)
			}
		}
		if r.dst.IsValid() {
			routes = append(routes, r)
		}
	})
	return routes, err
}

// defaultMTU is the MTU in bytes of the interface of the default route.
func defaultMTU() (int, error) {
	index := 0
	err := eachRoute(func(head *unix.RtMsg, attrs []syscall.NetlinkRouteAttr) {
		if head.Dst_len != 0 || index != 0 {
			return
		}
		for _, attr := range attrs {
			if attr.Attr.Type == unix.RTA_OIF && len(attr.Value) >= 4 {
				index = int(binary.NativeEndian.Uint32(attr.Value))
			}
		}
	})
	if err != nil {
		return 0, err
	}
	if index == 0 {
		return 0, fmt.Errorf("find the default interface: the main table has no IPv4 default route")
	}
	link, err := net.InterfaceByIndex(index)
	if err != nil {
		return 0, fmt.Errorf("look up interface %d: %w", index, err)
	}
	return link.MTU, nil
}

// eachRoute calls visit for every IPv4 route of the main table.
func eachRoute(visit func(*unix.RtMsg, []syscall.NetlinkRouteAttr)) error {
	rib, err := syscall.NetlinkRIB(unix.RTM_GETROUTE, unix.AF_INET)
	if err != nil {
		return fmt.Errorf("list routes: %w", err)
	}
	messages, err := syscall.ParseNetlinkMessage(rib)
	if err != nil {
		return fmt.Errorf("parse routes: %w", err)
	}
	for i := range messages {
		if messages[i].Header.Type != unix.RTM_NEWROUTE || len(messages[i].Data) < unix.SizeofRtMsg {
			continue
		}
		head := (*unix.RtMsg)(unsafe.Pointer(&messages[i].Data[0]))
		if head.Table != unix.RT_TABLE_MAIN || head.Type != unix.RTN_UNICAST {
			continue
		}
		attrs, err := syscall.ParseNetlinkRouteAttr(&messages[i])
		if err != nil {
			return fmt.Errorf("parse a route: %w", err)
		}
		visit(head, attrs)
	}
	return nil
}

// setRoute adds r, or replaces the route to the same destination.
func setRoute(r route) error {
	message := routeMessage(unix.RTM_NEWROUTE, unix.NLM_F_CREATE|unix.NLM_F_REPLACE, r)
	if err := netlinkRequest(message); err != nil {
		return fmt.Errorf("set route %s: %w", r, err)
	}
	return nil
}

// removeRoute removes r; a route that is gone already is no error.
func removeRoute(r route) error {
	err := netlinkRequest(routeMessage(unix.RTM_DELROUTE, 0, r))
	if err != nil && err != unix.ESRCH {
		return fmt.Errorf("remove route %s: %w", r, err)
	}
	return nil
}

// routeMessage encodes one request of the kernel's routing socket. The kernel
// finds the interface by itself, as the gateway is on a connected network.
func routeMessage(kind, flags uint16, r route) []byte {
	body := []byte{
		unix.AF_INET, byte(r.dst.Bits()), 0, 0, // family, length of destination and source, type of service
		unix.RT_TABLE_MAIN, routeProtocol, unix.RT_SCOPE_UNIVERSE, unix.RTN_UNICAST,
		0, 0, 0, 0, // flags
	}
	attribute := func(kind uint16, value []byte) {
		body = binary.NativeEndian.AppendUint16(body, uint16(unix.SizeofRtAttr+len(value)))
		body = binary.NativeEndian.AppendUint16(body, kind)
		body = append(body, value...) // four bytes each, so no padding is needed
	}
	attribute(unix.RTA_DST, r.dst.Masked().Addr().AsSlice())
	if r.via.IsValid() {
		attribute(unix.RTA_GATEWAY, r.via.AsSlice())
	}

	var message []byte
	message = binary.NativeEndian.AppendUint32(message, uint32(unix.SizeofNlMsghdr+len(body)))
	message = binary.NativeEndian.AppendUint16(message, kind)
	message = binary.NativeEndian.AppendUint16(message, unix.NLM_F_REQUEST|unix.NLM_F_ACK|flags)
	message = binary.NativeEndian.AppendUint32(message, 1) // sequence number: one request a socket
	message = binary.NativeEndian.AppendUint32(message, 0) // to the kernel
	return append(message, body...)
}

// netlinkRequest sends one request and returns what the kernel answers; a
// refusal is a plain unix.Errno.
func netlinkRequest(message []byte) error {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.NETLINK_ROUTE)
	if err != nil {
		return os.NewSyscallError("socket", err)
	}
	defer unix.Close(fd)
	if err := unix.Sendto(fd, message, 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
		return os.NewSyscallError("sendto", err)
	}
	reply := make([]byte, os.Getpagesize())
	n, _, err := unix.Recvfrom(fd, reply, 0)
	if err != nil {
		return os.NewSyscallError("recvfrom", err)
	}
	messages, err := syscall.ParseNetlinkMessage(reply[:n])
	if err != nil {
		return err
	}
	for _, m := range messages {
		if m.Header.Type == unix.NLMSG_ERROR && len(m.Data) >= 4 {
			if code := int32(binary.NativeEndian.Uint32(m.Data)); code != 0 {
				return unix.Errno(-code)
			}
			return nil
		}
	}
	return fmt.Errorf("the kernel did not acknowledge the request")
}
