package web

import "net/netip"

// Network is what one customer has, for counting by address: an IPv4 address, or 64 bits of an IPv6 one.
func Network(address string) string {
	parsed, err := netip.ParseAddr(address)
	if err != nil || parsed.Is4() {
		return address
	}
	return netip.PrefixFrom(parsed.WithZone(""), 64).Masked().String()
}
