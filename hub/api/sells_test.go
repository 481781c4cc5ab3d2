package api_test

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/shelfsync/shelfsync/hub"
	shapes "github.com/shelfsync/shelfsync/protocol/api"
	"github.com/shelfsync/shelfsync/protocol/stock"
)

func quantity(t *testing.T, a answer, name string) string {
	t.Helper()
	return fmt.Sprint(a[name])
}

func TestABulkOfRowsIsSplitAndItsFaultsAreListed(t *testing.T) {
	inHub(t, func(c *client) {
		c.wait(2500 * time.Millisecond)
		var body strings.Builder
		for i := range 2500 {
			if i == 7 || i == 1900 {
				body.WriteString(`{"code":"","decimals":9}` + "\n")
			}
			fmt.Fprintf(&body, `{"code":"I%04d","aliases":[{"code":"box-%04d","factor":12}]}`+"\n\n", i, i)
		}
		before := c.state().Index()
		loaded := c.ok("PUT", "/v1/items", asNDJSON, body.String())
		faults := loaded.list("faults")
		if loaded["taken"] != 2500.0 || loaded["refused"] != 2.0 || len(faults) != 2 || faults[0]["line"] != 15.0 || loaded["position"] != c.position() {
			c.t.Errorf("loaded %v at %s", loaded, c.position())
		}
		if errors := answer(faults[0]).list("errors"); len(errors) != 2 || errors[0]["location"] != "line 15: code" {
			c.t.Errorf("faults %v", faults)
		}
		if entries := c.state().Index() - before; entries < 3 {
			c.t.Errorf("2,500 rows came in %d entries", entries)
		}
		var codes []string
		sizes := c.pages("/v1/items?limit=1000", func(row answer) { codes = append(codes, row["code"].(string)) })
		if !slices.Equal(sizes, []int{1000, 1000, 500}) || len(codes) != 2500 || codes[0] != "I0000" || codes[2499] != "I2499" {
			c.t.Errorf("pages of %v", sizes)
		}
		c.ok("PUT", "/v1/locations", asNDJSON, `{"code":"DC"}`)
		c.post(201, "/v1/movements", `{"document":"1","location":"DC","lines":[{"movement":"delivery","item":"box-0042","quantity":2}]}`)
		if got := c.get("/v1/levels?location=DC"); quantity(c.t, got.list("data")[0], "on_hand") != "24" {
			c.t.Errorf("two boxes are %v", got)
		}
	})
}

func TestLocationsAndTheirWriters(t *testing.T) {
	inShop(t, func(c *client) {
		got := c.ok("PUT", "/v1/locations/S1/writer", asJSON, `{"writer":"pc"}`)
		if got["writer"] != "pc" || got["position"] != c.position() {
			c.t.Errorf("writer %v", got)
		}
		c.ok("PUT", "/v1/locations/S1/writer", asJSON, `{"writer":"pc"}`)
		c.ok("PUT", "/v1/locations/S1/writer", asJSON, `{"writer":"next","replace":true}`)
		var rows []answer
		sizes := c.pages("/v1/locations?limit=2", func(row answer) { rows = append(rows, row) })
		if !slices.Equal(sizes, []int{2, 1}) || rows[0]["writer"] != "next" || rows[0]["name"] != "Harbour Street" || rows[0]["state"] != "open" {
			c.t.Errorf("pages of %v: %v", sizes, rows)
		}
	})
}

