package api_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	shapes "github.com/shelfsync/shelfsync/protocol/api"
)

func TestThePolicyIsReplacedWhole(t *testing.T) {
	inShop(t, func(c *client) {
		if built := c.get("/v1/policy"); quantity(c.t, built, "version") != "1" || built["safety_stock"] != nil {
			c.t.Errorf("built in is %v", built)
		}
		rules := `"safety_stock":[{"item":"A","quantity":2.5}],"exclusions":[{"location":"S2","channel":"market"}],"candidate_groups":[{"name":"shops","locations":["S2","S1"]}]`
		set := c.ok("PUT", "/v1/policy", asJSON, `{"replaces":1,`+rules+`}`)
		if quantity(c.t, set, "version") != "2" || set["position"] != c.position() {
			c.t.Errorf("set %v", set)
		}
		for body, want := range map[string]string{`{"replaces":1}`: "the policy in force is version 2",
			`{"safety_stock":[{"quantity":-1}]}`: "safety_stock[0].quantity", `{"exclusions":[{"location":"S1"}]}`: "exclusions[0].channel"} {
			if w := c.call("PUT", "/v1/policy", asJSON, body); w.Code != 409 && w.Code != 422 || !strings.Contains(w.Body.String(), want) {
				c.t.Errorf("%s answers %d %s", body, w.Code, w.Body)
			}
		}
		if again := c.ok("PUT", "/v1/policy", asJSON, `{"replaces":1,`+rules+`}`); quantity(c.t, again, "version") != "2" {
			c.t.Errorf("repeated it is %v", again)
		}
		line := func(channel, location string) answer {
			return c.get("/v1/availability?item=A&location=" + location + "&channel=" + channel).list("data")[0]
		}
		tried := c.ok("PUT", "/v1/policy?dry_run=true", asJSON, `{"safety_stock":[{"quantity":100}]}`)
		if trial := answer(tried["trial"].(map[string]any)); quantity(c.t, tried, "version") != "2" || trial["really"] == nil || trial["with"] == nil {
			c.t.Errorf("tried %v", tried)
		}
		if got := line("web", "S2"); quantity(c.t, got, "quantity") != "7.5" || quantity(c.t, answer(got["parts"].(map[string]any)), "safety_stock") != "2.5" {
			c.t.Errorf("the web may have %v", got)
		}
		if got := line("market", "S2"); quantity(c.t, got, "quantity") != "0" || got["excluded"] != true {
			c.t.Errorf("the marketplace may have %v", got)
		}
		at := c.post(201, "/v1/reservations", `{"id":"r1","channel":"market","lines":[{"item":"A","quantity":1,"candidate_group":"shops"}]}`)
		if got := at.list("lines")[0]["location"]; got != "S1" {
			c.t.Errorf("of the group shops the marketplace gets %v", got)
		}
	})
}

// A feed begins anew with a policy: what is available anywhere may have changed,
// and no level says so.
func TestAFeedBeginsAnewWithAPolicy(t *testing.T) {
	inShop(t, func(c *client) {
		after := c.position()
		c.ok("PUT", "/v1/policy", asJSON, `{"safety_stock":[{"item":"A","quantity":3}]}`)
		c.wait(time.Second)
		var kinds []string
		told := map[string]string{}
		page := json.NewDecoder(c.call("GET", "/v1/feed?wait_s=0&channel=web&after="+after, "", "").Body)
		for page.More() {
			var line shapes.FeedLine
			if err := page.Decode(&line); err != nil {
				c.t.Fatal(err)
			}
			kinds = append(kinds, line.Kind)
			if at := line.Availability; at != nil {
				told[at.Location+at.Item] = at.Quantity.String()
			}
		}
		after = c.position()
		c.ok("PUT", "/v1/locations", asNDJSON, `{"code":"S1","state":"paused"}`)
		page = json.NewDecoder(c.call("GET", "/v1/feed?wait_s=0&channel=web&after="+after, "", "").Body)
		for page.More() {
			var line shapes.FeedLine
			if err := page.Decode(&line); err != nil {
				c.t.Fatal(err)
			}
			if at := line.Availability; at != nil {
				told["paused "+at.Location+at.Item] = at.Quantity.String()
			}
		}
		if told["paused S1A"] != "0" || told["paused S1B"] != "0" || len(told) != 8 {
			c.t.Errorf("of a paused location is told %v", told)
		}
		if kinds[0] != "reset" || told["S1A"] != "7" || told["S1B"] != "5" || len(told) != 8 {
			c.t.Errorf("told %v: %v", kinds, told)
		}
	})
}

// A class that an item gets may let a policy keep it back: feeds of channels begin
// anew, for no level says so.
func TestAFeedHearsOfAClass(t *testing.T) {
	inShop(t, func(c *client) {
		c.ok("PUT", "/v1/policy", asJSON, `{"safety_stock":[{"class":"hot","quantity":100}]}`)
		after := c.position()
		c.ok("PUT", "/v1/items", asNDJSON, `{"code":"B","class":"default"}`)
		if kinds, _, _ := c.poll("?wait_s=0&channel=web&after=" + after); len(kinds) != 0 && kinds[0] == "reset" {
			c.t.Errorf("of a row that stays as it is a feed is told %v", kinds)
		}
		c.ok("PUT", "/v1/items", asNDJSON, `{"code":"A","class":"hot"}`)
		left := "unsaid"
		page := json.NewDecoder(c.call("GET", "/v1/feed?wait_s=0&channel=web&after="+after, "", "").Body)
		for page.More() {
			var line shapes.FeedLine
			if err := page.Decode(&line); err != nil {
				c.t.Fatal(err)
			}
			if at := line.Availability; at != nil && at.Item == "A" && at.Location == "S1" {
				left = at.Quantity.String()
			}
		}
		if left != "0" {
			c.t.Errorf("of what the class keeps back is said %s", left)
		}
	})
}
