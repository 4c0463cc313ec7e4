package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"gatehouse/provider"
	"gatehouse/store"
	"gatehouse/tenancy"
)

// keyManager changes the signing keys with an authority that the audit log names; running servers notice within a minute.
func (a *app) keyManager(as tenancy.Scope) provider.KeyManager {
	return provider.KeyManager{Reason: as.Reason(), Store: a.db, Seal: a.keys, Now: time.Now, Lifetimes: lifetimes(a.config.Tokens, a.config.Sessions)}
}

// rotateKeys is the job that replaces keys by their age.
func (a *app) rotateKeys(ctx context.Context) (string, error) {
	rotated, err := a.keyManager(jobScope()).RotateDue(ctx, time.Duration(a.config.SigningKeys.RotateEvery))
	if len(rotated) == 0 {
		return "no key was due", err
	}
	return "rotated " + strings.Join(rotated, ", "), err
}

type keysCommand struct {
	List   keysListCommand   `cmd:"" help:"List the signing keys, oldest first."`
	Rotate keysRotateCommand `cmd:"" help:"Let the next key sign from now on; tokens of the current one stay good until they expire."`
	Revoke keysRevokeCommand `cmd:"" help:"Remove a key that has leaked; tokens that it signed die with it."`
}

type keysListCommand struct {
	configFlag
	outputFlag
}

// Run lists keys, never their private halves.
func (c keysListCommand) Run(ctx context.Context, t terminal) error {
	a, err := c.open(ctx, t)
	if err != nil {
		return err
	}
	defer a.close()
	keys, err := a.keyManager(commandLine()).Keys(ctx)
	if err != nil {
		return err
	}
	var rows [][]attribute
	for _, key := range keys {
		rows = append(rows, keyAttributes(key))
	}
	return c.list(t, keyAttributes(provider.SigningKey{}), rows)
}

func keyAttributes(key provider.SigningKey) []attribute {
	return []attribute{
		{"kid", key.ID},
		{"algorithm", key.Algorithm},
		{"state", string(key.State)},
		{"created", key.Created},
		{"signs_since", key.Activated},
		{"published_until", key.Retires},
	}
}

type keysRotateCommand struct {
	configFlag
	Algorithm string `placeholder:"ES256" help:"Only keys of this algorithm: ES256, RS256 or EdDSA."`
}

// Run rotates one algorithm or all, and says which keys sign now.
func (c keysRotateCommand) Run(ctx context.Context, t terminal) error {
	algorithms := provider.SigningAlgorithms()
	if c.Algorithm != "" {
		if !slices.Contains(algorithms, c.Algorithm) {
			return fmt.Errorf("there is no algorithm %q; there are: %s", c.Algorithm, strings.Join(algorithms, ", "))
		}
		algorithms = []string{c.Algorithm}
	}
	a, err := c.open(ctx, t)
	if err != nil {
		return err
	}
	defer a.close()
	for _, algorithm := range algorithms {
		kid, err := a.keyManager(commandLine()).Rotate(ctx, algorithm)
		var early *provider.TooEarly
		switch {
		case errors.As(err, &early):
			return fmt.Errorf("%w: until then some services do not know it; if the current key has leaked, revoke it", early)
		case errors.Is(err, store.ErrStale):
			return fmt.Errorf("somebody else rotates the %s key at this moment; \"keys list\" shows the outcome", algorithm)
		case errors.Is(err, store.ErrNotFound):
			return fmt.Errorf("there are no %s keys yet; \"serve\" makes them when it starts", algorithm)
		case err != nil:
			return err
		}
		if _, err := fmt.Fprintf(t.out, "%s: %s signs from now on; servers notice within a minute.\n", algorithm, kid); err != nil {
			return err
		}
	}
	return nil
}

type keysRevokeCommand struct {
	configFlag
	confirmFlag
	Kid string `arg:"" help:"Id of the key, as \"keys list\" shows it and tokens name it."`
}

// Run removes a key.
func (c keysRevokeCommand) Run(ctx context.Context, t terminal) error {
	if err := c.check("makes every token that the key has signed worthless"); err != nil {
		return err
	}
	a, err := c.open(ctx, t)
	if err != nil {
		return err
	}
	defer a.close()
	err = a.keyManager(commandLine()).Revoke(ctx, c.Kid)
	if errors.Is(err, store.ErrNotFound) {
		return fmt.Errorf("there is no key %q; \"keys list\" shows those that there are", c.Kid)
	}
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(t.out, "The key is gone. Within a minute no server publishes it, signs with it or accepts what it has signed.\n"+
		"Services that verify tokens themselves believe it until they read the key set again: restart them, or wait for 5 minutes and what they keep beyond that.")
	return err
}