func TestAvailabilityHasItsPartsAndItsAge(t *testing.T) {
	inShop(t, func(c *client) {
		c.do(&stock.AssignWriter{Location: "S1", Installation: "pc"})
		c.do(&stock.Tick{Term: 1, Echoes: []stock.Echo{{Location: "S1", Now: c.state().Now()}}})
		c.post(201, "/v1/reservations", `{"id":"r","channel":"web","lines":[{"item":"A","quantity":3,"candidates":["S1"]}]}`)
		var got shapes.Availability
		one := func(path string) shapes.AvailabilityLine {
			got = shapes.Availability{}
			c.into(path, &got)
			return got.Data[0]
		}
		line := one("/v1/availability?item=A&location=S1&channel=web")
		if line.Quantity.String() != "7" || line.Parts.Sellable.String() != "10" || line.Parts.Claims.String() != "3" || line.Parts.Unclamped.String() != "7" ||
			line.Channel != "web" || got.Position != c.position() {
			c.t.Errorf("availability %+v", got)
		}
		age := line.AgeMS
		time.Sleep(300 * time.Millisecond) // no tick in between
		if later := one("/v1/availability?item=A&location=S1").AgeMS; later != age+300 {
			c.t.Errorf("the age was %d ms, 300 ms later it is %d", age, later)
		}
		if line := one("/v1/availability?item=A&location=S2"); line.AgeMS < 3600_000 {
			c.t.Errorf("nobody heard of S2, and its age is %d ms", line.AgeMS)
		}
		c.ok("PUT", "/v1/locations", asNDJSON, `{"code":"S1","state":"paused"}`)
		if line := one("/v1/availability?item=A&location=S1"); line.Quantity.String() != "0" || line.Parts.Unclamped.String() != "7" {
			c.t.Errorf("paused: %+v", line)
		}
		for _, path := range []string{"/v1/availability?item=nothing&location=S2", "/v1/availability?item=A&location=nowhere"} {
			if line := one(path); line.Quantity.String() != "0" || !line.Parts.Sellable.IsZero() {
				c.t.Errorf("%s: %+v", path, line)
			}
		}
		if one("/v1/availability?item=A&item=B"); len(got.Data) != 4 { // S1 is paused
			c.t.Errorf("every open location: %+v", got.Data)
		}
		rows := c.post(200, "/v1/availability/query", `{"channel":"web","lines":[{"item":"B","location":"DC"},{"item":"A","location":"S2","channel":"app"}]}`).list("data")
		if len(rows) != 2 || quantity(c.t, rows[0], "quantity") != "5" || rows[0]["channel"] != "web" || rows[1]["channel"] != "app" {
			c.t.Errorf("query %v", rows)
		}
		if w := c.call("GET", "/v1/availability?consistency=linearizable&item=A&location=S2", "", ""); w.Code != 200 {
			c.t.Errorf("linearizable: %d %s", w.Code, w.Body)
		}
	})
}

func TestTheLifeOfAReservation(t *testing.T) {
	inShop(t, func(c *client) {
		const order = `{"id":"web-1","channel":"web","order":"O-1","ttl_s":60,"lines":[{"item":"A","quantity":4,"candidates":["DC"]},{"item":"B","quantity":2,"candidates":["DC","S2"]}]}`
		held := c.post(201, "/v1/reservations", order)
		lines := held.list("lines")
		if held["state"] != "held" || len(lines) != 2 || lines[0]["location"] != "DC" || held["expires_in_ms"] != 60_000.0 || held["position"] != c.position() {
			c.t.Fatalf("held %v", held)
		}
		if again := c.post(200, "/v1/reservations", order); again["state"] != "held" {
			c.t.Errorf("repeated: %v", again)
		}
		// Steps take no body, an empty one, or one that names a part.
		if w := c.call("POST", "/v1/reservations/web-1/confirm", "", ""); w.Code != 200 || c.decoded(w)["state"] != "confirmed" {
			c.t.Errorf("confirm without a body: %d %s", w.Code, w.Body)
		}
		if got := c.post(200, "/v1/reservations/web-1/confirm", `{}`); got["state"] != "confirmed" {
			c.t.Errorf("confirmed again: %v", got)
		}
		if got := c.post(409, "/v1/reservations/web-1/extend", `{"ttl_s":5}`); got["code"] != "not_allowed" {
			c.t.Errorf("a confirmed one is not extended: %v", got)
		}
		part := c.post(200, "/v1/reservations/web-1/fulfil", `{"line":"1","quantity":1}`)
		if rows := part.list("lines"); part["state"] != "mixed" || len(rows) != 3 || rows[2]["line"] != "1.1" || rows[2]["state"] != "fulfilled" || quantity(c.t, rows[0], "quantity") != "3" {
			c.t.Errorf("a part: %v", part)
		}
		c.post(200, "/v1/reservations/web-1/release", `{"line":"2"}`)
		c.post(200, "/v1/reservations/web-1/fulfil", `{}`)
		if got := c.get("/v1/levels?location=DC&item=A"); quantity(c.t, got.list("data")[0], "sellable") != "6" || quantity(c.t, got.list("data")[0], "reserved") != "0" {
			c.t.Errorf("levels %v", got)
		}
		if err := c.state().Check(); err != nil {
			c.t.Error(err)
		}
	})
}

