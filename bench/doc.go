// Package bench measures what the hot paths cost: run it with "make bench", "make bench-provider" or "make bench-directory", or
//
//	go test ./bench -run '^$' -bench Introspection -benchtime 10000x
//
// The endpoints of the provider are measured in turn with what cannot be left out (a bare signature, verification or UPDATE), so that a busy
// machine slows both, and of each the fastest tenth counts. x_sig is the ratio of the two, over_us the difference; sql/op counts the statements.
package bench
