package api_test

import (
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/shelfsync/shelfsync/protocol/stock"
)

// Whatever is wrong with a request, the answer is a problem that says what and
// where, and nothing has changed.
func TestBadInputChangesNothing(t *testing.T) {
	line := func(with string) string {
		return `{"source":"erp","document":"d1","location":"DC","lines":[{"movement":"delivery","item":"A","quantity":1},` + with + `]}`
	}
	order := func(quantity string) string {
		return `{"id":"bad","channel":"web","lines":[{"item":"A","quantity":` + quantity + `,"candidates":["S1"]}]}`
	}
	inShop(t, func(c *client) {
		c.do(&stock.AssignWriter{Location: "S1", Installation: "pc"})
		c.post(201, "/v1/reservations", `{"id":"ended","channel":"web","lines":[{"item":"A","quantity":1,"candidates":["S1"]}]}`)
		c.post(200, "/v1/reservations/ended/release", `{}`)
		c.post(201, "/v1/reservations", `{"id":"held","channel":"web","lines":[{"item":"A","quantity":1,"candidates":["S1"]}]}`)
		for name, bad := range map[string]struct {
			method, path, contentType, body string
			status                          int
			code, at                        string
		}{
			"an unknown kind":           {"POST", "/v1/movements", asJSON, line(`{"movement":"gift","item":"A","quantity":1}`), 422, "invalid", "body.lines[1].movement"},
			"a negative quantity":       {"POST", "/v1/movements", asJSON, line(`{"movement":"delivery","item":"A","quantity":-1}`), 422, "invalid", "body.lines[1].quantity"},
			"too precise a quantity":    {"POST", "/v1/movements", asJSON, line(`{"movement":"delivery","item":"A","quantity":0.0001}`), 422, "invalid", "body.lines[1].quantity"},
			"too large a quantity":      {"POST", "/v1/movements", asJSON, line(`{"movement":"delivery","item":"A","quantity":1e400}`), 422, "invalid", "body.lines[1].quantity"},
			"a document used before":    {"POST", "/v1/movements", asJSON, `{"source":"erp","document":"open-S1","location":"S1","lines":[{"movement":"adjust","item":"A","quantity":7,"reason":"opening"}]}`, 422, "document_reused", ""},
			"an unknown location":       {"POST", "/v1/movements", asJSON, `{"document":"d","location":"nowhere","lines":[{"movement":"delivery","item":"A","quantity":1}]}`, 422, "invalid", "body.location"},
			"an agent's location":       {"POST", "/v1/movements", asJSON, `{"document":"d","location":"S1","lines":[{"movement":"sale","item":"A","quantity":1}]}`, 409, "wrong_writer", ""},
			"too many lines":            {"POST", "/v1/movements", asJSON, line(strings.Repeat(`{"movement":"delivery","item":"A","quantity":1},`, 1000) + `{"movement":"delivery","item":"A","quantity":1}`), 422, "invalid", "body.lines"},
			"no document":               {"POST", "/v1/movements", asJSON, `{"location":"DC","lines":[]}`, 422, "invalid", "body.document"},
			"no JSON":                   {"POST", "/v1/movements", asJSON, `{"document":`, 400, "malformed", ""},
			"no body":                   {"POST", "/v1/movements", asJSON, ``, 400, "malformed", ""},
			"another content type":      {"POST", "/v1/movements", "text/plain", line(`{}`), 415, "wrong_content_type", ""},
			"ten megabytes":             {"POST", "/v1/movements", asJSON, `{"document":"` + strings.Repeat("x", 10<<20) + `"}`, 413, "too_large", ""},
			"a negative claim":          {"POST", "/v1/reservations", asJSON, order("-1"), 422, "invalid", "body.lines[0].quantity"},
			"a claim of nothing":        {"POST", "/v1/reservations", asJSON, order("0"), 422, "invalid", "body.lines[0].quantity"},
			"too precise a claim":       {"POST", "/v1/reservations", asJSON, order("1.0005"), 422, "invalid", "body.lines[0].quantity"},
			"too large a claim":         {"POST", "/v1/reservations", asJSON, order("1000000001"), 422, "invalid", "body.lines[0].quantity"},
			"a quoted quantity":         {"POST", "/v1/reservations", asJSON, order(`"1"`), 422, "invalid", "body.lines[0].quantity"},
			"a candidate twice":         {"POST", "/v1/reservations", asJSON, `{"id":"x","channel":"web","lines":[{"item":"A","quantity":1,"candidates":["S1","S1"]}]}`, 422, "invalid", "body.lines[0].candidates[1]"},
			"an unknown reservation":    {"GET", "/v1/reservations/nobody", "", "", 404, "not_found", ""},
			"a step of an unknown one":  {"POST", "/v1/reservations/nobody/confirm", asJSON, `{}`, 404, "not_found", ""},
			"a step of an unknown line": {"POST", "/v1/reservations/held/confirm", asJSON, `{"line":"7"}`, 404, "not_found", ""},
			"a step that is too late":   {"POST", "/v1/reservations/ended/confirm", asJSON, `{}`, 409, "not_allowed", ""},
			"a part of no line":         {"POST", "/v1/reservations/held/confirm", asJSON, `{"quantity":1}`, 422, "invalid", "body.line"},
			"the pick of an agent":      {"POST", "/v1/reservations/held/fulfil", asJSON, `{}`, 409, "wrong_writer", ""},
			"a false GTIN":              {"PUT", "/v1/items", asNDJSON, `{"code":"C","gtin":"4006381333932"}`, 422, "invalid", "line 1: gtin"},
			"a false GLN":               {"PUT", "/v1/locations", asNDJSON, `{"code":"S9","gln":"4012345000008"}`, 422, "invalid", "line 1: gln"},
			"a line too long":           {"PUT", "/v1/items", asNDJSON, `{"code":"` + strings.Repeat("x", 70_000) + `"}`, 413, "too_large", ""},
			"items as JSON":             {"PUT", "/v1/items", asJSON, `{"code":"C"}`, 415, "wrong_content_type", ""},
			"a writer of nowhere":       {"PUT", "/v1/locations/nowhere/writer", asJSON, `{"writer":"pc"}`, 404, "not_found", ""},
			"a second writer":           {"PUT", "/v1/locations/S1/writer", asJSON, `{"writer":"other"}`, 409, "writer_assigned", ""},
			"no writer":                 {"PUT", "/v1/locations/S1/writer", asJSON, `{}`, 422, "invalid", "body.writer"},
			"availability of nothing":   {"GET", "/v1/availability?location=S1", "", "", 422, "invalid", "query.item"},
			"a query of nothing":        {"POST", "/v1/availability/query", asJSON, `{"lines":[]}`, 422, "invalid", "body.lines"},
			"levels of nowhere":         {"GET", "/v1/levels?location=nowhere", "", "", 404, "not_found", ""},
			"levels without a location": {"GET", "/v1/levels", "", "", 422, "invalid", "query.location"},
			"no cursor of ours":         {"GET", "/v1/items?cursor=-1", "", "", 422, "invalid", "query.cursor"},
			"a cursor out of range":     {"GET", "/v1/reservations?cursor=zzzzzzzz", "", "", 422, "invalid", "query.cursor"},
			"too large a page":          {"GET", "/v1/items?limit=1001", "", "", 422, "invalid", "query.limit"},
			"no state of a reservation": {"GET", "/v1/reservations?state=odd", "", "", 422, "invalid", "query.state"},
			"no position":               {"GET", "/v1/items?min_position=7", "", "", 422, "invalid", "query.min_position"},
			"another incarnation":       {"GET", "/v1/items?min_position=1.1", "", "", 409, "other_incarnation", ""},
			"the journal of another":    {"GET", "/v1/journal?after=1.1", "", "", 409, "other_incarnation", ""},
			"a feed from nowhere":       {"GET", "/v1/feed?after=x", "", "", 422, "invalid", "query.after"},
			"no such address":           {"GET", "/v1/nothing", "", "", 404, "not_found", ""},
			"no such method":            {"DELETE", "/v1/items", "", "", 405, "method_not_allowed", ""},
		} {
			index, hash := c.commands()
			w := c.call(bad.method, bad.path, bad.contentType, bad.body)
			if w.Code != bad.status || w.Header().Get("Content-Type") != "application/problem+json" {
				c.t.Errorf("%s: %d %s %.300s", name, w.Code, w.Header().Get("Content-Type"), w.Body)
				continue
			}
			problem := c.decoded(w)
			at := ""
			if errors := problem.list("errors"); len(errors) > 0 {
				at = errors[0]["location"].(string)
			}
			if problem["code"] != bad.code || at != bad.at || problem["request_id"] == "" || problem["detail"] == "" {
				c.t.Errorf("%s: %v at %q, want %s at %q: %v", name, problem["code"], at, bad.code, bad.at, problem["detail"])
			}
			if bad.code == "not_allowed" || name == "the pick of an agent" {
				if record, ok := problem["reservation"].(map[string]any); !ok || record["state"] == "" {
					c.t.Errorf("%s: the present record is missing", name)
				}
			}
			if i, h := c.commands(); i != index || h != hash {
				c.t.Errorf("%s changed the state", name)
			}
		}
	})
}