func TestShortPartialSplitAndExpired(t *testing.T) {
	inShop(t, func(c *client) {
		short := c.post(409, "/v1/reservations", `{"id":"s","channel":"web","lines":[{"item":"A","quantity":11,"candidates":["S1","S2"]},{"item":"ghost","quantity":1,"candidates":["S1"]}]}`)
		rows := short.list("availability")
		if short["code"] != "short" || len(rows) != 2 || quantity(c.t, rows[0], "available") != "10" || quantity(c.t, rows[1], "available") != "0" {
			c.t.Errorf("short %v", short)
		}
		if w := c.call("GET", "/v1/reservations/s", "", ""); w.Code != 404 {
			c.t.Error("a refused request is remembered")
		}
		split := c.post(201, "/v1/reservations", `{"id":"split","channel":"web","split":true,"lines":[{"item":"A","quantity":15,"candidates":["S1","S2"]}]}`)
		if rows := split.list("lines"); len(rows) != 2 || rows[0]["location"] != "S1" || rows[1]["line"] != "1.1" || quantity(c.t, rows[1], "quantity") != "5" {
			c.t.Errorf("split %v", split)
		}
		partial := c.post(201, "/v1/reservations", `{"id":"partial","channel":"web","mode":"partial","ttl_s":5,"lines":[{"item":"B","quantity":7,"candidates":["S1"]}]}`)
		if rows := partial.list("lines"); partial["state"] != "mixed" || len(rows) != 2 || rows[1]["state"] != "short" || rows[1]["reason"] == "" {
			c.t.Errorf("partial %v", partial)
		}
		c.post(200, "/v1/reservations/partial/extend", `{"ttl_s":30}`)
		c.wait(20 * time.Second)
		if got := c.get("/v1/reservations/partial"); got.list("lines")[0]["state"] != "held" {
			c.t.Errorf("extended: %v", got)
		}
		c.wait(12 * time.Second)
		if got := c.get("/v1/reservations/partial"); got.list("lines")[0]["state"] != "expired" {
			c.t.Errorf("after its time: %v", got)
		}
		for i := range 5 {
			c.post(201, "/v1/reservations", fmt.Sprintf(`{"id":"n%d","channel":"web","lines":[{"item":"A","quantity":1,"candidates":["DC"]}]}`, i))
		}
		var all, open []string
		c.pages("/v1/reservations?limit=2", func(r answer) { all = append(all, r["id"].(string)) })
		c.pages("/v1/reservations?limit=2&state=open", func(r answer) { open = append(open, r["id"].(string)) })
		if want := []string{"split", "partial", "n0", "n1", "n2", "n3", "n4"}; !slices.Equal(all, want) || len(open) != len(want)-1 {
			c.t.Errorf("all %v, open %v", all, open)
		}
	})
}

// A line can be split a thousand times; the next is refused, and says so.
func TestALineThatCannotBeSplitFurther(t *testing.T) {
	inShop(t, func(c *client) {
		c.post(201, "/v1/movements", `{"document":"d","location":"DC","lines":[{"movement":"delivery","item":"A","quantity":5000}]}`)
		c.post(201, "/v1/reservations", `{"id":"r","channel":"web","lines":[{"item":"A","quantity":3000,"candidates":["DC"]}]}`)
		for i := 0; ; i++ {
			w := c.call("POST", "/v1/reservations/r/confirm", asJSON, `{"line":"1","quantity":1}`)
			if w.Code == 409 && i > 1000 {
				if got := c.decoded(w); got["code"] != "not_allowed" || got["reservation"] == nil {
					c.t.Errorf("refused as %v", got["code"])
				}
				return
			}
			if w.Code != 200 || i > 2000 {
				c.t.Fatalf("part %d: %d", i, w.Code)
			}
		}
	})
}

