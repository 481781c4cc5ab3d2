package rehearse

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/shelfsync/shelfsync/protocol/api"
)

// A channel may move a claim by its own will, as when the store that should serve
// it is too busy. It moves a line, or a part of one, to a place that it names, and
// the hub says no where the goods are not there or are set aside already.

// movedRows are visits whose order the channel moves to the second store.
var movedRows = []visit{
	{name: "moved", units: 2, further: true, do: (*desk).moved},
	{name: "moved in part", units: 2, further: true, do: (*desk).movedInPart},
	{name: "moved there and back", units: 1, further: true, do: (*desk).movedBack},
	{name: "moved when it is set aside", units: 1, further: true, do: (*desk).movedTooLate},
	{name: "moved where there is not enough", units: 1, further: true, do: (*desk).movedInVain},
}

// offlineMoves are moved away while their store is cut off, which hands the goods
// over all the same, or goes on to sell them.
var offlineMoves = []visit{
	{name: "moved, and handed over where it was", units: 2, further: true, do: (*desk).movedAndHandedOver},
	{name: "moved in part, and set aside where it was", units: 2, further: true, do: (*desk).movedAndSetAside},
}

// moves plans them; they need a second store.
func (p *errandPlan) moves() {
	if len(p.run.day.Locations) < 2 {
		return
	}
	p.run.plan.moves = true
	for i := range movedRows {
		p.visit(p.share(0.05, 0.75), movedRows[i], p.stores(2), 0)
	}
	for _, c := range p.run.plan.cuts {
		for i := range offlineMoves {
			stores := append([]string{c.location}, p.stores(1, c.location)...)
			p.visit(max(0.01, c.from-0.08), offlineMoves[i], stores, c.from+0.01)
		}
	}
}

// shift is one move that a channel asks for.
type shift struct {
	to       string
	line     string // empty: all that is open
	quantity int64  // thousandths; 0: all of the line
}

// shifts asks for a move and keeps what was answered. done is false where the hub
// says no.
func (d *desk) shifts(ctx context.Context, s shift) (done bool, err error) {
	d.worker++
	reply, err := d.run.client.post(ctx, d.run.hub(d.worker, "/v1/reservations/"+d.id+"/move"), "", api.Step{Line: s.line, Quantity: quantity(s.quantity), Location: s.to})
	if err != nil {
		return false, err
	}
	answer := Answer{Kind: "move", Order: d.id, Status: reply.status, To: s.to, At: time.Now(), Took: ms(reply.took), Lines: []Line{{Kind: "move", Of: s.line, Thousandths: s.quantity}}}
	if reply.status == http.StatusConflict {
		var problem struct {
			Code api.Code `json:"code"`
		}
		if err := json.Unmarshal(reply.body, &problem); err != nil {
			return false, fmt.Errorf("answer to the move of %s: %w", d.id, err)
		}
		answer.State = string(problem.Code)
		d.run.record.Note(answer)
		return false, nil
	}
	record, err := d.run.noteReservation(answer, d.web, reply)
	return record != nil, err
}

func (d *desk) other() string { return d.candidates[len(d.candidates)-1] }

func (d *desk) moved(ctx context.Context) error {
	if _, err := d.shifts(ctx, shift{to: d.other()}); err != nil {
		return err
	}
	return d.run.collect(ctx, d.web)
}

func (d *desk) movedInPart(ctx context.Context) error {
	if _, err := d.shifts(ctx, shift{d.other(), "1", 1000}); err != nil {
		return err
	}
	return d.run.collect(ctx, d.web)
}

func (d *desk) movedBack(ctx context.Context) error {
	for _, to := range []string{d.other(), d.basket.Location} {
		if done, err := d.shifts(ctx, shift{to: to}); err != nil || !done {
			if err != nil {
				return err
			}
			break
		}
	}
	return d.run.collect(ctx, d.web)
}

// movedTooLate asks for a move of goods that are set aside: they stay.
func (d *desk) movedTooLate(ctx context.Context) error {
	if done, err := d.setsAside(ctx); err != nil || !done {
		return err
	}
	if _, err := d.shifts(ctx, shift{to: d.other()}); err != nil {
		return err
	}
	return d.run.collect(ctx, d.web)
}

// nowhere is a location of central IT that never has anything.
const nowhere = "NOWHERE"

func (d *desk) movedInVain(ctx context.Context) error {
	if _, err := d.shifts(ctx, shift{to: nowhere}); err != nil {
		return err
	}
	return d.run.collect(ctx, d.web)
}