// commands is what of the state only an accepted command changes: the log's
// index and hash would move with a command that is refused in the log as well.
func (c *client) commands() (levels string, hash string) {
	state := c.state()
	for l := range state.Locations() {
		levels += l.Code + l.Installation
		for no, level := range l.LevelsSince(0) {
			levels += state.Item(no).Code + level.Sellable.String() + "/" + level.Claims.String()
		}
	}
	for _, r := range state.Reservations(0) {
		hash += r.ID
		for _, line := range r.Lines {
			hash += line.State.String()
		}
	}
	return levels, hash
}

// What can be refused without the log never reaches it.
func TestAFaultyRequestDoesNotReachTheLog(t *testing.T) {
	inShop(t, func(c *client) {
		index, hash := c.state().Index(), c.state().Hash()
		for _, body := range []string{`{"document":"d","location":"DC","lines":[{"movement":"gift","item":"A","quantity":1}]}`, `{`, ``} {
			c.call("POST", "/v1/movements", asJSON, body)
		}
		c.call("PUT", "/v1/items", asNDJSON, `{"code":""}`)
		if c.state().Index() != index || c.state().Hash() != hash {
			c.t.Error("the log has grown")
		}
	})
}

func TestAPositionThatIsNotReachedIsBehindWithinTwoSeconds(t *testing.T) {
	inShop(t, func(c *client) {
		ahead := c.position() + "000"
		for _, path := range []string{"/v1/items?min_position=" + ahead, "/v1/feed?after=" + ahead} {
			began := time.Now()
			w := c.call("GET", path, "", "")
			if took := time.Since(began); w.Code != 503 || c.decoded(w)["code"] != "behind" || took < time.Second || took > 2*time.Second || w.Header().Get("Retry-After") == "" {
				c.t.Errorf("%s: %d after %v: %s", path, w.Code, took, w.Body)
			}
		}
		// A position that comes within the time is waited for.
		next := c.state().Index() + 1
		incarnation, _, _ := strings.Cut(c.position(), ".")
		if got := c.get("/v1/items?min_position=" + incarnation + "." + strconv.FormatUint(next, 10)); got["position"] == nil {
			c.t.Error("no position")
		}
	})
}

func TestANodeThatHasNotReadItsLogSaysSo(t *testing.T) {
	inHub(t, func(c *client) { // before the first tick
		for _, path := range []string{"/v1/availability?item=A", "/v1/items", "/v1/items?min_position=1.1", "/v1/feed", "/v1/feed?after=1.1", "/v1/journal?after=1.1"} {
			if w := c.call("GET", path, "", ""); w.Code != http.StatusServiceUnavailable || c.decoded(w)["code"] != "behind" {
				c.t.Errorf("%s: %d %s", path, w.Code, w.Body)
			}
		}
		if got := c.get("/v1/cluster"); len(got.list("nodes")) != 1 {
			c.t.Errorf("cluster: %v", got)
		}
	})
}