func TestADocumentTakesEffectOnce(t *testing.T) {
	inShop(t, func(c *client) {
		const body = `{"source":"erp","document":"GRN-1","location":"DC","lines":[{"movement":"delivery","item":"A","quantity":2.5},{"movement":"delivery","item":"unknown","quantity":1},{"movement":"delivery","item":"fee","quantity":1}]}`
		first := c.post(201, "/v1/movements", body)
		if rows := first.list("outcomes"); len(rows) != 2 || rows[0]["effect"] != "parked" || rows[0]["line"] != 2.0 || rows[1]["effect"] != "service" {
			c.t.Errorf("outcomes %v", first)
		}
		c.wait(5 * time.Second)
		if again := c.post(200, "/v1/movements", body); again["position"] != first["position"] {
			c.t.Errorf("repeated at %v, first at %v", again["position"], first["position"])
		}
		c.do(&stock.AssignWriter{Location: "S1", Installation: "pc"})
		c.post(201, "/v1/movements", `{"document":"corr","location":"S1","lines":[{"movement":"adjust","item":"A","quantity":-2,"reason":"count"}]}`)
		var levels []string
		sizes := c.pages("/v1/levels?location=S1&limit=1", func(r answer) { levels = append(levels, fmt.Sprint(r["item"], r["on_hand"])) })
		if !slices.Equal(levels, []string{"A8", "B5"}) || !slices.Equal(sizes, []int{1, 1}) {
			c.t.Errorf("levels %v in pages of %v", levels, sizes)
		}
		c.post(201, "/v1/movements", `{"document":"back","location":"DC","lines":[{"movement":"return","item":"B","quantity":2,"account":"return_pending","reason":"unwanted"},{"movement":"inspect","item":"B","quantity":1,"account":"scrap"}]}`)
		c.post(422, "/v1/movements", `{"document":"bad","location":"DC","lines":[{"movement":"inspect","item":"B","quantity":1}]}`)
		for _, row := range c.get("/v1/levels?location=DC").list("data") {
			if row["item"] == "B" && (quantity(c.t, row, "return_pending") != "1" || quantity(c.t, row, "sellable") != "5") {
				c.t.Errorf("inspected %v", row)
			}
		}
		waiting := c.get("/v1/exceptions").list("data")
		if len(waiting) != 1 || waiting[0]["kind"] != "parked" || waiting[0]["item"] != "unknown" || waiting[0]["document"] != "GRN-1" || waiting[0]["location"] != "DC" {
			c.t.Errorf("exceptions %v", waiting)
		}
	})
}

func TestTheJournalTellsWhatBecameOfEverything(t *testing.T) {
	inShop(t, func(c *client) {
		c.post(201, "/v1/movements", `{"source":"erp","document":"mixed","location":"DC","lines":[{"movement":"delivery","item":"A","quantity":1},{"movement":"delivery","item":"ghost","quantity":1},{"movement":"sale","item":"fee","quantity":1}]}`)
		c.post(201, "/v1/reservations", `{"id":"r","channel":"web","order":"O-9","lines":[{"item":"A","quantity":1,"candidates":["DC"]}]}`)
		c.post(200, "/v1/reservations/r/confirm", `{}`)
		c.wait(time.Second)
		kinds := func(query string) (got []string) {
			c.pages("/v1/journal?limit=1"+query, func(r answer) { got = append(got, r["kind"].(string)) })
			return got
		}
		all := []string{"founded", "catalogue", "locations", "movements", "movements", "movements", "movements", "reserve", "confirm"}
		if got := kinds(""); !slices.Equal(got, all) {
			c.t.Errorf("journal %v", got)
		}
		for query, want := range map[string][]string{
			"&location=S1": {"movements"}, "&item=ghost": {"movements"}, "&order=O-9": {"reserve"}, "&receipt=none": nil,
			"&from=2100-01-01T00:00:00Z": nil, "&to=1999-01-01T00:00:00Z": nil, "&item=B": {"movements", "movements", "movements"},
			"&after=" + c.position(): nil,
		} {
			if got := kinds(query); !slices.Equal(got, want) {
				c.t.Errorf("%s: %v", query, got)
			}
		}
		row := c.get("/v1/journal?item=ghost").list("data")[0]
		var effects []string
		for _, line := range row.list("lines") {
			effects = append(effects, line["effect"].(string))
		}
		if !slices.Equal(effects, []string{"applied", "parked", "service"}) || row["document"] != "mixed" || row["position"] == "" {
			c.t.Errorf("record %v", row)
		}
		line := answer(row.list("lines")[0])
		if line["from"] != "supplier" || line["to"] != "sellable" {
			c.t.Errorf("line %v", line)
		}
	})
}

