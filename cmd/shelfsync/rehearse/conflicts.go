package rehearse

import (
	"context"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/shelfsync/shelfsync/protocol/api"
)

// conflict is the hub's record of one claim that gave way, or of goods that left
// for a claim that was over, as GET /v1/conflicts shows it.
type conflict struct {
	ID          string       `json:"id"`
	Position    string       `json:"position"`
	HubTimeMS   int64        `json:"hub_time_ms"`
	Location    string       `json:"location"`
	Item        string       `json:"item"`
	Reservation string       `json:"reservation"`
	Line        string       `json:"line"`
	Order       string       `json:"order"`
	Channel     string       `json:"channel"`
	Quantity    api.Quantity `json:"quantity"`
	State       string       `json:"state"` // of the claim before
	Priority    int64        `json:"priority"`
	Remedy      string       `json:"remedy"` // move, short, late_pick, picked_twice
	To          string       `json:"to"`
	Cause       struct {
		Kind      string `json:"kind"`
		Operation string `json:"operation"`
		Document  string `json:"document"`
	} `json:"cause"`
	PolicyVersion uint64 `json:"policy_version"`
	StoreHadSeen  string `json:"store_had_seen"`
	PromisedAt    string `json:"promised_at"`
}

// yields reports whether a claim gave way; otherwise goods left for one that was over.
func (c *conflict) yields() bool { return c.Remedy == "move" || c.Remedy == "short" }

// Explained is one conflict of the report: who took the goods, whose claim gave
// way, what became of it and why.
type Explained struct {
	Position  string  `json:"position"`
	Location  string  `json:"location"`
	Item      string  `json:"item"`
	Winner    string  `json:"winner"` // the operation that took the goods
	Receipt   string  `json:"receipt,omitempty"`
	WhileCut  bool    `json:"while_cut"` // it was answered while its store was cut off
	Loser     string  `json:"loser"`     // reservation and line
	Claimed   string  `json:"claimed"`   // the state that the claim had
	Quantity  float64 `json:"quantity"`
	Remedy    string  `json:"remedy"`
	To        string  `json:"to,omitempty"`
	Sellable  float64 `json:"sellable"` // after the winner, by the auditor's fold of the journal
	Claims    float64 `json:"claims"`   // before anything gave way
	Lacking   float64 `json:"lacking"`  // the units that had to give way at that place
	Yielded   float64 `json:"yielded"`  // the units that did, by all records of that place and position
	Exactly   bool    `json:"exactly"`  // false: claims were only known within bounds
	Why       string  `json:"why"`
	Promised  string  `json:"promised_at,omitempty"`
	StoreSeen string  `json:"store_had_seen,omitempty"`
}

// listConflicts reads all records of one node; a hub without the rule has none.
func (r *Run) listConflicts(ctx context.Context, n *node) (list []conflict, err error) {
	err = pages(ctx, r.client, n.one("/v1/conflicts"), url.Values{}, func(c conflict) { list = append(list, c) })
	return list, err
}

// conflicts checks every record and explains it. A record has to name the
// operation that took the goods, at its own position of the journal; the claims
// that stood there have to exceed what was left by just what gave way; and each
// line that ended short or stands elsewhere than it was promised has one record.
func (a *auditor) conflicts(ctx context.Context) (err error) {
	if a.settled, err = a.run.listConflicts(ctx, a.main); err != nil {
		return err
	}
	v := &a.report.Reservations
	groups := map[place]*settlement{}
	for i := range a.settled {
		c := &a.settled[i]
		switch c.Remedy {
		case "move":
			v.Moved++
		case "short":
		case "late_pick", "picked_twice":
			v.LatePicks++
		default:
			a.report.fail("conflict " + c.ID + " has the unknown remedy " + c.Remedy)
		}
		if !c.yields() {
			a.explain(c, nil)
			continue
		}
		v.Conflicts++
		at := place{c.Location, c.Item, indexOf(c.Position)}
		if groups[at] == nil {
			groups[at] = &settlement{}
		}
		groups[at].records = append(groups[at].records, c)
	}
	book := a.claimBook()
	for at, s := range groups {
		a.settle(at, s, book)
		for _, c := range s.records {
			a.explain(c, s)
		}
	}
	slices.SortFunc(a.report.Conflicts, func(x, y Explained) int { return strings.Compare(x.Loser, y.Loser) })
	return nil
}

