package attack

import (
	"bytes"
	"context"
	"fmt"
	"strings"
)

const (
	asJSON = "application/json"
	ndjson = "application/x-ndjson"
)

func post(path, body string) call {
	return call{method: "POST", path: path, contentType: asJSON, body: body}
}

// with is the call with a header of its own.
func (c call) with(name, value string) call {
	c.headers = map[string]string{name: value}
	return c
}

func load(path, body string) call {
	return call{method: "PUT", path: path, contentType: ndjson, body: body}
}

func read(path string) call { return call{method: "GET", path: path} }

// toHub and toStore send a call to the program under attack.
func toHub(c call) func(context.Context, *world) (string, error) {
	return func(ctx context.Context, w *world) (string, error) { return c.to(ctx, w.hub.address) }
}

// Bodies. A quantity is given as its literal.
func claimOf(id, quantity string) string {
	return fmt.Sprintf(`{"id":%q,"channel":"evil","lines":[{"item":%q,"quantity":%s,"candidates":[%q]}]}`, id, itemVictim, quantity, storeVictim)
}

func movementOf(line string) string {
	return fmt.Sprintf(`{"document":"evil","location":%q,"lines":[%s]}`, storeHub, line)
}

func delivered(item, quantity string) string {
	return fmt.Sprintf(`{"movement":"delivery","item":%s,"quantity":%s}`, item, quantity)
}

// nested is a value so deep that a reader without a bound runs out of stack.
func nested(depth int) string { return strings.Repeat("[", depth) + strings.Repeat("]", depth) }

