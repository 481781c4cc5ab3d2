package attack

import (
	"context"
	"fmt"
	"strings"
)

func toStore(c call) func(context.Context, *world) (string, error) {
	return func(ctx context.Context, w *world) (string, error) { return c.to(ctx, w.victim.address) }
}

func saleOf(receipt, quantity string) string {
	return basket(receipt, fmt.Sprintf(`{"item":%q,"quantity":%s}`, itemVictim, quantity))
}

func basket(receipt, lines string) string {
	return fmt.Sprintf(`{"receipt":%q,"till":"T1","lines":[%s]}`, receipt, lines)
}

// keyed is a POST with an idempotency key.
func keyed(path, body string) call { return post(path, body).with("Idempotency-Key", "evil") }

// tills is hostile HTTP to a store's agent, from its network and from pages in
// a browser beside the till.
var tills = []attack{
	{name: "a good sale, as a control", target: onStore, expects: "201", leaves: 1, run: toStore(post("/v1/sales", saleOf("good", "1")))},
	{name: "a body of 10 MB", target: onStore, expects: "413 too_large", run: toStore(post("/v1/sales", `{"receipt":"`+strings.Repeat("x", 10<<20)+`"}`))},
	{name: "an endless chunked body", target: onStore, expects: "413 too_large", run: rawly(onStore, to("POST /v1/sales"), "Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n", endless)},
	{name: "a body that breaks off", target: onStore, expects: "400 malformed", run: brokenOff(onStore)},
	{name: "a header over 16 KiB", target: onStore, expects: "431", run: rawly(onStore, to("GET /v1/status"), "X-Long: "+strings.Repeat("x", 32<<10)+"\r\n\r\n")},
	{name: "the POST of a form", target: onStore, expects: "415 wrong_content_type", run: toStore(call{method: "POST", path: "/v1/sales", contentType: "text/plain", body: saleOf("r", "1")})},
	{name: "a page of another origin", target: onStore, expects: "403 cross_origin", run: toStore(post("/v1/sales", saleOf("r", "1")).with("Origin", "http://evil.example"))},
	{name: "a page of another port", target: onStore, expects: "403 cross_origin", run: toStore(post("/v1/sales", saleOf("r", "1")).with("Origin", "http://127.0.0.1:1"))},
	{name: "a page without an origin", target: onStore, expects: "403 cross_origin", run: toStore(post("/v1/sales", saleOf("r", "1")).with("Origin", "null"))},
	{name: "a cross-site request", target: onStore, expects: "403 cross_origin", run: toStore(post("/v1/sales", saleOf("r", "1")).with("Sec-Fetch-Site", "cross-site"))},
	{name: "a rebound host name", target: onStore, expects: "421 host_refused", run: toStore(post("/v1/sales", saleOf("r", "1")).with("Host", "evil.example"))},
	{name: "a rebound host name with a dot", target: onStore, expects: "421 host_refused", run: toStore(read("/v1/status").with("Host", "localhost.evil.example"))},
	{name: "a sale by GET", target: onStore, expects: "405 method_not_allowed", run: toStore(read("/v1/sales"))},
	{name: "a path that climbs", target: onStore, expects: "404 not_found", run: rawly(onStore, to("GET /assets/../../ledger.db"), "\r\n")},
	{name: "a path that climbs in code", target: onStore, expects: "404 not_found", run: rawly(onStore, to("GET /assets/%2e%2e%2f%2e%2e%2fledger.db"), "\r\n")},
	{name: "JSON 500,000 deep", target: onStore, expects: "413 too_large", run: toStore(post("/v1/sales", `{"receipt":`+nested(500_000)+`}`))},
	{name: "JSON 20,000 deep", target: onStore, expects: "400 malformed", run: toStore(post("/v1/sales", `{"receipt":`+nested(20_000)+`}`))},
	{name: "a body that is not UTF-8", target: onStore, expects: "400 malformed", run: toStore(post("/v1/sales", basket("r", "{\"item\":\"\xff\",\"quantity\":1}")))},
	{name: "a negative quantity", target: onStore, expects: "422 invalid at body.lines[0].quantity", run: toStore(post("/v1/sales", saleOf("r", "-1")))},
	{name: "too precise a quantity", target: onStore, expects: "422 invalid at body.lines[0].quantity", run: toStore(post("/v1/sales", saleOf("r", "0.0001")))},
	{name: "a quantity that overflows 64 bits", target: onStore, expects: "422 invalid at body.lines[0].quantity", run: toStore(post("/v1/sales", saleOf("r", "18446744073709551617")))},
	{name: "a quantity that overflows a float", target: onStore, expects: "422 invalid at body.lines[0].quantity", run: toStore(post("/v1/sales", saleOf("r", "-1e999")))},
	{name: "a member twice, of which the last counts", target: onStore, expects: "422 invalid at body.lines[0].quantity", run: toStore(post("/v1/sales", basket("r", `{"item":"A","quantity":5,"quantity":-1}`)))},
	{name: "a member again in capitals", target: onStore, expects: "422 invalid at body.lines[0].quantity", run: toStore(post("/v1/sales", basket("r", `{"item":"A","quantity":5,"Quantity":-1}`)))},
	{name: "control characters in a code", target: onStore, expects: "422 invalid at body.lines[0].item", run: toStore(post("/v1/sales", basket("r", `{"item":"A\u0000\u001b[2J","quantity":1}`)))},
	{name: "a code of 65 characters", target: onStore, expects: "422 invalid at body.lines[0].item", run: toStore(post("/v1/sales", basket("r", `{"item":"`+strings.Repeat("x", 65)+`","quantity":1}`)))},
	{name: "1,001 lines", target: onStore, expects: "422 invalid at body.lines", run: toStore(post("/v1/sales", basket("r", strings.TrimSuffix(strings.Repeat(`{"item":"A","quantity":1},`, 1001), ","))))},
	{name: "an unknown kind of damage", target: onStore, expects: "422 invalid at body.lines[0].movement", run: toStore(keyed("/v1/damages", `{"lines":[{"item":"A","quantity":1,"movement":"lend","reason":"r"}]}`))},
	{name: "an unknown reservation", target: onStore, expects: "404 not_found", run: toStore(keyed("/v1/reservations/nobody/stage", `{}`))},
	{name: "a receipt with another basket", target: onStore, expects: "422 idempotency_key_reused", run: toStore(post("/v1/sales", saleOf("used", "2")))},
	{name: "no key", target: onStore, expects: "400 idempotency_key_missing", run: toStore(post("/v1/deliveries", `{"lines":[{"item":"A","quantity":1}]}`))},
	{name: "a key of 256 characters", target: onStore, expects: "422 invalid at header.Idempotency-Key", run: toStore(post("/v1/sales", saleOf("r", "1")).with("Idempotency-Key", strings.Repeat("k", 256)))},
	{name: "an operation of another ledger reversed", target: onStore, expects: "404 not_found", run: toStore(keyed("/v1/operations/EVIL.evil.1/reverse", ""))},
	{name: "1,001 items of a query", target: onStore, expects: "422 invalid at query.item", run: rawly(onStore, to("GET /v1/availability?item=A"+strings.Repeat("&item=A", 1000)), "\r\n")},
}
