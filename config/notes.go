package config

import (
	"fmt"
	"net/netip"
	"net/url"
	"slices"
)

// Notes are places of a valid file that may not mean what they say. Unlike problems they do not fail.
func (c *Config) Notes() Problems {
	var notes Problems
	for i, client := range c.Clients {
		path := fmt.Sprintf("clients[%d]", i)
		notes = append(notes, c.undeclared(path+".organization", client.Organization)...)
		for j, scope := range client.Scopes {
			notes = append(notes, c.misspelt(fmt.Sprintf("%s.scopes[%d]", path, j), scope)...)
		}
		notes = append(notes, c.unreachable(path+".backchannel_logout_uri", client.BackchannelLogoutURI)...)
		notes = append(notes, c.unreachable(path+".jwks_uri", client.JWKSURI)...)
	}
	for i, connector := range c.Connectors {
		path := fmt.Sprintf("connectors[%d]", i)
		notes = append(notes, c.undeclared(path+".organization", connector.Organization)...)
		notes = append(notes, c.undeclared(path+".join_organization", connector.JoinOrganization)...)
	}
	_ = notes.err() // sorts
	return notes
}

// undeclared: the default organization is made at the first start.
func (c *Config) undeclared(path, slug string) Problems {
	same := func(o Organization) bool { return o.Slug == slug }
	if slug == "" || slug == "default" || slices.ContainsFunc(c.Organizations, same) {
		return nil
	}
	return Problems{c.ProblemAt(path, fmt.Sprintf("%q is not declared under organizations; it must exist in the database", slug))}
}

// unreachable: a private address is valid, but nothing is sent there unless it is listed. What a name stands for is not looked up here.
func (c *Config) unreachable(path, address string) Problems {
	target, err := url.Parse(address)
	if err != nil {
		return nil
	}
	host := target.Hostname()
	if host == "localhost" {
		host = "127.0.0.1"
	}
	ip, err := netip.ParseAddr(host)
	listed := func(network netip.Prefix) bool { return network.Contains(ip) }
	if err != nil || !(ip.IsLoopback() || ip.IsPrivate()) || slices.ContainsFunc(c.Outgoing.AllowPrivate, listed) {
		return nil
	}
	return Problems{c.ProblemAt(path, fmt.Sprintf("Gatehouse asks nothing of the private address %s unless outgoing.allow_private lists it", ip))}
}

// misspelt: a client may have scopes of its own, but hardly one that differs from a standard one by a letter or two.
func (c *Config) misspelt(path, scope string) Problems {
	if slices.Contains(standardScopes, scope) {
		return nil
	}
	for _, standard := range standardScopes {
		if edits(scope, standard) <= 2 {
			return Problems{c.ProblemAt(path, fmt.Sprintf("%q means nothing to Gatehouse itself; did you mean %q?", scope, standard))}
		}
	}
	return nil
}

var standardScopes = []string{"openid", "profile", "email", "phone", "groups", "permissions", "offline_access"}
