package tenancy

import "time"

// NewLink and OpenLink are for the tests of links, which every kind of link shares.
func (d *Directory) NewLink(purpose string, claims any, lifetime time.Duration) (string, error) {
	return d.newLink(purpose, claims, lifetime)
}

func (d *Directory) OpenLink(purpose, token string, claims any) error {
	return d.openLink(purpose, token, claims)
}
