package main

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

// What each command sends, word for word, to a hub that only writes it down.
func TestWhatCommandsSend(t *testing.T) {
	var got string
	answer := `{}`
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		got = r.Method + " " + r.RequestURI + " " + string(body)
		_, _ = io.WriteString(w, answer)
	}))
	defer server.Close()
	lines := filepath.Join(t.TempDir(), "lines.json")
	if err := os.WriteFile(lines, []byte(`[{"movement":"sale","item":"MUG","quantity":0.125}]`), 0o600); err != nil {
		t.Fatal(err)
	}
	o := &operator{T: t, hub: strings.TrimPrefix(server.URL, "http://"), stdin: `{"version":2}`}
	for _, c := range []struct{ line, sent string }{
		{"exceptions owner 17 --owner anna --by ben", `POST /v1/exceptions/17/owner {"by":"ben","owner":"anna"}`},
		{"exceptions resolve 17 --by anna --note found", `POST /v1/exceptions/17/resolve {"by":"anna","note":"found"}`},
		{"exceptions map 17 --item MUG --factor 12 --by anna", `POST /v1/exceptions/17/map {"by":"anna","factor":12,"item":"MUG"}`},
		{"exceptions admit 17 --by anna --counted --lines " + lines, `POST /v1/exceptions/17/admit {"by":"anna","counted":true,"lines":[{"movement":"sale","item":"MUG","quantity":0.125}]}`},
		{"exceptions admit 17 --by anna", `POST /v1/exceptions/17/admit {"by":"anna"}`},
		{"availability --item MUG --as-of 7.9", `GET /v1/availability?as_of=7.9&item=MUG `},
		{"policy get", `GET /v1/policy `},
		{"policy put -", `PUT /v1/policy {"replaces":2}`},
		{"policy dry-run - --from 7.9", `PUT /v1/policy?dry_run=true&from=7.9 {"replaces":2}`},
		{"explain S014 A&b/c --from 7.9", `GET /v1/explain?from=7.9&item=A%26b%2Fc&limit=1000&location=S014 `},
		{"reservations reserve --id r --channel web --want MUG=2 --group nearby", `POST /v1/reservations {"channel":"web","id":"r","lines":[{"item":"MUG","quantity":2,"candidate_group":"nearby"}]}`},
		{"transfers close wms/D1 --reason lost", `POST /v1/transfers/wms%2FD1/close {"reason":"lost"}`},
		{"reservations extend web-1 --ttl 15m --line 2.1 --quantity 0.5", `POST /v1/reservations/web-1/extend {"line":"2.1","quantity":0.5,"ttl_s":900}`},
		{"reservations confirm a?b", `POST /v1/reservations/a%3Fb/confirm `},
	} {
		answer = map[bool]string{true: `{"trial":{"really":{"accepted":3,"missing":1.50},"with":{"accepted":2,"missing":2.5}}}`, false: `{}`}[strings.Contains(c.line, "dry-run")]
		o.sees(c.line)
		if got != c.sent {
			t.Errorf("%s sends\n%s, want\n%s", c.line, got, c.sent)
		}
	}

	answer = `{"location":"S014","item":"MUG","opening":{"position":"7.1","wall":"2026-11-24T08:00:00Z","balance":{"sellable":10}},"totals":[{"kind":"sale","changes":1,"change":{"sellable":-1.50}}],` +
		`"count":1,"closing":{"sellable":8.5},"position":"7.9","data":[{"position":"7.5","kind":"operation","operation":"S014.k3f9.1","lines":[{"kind":"sale"},{"kind":"return"}],` +
		`"change":{"sellable":-1.50},"after":{"sellable":8.5},"why":["late"]}]}`
	o.sees("explain S014 MUG", "FROM WALL SELLABLE", "7.1 2026-11-24T08:00:00Z 10", "operation sale,return S014.k3f9.1 - - - -1.50 - - - - 8.5 late", "sale 1 -1.50", "TO CHANGES SELLABLE", "7.9 1 8.5")
	if text := o.sees("explain S014 MUG -o json"); strings.Index(text, `"opening"`) > strings.Index(text, `"data"`) || !strings.Contains(text, "-1.50") {
		t.Errorf("the whole answer is not there, or in another order: %s", text)
	}
	answer = `{"version":3,"safety_stock":[{"class":"kitchen","quantity":2.50}]}`
	o.sees("policy get", "version 3 safety_stock[0].class kitchen safety_stock[0].quantity 2.50")
	if text := o.sees("policy get -o yaml"); text != "version: 3\nsafety_stock:\n  - class: kitchen\n    quantity: 2.50\n" {
		t.Errorf("%s", text)
	}
	answer = `not json`
	o.ends(1, "policy get", "invalid character")
	o.ends(1, "agents", "read a page of /v1/agents")
}

// On a terminal an import says how far it is; the faults follow it.
func TestAnImportOnATerminal(t *testing.T) {
	parts := 0
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, err := io.Copy(io.Discard, r.Body); err != nil {
			t.Error(err)
		}
		if parts++; parts == 2 {
			w.WriteHeader(http.StatusUnprocessableEntity)
			_, _ = io.WriteString(w, `{"code":"invalid","title":"Some fields are not valid","errors":[{"location":"line 1: code","message":"must be there"},{"location":"line 1: gtin","message":"is wrong"}]}`)
			return
		}
		_, _ = io.WriteString(w, `{"taken":999,"refused":1,"position":"7.`+strconv.Itoa(parts)+`","faults":[{"line":1000,"errors":[{"location":"line 1000: code","message":"is too long"}]}]}`)
	}))
	defer server.Close()
	var said bytes.Buffer
	cmd := &cobra.Command{}
	cmd.SetContext(t.Context())
	l := &loading{asked: &asked{call: &call{path: "/v1/items"}, cmd: cmd, hub: &hubs{addresses: []string{strings.TrimPrefix(server.URL, "http://")}, say: &said}}, terminal: true}
	if err := l.read(strings.NewReader(strings.Repeat("{}\n", 1000) + "{}")); err != nil {
		t.Fatal(err)
	}
	if text := said.String(); text != "\r1000 lines, 1 refused\x1b[K\r1001 lines, 2 refused\x1b[K" {
		t.Errorf("%q", text)
	}
	var faults []string
	for _, line := range l.answer.Faults {
		for _, fault := range line.Errors {
			faults = append(faults, fmt.Sprint(line.Line, " ", fault.Path, " ", fault.Message))
		}
	}
	if got := strings.Join(faults, "; "); got != "1000 code is too long; 1001 code must be there; 1001 gtin is wrong" || l.answer.Position != "7.1" {
		t.Errorf("%s at %s", got, l.answer.Position)
	}
}
