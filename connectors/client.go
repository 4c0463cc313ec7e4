package connectors

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"syscall"
	"time"
)

// ClientConfig limits outgoing requests. Zero fields take the defaults in brackets.
type ClientConfig struct {
	Timeout      time.Duration  // of a whole request [10 s]
	MaxBody      int64          // bytes of an answer; more is an error, not a cut [1 MiB]
	AllowPrivate []netip.Prefix // private addresses that may be reached [none]
}

var (
	errPrivateAddress = errors.New("the address is not a public one and not listed in outgoing.allow_private")
	errTooLarge       = errors.New("the answer is too large")
	errRedirect       = errors.New("redirects to another host are not followed")
)

// NewClient makes the one client for all outgoing requests: limited in time, size, redirects and addresses. Addresses are checked
// when connecting, after the name was resolved, so that a name which changes its mind (DNS rebinding) gains nothing. Proxies from
// the environment are not used.
func NewClient(c ClientConfig) *http.Client {
	if c.Timeout == 0 {
		c.Timeout = 10 * time.Second
	}
	if c.MaxBody == 0 {
		c.MaxBody = 1 << 20
	}
	dialer := &net.Dialer{Timeout: c.Timeout, Control: func(_, address string, _ syscall.RawConn) error { return c.checkAddress(address) }}
	transport := &http.Transport{
		DialContext: dialer.DialContext, TLSHandshakeTimeout: c.Timeout, ResponseHeaderTimeout: c.Timeout,
		MaxIdleConnsPerHost: 8, IdleConnTimeout: time.Minute, MaxResponseHeaderBytes: 64 << 10, ForceAttemptHTTP2: true,
	}
	return &http.Client{Timeout: c.Timeout, Transport: limited{transport, c.MaxBody}, CheckRedirect: sameHost}
}

func sameHost(next *http.Request, via []*http.Request) error {
	first := via[0].URL
	if len(via) >= 3 || next.URL.Host != first.Host || next.URL.Scheme != first.Scheme {
		return errRedirect
	}
	return nil
}

// special are ranges that look public and are not: shared address space (RFC 6598), IETF assignments, documentation, benchmarking and
// reserved (RFC 6890), and translations that may lead back inside (RFC 3056, RFC 4380).
func special() []netip.Prefix {
	return []netip.Prefix{
		netip.MustParsePrefix("0.0.0.0/8"), netip.MustParsePrefix("100.64.0.0/10"), netip.MustParsePrefix("192.0.0.0/24"),
		netip.MustParsePrefix("192.0.2.0/24"), netip.MustParsePrefix("192.88.99.0/24"), netip.MustParsePrefix("198.18.0.0/15"),
		netip.MustParsePrefix("198.51.100.0/24"), netip.MustParsePrefix("203.0.113.0/24"), netip.MustParsePrefix("240.0.0.0/4"),
		netip.MustParsePrefix("2001::/23"), netip.MustParsePrefix("2001:db8::/32"), netip.MustParsePrefix("2002::/16"),
		netip.MustParsePrefix("3fff::/20"),
	}
}

// globalIPv6 is all that is assigned for the public Internet (RFC 4291). Everything else is something else: ULA, link-local, NAT64
// (RFC 6052), IPv4-compatible, discard.
func globalIPv6() netip.Prefix { return netip.MustParsePrefix("2000::/3") }

func (c ClientConfig) checkAddress(hostPort string) error {
	target, err := netip.ParseAddrPort(hostPort)
	if err != nil {
		return fmt.Errorf("read address: %w", err)
	}
	if !c.Permits(target.Addr()) {
		return errPrivateAddress
	}
	return nil
}

// Permits reports whether the client may connect to an address: a public one, or one that AllowPrivate lists. IPv4 addresses mapped
// into IPv6 count as what they are.
func (c ClientConfig) Permits(address netip.Addr) bool {
	address = address.Unmap().WithZone("")
	contains := func(prefix netip.Prefix) bool { return prefix.Contains(address) }
	switch {
	case slices.ContainsFunc(c.AllowPrivate, contains):
		return true
	case !address.IsGlobalUnicast() || address.IsPrivate() || (address.Is6() && !globalIPv6().Contains(address)):
		return false
	default:
		return !slices.ContainsFunc(special(), contains)
	}
}

// limited is a transport whose answers end with an error beyond a size.
type limited struct {
	next http.RoundTripper
	max  int64
}

// RoundTrip implements http.RoundTripper.
func (l limited) RoundTrip(request *http.Request) (*http.Response, error) {
	response, err := l.next.RoundTrip(request)
	if err != nil {
		return nil, err
	}
	response.Body = &limitedBody{ReadCloser: response.Body, left: l.max}
	return response, nil
}

type limitedBody struct {
	io.ReadCloser
	left int64
}

// Read fails beyond the limit, unlike io.LimitReader, whose end looks like the end of the answer.
func (b *limitedBody) Read(p []byte) (int, error) {
	if int64(len(p)) > b.left+1 {
		p = p[:b.left+1]
	}
	n, err := b.ReadCloser.Read(p)
	b.left -= int64(n)
	if b.left < 0 {
		return 0, errTooLarge
	}
	return n, err
}
