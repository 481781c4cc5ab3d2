package sim

import (
	"errors"

	"github.com/shelfsync/shelfsync/hub"
	"github.com/shelfsync/shelfsync/protocol/stock"
)

// left is what a channel may still have of an item at a location, by the formula
// of the domain and the rows of the policy, read anew. It may be negative. No:
// nothing is promised there at all.
func left(state *stock.State, l *stock.Location, item stock.Item, channel string) (q stock.Quantity, ok bool) {
	no, _ := state.ItemNo(item.Code)
	p, level := state.Policy(), l.Level(no)
	if l.State != stock.Open {
		return 0, false
	}
	groups := map[string]string{}
	for _, row := range p.Groups {
		groups[row.Channel] = row.Group
	}
	for _, row := range p.Exclusions {
		if row.Location == l.Code && (row.Channel != "" && row.Channel == channel || row.Group != "" && row.Group == groups[channel]) {
			return 0, false
		}
	}
	safety, threshold := closest{}, closest{}
	for _, row := range p.Safety {
		safety.offer(fits(row.Item, item.Code, row.Class, item.Class, row.Location, l.Code), row.Quantity)
	}
	for _, row := range p.Thresholds {
		threshold.offer(fits("", "", row.Class, item.Class, row.Channel, channel), row.Quantity)
	}
	floors := map[string]*closest{}
	for _, row := range p.Allocation {
		if floors[row.Group] == nil {
			floors[row.Group] = &closest{}
		}
		floors[row.Group].offer(fits(row.Item, item.Code, row.Class, item.Class, row.Location, l.Code), row.Protected)
	}
	q = level.Sellable - level.Claims - safety.value - threshold.value
	for group, floor := range floors {
		if group != groups[channel] {
			q -= max(0, floor.value-holds(state, l, no, group, groups))
		}
	}
	for _, t := range state.TransfersFrom(0) {
		for _, at := range t.Lines {
			if t.FromKnown && t.From == l.No && at.Item == no && at.Account == stock.Sellable && at.Quantity < 0 {
				q += at.Quantity
			}
		}
	}
	return q, true
}

// holds is what open claims of a group's channels have of an item at a location.
func holds(state *stock.State, l *stock.Location, item stock.ItemNo, group string, groups map[string]string) (q stock.Quantity) {
	for r, at := range state.ClaimsSince(l, 0) {
		if !at.Gone && at.Item == item && at.State.Open() && groups[r.Channel] == group {
			q += at.Quantity
		}
	}
	return q
}

// closest is the value of the row that fits most closely.
type closest struct {
	rank  int
	value stock.Quantity
}

func (c *closest) offer(rank int, q stock.Quantity) {
	if rank > c.rank {
		c.rank, c.value = rank, q
	}
}

// fits is how closely a row names an item and a place: goods before places; 0: not
// at all.
func fits(row, item, class, itemClass, place, here string) (rank int) {
	switch {
	case row != "" && row != item, row == "" && class != "" && class != itemClass, place != "" && place != here:
		return 0
	case row != "":
		rank = 5
	case class != "":
		rank = 3
	default:
		rank = 1
	}
	if place != "" {
		rank++
	}
	return rank
}

// checkMode: whole or not at all is a rule of acceptance, and binds only who asks
// for it.
func checkMode(w *World, c *stock.Reserve, result stock.Result) {
	switch {
	case c.Mode == stock.Partial && result.Code == stock.ShortOf:
		w.fail("O4", "%s takes a part, and was refused for want of the rest", c.ID)
	case c.Mode == stock.AllOrNothing && result.Code == stock.Accepted:
		for _, line := range result.Reservation.Lines {
			if line.State == stock.Short {
				w.fail("O4", "%s asked for all or nothing, and line %s of it is short", c.ID, line.Line)
			}
		}
	}
}

// refused counts who was told that nothing was done.
type refused struct{ asked, refused int }

func (r *refused) told(err error) {
	if errors.Is(err, hub.ErrNotLeader) || errors.Is(err, hub.ErrBusy) {
		r.refused++
	}
}

// never: each time that it was asked for, somebody was told that nothing was done.
func (r *refused) never() bool { return r.asked > 0 && r.asked == r.refused }
