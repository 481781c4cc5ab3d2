package api_test

import (
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"testing"
	"time"

	"github.com/shelfsync/shelfsync/hub/journal"
	shapes "github.com/shelfsync/shelfsync/protocol/api"
)

// TestEverythingInTheJournalIsFoundByWhatItSays: whatever a record says, asking
// for that gives the record, and exactly what a person who reads everything would
// have picked, over segments that are passed over and segments that are read.
func TestEverythingInTheJournalIsFoundByWhatItSays(t *testing.T) {
	inShopKeeping(t, journal.Config{SegmentBytes: 3000}, func(c *client) {
		for i := range 60 {
			c.post(201, "/v1/movements", fmt.Sprintf(`{"source":"erp","document":"D%d","location":"%s","lines":[{"movement":"adjust","item":"%s","quantity":1,"reason":"found"}]}`,
				i, []string{"S1", "S2", "DC"}[i%3], []string{"A", "B", fmt.Sprint("rare", i)}[i%3]))
			if i%6 == 0 {
				c.post(201, "/v1/reservations", fmt.Sprintf(`{"id":"r%d","channel":"web","order":"O-%d","lines":[{"item":"A","quantity":1,"candidates":["S2"]}]}`, i, i%4))
				c.post(200, fmt.Sprintf("/v1/reservations/r%d/release", i), `{}`)
			}
		}
		c.wait(time.Minute) // sealed segments have their index
		list := func(query string) (records []shapes.JournalRecord) {
			c.pages("/v1/journal?limit=40"+query, func(r answer) {
				var record shapes.JournalRecord
				text, err := json.Marshal(r)
				if err == nil {
					err = json.Unmarshal(text, &record)
				}
				if err != nil {
					c.t.Fatal(err)
				}
				records = append(records, record)
			})
			return records
		}
		all := list("")
		asked := map[string]bool{}
		ask := func(query string, picks func(shapes.JournalRecord) bool) {
			if asked[query] {
				return
			}
			asked[query] = true
			got := list(query)
			want := slices.DeleteFunc(slices.Clone(all), func(r shapes.JournalRecord) bool { return !picks(r) })
			if len(got) != len(want) || len(want) == 0 || got[0].Position != want[0].Position || got[len(got)-1].Position != want[len(want)-1].Position {
				c.t.Errorf("%s: %d records, want %d", query, len(got), len(want))
			}
		}
		for _, r := range all {
			if r.Location != "" {
				ask("&location="+r.Location, func(o shapes.JournalRecord) bool { return o.Location == r.Location })
			}
			if r.Order != "" {
				ask("&order="+r.Order, func(o shapes.JournalRecord) bool { return o.Order == r.Order })
			}
			if r.Reservation != "" {
				ask("&reservation="+r.Reservation, func(o shapes.JournalRecord) bool { return o.Reservation == r.Reservation })
			}
			for _, line := range r.Lines {
				has := func(o shapes.JournalRecord) bool {
					return slices.ContainsFunc(o.Lines, func(l shapes.OperationLine) bool { return l.Item == line.Item })
				}
				ask("&item="+url.QueryEscape(line.Item), has)
				if r.Location != "" {
					ask("&item="+url.QueryEscape(line.Item)+"&location="+r.Location, func(o shapes.JournalRecord) bool { return has(o) && o.Location == r.Location })
				}
			}
			from := r.Wall.UTC().Format(time.RFC3339Nano)
			ask("&from="+from+"&to="+from, func(o shapes.JournalRecord) bool { return o.Wall.Equal(r.Wall) })
		}
		if len(asked) < 60 || len(list("&receipt=none")) != 0 {
			c.t.Errorf("%d questions", len(asked))
		}
	})
}
