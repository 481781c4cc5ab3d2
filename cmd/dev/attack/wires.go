package attack

import (
	"context"
	"strings"
)

// rawly sends bytes to a program without a client's library. {host} stands for
// its address.
func rawly(on string, bytes ...string) func(context.Context, *world) (string, error) {
	return func(ctx context.Context, w *world) (string, error) {
		address := w.hub.address
		if on == onStore {
			address = w.victim.address
		}
		sent := make([]string, len(bytes))
		for i, b := range bytes {
			sent[i] = strings.ReplaceAll(b, "{host}", address)
		}
		return ask(ctx, address, sent...)
	}
}

// to is a request line and its Host.
func to(request string) string { return request + " HTTP/1.1\r\nHost: {host}\r\n" }

var endless = strings.Repeat("10000\r\n"+strings.Repeat("x", 1<<16)+"\r\n", 512) // 32 MiB in chunks, and no end

// wires is HTTP that no library of a client would send.
var wires = []attack{
	{name: "a header over 16 KiB", target: onHub, expects: "431", run: rawly(onHub, to("GET /v1/items"), "X-Long: "+strings.Repeat("x", 32<<10)+"\r\n\r\n")},
	{name: "endless headers", target: onHub, expects: "431", run: rawly(onHub, to("GET /v1/items"), strings.Repeat("X-More: and more\r\n", 200_000))},
	{name: "a query of 1 MiB", target: onHub, expects: "431", run: rawly(onHub, to("GET /v1/items?cursor="+strings.Repeat("z", 1<<20)), "\r\n")},
	{name: "a query of 12 KiB", target: onHub, expects: "422 invalid at query.item", run: rawly(onHub, to("GET /v1/availability?location=DC"+strings.Repeat("&item=", 2000)), "\r\n")},
	{name: "an endless chunked body", target: onHub, expects: "413 too_large", run: rawly(onHub, to("POST /v1/movements"), "Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n", endless)},
	{name: "a chunk of a negative size", target: onHub, expects: "400 malformed", run: rawly(onHub, to("POST /v1/movements"), "Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n-5\r\nhello\r\n0\r\n\r\n")},
	{name: "a chunk of 2^64 bytes", target: onHub, expects: "400 malformed", run: rawly(onHub, to("POST /v1/movements"), "Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n10000000000000000\r\nhello\r\n0\r\n\r\n")},
	{name: "a body that breaks off", target: onHub, expects: "400 malformed", run: brokenOff(onHub)},
	{name: "a negative length", target: onHub, expects: "400", run: rawly(onHub, to("POST /v1/movements"), "Content-Type: application/json\r\nContent-Length: -5\r\n\r\n{}")},
	{name: "two lengths", target: onHub, expects: "400", run: rawly(onHub, to("POST /v1/movements"), "Content-Type: application/json\r\nContent-Length: 2\r\nContent-Length: 44\r\n\r\n{}")},
	{name: "an unknown transfer coding", target: onHub, expects: "501", run: rawly(onHub, to("POST /v1/movements"), "Transfer-Encoding: gzip, chunked\r\n\r\n")},
	{name: "no host", target: onHub, expects: "400", run: rawly(onHub, "GET /v1/items HTTP/1.1\r\n\r\n")},
	{name: "two hosts", target: onHub, expects: "400", run: rawly(onHub, "GET /v1/items HTTP/1.1\r\nHost: {host}\r\nHost: evil.example\r\n\r\n")},
	{name: "a host within the request line", target: onHub, expects: "421 host_refused", run: rawly(onHub, to("GET http://evil.example/v1/items"), "\r\n")},
	{name: "a path that climbs", target: onHub, expects: "404 not_found", run: rawly(onHub, to("GET /../../../../etc/passwd"), "\r\n")},
	{name: "a path that climbs in code", target: onHub, expects: "404 not_found", run: rawly(onHub, to("GET /v1/%2e%2e/%2e%2e/etc/passwd"), "\r\n")},
	{name: "NUL in a path", target: onHub, expects: "404 not_found", run: rawly(onHub, to("GET /v1/reservations/%00"), "\r\n")},
	{name: "a bare NUL in a path", target: onHub, expects: "400", run: rawly(onHub, to("GET /v1/\x00"), "\r\n")},
	{name: "a header with a line of its own", target: onHub, expects: "400", run: rawly(onHub, to("GET /v1/items"), "X-Odd\x00: 1\r\n\r\n")},
	{name: "the greeting of TLS", target: onHub, expects: "400", run: rawly(onHub, "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n")},
	{name: "the greeting of HTTP/2", target: onHub, expects: "421 host_refused", run: rawly(onHub, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")},
	{name: "a tunnel", target: onHub, expects: "421 host_refused", run: rawly(onHub, "CONNECT evil.example:443 HTTP/1.1\r\nHost: evil.example:443\r\n\r\n")},
	{name: "a request hidden behind another", target: onHub, expects: "405 method_not_allowed", run: rawly(onHub, to("POST /v1/items"), "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /x HTTP/1.1\r\n\r\n")},
}

// brokenOff announces a body, sends half of it and says that no more comes.
func brokenOff(on string) func(context.Context, *world) (string, error) {
	return func(ctx context.Context, w *world) (string, error) {
		address := w.hub.address
		if on == onStore {
			address = w.victim.address
		}
		conn, err := dial(ctx, address)
		if err != nil {
			return "", err
		}
		defer conn.Close()
		request := strings.ReplaceAll(to("POST /v1/movements"), "{host}", address) + "Content-Type: application/json\r\nContent-Length: 4000\r\n\r\n{"
		if on == onStore {
			request = strings.Replace(request, "/v1/movements", "/v1/sales", 1)
		}
		if _, err := conn.Write([]byte(request)); err != nil {
			return "", err
		}
		if half, ok := conn.Conn.(interface{ CloseWrite() error }); ok {
			if err := half.CloseWrite(); err != nil {
				return "", err
			}
		}
		return conn.answer()
	}
}
