package hub

import (
	"context"
	"fmt"
	"testing"

	"github.com/shelfsync/shelfsync/hub/journal"
	"github.com/shelfsync/shelfsync/protocol"
	"github.com/shelfsync/shelfsync/protocol/stock"
)

// fullSegment is a journal whose first segment, of the common size, holds baskets
// of one line from 100 stores, and the next has begun.
func fullSegment(b *testing.B, dir string) (kept *journal.Journal, operations int) {
	b.Helper()
	kept, err := journal.Open(dir, journal.Config{})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = kept.Close() })
	put := func(index uint64, commands []protocol.Command) {
		entry := protocol.EncodeEntry(int64(index), commands)
		results := make([]stock.Result, len(commands))
		for i := range results {
			results[i].Code = stock.Accepted
		}
		if err := kept.Append(index, int64(index), protocol.EncodeApplied(entry, results)); err != nil {
			b.Fatal(err)
		}
	}
	for index, n := uint64(1), 0; kept.Segments()[1] < 2; index++ {
		var commands []protocol.Command
		for store := range 20 {
			batch := &protocol.BatchBytes{Agent: fmt.Sprintf("S%03d", (n/40+store)%100), Installation: "pc", Epoch: "k3f9"}
			for range 10 {
				n++
				operation, err := protocol.EncodeOperation(&stock.Operation{Incarnation: 7, Seen: index, At: 1_700_000_000_000, Receipt: fmt.Sprint("T1-", n), Till: "T1",
					Correlation: fmt.Sprintf("%032x", n*7919), Lines: []stock.Line{{Kind: stock.Sale, Item: fmt.Sprint("85", n%5000), Quantity: stock.Unit}}})
				if err != nil {
					b.Fatal(err)
				}
				batch.Operations = append(batch.Operations, operation)
			}
			commands = append(commands, protocol.BatchCommand(batch))
		}
		put(index, commands)
		operations = n
		if index%50 == 0 {
			if err := kept.Flush(); err != nil {
				b.Fatal(err)
			}
		}
	}
	return kept, operations
}

// BenchmarkPassingASegment is what a look-up pays for a segment that cannot answer.
func BenchmarkPassingASegment(b *testing.B) {
	kept, _ := fullSegment(b, b.TempDir())
	if err := kept.Index(context.Background(), journalKeys); err != nil {
		b.Fatal(err)
	}
	vain, asked := 0, 0
	for b.Loop() {
		sought := Sought{Receipt: fmt.Sprint("T9-", asked)}
		records, _, err := kept.Find(0, sought.Want(), 1, 1)
		if err != nil {
			b.Fatal(err)
		}
		if asked++; len(records) > 0 && records[0].Index == 1 {
			vain++
		}
	}
	b.ReportMetric(100*float64(vain)/float64(asked), "%-in-vain")
}