// requests is hostile HTTP to the hub, by way of a client's library.
var requests = []attack{
	{name: "a body of 10 MB", target: onHub, expects: "413 too_large", run: toHub(post("/v1/movements", `{"document":"`+strings.Repeat("x", 10<<20)+`"}`))},
	{name: "a content type of a form", target: onHub, expects: "415 wrong_content_type", run: toHub(call{method: "POST", path: "/v1/reservations", contentType: "text/plain", body: claimOf("c1", "1")})},
	{name: "no content type", target: onHub, expects: "415 wrong_content_type", run: toHub(call{method: "POST", path: "/v1/reservations", body: claimOf("c1", "1")})},
	{name: "another charset", target: onHub, expects: "415 wrong_content_type", run: toHub(call{method: "POST", path: "/v1/reservations", contentType: asJSON + "; charset=utf-7", body: claimOf("c1", "1")})},
	{name: "a compressed body", target: onHub, expects: "415 wrong_content_type", run: toHub(post("/v1/reservations", claimOf("c1", "1")).with("Content-Encoding", "gzip"))},
	{name: "no JSON", target: onHub, expects: "400 malformed", run: toHub(post("/v1/movements", `{"document":`))},
	{name: "two JSON values", target: onHub, expects: "400 malformed", run: toHub(post("/v1/reservations", claimOf("c1", "1")+claimOf("c2", "1")))},
	{name: "no body", target: onHub, expects: "400 malformed", run: toHub(post("/v1/movements", ""))},
	{name: "a list instead of an object", target: onHub, expects: "422 invalid at body", run: toHub(post("/v1/movements", "[]"))},
	{name: "33,000 values", target: onHub, expects: "413 too_large", run: toHub(post("/v1/movements", `{"document":[`+strings.Repeat("0,", 33_000)+`0]}`))},
	{name: "JSON 500,000 deep", target: onHub, expects: "413 too_large", run: toHub(post("/v1/movements", `{"document":`+nested(500_000)+`}`))},
	{name: "JSON 20,000 deep", target: onHub, expects: "400 malformed", run: toHub(post("/v1/movements", `{"document":`+nested(20_000)+`}`))},
	{name: "JSON 9,000 deep", target: onHub, expects: "422 invalid at body.document", run: toHub(post("/v1/movements", `{"document":`+nested(9000)+`,"location":"DC"}`))},
	{name: "a body that is not UTF-8", target: onHub, expects: "400 malformed", run: toHub(post("/v1/movements", movementOf(delivered("\"\xff\xfe\"", "1"))))},
	{name: "an unknown member, which is passed over", target: onHub, expects: "422 invalid at body.lines[0].item", run: toHub(post("/v1/movements", movementOf(`{"movement":"delivery","Items":"A","quantity":1,"__proto__":{"item":"A"}}`)))},
	{name: "a member twice, of which the last counts", target: onHub, expects: "422 invalid at body.lines[0].quantity", run: toHub(post("/v1/reservations", strings.Replace(claimOf("c1", "1"), `"quantity":1`, `"quantity":1,"quantity":-5`, 1)))},
	{name: "a member again in capitals", target: onHub, expects: "422 invalid at body.lines[0].quantity", run: toHub(post("/v1/reservations", strings.Replace(claimOf("c1", "1"), `"quantity":1`, `"quantity":1,"QUANTITY":-5`, 1)))},
	{name: "an enumeration again in capitals", target: onHub, expects: "422 invalid at body.lines[0].movement", run: toHub(post("/v1/movements", movementOf(`{"movement":"delivery","MOVEMENT":"gift","item":"A","quantity":1}`)))},
	{name: "an unknown kind of movement", target: onHub, expects: "422 invalid at body.lines[0].movement", run: toHub(post("/v1/movements", movementOf(`{"movement":"gift","item":"A","quantity":1}`)))},
	{name: "a negative quantity", target: onHub, expects: "422 invalid at body.lines[0].quantity", run: toHub(post("/v1/movements", movementOf(delivered(`"A"`, "-1"))))},
	{name: "a quantity of nothing", target: onHub, expects: "422 invalid at body.lines[0].quantity", run: toHub(post("/v1/reservations", claimOf("c1", "0")))},
	{name: "too precise a quantity", target: onHub, expects: "422 invalid at body.lines[0].quantity", run: toHub(post("/v1/movements", movementOf(delivered(`"A"`, "0.0001"))))},
	{name: "a quantity beyond its limit", target: onHub, expects: "422 invalid at body.lines[0].quantity", run: toHub(post("/v1/reservations", claimOf("c1", "1000000000.001")))},
	{name: "a quantity that overflows 64 bits", target: onHub, expects: "422 invalid at body.lines[0].quantity", run: toHub(post("/v1/reservations", claimOf("c1", "18446744073709551617")))},
	{name: "a quantity that overflows a float", target: onHub, expects: "422 invalid at body.lines[0].quantity", run: toHub(post("/v1/reservations", claimOf("c1", "1e999")))},
	{name: "a quantity of a million digits", target: onHub, expects: "422 invalid at body.lines[0].quantity", run: toHub(post("/v1/reservations", claimOf("c1", strings.Repeat("9", 1_000_000))))},
	{name: "a quantity in quotes", target: onHub, expects: "422 invalid at body.lines[0].quantity", run: toHub(post("/v1/reservations", claimOf("c1", `"1"`)))},
	{name: "NUL in a code", target: onHub, expects: "422 invalid at body.lines[0].item", run: toHub(post("/v1/movements", movementOf(delivered(`"A\u0000"`, "1"))))},
	{name: "a line break in a document", target: onHub, expects: "422 invalid at body.document", run: toHub(post("/v1/movements", strings.Replace(movementOf(delivered(`"A"`, "1")), "evil", `evil\r\nX: y`, 1)))},
	{name: "half a surrogate in a code", target: onHub, expects: "422 invalid at body.lines[0].item", run: toHub(post("/v1/movements", movementOf(delivered(`"A\ud800"`, "1"))))},
	{name: "1,001 lines", target: onHub, expects: "422 invalid at body.lines", run: toHub(post("/v1/movements", movementOf(strings.Repeat(delivered(`"A"`, "1")+",", 1000)+delivered(`"A"`, "1"))))},
	{name: "65 candidates", target: onHub, expects: "422 invalid at body.lines[0].candidates", run: toHub(post("/v1/reservations", strings.Replace(claimOf("c1", "1"), `"VICTIM"`, many(65), 1)))},
	{name: "1,001 lines of a query", target: onHub, expects: "422 invalid at body.lines", run: toHub(post("/v1/availability/query", `{"lines":[`+strings.TrimSuffix(strings.Repeat(`{"item":"A","location":"DC"},`, 1001), ",")+`]}`))},
	{name: "facts of a store's agent", target: onHub, expects: "409 wrong_writer", run: toHub(post("/v1/movements", strings.Replace(movementOf(`{"movement":"sale","item":"A","quantity":1}`), storeHub, storeVictim, 1)))},
	{name: "a document again with other lines", target: onHub, expects: "422 document_reused", run: toHub(post("/v1/movements",
		`{"document":"opening-VICTIM-A","location":"VICTIM","lines":[{"movement":"adjust","item":"A","quantity":999999,"reason":"opening"}]}`))},
	{name: "a reservation's id with another body", target: onHub, expects: "200", leaves: 1, run: toHub(post("/v1/reservations", claimOf("held", "500")))},
	{name: "a step of an unknown reservation", target: onHub, expects: "404 not_found", leaves: 1, run: toHub(post("/v1/reservations/nobody/confirm", "{}"))},
	{name: "the pick of a store's agent", target: onHub, expects: "409 wrong_writer", leaves: 1, run: toHub(post("/v1/reservations/held/fulfil", "{}"))},
	{name: "a step by GET", target: onHub, expects: "405 method_not_allowed", run: toHub(read("/v1/reservations/held/release"))},
	{name: "a writer for a store that has one", target: onHub, expects: "409 writer_assigned", leaves: 1, run: toHub(call{method: "PUT", path: "/v1/locations/VICTIM/writer", contentType: asJSON, body: `{"writer":"evil"}`})},
	{name: "a false check digit of a GTIN", target: onHub, expects: "422 invalid at line 1: gtin", run: toHub(load("/v1/items", `{"code":"C","gtin":"4006381333932"}`))},
	{name: "a false check digit of a GLN", target: onHub, expects: "422 invalid at line 1: gln", run: toHub(load("/v1/locations", `{"code":"L","gln":"4012345000008"}`))},
	{name: "a line of 65 KiB", target: onHub, expects: "413 too_large", run: toHub(load("/v1/items", `{"code":"`+strings.Repeat("x", 65<<10)+`"}`))},
	{name: "100,000 bad lines", target: onHub, expects: "422 invalid at line 1: code", run: toHub(load("/v1/items", strings.Repeat("{}\n", 100_000)))},
	{name: "a line that is deep", target: onHub, expects: "422 invalid at line 1: line", run: toHub(load("/v1/items", `{"code":`+nested(20_000)+`}`))},
	{name: "items as JSON", target: onHub, expects: "415 wrong_content_type", run: toHub(call{method: "PUT", path: "/v1/items", contentType: asJSON, body: `{"code":"C"}`})},
	{name: "a feed from nowhere", target: onHub, expects: "422 invalid at query.after", run: toHub(read("/v1/feed?after=%00"))},
	{name: "a feed from another incarnation's future", target: onHub, expects: "422 invalid at query.after", run: toHub(read("/v1/feed?after=7.99999999999999999999"))},
	{name: "a cursor at the end of numbers", target: onHub, expects: "422 invalid at query.cursor", run: toHub(read("/v1/items?cursor=zzzzzzzzzzzzzz"))},
	{name: "a journal cursor at the end of numbers", target: onHub, expects: "200", run: toHub(read("/v1/journal?cursor=3w5e11264sgsf"))},
	{name: "too large a page", target: onHub, expects: "422 invalid at query.limit", run: toHub(read("/v1/items?limit=1000000000"))},
	{name: "a page of a negative size", target: onHub, expects: "422 invalid at query.limit", run: toHub(read("/v1/reservations?limit=-1"))},
	{name: "a rebound host name", target: onHub, expects: "421 host_refused", run: toHub(read("/v1/items").with("Host", "evil.example"))},
	{name: "a page of another origin", target: onHub, expects: "403 cross_origin", run: toHub(post("/v1/reservations", claimOf("c1", "1")).with("Origin", "http://evil.example"))},
	{name: "a cross-site request", target: onHub, expects: "403 cross_origin", run: toHub(post("/v1/reservations", claimOf("c1", "1")).with("Sec-Fetch-Site", "cross-site"))},
	{name: "a member at no address", target: onHub, expects: "409 not_allowed", run: toHub(post("/v1/cluster/members", `{"address":"evil"}`))},
	{name: "a member that nobody knows taken out", target: onHub, expects: "409 not_allowed", run: toHub(call{method: "DELETE", path: "/v1/cluster/members/nobody"})},
	{name: "a method of its own", target: onHub, expects: "405 method_not_allowed", run: toHub(call{method: "EXPLODE", path: "/v1/items"})},
	{name: "TRACE", target: onHub, expects: "405 method_not_allowed", run: toHub(call{method: "TRACE", path: "/v1/items"})},
}

func many(n int) string {
	var list bytes.Buffer
	for i := range n {
		fmt.Fprintf(&list, `,"L%d"`, i)
	}
	return list.String()[1:]
}
