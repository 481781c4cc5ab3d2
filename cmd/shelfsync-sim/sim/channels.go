package sim

import (
	"fmt"
	"math/rand/v2"

	"github.com/shelfsync/shelfsync/protocol/stock"
)

// channelActions are what web shops and marketplaces ask.
var channelActions = []action{
	{name: "reserve", weight: 18, always: true, do: reserve},
	{name: "reserve again", weight: 3, do: reserveAgain},
	{name: "confirm", weight: 8, do: channelStep(stock.Confirm)},
	{name: "release", weight: 3, do: channelStep(stock.Release)},
	{name: "extend", weight: 2, do: channelStep(stock.Extend)},
	{name: "fulfil", weight: 2, do: channelStep(stock.Fulfil)},
	{name: "a channel's move", weight: 4, do: channelStep(stock.Move)},
}

var channels = []string{"web", "app", "market"}

// promise is a reservation as its channel knows it.
type promise struct {
	command *stock.Reserve
	index   uint64 // where it was accepted, in this incarnation; 0: nobody told
	refused
}

// propose puts a command to a node that is up.
func (w *World) propose(r *rand.Rand, command stock.Command, answer func(stock.Result, uint64, error)) bool {
	from := r.IntN(len(w.nodes))
	for k := range w.nodes {
		n := w.nodes[(from+k)%len(w.nodes)]
		if n.hub != nil && n.paused <= w.now {
			n.hub.Propose(command, answer)
			return true
		}
	}
	return false
}

func reserve(w *World, r *rand.Rand) bool {
	d := &w.desk
	c := &stock.Reserve{ID: fmt.Sprintf("r%d", len(d.promises)+1), Channel: channels[r.IntN(3)], Order: fmt.Sprintf("O-%d", len(d.promises)+1),
		Mode: []stock.Mode{stock.AllOrNothing, stock.Partial}[r.IntN(2)], TTL: 1000 * (2 + r.Int64N(60)), Priority: r.Int64N(3), Split: r.IntN(3) == 0}
	if r.IntN(3) == 0 {
		c.CollectWithin = 1000 * (1 + r.Int64N(30))
	}
	for range 1 + r.IntN(3) {
		l := stock.ReserveLine{Item: w.items[r.IntN(len(w.items))].code, Quantity: units(r, 5)}
		if r.IntN(5) == 0 {
			l.Item = w.code(r)
		}
		for _, s := range shuffled(r, w.stores)[:1+r.IntN(len(w.stores))] {
			l.Candidates = append(l.Candidates, s.code)
		}
		c.Lines = append(c.Lines, l)
	}
	p := &promise{command: c}
	d.promises = append(d.promises, p)
	return w.ask(r, p)
}

// ask puts a reservation to a node. What was accepted once stands until it ends.
func (w *World) ask(r *rand.Rand, p *promise) bool {
	incarnation := w.order.incarnation
	p.asked++
	return w.propose(r, p.command, func(result stock.Result, index uint64, err error) {
		p.told(err)
		if err == nil && (result.Code == stock.Accepted || result.Code == stock.Repeated) && incarnation == w.order.incarnation {
			p.index = index
			if result.Reservation == nil || result.Reservation.ID != p.command.ID {
				w.fail("O4", "%s was answered without its record", p.command.ID)
			}
		}
	})
}

func reserveAgain(w *World, r *rand.Rand) bool {
	p := w.desk.promise(r)
	return p != nil && w.ask(r, p)
}

func (d *desk) promise(r *rand.Rand) *promise {
	if len(d.promises) == 0 {
		return nil
	}
	return d.promises[len(d.promises)-1-r.IntN(min(12, len(d.promises)))]
}

func channelStep(action stock.Action) func(*World, *rand.Rand) bool {
	return func(w *World, r *rand.Rand) bool {
		p := w.desk.promise(r)
		if p == nil {
			return false
		}
		c := &stock.Step{ID: p.command.ID, Action: action}
		if r.IntN(2) == 0 {
			c.Line = fmt.Sprint(1 + r.IntN(len(p.command.Lines)))
			if r.IntN(2) == 0 {
				c.Quantity = units(r, 2)
			}
		}
		if action == stock.Extend {
			c.TTL = 1000 * (1 + r.Int64N(90))
		}
		if action == stock.Move {
			c.To = w.stores[r.IntN(len(w.stores))].code
		}
		return w.propose(r, c, func(stock.Result, uint64, error) {})
	}
}
