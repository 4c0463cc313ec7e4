package main

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"gatehouse/config"
	"gatehouse/tenancy"
)

// userSettings are what the configuration says about users. The error is config.Problems about all that is wrong with their fields.
func userSettings(c *config.Config) (tenancy.Settings, error) {
	fields := make([]tenancy.Field, len(c.Users.Fields))
	for i, declared := range c.Users.Fields {
		fields[i] = tenancy.Field{
			Name: declared.Name, Title: declared.Title, Schema: declared.Schema, Required: declared.Required, Unique: declared.Unique,
			Searchable: declared.Searchable, Exported: declared.Exported, Claim: declared.Claim,
			View: tenancy.Level(declared.View), Edit: tenancy.Level(declared.Edit),
		}
	}
	compiled, err := tenancy.NewFields(fields)
	var invalid *tenancy.Invalid
	if errors.As(err, &invalid) {
		var problems config.Problems
		for _, key := range slices.Sorted(maps.Keys(invalid.Fields)) {
			for _, text := range invalid.Fields[key] {
				problems = append(problems, c.ProblemAt("users.fields"+key, text))
			}
		}
		return tenancy.Settings{}, problems
	}
	if err != nil {
		return tenancy.Settings{}, err
	}
	u := c.Users
	location, err := time.LoadLocation(u.TimeZone)
	if err != nil {
		return tenancy.Settings{}, fmt.Errorf("time zone: %w", err)
	}
	return tenancy.Settings{
		Fields: compiled, PhonePrefixes: u.PhonePrefixes, Location: location,
		PasswordExpiryDays: u.PasswordExpiryDays, StaffPasswordExpiryDays: u.StaffPasswordExpiryDays,
		TokenLifetime: time.Duration(u.TokenLifetime), MaxTokenLifetime: time.Duration(u.MaxTokenLifetime), ResetLifetime: time.Duration(u.ResetLifetime),
	}, nil
}
