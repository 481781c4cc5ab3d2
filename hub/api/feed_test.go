package api_test

import (
	"slices"
	"testing"
	"time"

	"github.com/shelfsync/shelfsync/protocol/stock"
)

func TestTheFeedResumesAndNeverTellsTwice(t *testing.T) {
	inShop(t, func(c *client) {
		lines, end := c.follow("")
		first := lines()
		levels := 0
		for _, line := range first {
			if line.Kind == "level" {
				levels++
			}
		}
		last := first[len(first)-1]
		if levels != 6 || last.Kind != "through" || last.Position != c.position() {
			c.t.Fatalf("the first page tells %+v", first)
		}
		c.post(201, "/v1/reservations", `{"id":"r","channel":"web","lines":[{"item":"A","quantity":1,"candidates":["S1"]}]}`)
		c.wait(50 * time.Millisecond)
		var kinds []string
		for _, line := range lines() {
			kinds = append(kinds, line.Kind)
		}
		if !slices.Equal(kinds, []string{"level", "reservation", "through"}) {
			c.t.Errorf("a claim is told as %v", kinds)
		}
		end()

		c.post(200, "/v1/reservations/r/confirm", `{}`)
		for query, want := range map[string][]string{
			"?after=" + last.Position:                  {"level", "reservation", "through"}, // newest values only
			"?after=" + last.Position + "&location=S1": {"level", "reservation", "through"},
			"?after=" + last.Position + "&location=S2": {"through"},
			"?after=" + c.position():                   {"through"},
			"?after=1.5&location=S2":                   {"reset", "level", "level", "through"},
		} {
			lines, end := c.follow(query)
			var kinds []string
			for _, line := range lines() {
				if kinds = append(kinds, line.Kind); line.Kind == "reservation" && line.Reservation.State != "confirmed" {
					c.t.Errorf("%s tells an old value", query)
				}
			}
			end()
			if !slices.Equal(kinds, want) {
				c.t.Errorf("%s: %v, want %v", query, kinds, want)
			}
		}
	})
}

// Who was away so long that the end of a reservation is forgotten starts over.
func TestTheFeedStartsOverAfterTheHorizon(t *testing.T) {
	inShop(t, func(c *client) {
		c.post(201, "/v1/reservations", `{"id":"r","channel":"web","lines":[{"item":"A","quantity":1,"candidates":["S1"]}]}`)
		before := c.position()
		c.post(200, "/v1/reservations/r/release", `{}`)
		for range 8 * 24 * 360 {
			c.do(&stock.Tick{Elapsed: 10_000, Term: 1})
		}
		lines, end := c.follow("?after=" + before)
		defer end()
		if got := lines(); got[0].Kind != "reset" || got[0].Reason == "" {
			c.t.Errorf("the feed goes on with %+v", got[0])
		}
	})
}
