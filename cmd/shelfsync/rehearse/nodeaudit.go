package rehearse

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"

	"github.com/shelfsync/shelfsync/protocol/api"
)

// everyNode asks each node for all that it says and compares it with the others:
// state hashes at one index, levels, reservations, conflicts, the catalogue,
// exceptions and the journal, of which a node that joined later may only have the end.
func (a *auditor) everyNode(ctx context.Context) error {
	equal, problem := a.run.settledHashes(ctx)
	if a.report.Convergence.HubHashesEqual = equal; !equal {
		a.report.fail(problem)
	}
	first, err := a.run.told(ctx, a.main)
	if err != nil {
		return err
	}
	for _, n := range a.run.nodes {
		if n == a.main {
			continue
		}
		other, err := a.run.told(ctx, n)
		if err != nil {
			return err
		}
		for name, want := range first {
			if differs := firstDifference(want, other[name]); differs != "" {
				a.report.fail(fmt.Sprintf("%s and %s differ about %s: %s", a.main.Name, n.Name, name, differs))
			}
		}
		if differs := suffix(a.journals[a.main], a.journals[n]); differs != "" {
			a.report.fail(fmt.Sprintf("the journals of %s and %s differ: %s", a.main.Name, n.Name, differs))
		}
	}
	return nil
}

// told is all that a node says, as lists of JSON objects, without what depends
// on the moment of the answer.
func (r *Run) told(ctx context.Context, n *node) (map[string][]string, error) {
	all := map[string][]string{}
	add := func(name string, value any) {
		text, _ := json.Marshal(value) // plain values
		all[name] = append(all[name], string(text))
	}
	for _, location := range r.locations() {
		err := pages(ctx, r.client, n.one("/v1/levels"), url.Values{"location": {location}}, func(l api.Level) { add("levels", l) })
		if err != nil {
			return nil, err
		}
	}
	err := pages(ctx, r.client, n.one("/v1/reservations"), url.Values{}, func(record api.Reservation) {
		record.Position, record.ExpiresInMS = "", 0
		add("reservations", record)
	})
	if err != nil {
		return nil, err
	}
	err = pages(ctx, r.client, n.one("/v1/transfers"), url.Values{}, func(t api.Transfer) { add("transfers", t) })
	if err != nil {
		return nil, err
	}
	err = pages(ctx, r.client, n.one("/v1/items"), url.Values{}, func(item api.Item) { add("items", item) })
	if err != nil {
		return nil, err
	}
	err = pages(ctx, r.client, n.one("/v1/exceptions"), url.Values{"state": {"all"}}, func(e api.Exception) { add("exceptions", e) })
	if err != nil {
		return nil, err
	}
	conflicts, err := r.listConflicts(ctx, n)
	for _, c := range conflicts {
		add("conflicts", c)
	}
	return all, err
}

// locations are those of the day, and the one of the hot items.
func (r *Run) locations() []string {
	if r.hot == nil {
		return r.day.Locations
	}
	return append(r.day.Locations[:len(r.day.Locations):len(r.day.Locations)], hotLocation)
}

// firstDifference names the first place where two lists differ.
func firstDifference(a, b []string) string {
	if len(a) != len(b) {
		return fmt.Sprintf("%d and %d rows", len(a), len(b))
	}
	for i := range a {
		if a[i] != b[i] {
			return a[i] + " and " + b[i]
		}
	}
	return ""
}

// suffix says where a journal that may begin later differs from a whole one.
func suffix(all, part []api.JournalRecord) string {
	if len(part) == 0 {
		return "one has nothing at all"
	}
	if len(part) > len(all) {
		return fmt.Sprintf("%d and %d records", len(all), len(part))
	}
	for i := range part {
		a, _ := json.Marshal(all[len(all)-len(part)+i])
		b, _ := json.Marshal(part[i])
		if string(a) != string(b) {
			return fmt.Sprintf("%s and %s", a, b)
		}
	}
	return ""
}

// readJournals reads the journal of every node; the main one is the longest.
func (a *auditor) readJournals(ctx context.Context) error {
	a.journals = map[*node][]api.JournalRecord{}
	for _, n := range a.run.nodes {
		var records []api.JournalRecord
		if err := pages(ctx, a.run.client, n.one("/v1/journal"), url.Values{}, func(record api.JournalRecord) { records = append(records, record) }); err != nil {
			return err
		}
		a.journals[n] = records
		if a.main == nil || len(records) > len(a.journals[a.main]) {
			a.main = n
		}
	}
	a.journal = a.journals[a.main]
	return nil
}
