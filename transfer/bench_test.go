package transfer_test

import (
	"context"
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"testing"

	"gatehouse/internal/testenv"
	"gatehouse/tenancy"
	"gatehouse/transfer"
)

const benchRows = 10_000

// BenchmarkTransfer imports and exports 10,000 rows as OpenWISP writes them, each with two organizations.
func BenchmarkTransfer(b *testing.B) {
	var file strings.Builder
	file.WriteString("id,username,email,password,first_name,last_name,is_staff,is_active,date_joined,organizations\n")
	for i := range benchRows {
		fmt.Fprintf(&file, "3f0a8c1e-8a4d-4f60-9f0e-%012d,user%d,user%d@x.example,pbkdf2_sha256$1000$seasalt$JgZryXe2Ga8ysg6XbzkLpTdyPQrHqsinbL9BnnhgX4A=,First,Last,False,True,2021-01-02 03:04:05+00:00,\"(8f1d3bd5-1f51-4b4b-8d80-70dd4f22aa01,False)\n(8f1d3bd5-1f51-4b4b-8d80-70dd4f22aa02,False)\"\n", i, i, i)
	}
	for name, url := range map[string]func() string{
		"SQLite":     func() string { return "sqlite:" + filepath.Join(b.TempDir(), "bench.db") },
		"PostgreSQL": func() string { return testenv.Postgres(b) },
	} {
		w := openWorld(b, url())
		run := func(what string, work func() (int, error)) {
			b.Run(name+what, func(b *testing.B) {
				for b.Loop() {
					if rows, err := work(); err != nil || rows != benchRows {
						b.Fatal(rows, err)
					}
				}
				b.ReportMetric(float64(benchRows*b.N)/b.Elapsed().Seconds(), "rows/s")
			})
		}
		importing := func(o tenancy.ImportOptions) func() (int, error) {
			return func() (int, error) {
				totals, err := transfer.Import{Directory: w.Directory, Scope: system(), Options: o}.Run(context.Background(), strings.NewReader(file.String()))
				return totals.Rows() - totals.Refused, err
			}
		}
		run("DryRun", func() (int, error) {
			return importing(tenancy.ImportOptions{CreateOrganizations: true, Rehearsal: tenancy.NewRehearsal()})()
		})
		run("Import", importing(tenancy.ImportOptions{CreateOrganizations: true}))
		run("ImportAgain", importing(tenancy.ImportOptions{OnExisting: tenancy.ExistingUpdate}))
		run("Export", func() (int, error) {
			return transfer.Export{Directory: w.Directory, Scope: system(), Fields: transfer.DefaultFields(tenancy.Fields{})}.Run(context.Background(), io.Discard)
		})
	}
}
