package till_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/shelfsync/shelfsync/protocol/api"
)

// lines is a list of so many sale lines.
func lines(n int, item func(i int) string) string {
	var b strings.Builder
	for i := range n {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, `{"item":%q,"quantity":1}`, item(i))
	}
	return b.String()
}

func basket(lines string) string { return `{"receipt":"R9","till":"T1","lines":[` + lines + `]}` }

func number(i int) string { return fmt.Sprint("ITEM", i) }

// Bad input gets a problem with the path of the field, and changes nothing.
func TestBadInputChangesNothing(t *testing.T) {
	s := open(t)
	s.hear(stocked())
	s.record("/v1/sales", "used", basket(`{"item":"A","quantity":1}`))
	at := s.head()
	long := strings.Repeat("x", 64)
	for name, row := range map[string]struct {
		path, key, body string
		code            api.Code
		field           string // of one fault; empty: the problem is about no field
	}{
		"unknown kind":       {"/v1/damages", "k", `{"lines":[{"item":"A","quantity":1,"movement":"lend","reason":"r"}]}`, api.CodeInvalid, "body.lines[0].movement"},
		"unknown place":      {"/v1/inspections", "k", `{"lines":[{"item":"A","quantity":1,"disposition":"moon"}]}`, api.CodeInvalid, "body.lines[0].disposition"},
		"no place":           {"/v1/inspections", "k", `{"lines":[{"item":"A","quantity":1}]}`, api.CodeInvalid, "body.lines[0].disposition"},
		"negative":           {"/v1/sales", "", basket(`{"item":"A","quantity":-1}`), api.CodeInvalid, "body.lines[0].quantity"},
		"zero":               {"/v1/sales", "", basket(`{"item":"A","quantity":0}`), api.CodeInvalid, "body.lines[0].quantity"},
		"too precise":        {"/v1/sales", "", basket(`{"item":"A","quantity":1},{"item":"A","quantity":0.0005}`), api.CodeInvalid, "body.lines[1].quantity"},
		"too large":          {"/v1/sales", "", basket(`{"item":"A","quantity":1000000000.001}`), api.CodeInvalid, "body.lines[0].quantity"},
		"beyond any number":  {"/v1/sales", "", basket(`{"item":"A","quantity":1e999}`), api.CodeInvalid, "body.lines[0].quantity"},
		"a pack too large":   {"/v1/sales", "", basket(`{"item":"A","quantity":1},{"item":"5012345678900","quantity":999999999}`), api.CodeInvalid, "body.lines[1].quantity"},
		"a pack back":        {"/v1/sales", "", `{"receipt":"R9","till":"T1","lines":[{"item":"A","quantity":1}],"returns":[{"item":"5012345678900","quantity":999999999,"reason":"r"}]}`, api.CodeInvalid, "body.returns[0].quantity"},
		"a string":           {"/v1/sales", "", basket(`{"item":"A","quantity":"1"}`), api.CodeInvalid, "body.lines[0].quantity"},
		"control characters": {"/v1/sales", "", basket(`{"item":"A\u0007","quantity":1}`), api.CodeInvalid, "body.lines[0].item"},
		"an item too long":   {"/v1/sales", "", basket(`{"item":"` + long + `x","quantity":1}`), api.CodeInvalid, "body.lines[0].item"},
		"no lines":           {"/v1/sales", "", basket(``), api.CodeInvalid, "body.lines"},
		"1,001 lines":        {"/v1/sales", "", basket(lines(1001, number)), api.CodeInvalid, "body.lines"},
		"no till":            {"/v1/sales", "", `{"receipt":"R9","lines":[{"item":"A","quantity":1}]}`, api.CodeInvalid, "body.till"},
		"no such time":       {"/v1/sales", "", `{"receipt":"R9","till":"T1","at":"yesterday","lines":[{"item":"A","quantity":1}]}`, api.CodeInvalid, "body.at"},
		"64 KiB":             {"/v1/sales", "", basket(lines(1000, func(i int) string { return fmt.Sprintf("%04d%s", i, long[4:]) })), api.CodeTooLarge, ""},
		"no reason":          {"/v1/returns", "k", `{"lines":[{"item":"A","quantity":1}]}`, api.CodeInvalid, "body.lines[0].reason"},
		"adjust by nothing":  {"/v1/adjustments", "k", `{"lines":[{"item":"A","quantity":0,"reason":"r"}]}`, api.CodeInvalid, "body.lines[0].quantity"},
		"not JSON":           {"/v1/sales", "", `{"receipt":`, api.CodeMalformed, ""},
		"nothing":            {"/v1/sales", "", ``, api.CodeMalformed, ""},
		"a list":             {"/v1/sales", "", `[]`, api.CodeInvalid, "body"},
		"no key":             {"/v1/deliveries", "", `{"lines":[{"item":"A","quantity":1}]}`, api.CodeKeyMissing, ""},
		"no key for a step":  {"/v1/reservations/web-1/stage", "", ``, api.CodeKeyMissing, ""},
		"a key too long":     {"/v1/sales", strings.Repeat("k", 256), basket(`{"item":"A","quantity":1}`), api.CodeInvalid, "header.Idempotency-Key"},
		"an odd key":         {"/v1/sales", "k\tk", basket(`{"item":"A","quantity":1}`), api.CodeInvalid, "header.Idempotency-Key"},
		"a used key":         {"/v1/sales", "used", basket(`{"item":"A","quantity":2}`), api.CodeKeyReused, ""},
		"no such claim":      {"/v1/reservations/nobody/stage", "k", `{}`, api.CodeNotFound, ""},
		"no such line":       {"/v1/reservations/web-1/pick", "k", `{"line":"7"}`, api.CodeNotFound, ""},
		"not set aside":      {"/v1/reservations/web-1/unstage", "k", `{}`, api.CodeNotAllowed, ""},
		"more than claimed":  {"/v1/reservations/web-1/pick", "k", `{"line":"1","quantity":3}`, api.CodeInvalid, "body.quantity"},
		"a part of what":     {"/v1/reservations/web-1/pick", "k", `{"quantity":1}`, api.CodeInvalid, "body.line"},
		"no such address":    {"/v1/loans", "k", `{}`, api.CodeNotFound, ""},
	} {
		t.Run(name, func(t *testing.T) {
			s.T = t
			p := s.problem(s.post(row.path, row.key, row.body), row.code)
			if p.RequestID == "" || p.Detail == "" {
				t.Errorf("%+v", p)
			}
			var fields []string
			for _, e := range p.Errors {
				fields = append(fields, e.Path)
			}
			if got := strings.Join(fields, " "); got != row.field {
				t.Errorf("faults at %q, want %q: %v", got, row.field, p.Errors)
			}
			if s.head() != at {
				t.Error("the ledger moved")
				at = s.head()
			}
		})
	}
	s.T = t
	w := s.post("/v1/sales", "", basket(lines(1000, number)))
	if w.Code != 201 {
		t.Errorf("1,000 lines: %d %s", w.Code, w.Body)
	}
}

