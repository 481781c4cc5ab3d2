package agent_test

import (
	"crypto/rand"
	"fmt"
	"testing"
	"time"

	"github.com/shelfsync/shelfsync/agent"
	"github.com/shelfsync/shelfsync/agent/ledger"
	"github.com/shelfsync/shelfsync/protocol"
	"github.com/shelfsync/shelfsync/protocol/stock"
)

// onDisk is a store on the real ledger, connected to a hub that says what the
// benchmark wants.
func onDisk(b *testing.B) *world {
	l, err := ledger.Open(b.TempDir(), rand.Reader)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = l.Close() })
	w := newWorld(b, l)
	w.meet()
	return w
}

// How long a till may wait behind the round that a new store, or one that was
// away for long, is sent.
func BenchmarkKeepRound(b *testing.B) {
	for _, size := range []int{100, 5000, 20_000} {
		b.Run(fmt.Sprint(size, "-levels"), func(b *testing.B) {
			w := onDisk(b)
			at := w.position()
			for b.Loop() {
				at.Index++
				round := &protocol.Round{Hub: at, Last: true}
				for i := range size {
					code := fmt.Sprint("item-", i)
					round.Items = append(round.Items, stock.Item{Code: code, Unit: "ea", Class: "default", Stocked: true, Aliases: []stock.Alias{{Code: fmt.Sprint("50123", i), Factor: 1}}})
					round.Levels = append(round.Levels, stock.StoreLevel{Item: code, Level: stock.Level{Sellable: stock.Quantity(at.Index)}})
					if i%100 == 0 {
						round.Claims = append(round.Claims, stock.StoreClaim{Reservation: code, Line: "1", Channel: "web", Item: code, Quantity: stock.Unit, State: stock.Confirmed})
					}
				}
				for _, part := range round.Parts() {
					w.must(w.agent.Receive(part))
				}
				if w.agent.Base() != at {
					b.Fatal("the round was not kept")
				}
			}
		})
	}
}

// What a group of tills waits for: one commit.
func BenchmarkRecord(b *testing.B) {
	for _, size := range []int{1, 8, 64} {
		b.Run(fmt.Sprint(size, "-at-once"), func(b *testing.B) {
			w := onDisk(b)
			for b.Loop() {
				requests := make([]*agent.Request, size)
				for i := range requests {
					requests[i] = w.request(sold(fmt.Sprint("item-", i), 1))
				}
				for _, a := range w.agent.Record(requests) {
					w.must(a.Err)
				}
			}
			b.ReportMetric(float64(size)*float64(b.N)/b.Elapsed().Seconds(), "ops/s")
		})
	}
}

// How long a store that was cut off for long takes to open.
func BenchmarkOpen(b *testing.B) {
	w := onDisk(b)
	for range 1000 {
		requests := make([]*agent.Request, 100)
		for i := range requests {
			requests[i] = w.request(sold(fmt.Sprint("item-", i), 1))
		}
		w.agent.Record(requests)
	}
	for b.Loop() {
		if _, err := agent.Open(agent.Config{Location: here, Ledger: w.ledger, Now: time.Now}); err != nil {
			b.Fatal(err)
		}
	}
}