func (d *desk) movedAndHandedOver(ctx context.Context) error {
	if _, err := d.shifts(ctx, shift{to: d.other()}); err != nil {
		return err
	}
	_, err := d.steps(ctx, "pick")
	if err == nil {
		err = d.run.collect(ctx, d.web)
	}
	return err
}

func (d *desk) movedAndSetAside(ctx context.Context) error {
	if _, err := d.shifts(ctx, shift{d.other(), "1", 1000}); err != nil {
		return err
	}
	_, err := d.steps(ctx, "stage")
	if err == nil {
		err = d.run.collect(ctx, d.web)
	}
	return err
}

// shifted are the moves of an order that a channel was answered for, by order.
func (a *auditor) shifted() map[string][]*Answer {
	all := map[string][]*Answer{}
	v := &a.report.Operators
	for i := range a.answers {
		answer := &a.answers[i]
		switch {
		case answer.Kind != "move":
		case answer.Status == http.StatusConflict:
			v.MovesRefused++
		default:
			v.ClaimsMoved++
			all[answer.Order] = append(all[answer.Order], answer)
		}
	}
	return all
}

// shift books a move that the journal says was accepted: what the channel was
// answered then is how its order stands, and only what it asked for has moved.
// Where that answer was lost, and a later one heard, the order is known vaguely.
func (b *book) shift(record *api.JournalRecord) {
	position := indexOf(record.Position)
	i := slices.IndexFunc(b.shifts[record.Reservation], func(a *Answer) bool { return indexOf(a.Position) >= position })
	if i < 0 || indexOf(b.shifts[record.Reservation][i].Position) > position {
		b.late[record.Reservation], b.vague[record.Reservation] = true, true
		for _, want := range b.wants[record.Reservation].Wants {
			b.lateItems[want.Item] = true
		}
	}
	if i < 0 {
		return
	}
	answer := b.shifts[record.Reservation][i]
	before, from := map[string]*claimed{}, map[string]string{}
	for level, claims := range b.claims {
		for _, c := range claims {
			if c.order == record.Reservation {
				before[c.line], from[c.line] = c, level.location
			}
		}
	}
	if !b.vague[record.Reservation] {
		if wrong := b.shiftedWrong(before, answer); wrong != "" {
			b.auditor.report.fail(fmt.Sprintf("move: order %s at %s: %s", record.Reservation, record.Position, wrong))
		}
	}
	for level, claims := range b.claims {
		b.claims[level] = slices.DeleteFunc(claims, func(c *claimed) bool { return c.order == record.Reservation })
	}
	for _, now := range answer.Claims {
		if !slices.Contains(openStates, now.State) {
			continue
		}
		c := before[now.Line]
		if c == nil { // a part: it comes from where its line stands
			b.lines++
			c = &claimed{order: record.Reservation, line: now.Line, born: b.lines}
			parent := now.Line[:max(0, strings.LastIndexByte(now.Line, '.'))]
			if from[now.Line] = from[parent]; before[parent] != nil {
				c.left = before[parent].left
			}
		}
		level, moved := at(now.Location, now.Item), before[now.Line] == nil || from[now.Line] != now.Location
		if c.quantity, c.state = now.Thousandths, now.State; moved {
			c.left = append(slices.Clone(c.left), from[now.Line])
			if !b.vague[record.Reservation] {
				b.promises("the move of order "+record.Reservation, level, record.Reservation, now.Thousandths)
			}
		}
		b.claims[level] = append(b.claims[level], c)
	}
}

// shiftedWrong says what a move did that it was not asked for, or did not do.
func (b *book) shiftedWrong(before map[string]*claimed, answer *Answer) string {
	asked := &answer.Lines[0]
	want := map[account]int64{} // by place and item: what should stand there now
	for level, claims := range b.claims {
		for _, c := range claims {
			if before[c.line] != c {
				continue
			}
			q := c.quantity
			if asked.Thousandths > 0 {
				q = asked.Thousandths
			}
			if asked.Of != "" && asked.Of != c.line || c.state == "staged" || level.location == answer.To {
				q = 0
			}
			want[level] += c.quantity - q
			want[at(answer.To, level.item)] += q
		}
	}
	for _, now := range answer.Claims {
		if slices.Contains(openStates, now.State) {
			want[at(now.Location, now.Item)] -= now.Thousandths
		}
	}
	for level, q := range want {
		if q != 0 {
			return fmt.Sprintf("asked for %d thousandths of line %q to %s, %d of %s too few stand at %s", asked.Thousandths, asked.Of, answer.To, q, level.item, level.location)
		}
	}
	return ""
}
