package serve_test

import (
	"log/slog"
	"testing"

	"github.com/shelfsync/shelfsync/sync/serve"
)

// One good sale through ids, checks, schema, decoding and encoding, in process.
func BenchmarkSale(b *testing.B) {
	s := newShop(b, func(c *serve.Config) { c.Log = slog.New(slog.DiscardHandler) })
	b.ReportAllocs()
	for b.Loop() {
		if w := s.post("/v1/sales", goodSale); w.Code != 201 {
			b.Fatal(w.Body)
		}
	}
}