// place is where and when claims gave way.
type place struct {
	location, item string
	index          uint64
}

// settlement is what gave way at one place in one entry of the log.
type settlement struct {
	records                      []*conflict
	sellable, lowest, most       int64 // claims lie between lowest and most
	staged, yielded, least, need int64 // need: the units that had to give way, at most
}

// settle redoes the arithmetic of one settlement: the goods by the journal, the
// claims by what the channel was answered.
func (a *auditor) settle(at place, s *settlement, book []span) {
	for i := range a.journal {
		record := &a.journal[i]
		if record.Location != at.location || indexOf(record.Position) > at.index {
			continue
		}
		for _, line := range record.Lines {
			if line.Item == at.item && line.From != "" && !without[line.Effect] {
				q := int64(line.Quantity.Stock())
				if line.From == "sellable" {
					s.sellable -= q
				}
				if line.To == "sellable" {
					s.sellable += q
				}
			}
		}
	}
	for _, c := range s.records {
		s.yielded += int64(c.Quantity.Stock())
	}
	stagedLow, stagedMost := int64(0), int64(0)
	for _, claim := range book {
		if claim.location != at.location || claim.item != at.item {
			continue
		}
		surely, perhaps := claim.stands(at.index)
		if surely {
			s.lowest += claim.quantity
		}
		if perhaps {
			s.most += claim.quantity
			if claim.staged > 0 && claim.staged <= at.index {
				stagedMost += claim.quantity
				if surely {
					stagedLow += claim.quantity
				}
			}
		}
	}
	lacking := func(claims, staged int64) int64 { return min(claims-staged, max(0, claims-s.sellable)) }
	s.least, s.need, s.staged = max(0, lacking(s.lowest, min(stagedMost, s.lowest))), lacking(s.most, stagedLow), stagedMost
	if s.yielded < s.least || s.yielded > s.need {
		a.report.fail(fmt.Sprintf("conflict: %s of %s at position %d: %d thousandths yielded, but %d to %d were lacking (sellable %d, claims %d to %d)",
			at.item, at.location, at.index, s.yielded, s.least, s.need, s.sellable, s.lowest, s.most))
	}
}

// explain words one record and checks that its cause is where it says.
func (a *auditor) explain(c *conflict, s *settlement) {
	e := Explained{Position: c.Position, Location: c.Location, Item: c.Item, Winner: c.Cause.Operation + c.Cause.Document, Loser: c.Reservation + " line " + c.Line,
		Claimed: c.State, Quantity: amount(int64(c.Quantity.Stock())), Remedy: c.Remedy, To: c.To, Promised: c.PromisedAt, StoreSeen: c.StoreHadSeen}
	winner := "the hub"
	if c.Cause.Operation != "" {
		at := slices.IndexFunc(a.journal, func(record api.JournalRecord) bool { return record.Operation == c.Cause.Operation })
		if at < 0 || a.journal[at].Position != c.Position {
			a.report.fail(fmt.Sprintf("conflict %s names %s, which the journal does not have at %s", c.ID, c.Cause.Operation, c.Position))
			return
		}
		e.Receipt = a.journal[at].Receipt
		winner = a.journal[at].Location
	}
	answered := slices.IndexFunc(a.answers, func(answer Answer) bool { return answer.Operation == c.Cause.Operation && answer.Operation != "" })
	when := ""
	if answered >= 0 {
		if e.WhileCut = a.answers[answered].Cut; e.WhileCut {
			when = ", while it was cut off,"
		}
		winner += fmt.Sprintf("%s took goods with %s %s at %s", when, a.answers[answered].Kind, e.Receipt, a.answers[answered].At.Format(time.TimeOnly))
	}
	if s == nil {
		e.Why = fmt.Sprintf("%s, for a claim that was over: %s", winner, c.Remedy)
	} else {
		e.Sellable, e.Claims, e.Lacking, e.Yielded = amount(s.sellable), amount(s.most), amount(s.need), amount(s.yielded)
		e.Exactly = s.least == s.need
		e.Why = fmt.Sprintf("%s and left %g, with %g claimed there: %g had to give way, and of them %g of order %s, which was %s", winner, e.Sellable, e.Claims, e.Lacking,
			e.Quantity, c.Order, c.State)
	}
	a.report.Conflicts = append(a.report.Conflicts, e)
}

func amount(thousandths int64) float64 { return float64(thousandths) / 1000 }