func TestWhatIsNoRequestOfATillChangesNothing(t *testing.T) {
	s := open(t)
	at := s.head()
	const body = `{"receipt":"R1","till":"T1","lines":[{"item":"A","quantity":1}]}`
	for name, row := range map[string]struct {
		change func(*http.Request)
		code   api.Code
	}{
		"content type": {func(r *http.Request) { r.Header.Set("Content-Type", "text/plain") }, api.CodeWrongContentType},
		"compressed":   {func(r *http.Request) { r.Header.Set("Content-Encoding", "gzip") }, api.CodeWrongContentType},
		"host":         {func(r *http.Request) { r.Host = "shop.example" }, api.CodeHostRefused},
		"other site":   {func(r *http.Request) { r.Header.Set("Sec-Fetch-Site", "cross-site") }, api.CodeCrossOrigin},
		"method":       {func(r *http.Request) { r.Method = "PUT" }, api.CodeMethodNotAllowed},
	} {
		t.Run(name, func(t *testing.T) {
			r := httptest.NewRequest("POST", "http://localhost/v1/sales", strings.NewReader(body))
			r.Header.Set("Content-Type", "application/json")
			row.change(r)
			w := httptest.NewRecorder()
			s.web.ServeHTTP(w, r)
			s.problem(w, row.code)
		})
	}
	w := s.post("/v1/sales", "", `{"receipt":"`+strings.Repeat("x", 10<<20)+`"}`)
	s.problem(w, api.CodeTooLarge)
	if s.head() != at {
		t.Error("the ledger moved")
	}
}
