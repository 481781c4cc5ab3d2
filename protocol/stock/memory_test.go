package stock_test

import (
	"os"
	"runtime"
	"strconv"
	"testing"

	"github.com/shelfsync/shelfsync/protocol/stock"
)

// TestMemoryIsBounded: a state costs what it remembers, not what there ever was.
// It holds a million levels and 100,000 open claims while ten million more come
// and end, a million a week of hub time: the heap after the first fortnight is
// the heap at the end. The figures are in DESIGN.md.
func TestMemoryIsBounded(t *testing.T) {
	if os.Getenv("SHELFSYNC_DEEP") == "" {
		t.Skip("ten million reservations take minutes: set SHELFSYNC_DEEP=1 (make test-deep)")
	}
	if racing {
		t.Skip("one goroutine, and ten times the memory: make test-deep runs it without the race detector")
	}
	m := &crowd{t: t, state: stock.NewState()}
	m.stock(100, 10_000)
	levels := m.heap("1,000,000 levels")
	m.hold(100_000)
	m.heap("and 100,000 open claims")
	const week, all = 1_000_000, 10_000_000
	settled := uint64(0)
	for n := 0; n < all; n += week {
		m.comeAndEnd(n, week)
		now := m.heap("after " + strconv.Itoa(n+week) + " that ended")
		if n+week == 2*week {
			settled = now
		}
		if n+week > 2*week && now > settled+settled/20 {
			t.Fatalf("the heap grows with what has ended: %d MiB, %d after the first fortnight", now>>20, settled>>20)
		}
	}
	if err := m.state.Check(); err != nil {
		t.Error(err)
	}
	t.Logf("bytes a level: %d", levels/1_000_000)
}

// crowd drives a large state.
type crowd struct {
	t     *testing.T
	state *stock.State
	shown *stock.State // what readers hold, as on a board
}

func (m *crowd) apply(commands ...stock.Command) {
	for _, r := range m.state.Apply(m.state.Index()+1, &stock.Entry{Commands: commands}) {
		if r.Code != stock.Accepted {
			m.t.Fatalf("%v %s", r.Code, r.Text)
		}
	}
	m.shown = m.state.Freeze()
}

func (m *crowd) heap(what string) uint64 {
	var s runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&s)
	m.t.Logf("%-32s %5d MiB, %d reservations remembered", what, s.HeapAlloc>>20, m.state.Sizes().Reservations)
	return s.HeapAlloc
}

func place(n int) string   { return "S" + strconv.Itoa(n) }
func article(n int) string { return "ITEM-" + strconv.Itoa(n) }

func (m *crowd) stock(locations, items int) {
	m.apply(&stock.Found{Incarnation: 7}, &stock.Tick{Elapsed: 1000, Term: 1})
	for l := range locations {
		m.apply(&stock.PutLocations{Locations: []stock.LocationFacts{{Code: place(l), State: stock.Open}}})
		for from := 0; from < items; from += 500 {
			op := stock.Operation{Document: strconv.Itoa(from)}
			for i := range 500 {
				op.Lines = append(op.Lines, stock.Line{Kind: stock.Adjust, Item: article(from + i), Quantity: 1000 * stock.Unit, Account: stock.Sellable})
			}
			m.apply(&stock.Document{Source: place(l), Location: place(l), Operation: op})
		}
	}
}

// aUnit is a reservation of one unit somewhere.
func aUnit(id string, n int) *stock.Reserve {
	return &stock.Reserve{ID: id, Channel: "web", Order: "O-" + id, Mode: stock.AllOrNothing, TTL: 3600_000,
		Lines: []stock.ReserveLine{{Item: article(n * 7 % 10_000), Quantity: stock.Unit, Candidates: []string{place(n % 100)}}}}
}

func (m *crowd) hold(n int) {
	for i := range n {
		id := "order-" + strconv.Itoa(i)
		m.apply(aUnit(id, i), &stock.Step{ID: id, Action: stock.Confirm})
	}
}

// comeAndEnd lets a week of reservations come and end.
func (m *crowd) comeAndEnd(from, n int) {
	const together = 500
	for i := from; i < from+n; i += together {
		var commands []stock.Command
		for k := i; k < i+together; k++ {
			id := "cart-" + strconv.Itoa(k)
			commands = append(commands, aUnit(id, k), &stock.Step{ID: id, Action: stock.Release})
		}
		m.apply(append(commands, &stock.Tick{Elapsed: 10_000, Term: 1})...)
		for range 29 { // 500 of a million in a week are five minutes
			m.apply(&stock.Tick{Elapsed: 10_000, Term: 1})
		}
	}
}
