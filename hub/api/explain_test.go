package api_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/shelfsync/shelfsync/hub"
	"github.com/shelfsync/shelfsync/hub/journal"
	shapes "github.com/shelfsync/shelfsync/protocol/api"
)

// TestANumberIsTakenApart as a person reads it.
func TestANumberIsTakenApart(t *testing.T) {
	inShop(t, func(c *client) {
		c.post(201, "/v1/movements", `{"source":"wms","document":"GRN-7","location":"DC","lines":[{"movement":"delivery","item":"A","quantity":2.5},{"movement":"delivery","item":"B","quantity":9}]}`)
		c.post(201, "/v1/reservations", `{"id":"web-1","channel":"web","order":"O-9","lines":[{"item":"A","quantity":12,"candidates":["DC"]}]}`)
		c.post(200, "/v1/reservations/web-1/confirm", `{}`)
		c.post(201, "/v1/movements", `{"source":"erp","document":"INV-1","location":"DC","lines":[{"movement":"adjust","item":"A","quantity":-3,"reason":"broken"}]}`)
		c.post(200, "/v1/reservations/web-1/release", `{}`)
		c.post(201, "/v1/reservations", `{"id":"cart","channel":"web","ttl_s":30,"lines":[{"item":"A","quantity":1,"candidates":["DC"]}]}`)
		c.wait(time.Minute) // nobody buys the cart
		var x shapes.Explanation
		c.into("/v1/explain?location=DC&item=A", &x)
		var said []string
		for _, change := range x.Data {
			name := change.Document + change.Reservation
			said = append(said, fmt.Sprintf("%s %s: %v sellable, %v claimed -> %v, %v; %s", change.Kind, name,
				change.Change.Sellable, change.Change.Claims, change.After.Sellable, change.After.Claims, strings.Join(change.Why, "; ")))
		}
		want := []string{
			"movements open-DC: 10 sellable, 0 claimed -> 10, 0; ",
			"movements GRN-7: 2.5 sellable, 0 claimed -> 12.5, 0; ",
			"reserve web-1: 0 sellable, 12 claimed -> 12.5, 12; ",
			"movements INV-1: -3 sellable, -2.5 claimed -> 9.5, 9.5; conflict: 2.5 of reservation web-1: short",
			"release web-1: 0 sellable, -9.5 claimed -> 9.5, 0; ",
			"reserve cart: 0 sellable, 1 claimed -> 9.5, 1; ",
			"tick : 0 sellable, -1 claimed -> 9.5, 0; expired: a hold was over",
		}
		if strings.Join(said, "\n") != strings.Join(want, "\n") {
			c.t.Errorf("it says\n%s", strings.Join(said, "\n"))
		}
		if x.Count != 7 || x.NextCursor != "" || x.Closing != x.Data[6].After || x.Opening.Balance != (shapes.Balance{}) || len(x.Data[1].Lines) != 1 || len(x.Data[3].Conflicts) != 1 {
			c.t.Errorf("explanation %+v", x)
		}
		totals := ""
		for _, k := range x.Totals {
			totals += fmt.Sprintf(" %s×%d %v/%v", k.Kind, k.Changes, k.Change.Sellable, k.Change.Claims)
		}
		if totals != " adjust×2 7/-2.5 delivery×1 2.5/0 reserve×2 0/13 release×1 0/-9.5 tick×1 0/-1" {
			c.t.Errorf("totals%s", totals)
		}
		c.pagesOfExplanation("/v1/explain?location=DC&item=A", x)
		c.refusedExplanations()
	})
}

// pagesOfExplanation checks that pages lead to the position of the first, whatever
// happens meanwhile.
func (c *client) pagesOfExplanation(path string, whole shapes.Explanation) {
	c.t.Helper()
	cursor, before, n := "", whole.Opening.Balance, int64(0)
	for first := ""; ; {
		var page shapes.Explanation
		c.into(path+"&limit=2&cursor="+cursor, &page)
		if first == "" {
			first = page.Position
		}
		if page.Position != first || page.Before != before || page.Count != whole.Count || page.Closing != whole.Closing {
			c.t.Errorf("page %s: %+v", cursor, page)
		}
		n += int64(len(page.Data))
		before = page.Data[len(page.Data)-1].After
		c.post(201, "/v1/movements", `{"source":"erp","document":"more-`+cursor+`","location":"DC","lines":[{"movement":"adjust","item":"A","quantity":1,"reason":"found"}]}`)
		if cursor = page.NextCursor; cursor == "" {
			break
		}
	}
	if n != whole.Count {
		c.t.Errorf("%d changes on pages, %d in all", n, whole.Count)
	}
}

func (c *client) refusedExplanations() {
	c.t.Helper()
	for query, want := range map[string]string{
		"location=nowhere&item=A":                 "404 not_found",
		"location=DC&item=nothing":                "404 not_found",
		"location=DC&item=A&from=1.1":             "409 other_incarnation",
		"location=DC&item=A&from=yesterday":       "422 invalid",
		"location=DC&item=A&cursor=x":             "422 invalid",
		"location=DC&item=A&cursor=zzzzzz-1":      "503 behind",
		"location=DC&item=A&from=" + c.position(): "200 <nil>",
	} {
		w := c.call("GET", "/v1/explain?"+query, "", "")
		if got := fmt.Sprint(w.Code, " ", c.decoded(w)["code"]); got != want {
			c.t.Errorf("%s: %s", query, got)
		}
	}
}

