package rehearse

import (
	"context"
	"fmt"
	"net/url"
	"slices"
	"time"

	"github.com/shelfsync/shelfsync/protocol/api"
)

// settleWithin bounds how long everything on its way may take after healing.
const settleWithin = 60 * time.Second

// converge waits until every store has sent all it has and holds the hub's
// newest word, every abandoned cart has expired, and the journal has it all.
func (r *Run) converge(ctx context.Context) error {
	if err := r.ended(); err != nil {
		return err
	}
	began := time.Now()
	if err := r.evening(ctx); err != nil {
		r.report.fail("not converged: " + err.Error())
	}
	r.report.Convergence.Seconds = seconds(time.Since(began))
	return nil
}

// eveningRounds bounds how often stores are asked for tasks once nobody trades:
// a recount may be asked for by what was still on its way, and by nothing else.
const eveningRounds = 5

// evening lets all that is on its way arrive, and stores do what is asked of
// them, until nothing is.
func (r *Run) evening(ctx context.Context) error {
	for range eveningRounds {
		if err := r.caughtUp(ctx); err != nil {
			return err
		}
		asked := 0
		for _, location := range r.day.Locations {
			n, err := r.tidies(ctx, location)
			if err != nil {
				return err
			}
			asked += n
		}
		if asked == 0 {
			return nil
		}
	}
	return fmt.Errorf("stores still have tasks after %d rounds", eveningRounds)
}

// caughtUp waits until every store is linked, has nothing unsent and stands on
// a base that nothing of its location has changed since.
func (r *Run) caughtUp(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, settleWithin)
	defer cancel()
	missing := "nothing was asked in time"
	for {
		if now := r.missing(ctx); now == "" {
			return nil
		} else if ctx.Err() == nil {
			missing = now // not that asking was broken off
		}
		select {
		case <-time.After(50 * time.Millisecond):
		case <-ctx.Done():
			return fmt.Errorf("after %s: %s", settleWithin, missing)
		}
	}
}

// missing names the first thing that is still on its way, or nothing.
func (r *Run) missing(ctx context.Context) string {
	for location, s := range r.agents {
		var status api.Status
		if _, err := r.client.get(ctx, s.agent.one("/v1/status"), &status); err != nil {
			return location + " does not answer: " + err.Error()
		}
		if status.Link.State != "online" || status.Backlog.Operations > 0 {
			return fmt.Sprintf("%s is %s with %d operations unsent: %s", location, status.Link.State, status.Backlog.Operations, status.Link.LastError)
		}
		if behind := r.behind(ctx, location, s); behind != "" {
			return behind
		}
	}
	held, err := r.heldCarts(ctx)
	if err != nil {
		return err.Error()
	}
	if held > 0 {
		return fmt.Sprintf("%d abandoned carts still hold units", held)
	}
	return r.notAged(ctx)
}

// notAged names an order that nobody has collected in time and that no person is
// told of.
func (r *Run) notAged(ctx context.Context) string {
	if !r.clock.began.IsZero() && len(r.plan.aged) > 0 {
		told := map[string]int{}
		err := pages(ctx, r.client, r.hub(0, "/v1/exceptions"), url.Values{"kind": {"aged_claim"}}, func(e api.Exception) { told[e.Reservation]++ })
		if err != nil {
			return err.Error()
		}
		for _, id := range r.plan.aged {
			var record api.Reservation
			if _, err := r.client.get(ctx, r.hub(0, "/v1/reservations/"+id), &record); err != nil {
				return err.Error()
			}
			open := 0
			for _, line := range record.Lines {
				if line.State == "confirmed" || line.State == "staged" {
					open++
				}
			}
			if told[id] != open {
				return fmt.Sprintf("of order %s, which nobody collects, %d lines are open, and a person is told of %d", id, open, told[id])
			}
		}
	}
	return ""
}

// behind compares a store's levels with the hub's.
func (r *Run) behind(ctx context.Context, location string, s *store) string {
	differs, _, err := r.compare(ctx, location, s)
	switch {
	case err != nil:
		return err.Error()
	case differs != "":
		return differs
	}
	return ""
}

func (r *Run) heldCarts(ctx context.Context) (held int, err error) {
	err = pages(ctx, r.client, r.hub(0, "/v1/reservations"), url.Values{"state": {"open"}}, func(record api.Reservation) {
		holds := slices.ContainsFunc(record.Lines, func(line api.ReservationLine) bool { return line.State == "held" })
		if holds && !r.hot.asks(record.ID) {
			held++
		}
	})
	return held, err
}

// compareItems bounds the items of one question to an agent.
const compareItems = 200

// compare reads all levels of a location from the hub and the same items from
// its agent, and names the first difference.
func (r *Run) compare(ctx context.Context, location string, s *store) (differs string, levels []api.Level, err error) {
	err = pages(ctx, r.client, r.hub(0, "/v1/levels"), url.Values{"location": {location}}, func(l api.Level) { levels = append(levels, l) })
	if err != nil {
		return "", nil, err
	}
	for rest := levels; len(rest) > 0; {
		slice := rest[:min(compareItems, len(rest))]
		rest = rest[len(slice):]
		query := url.Values{}
		for i := range slice {
			query.Add("item", slice[i].Item)
		}
		var answer api.AgentAvailability
		if _, err := r.client.get(ctx, s.agent.one("/v1/availability?"+query.Encode()), &answer); err != nil {
			return "", nil, err
		}
		if len(answer.Data) != len(slice) {
			return fmt.Sprintf("%s answers %d of %d items", location, len(answer.Data), len(slice)), levels, nil
		}
		for i, have := range answer.Data {
			want := slice[i]
			if have.Item != want.Item || storeWords(&have) != hubWords(&want) {
				return fmt.Sprintf("%s of %s: store says %s, hub says %s", want.Item, location, storeWords(&have), hubWords(&want)), levels, nil
			}
		}
	}
	return "", levels, nil
}

// levelWords are the parts of a level in the order of its fields.
const levelWords = "sellable %s, damaged %s, return_pending %s, in_transit %s, reserved %s, staged %s"

func storeWords(l *api.StoreItem) string {
	return fmt.Sprintf(levelWords, l.Sellable, l.Damaged, l.ReturnPending, l.InTransit, l.Reserved, l.Staged)
}

func hubWords(l *api.Level) string {
	return fmt.Sprintf(levelWords, l.Sellable, l.Damaged, l.ReturnPending, l.InTransit, l.Reserved, l.Staged)
}
