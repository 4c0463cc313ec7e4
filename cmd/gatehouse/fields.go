package main

import (
	"errors"
	"maps"
	"slices"

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
	return tenancy.Settings{Fields: compiled, PhonePrefixes: c.Users.PhonePrefixes}, err
}
