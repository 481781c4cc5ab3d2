package rehearse

import (
	"context"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/shelfsync/shelfsync/cmd/shelfsync/rehearse/day"
	"github.com/shelfsync/shelfsync/protocol/api"
)

// channelWorkers is how many orders the web shop places at once. Each begins at
// another node of the hub.
const channelWorkers = 16

// fate is what becomes of an online order, drawn from its receipt.
type fate int

const (
	collected fate = iota // reserved, confirmed, set aside, handed over
	cancelled             // released after confirmation
	abandoned             // a cart that is never confirmed: it expires
	waiting               // confirmed, not collected by the end of the day
)

func drawn(order, what string, seed uint64) uint64 {
	h := fnv.New64a()
	fmt.Fprint(h, order, what, seed)
	return h.Sum64()
}

func fateOf(order string, seed uint64) fate {
	switch n := drawn(order, "", seed) % 20; {
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

// web is one online order as the channel sees it.
type web struct {
	id     string
	basket *day.Basket
	worker int // of the channel, so where its calls begin
	fate   fate
	mode   string
	visits int    // of clerks who came for its goods
	seen   string // the highest position it was answered with
}

func (r *Run) web(b *day.Basket, worker int) *web {
	w := &web{id: "web-" + b.Location + "-" + b.Till + "-" + b.Receipt, basket: b, worker: worker, mode: "all_or_nothing"}
	w.fate = fateOf(w.id, r.options.Seed)
	wanted := r.plan.contested[w.id]
	if wanted {
		w.fate = collected
	}
	// Every other order stands already, as one of a marketplace does: what there
	// is of it is claimed.
	if wanted || drawn(w.id, "mode", r.options.Seed)%2 == 0 {
		w.mode = "partial"
	}
	return w
}

// channel plays online orders one after the other. Goods are handed over beside
// that: a customer does not make the next one wait.
func (r *Run) channel(ctx context.Context, worker int, orders []day.Basket) error {
	for i := range orders {
		if err := r.clock.wait(ctx, orders[i].At); err != nil {
			return err
		}
		if err := r.order(ctx, r.web(&orders[i], worker)); err != nil {
			return err
		}
		r.played.Add(1)
	}
	return nil
}

func (r *Run) order(ctx context.Context, w *web) error {
	held, err := r.reserve(ctx, w)
	if err != nil || held == nil || held.State == "short" || w.fate == abandoned {
		return err
	}
	if err := r.readsItsWrite(ctx, w); err != nil {
		return err
	}
	confirmed, err := r.step(ctx, w, "confirm")
	if err != nil || confirmed == nil {
		return err
	}
	switch w.fate {
	case cancelled:
		_, err = r.step(ctx, w, "release")
		return err
	case waiting:
		return nil
	}
	r.beside(func(ctx context.Context) error { return r.collect(ctx, w) })
	return nil
}

// reserve asks for the basket's goods at its own store, and where the order may
// be served elsewhere at the next two as well. nil: the hub said short.
func (r *Run) reserve(ctx context.Context, w *web) (*api.Reservation, error) {
	request := api.ReservationRequest{ID: w.id, Channel: "web", Order: w.basket.Receipt, Mode: w.mode, TTLSeconds: 600, Priority: 5}
	if w.fate == abandoned {
		request.TTLSeconds = cartSeconds
	}
	for _, line := range w.basket.Sold {
		request.Lines = append(request.Lines, api.ReservationWant{Item: line.Item, Quantity: quantity(line.Thousandths), Candidates: r.candidates(w)})
	}
	return r.asks(ctx, w, request)
}

// asks makes one request for a claim and keeps what was answered.
func (r *Run) asks(ctx context.Context, w *web, request api.ReservationRequest) (*api.Reservation, error) {
	reply, err := r.client.post(ctx, r.hub(w.worker, "/v1/reservations"), "", request)
	if err != nil {
		return nil, err
	}
	answer := Answer{Kind: "reserve", Location: w.basket.Location, Order: w.id, Status: reply.status, At: time.Now(), Took: ms(reply.took),
		Channel: request.Channel, Priority: request.Priority, Wants: request.Lines}
	if reply.status == http.StatusConflict {
		answer.State = "short"
		r.record.Note(answer)
		return nil, nil
	}
	return r.noteReservation(answer, w, reply)
}

func (r *Run) candidates(w *web) []string {
	at := []string{w.basket.Location}
	if drawn(w.id, "candidates", r.options.Seed)%2 == 0 {
		return at // collect in store: it has one candidate
	}
	i := slices.Index(r.day.Locations, w.basket.Location)
	for k := 1; k <= 2 && k < len(r.day.Locations); k++ {
		at = append(at, r.day.Locations[(i+k)%len(r.day.Locations)])
	}
	return at
}

func (r *Run) noteReservation(answer Answer, w *web, reply reply) (*api.Reservation, error) {
	var record api.Reservation
	if reply.status != http.StatusCreated && reply.status != http.StatusOK {
		return nil, fmt.Errorf("%s of %s answered %d: %s", answer.Kind, answer.Order, reply.status, reply.body)
	}
	if err := json.Unmarshal(reply.body, &record); err != nil {
		return nil, fmt.Errorf("answer to %s of %s: %w", answer.Kind, answer.Order, err)
	}
	answer.State, answer.Position = record.State, record.Position
	for _, line := range record.Lines {
		answer.Claims = append(answer.Claims, Claim{line.Line, line.Item, line.Location, line.State, int64(line.Quantity.Stock())})
	}
	w.seen = record.Position
	r.record.Note(answer)
	return &record, nil
}

// step takes an order one step further at the hub. nil: not allowed any more,
// because the hold expired or yielded before the channel came back.
func (r *Run) step(ctx context.Context, w *web, step string) (*api.Reservation, error) {
	w.worker++ // another node each time
	reply, err := r.client.post(ctx, r.hub(w.worker, "/v1/reservations/"+w.id+"/"+step), "", struct{}{})
	if err != nil {
		return nil, err
	}
	answer := Answer{Kind: step, Order: w.id, Status: reply.status, At: time.Now(), Took: ms(reply.took)}
	if reply.status == http.StatusConflict {
		answer.State = "not_allowed"
		r.record.Note(answer)
		return nil, nil
	}
	return r.noteReservation(answer, w, reply)
}

// readsItsWrite asks the next node for the order with the position of its
// answer: a node that has reached it must know the order.
func (r *Run) readsItsWrite(ctx context.Context, w *web) error {
	for {
		found, record, err := r.look(ctx, w, w.worker+1)
		switch {
		case err == nil && found && indexOf(record.Position) >= indexOf(w.seen):
			return nil
		case err == nil && found:
			r.problem(fmt.Sprintf("went backwards: order %s was read at %s after %s", w.id, record.Position, w.seen))
			return nil
		case err == nil:
			r.problem("went backwards: a node that has reached " + w.seen + " does not know order " + w.id)
			return nil
		}
		select { // that node is away or behind
		case <-time.After(50 * time.Millisecond):
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// look reads the order's record, never older than what was seen of it.
func (r *Run) look(ctx context.Context, w *web, worker int) (found bool, record api.Reservation, err error) {
	found, err = r.client.get(ctx, r.hub(worker, "/v1/reservations/"+w.id+"?"+url.Values{"min_position": {w.seen}}.Encode()), &record)
	return found, record, err
}

// handOverWithin bounds how long after the day an order may still be on its way.
const handOverWithin = 60 * time.Second

// collect sets the goods aside and hands them over in every store that the
// order is claimed at, until the hub says that no line is open any more. A store
// that is cut off does it when it hears of the order; what yields there meanwhile
// may have moved to another store, or come to nothing.
func (r *Run) collect(ctx context.Context, w *web) error {
	ctx, cancel := context.WithTimeoutCause(ctx, r.plan.duration+handOverWithin, fmt.Errorf("%w: order %s was never handed over", errOdd, w.id))
	defer cancel()
	visited := map[string]string{} // line -> where a clerk has handed it over
	for {
		places := map[string][]string{}
		found, record, err := r.look(ctx, w, w.worker)
		open := err != nil || !found // not known: ask again
		for _, line := range record.Lines {
			if slices.Contains(openStates, line.State) {
				open = true
				if visited[line.Line] != line.Location {
					places[line.Location] = append(places[line.Location], line.Line)
				}
			}
		}
		if !open {
			return nil
		}
		for place, lines := range places {
			handed, err := r.visit(ctx, w, place)
			if err != nil {
				return err
			}
			for _, line := range lines {
				if slices.Contains(handed, line) {
					visited[line] = place
				}
			}
		}
		select {
		case <-time.After(100 * time.Millisecond):
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// visit hands over what a store's agent lists of an order as ready, and names those
// lines; none: it lists nothing now, as it has not heard of it or knows that it
// yielded. What it has not heard of yet is there for another visit.
func (r *Run) visit(ctx context.Context, w *web, place string) (handed []string, err error) {
	agent := r.agents[place].agent
	var listed struct {
		Data []api.StoreReservation `json:"data"`
	}
	if _, err := r.client.get(ctx, agent.one("/v1/reservations/"+w.id), &listed); err != nil {
		return nil, nil // its program is being started again
	}
	ready := slices.ContainsFunc(listed.Data, func(line api.StoreReservation) bool { return line.State == "confirmed" || line.State == "staged" })
	if !ready {
		return nil, nil
	}
	w.visits++
	done := false
	for _, step := range []string{"stage", "pick"} {
		if done, err = r.counter(ctx, w, place, step); err != nil {
			return nil, err
		}
	}
	for _, line := range listed.Data {
		if done && slices.Contains(openStates, line.State) {
			handed = append(handed, line.Line)
		}
	}
	return handed, nil
}

// counter is one step at a store's counter. The order may have yielded since the
// clerk looked: then there is nothing to do.
func (r *Run) counter(ctx context.Context, w *web, place, step string) (done bool, err error) {
	at := r.agents[place]
	reply, err := r.atStore(ctx, place, deed{path: "/v1/reservations/" + w.id + "/" + step, key: fmt.Sprintf("%s/%s/%d", step, w.id, w.visits), body: struct{}{}})
	switch {
	case err != nil:
		return false, err
	case reply.status == http.StatusConflict || reply.status == http.StatusNotFound:
		return false, nil
	case reply.status != http.StatusCreated:
		return false, fmt.Errorf("%s of %s in %s answered %d: %s", step, w.id, place, reply.status, reply.body)
	}
	return true, r.noteOperation(Answer{Kind: step, Location: place, Order: w.id}, reply, at)
}