// TestAsOfIsWhatWasAnsweredThen: for every channel, line by line, ages left out.
func TestAsOfIsWhatWasAnsweredThen(t *testing.T) {
	inShop(t, func(c *client) {
		parts := func(path string) (position, lines string) {
			var a shapes.Availability
			c.into(path, &a)
			for i := range a.Data {
				a.Data[i].AgeMS = 0
			}
			text, err := json.Marshal(a.Data)
			if err != nil {
				c.t.Fatal(err)
			}
			return a.Position, string(text)
		}
		const path = "/v1/availability?item=A&item=B&location=DC&location=S1&channel=web"
		was := map[string]string{}
		for i := range 12 {
			c.post(201, "/v1/movements", fmt.Sprintf(`{"source":"erp","document":"D%d","location":"DC","lines":[{"movement":"adjust","item":"A","quantity":%d,"reason":"x"}]}`, i, i%5-7))
			if i%3 == 0 {
				c.call("POST", "/v1/reservations", asJSON, fmt.Sprintf(`{"id":"r%d","channel":"web","lines":[{"item":"B","quantity":1,"candidates":["S1"]}]}`, i))
			}
			c.wait(2 * time.Second)
			position, lines := parts(path)
			was[position] = lines
		}
		different := map[string]bool{}
		for position, lines := range was {
			at, got := parts(path + "&as_of=" + position)
			if at != position || got != lines {
				c.t.Errorf("as of %s\n%s\nand then it was\n%s", position, got, lines)
			}
			different[lines] = true
			answered := c.ok("POST", "/v1/availability/query?as_of="+position, asJSON, `{"channel":"web","lines":[{"item":"A","location":"DC"}]}`)
			if answered["position"] != position {
				c.t.Errorf("query as of %s: %v", position, answered)
			}
		}
		if len(different) < 10 {
			c.t.Errorf("%d different answers", len(different))
		}
		for asOf, want := range map[string]string{"1.1": "409 other_incarnation", "x": "422 invalid", fmt.Sprintf("%d.%d", c.state().Incarnation(), c.state().Index()+1000): "503 behind"} {
			w := c.call("GET", path+"&as_of="+asOf, "", "")
			if got := fmt.Sprint(w.Code, " ", c.decoded(w)["code"]); got != want {
				c.t.Errorf("as of %s: %s", asOf, got)
			}
		}
	})
}

// TestBeforeTheHorizonIsAProblemOfItsOwn: who asks learns where the journal begins.
func TestBeforeTheHorizonIsAProblemOfItsOwn(t *testing.T) {
	inShopKeeping(t, journal.Config{SegmentBytes: 300}, func(c *client) {
		early := c.position()
		c.hub.Retain(hub.Retention{Bytes: 1})
		c.wait(time.Minute) // only the newest segment is left
		w := c.call("GET", "/v1/availability?item=A&location=DC&as_of="+early, "", "")
		if problem := c.decoded(w); w.Code != 410 || problem["code"] != "beyond_horizon" || !strings.Contains(problem["detail"].(string), "begins at") {
			c.t.Errorf("%d %s", w.Code, w.Body)
		}
	})
}

// TestAsOfIsWhatTheFeedSaid: at every position at which a reader of the feed was
// told that it knows everything, as_of has the same numbers.
func TestAsOfIsWhatTheFeedSaid(t *testing.T) {
	inShop(t, func(c *client) {
		lines, end := c.follow("?location=DC")
		defer end()
		known := map[string]shapes.Level{} // by item, as the reader has it now
		told := map[string]map[string]shapes.Level{}
		for i := range 20 {
			c.post(201, "/v1/movements", fmt.Sprintf(`{"source":"erp","document":"D%d","location":"DC","lines":[{"movement":"adjust","item":"%s","quantity":%d,"reason":"x"}]}`,
				i, []string{"A", "B"}[i%2], i%5-7))
			c.call("POST", "/v1/reservations", asJSON, fmt.Sprintf(`{"id":"r%d","channel":"web","lines":[{"item":"A","quantity":1,"candidates":["DC"]}]}`, i))
			c.wait(time.Second)
			for _, line := range lines() {
				switch line.Kind {
				case "level":
					known[line.Level.Item] = *line.Level
				case "through":
					told[line.Position] = maps.Clone(known)
				}
			}
		}
		if len(told) < 15 {
			c.t.Fatalf("the feed spoke %d times", len(told))
		}
		for position, levels := range told {
			var then shapes.Availability
			c.into("/v1/availability?item=A&item=B&location=DC&as_of="+position, &then)
			for _, line := range then.Data {
				if was := levels[line.Item]; line.Parts.Sellable != was.Sellable || line.Parts.Claims != was.Reserved {
					c.t.Errorf("as of %s %s had %v and %v claimed, and the feed said %v and %v", position, line.Item, line.Parts.Sellable, line.Parts.Claims, was.Sellable, was.Reserved)
				}
			}
		}
	})
}
