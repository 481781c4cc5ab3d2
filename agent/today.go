package agent

import (
	"time"

	"github.com/shelfsync/shelfsync/protocol/stock"
)

// Today counts what the store did since midnight by its own clock, for people.
type Today struct {
	Sales, Returns, Deliveries, Picks int
	Last                              time.Time
}

// counters keeps Today; it starts over when the day does.
type counters struct {
	day   string
	today Today
}

func (c *counters) count(op *stock.Operation, now time.Time) {
	if day := now.Format(time.DateOnly); day != c.day {
		c.day, c.today = day, Today{}
	}
	var seen [stock.Kinds]bool
	for i := range op.Lines {
		seen[op.Lines[i].Kind] = true
	}
	for kind, n := range map[stock.Kind]*int{stock.Sale: &c.today.Sales, stock.Return: &c.today.Returns,
		stock.Delivery: &c.today.Deliveries, stock.Pick: &c.today.Picks} {
		if seen[kind] && op.Reverses == "" {
			*n++
		}
	}
	c.today.Last = now
}

// Today is what the store did since midnight, since this program started.
func (a *Agent) Today() Today {
	if a.days.day != a.config.Now().Format(time.DateOnly) {
		return Today{}
	}
	return a.days.today
}
