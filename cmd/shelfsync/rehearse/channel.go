package rehearse

import (
	"context"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"net/http"
	"time"

	"github.com/shelfsync/shelfsync/cmd/shelfsync/rehearse/day"
	"github.com/shelfsync/shelfsync/protocol/api"
)

// channelWorkers is how many orders the web shop handles at once.
const channelWorkers = 16

// fate is what becomes of an online order, drawn from its receipt.
type fate int

const (
	collected fate = iota // reserved, confirmed, set aside, handed over
	cancelled             // released after confirmation
	abandoned             // a cart that is never confirmed: it expires
	waiting               // confirmed, not collected by the end of the day
)

func fateOf(order string, seed uint64) fate {
	h := fnv.New64a()
	fmt.Fprint(h, order, seed)
	switch n := h.Sum64() % 20; {
	case n < 14:
		return collected
	case n < 16:
		return cancelled
	case n < 18:
		return abandoned
	}
	return waiting
}

// cartSeconds is how long an abandoned cart holds its units, in hub time.
const cartSeconds = 2

// channel plays online orders one after the other.
func (r *Run) channel(ctx context.Context, clock clock, orders []day.Basket) error {
	for i := range orders {
		if err := clock.wait(ctx, orders[i].At); err != nil {
			return err
		}
		if err := r.order(ctx, &orders[i]); err != nil {
			return err
		}
		r.played.Add(1)
	}
	return nil
}

func (r *Run) order(ctx context.Context, b *day.Basket) error {
	id := "web-" + b.Location + "-" + b.Till + "-" + b.Receipt
	fate := fateOf(id, r.options.Seed)
	held, err := r.reserve(ctx, id, b, fate)
	if err != nil || held == nil || fate == abandoned {
		return err
	}
	if held, err = r.step(ctx, id, "confirm"); err != nil || held == nil {
		return err
	}
	switch fate {
	case cancelled:
		_, err = r.step(ctx, id, "release")
		return err
	case waiting:
		return nil
	}
	return r.collect(ctx, id, held)
}

// reserve asks for the basket's goods at its own store, and where the order may
// be served elsewhere at the next two as well. nil: the hub said short.
func (r *Run) reserve(ctx context.Context, id string, b *day.Basket, fate fate) (*api.Reservation, error) {
	request := api.ReservationRequest{ID: id, Channel: "web", Order: b.Receipt, TTLSeconds: 600, Priority: 5}
	if fate == abandoned {
		request.TTLSeconds = cartSeconds
	}
	for _, line := range b.Sold {
		request.Lines = append(request.Lines, api.ReservationWant{Item: line.Item, Quantity: quantity(line.Thousandths), Candidates: r.candidates(b)})
	}
	reply, err := r.client.post(ctx, r.at("/v1/reservations"), "", request)
	if err != nil {
		return nil, err
	}
	answer := Answer{Kind: "reserve", Location: b.Location, Order: id, Status: reply.status, At: time.Now(), Took: ms(reply.took)}
	if reply.status == http.StatusConflict {
		answer.State = "short"
		r.record.Note(answer)
		return nil, nil
	}
	return r.noteReservation(answer, reply)
}

func (r *Run) candidates(b *day.Basket) []string {
	at := []string{b.Location}
	if len(b.Receipt)%2 == 0 {
		return at // collect in store: it has one candidate
	}
	for i, code := range r.day.Locations {
		if code == b.Location {
			for k := 1; k <= 2 && k < len(r.day.Locations); k++ {
				at = append(at, r.day.Locations[(i+k)%len(r.day.Locations)])
			}
		}
	}
	return at
}

func (r *Run) noteReservation(answer Answer, reply reply) (*api.Reservation, error) {
	var record api.Reservation
	if reply.status != http.StatusCreated && reply.status != http.StatusOK {
		return nil, fmt.Errorf("%s of %s answered %d: %s", answer.Kind, answer.Order, reply.status, reply.body)
	}
	if err := json.Unmarshal(reply.body, &record); err != nil {
		return nil, fmt.Errorf("answer to %s of %s: %w", answer.Kind, answer.Order, err)
	}
	answer.State = record.State
	r.record.Note(answer)
	return &record, nil
}

// step takes an order one step further at the hub. nil: not allowed any more,
// because the hold expired before the channel came back.
func (r *Run) step(ctx context.Context, id, step string) (*api.Reservation, error) {
	reply, err := r.client.post(ctx, r.at("/v1/reservations/"+id+"/"+step), "", struct{}{})
	if err != nil {
		return nil, err
	}
	answer := Answer{Kind: step, Order: id, Status: reply.status, At: time.Now(), Took: ms(reply.took)}
	if reply.status == http.StatusConflict {
		answer.State = "not_allowed"
		r.record.Note(answer)
		return nil, nil
	}
	return r.noteReservation(answer, reply)
}

// collect sets the goods aside and hands them over in every store that the
// order was placed at. A store that is cut off does it when it hears of it.
func (r *Run) collect(ctx context.Context, id string, record *api.Reservation) error {
	places := map[string]bool{}
	for _, line := range record.Lines {
		if line.Location != "" {
			places[line.Location] = true
		}
	}
	for place := range places {
		if err := r.heardOf(ctx, place, id); err != nil {
			return err
		}
		for _, step := range []string{"stage", "pick"} {
			if err := r.counter(ctx, place, id, step); err != nil {
				return err
			}
		}
	}
	return nil
}

// heardOf waits until a store's agent lists the order as confirmed.
func (r *Run) heardOf(ctx context.Context, place, id string) error {
	for {
		ready := false
		var listed struct {
			Data []api.StoreReservation `json:"data"`
		}
		if _, err := r.client.get(ctx, "http://"+r.agents[place].agent.Address+"/v1/reservations/"+id, &listed); err == nil {
			for _, line := range listed.Data {
				ready = ready || line.State == "confirmed" || line.State == "staged"
			}
		}
		if ready {
			return nil
		}
		select {
		case <-time.After(50 * time.Millisecond):
		case <-ctx.Done():
			return fmt.Errorf("%s never heard of order %s: %w", place, id, context.Cause(ctx))
		}
	}
}

// counter is one step at a store's counter.
func (r *Run) counter(ctx context.Context, place, id, step string) error {
	at := r.agents[place]
	reply, err := r.client.post(ctx, "http://"+at.agent.Address+"/v1/reservations/"+id+"/"+step, step+"/"+id, struct{}{})
	if err != nil {
		return err
	}
	if reply.status != http.StatusCreated {
		return fmt.Errorf("%s of %s in %s answered %d: %s", step, id, place, reply.status, reply.body)
	}
	return r.noteOperation(Answer{Kind: step, Location: place, Order: id}, reply, at)
}
