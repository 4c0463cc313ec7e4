// Package bench measures what the hot paths cost: run it with "make bench", or
//
//	go test ./bench -run '^$' -bench . -benchtime 10000x
//
// Each benchmark reports, beside the time, x_sig: how many times a bare ES256 signature it takes. The signatures are made in turn with the
// requests, so that a busy machine slows both. sql/op counts the statements.
package bench