// A page keeps its limit where entries allow, and an entry is never torn.
func TestAPageOfTheJournalEndsWithAnEntry(t *testing.T) {
	inShop(t, func(c *client) {
		step := func(n int) (commands []stock.Command) {
			for i := range n {
				commands = append(commands, &stock.Step{ID: fmt.Sprint(i), Action: stock.Confirm})
			}
			return commands
		}
		for _, n := range []int{3, 7, 2, 2} { // the loop merges one call into one entry
			if _, _, err := c.hub.Do(c.t.Context(), step(n)...); err != nil {
				c.t.Fatal(err)
			}
		}
		c.wait(time.Second)
		perEntry := map[string]int{}
		total, pages := 0, 0
		for cursor := ""; ; pages++ {
			page := c.get("/v1/journal?limit=5&cursor=" + cursor)
			rows := page.list("data")
			here := map[string]int{}
			for _, row := range rows {
				here[row["position"].(string)]++
			}
			if len(rows) > 5 && len(here) > 1 {
				c.t.Errorf("a page of %d records holds %d entries", len(rows), len(here))
			}
			for position, n := range here {
				if perEntry[position] > 0 {
					c.t.Errorf("entry %s is torn over two pages", position)
				}
				perEntry[position] = n
			}
			total += len(rows)
			next, more := page["next_cursor"].(string)
			if !more {
				break
			}
			cursor = next
		}
		if total != 6+14 || pages < 3 {
			c.t.Errorf("%d records in %d pages", total, pages)
		}
	})
}

// boastful is a hub with an agent that says any number of itself.
type boastful struct{ *hub.Server }

func (boastful) Peers(context.Context, []string) (map[string]hub.Peer, error) {
	return map[string]hub.Peer{"S1": {Agent: "S1", Backlog: math.MaxUint64, OldestMS: math.MaxUint64}}, nil
}

func TestWhatAnAgentClaimsStaysPositive(t *testing.T) {
	inShop(t, func(c *client) {
		c.do(&stock.AssignWriter{Location: "S1", Installation: "pc"})
		if agent := c.through(boastful{c.hub}).get("/v1/agents").list("data")[0]; agent["backlog"].(float64) < 1 || agent["oldest_unsent_ms"].(float64) < 1 {
			c.t.Errorf("%v", agent)
		}
	})
}

func TestTheFleet(t *testing.T) {
	inShop(t, func(c *client) {
		for i := range 5 {
			c.do(&stock.AssignWriter{Location: fmt.Sprint("T", i), Installation: "pc"})
		}
		var rows []answer
		sizes := c.pages("/v1/agents?limit=2", func(r answer) { rows = append(rows, r) })
		if !slices.Equal(sizes, []int{2, 2, 1}) || rows[0]["location"] != "T0" || rows[0]["state"] != "offline" || rows[0]["age_ms"].(float64) < 3600_000 {
			c.t.Errorf("pages of %v: %v", sizes, rows)
		}
		got := c.get("/v1/cluster")
		node := got.list("nodes")[0]
		if got["position"] != c.position() || got["leader"] != "memory" || node["role"] != "leader" || node["state_hash"] != fmt.Sprintf("%016x", c.state().Hash()) {
			c.t.Errorf("cluster %v", got)
		}
	})
}
