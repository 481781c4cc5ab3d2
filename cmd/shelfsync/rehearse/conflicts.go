package rehearse

import (
	"context"
	"fmt"
	"net/url"
	"slices"
	"time"

	"github.com/shelfsync/shelfsync/protocol/api"
)

// conflict is the hub's record of one claim that gave way, or of goods that left
// for a claim that was over.
type conflict struct{ api.Conflict }

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

// listConflicts reads all records of one node.
func (r *Run) listConflicts(ctx context.Context, n *node) (list []conflict, err error) {
	err = pages(ctx, r.client, n.one("/v1/conflicts"), url.Values{}, func(c conflict) { list = append(list, c) })
	return list, err
}

// conflicts checks every record and explains it. A record has to name the
// operation that took the goods, at its own position of the journal, and the
// claims that stood there have to exceed what was left by just what gave way.
func (a *auditor) conflicts(ctx context.Context) (err error) {
	if a.settled, err = a.run.listConflicts(ctx, a.main); err != nil {
		return err
	}
	v := &a.report.Reservations
	for i := range a.settled {
		c := &a.settled[i]
		if least, most := a.versionsAt(indexOf(c.Position)); c.PolicyVersion < least || c.PolicyVersion > most {
			a.report.fail(fmt.Sprintf("conflict %s was settled at %s by version %d of the policy, by the journal %d was in force", c.ID, c.Position, c.PolicyVersion, most))
		}
	}
	a.accounts = a.newAccounts()
	book := a.newBook()
	book.walk(a.journal)
	a.accounts.unheard()
	for i := range a.settled {
		c := &a.settled[i]
		switch c.Remedy {
		case "move":
			v.Conflicts++
			v.Moved++
		case "short":
			v.Conflicts++
		case "late_pick", "picked_twice":
			v.LatePicks++
		default:
			a.report.fail("conflict " + c.ID + " has the unknown remedy " + c.Remedy)
		}
		a.explain(c, book)
	}
	return nil
}

// explain words one record and checks that its cause is where it says.
func (a *auditor) explain(c *conflict, book *book) {
	cause := c.Cause.Operation + c.Cause.Document
	e := Explained{Position: c.Position, Location: c.Location, Item: c.Item, Winner: cause, Loser: c.Reservation + " line " + c.Line,
		Claimed: c.State, Quantity: amount(int64(c.Quantity.Stock())), Remedy: c.Remedy, To: c.To, Promised: c.PromisedAt, StoreSeen: c.StoreHadSeen}
	at := slices.IndexFunc(a.journal, func(record api.JournalRecord) bool {
		if c.Cause.Kind == "closed" {
			return record.Kind == "locations" && record.Position == c.Position
		}
		return record.Operation+record.Document == cause && cause != ""
	})
	if at < 0 || a.journal[at].Position != c.Position && !book.afterwards[c] {
		a.report.fail(fmt.Sprintf("conflict %s names %q, which the journal does not have at %s", c.ID, cause, c.Position))
		return
	}
	e.Receipt = a.journal[at].Receipt
	said := a.journal[at].Location
	if c.Cause.Kind == "closed" {
		said = c.Location + " was closed"
	}
	if i := slices.IndexFunc(a.answers, func(answer Answer) bool { return answer.Operation == c.Cause.Operation && answer.Operation != "" }); i >= 0 {
		answer := &a.answers[i]
		if e.WhileCut = answer.Cut; e.WhileCut {
			said += ", while it was cut off,"
		}
		said += fmt.Sprintf(" let goods go at %s by %s %s", answer.At.Format(time.TimeOnly), answer.Kind, answer.Receipt+answer.Order)
	}
	s, yielded := book.settled[c]
	if !yielded {
		e.Why = fmt.Sprintf("%s, for a claim that was %s already", said, c.State)
		if c.yields() {
			a.report.fail(fmt.Sprintf("conflict %s: nothing lacked at %s when it was settled", c.ID, c.Location))
		}
	} else {
		e.Sellable, e.Claims, e.Lacking, e.Yielded, e.Exactly = amount(s.sellable), amount(s.claims), amount(s.most), amount(s.yielded), s.least == s.most
		e.Why = fmt.Sprintf("%s and left %g, with %g claimed: %g had to give way, %g of them of order %s, which was %s", said, e.Sellable, e.Claims, e.Lacking,
			e.Quantity, c.Order, c.State)
	}
	a.report.Conflicts = append(a.report.Conflicts, e)
}

func amount(thousandths int64) float64 { return float64(thousandths) / 1000 }
