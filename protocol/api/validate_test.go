package api_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/shelfsync/shelfsync/protocol/api"
)

type body interface{ Validate() []api.FieldError }

func read[T body](t *testing.T, text string) []string {
	t.Helper()
	var b T
	if err := json.Unmarshal([]byte(text), &b); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	var paths []string
	for _, f := range b.Validate() {
		if f.Message == "" {
			t.Errorf("%s has no message", f.Path)
		}
		paths = append(paths, f.Path)
	}
	return paths
}

// Each row is a body and the paths of all its faults.
func TestValidateListsEveryFault(t *testing.T) {
	long := strings.Repeat("x", 65)
	lines := func(n int, line string) string {
		return "[" + strings.TrimSuffix(strings.Repeat(line+",", n), ",") + "]"
	}
	for _, c := range []struct {
		name  string
		check func(*testing.T, string) []string
		body  string
		want  string
	}{
		{"good sale", read[api.Sale], `{"receipt":"T1-1","till":"T1","at":"2026-11-24T10:00:00Z","lines":[{"item":"85123A","quantity":2}]}`, ""},
		{"exchange with goods back only", read[api.Sale], `{"receipt":"T1-1","till":"T1","returns":[{"item":"A","quantity":1,"reason":"too_small"}]}`, ""},
		{"empty sale", read[api.Sale], `{}`, "receipt till lines"},
		{"sale with everything wrong", read[api.Sale],
			`{"receipt":"` + long + `","till":"T\u0000","lines":[{"item":"","quantity":0},{"item":"A","quantity":-1},{"item":"A","quantity":0.0001},{"item":"A","quantity":1000000001},{"item":"A","quantity":"2"},{"item":"A","quantity":1,"reservation_line":"1"}],
			"returns":[{"item":"B","quantity":1,"disposition":"shelf"}]}`,
			"receipt till lines[0].item lines[0].quantity lines[1].quantity lines[2].quantity lines[3].quantity lines[4].quantity lines[5].reservation returns[0].reason returns[0].disposition"},
		{"sale too long", read[api.Sale], `{"receipt":"1","till":"1","lines":` + lines(1001, `{"item":"A","quantity":1}`) + `}`, "lines"},
		{"sale just short enough", read[api.Sale], `{"receipt":"1","till":"1","lines":` + lines(1000, `{"item":"A","quantity":1}`) + `}`, ""},
		{"return without reason", read[api.Return], `{"lines":[{"item":"A","quantity":1}]}`, "lines[0].reason"},
		{"empty delivery", read[api.Delivery], `{"document":"` + long + `"}`, "document lines"},
		{"good delivery", read[api.Delivery], `{"lines":[{"item":"A","quantity":24}]}`, ""},
		{"damage of an unknown kind", read[api.Damage], `{"lines":[{"item":"A","quantity":1,"movement":"burn","reason":"fire"}]}`, "lines[0].movement"},
		{"adjustment down", read[api.Adjustment], `{"lines":[{"item":"A","quantity":-1,"reason":"shrinkage"}]}`, ""},
		{"adjustment of nothing", read[api.Adjustment], `{"lines":[{"item":"A","quantity":0,"account":"scrap","reason":""}]}`, "lines[0].quantity lines[0].account lines[0].reason"},
		{"movements without lines", read[api.Movements], `{"document":"D","location":"DC1"}`, ""},
		{"movements without document", read[api.Movements], `{"location":""}`, "document location"},
		{"movements of each kind", read[api.Movements], `{"document":"D","location":"DC1","lines":[{"movement":"sale","item":"A","quantity":1},{"movement":"return","item":"A","quantity":1,"reason":"r","account":"return_pending"},{"movement":"delivery","item":"A","quantity":1},
			{"movement":"damage","item":"A","quantity":1,"reason":"r"},{"movement":"repair","item":"A","quantity":1,"reason":"r"},{"movement":"write_off","item":"A","quantity":1,"reason":"r"},{"movement":"adjust","item":"A","quantity":-1,"reason":"r","account":"damaged"}]}`, ""},
		{"movements gone wrong", read[api.Movements], `{"document":"D","location":"DC1","lines":[{"movement":"teleport","item":"A","quantity":1},{"movement":"sale","item":"A","quantity":-1},{"movement":"damage","item":"A","quantity":1},{"movement":"sale","item":"A","quantity":1,"account":"damaged"},{"movement":"return","item":"A","quantity":1,"reason":"r","account":"damaged"}]}`,
			"lines[0].movement lines[1].quantity lines[2].reason lines[3].account lines[4].account"},
		{"good reservation", read[api.ReservationRequest], `{"id":"r1","channel":"web","order":"o","mode":"partial","ttl_s":900,"collect_within_s":172800,"priority":5,"lines":[{"item":"A","quantity":1,"candidates":["S1","S2"]}]}`, ""},
		{"bad reservation", read[api.ReservationRequest], `{"id":"","channel":"","mode":"maybe","ttl_s":604801,"collect_within_s":-1,"priority":10,"lines":[{"item":"A","quantity":1,"candidates":[]},{"item":"A","quantity":1,"candidates":["S1","S1",""]}]}`,
			"id channel mode ttl_s collect_within_s priority lines[0].candidates lines[1].candidates[1] lines[1].candidates[2]"},
		{"step of a part without a line", read[api.Step], `{"quantity":1,"ttl_s":-1}`, "line ttl_s"},
		{"step of a negative part", read[api.Step], `{"line":"1","quantity":-1}`, "quantity"},
		{"empty step", read[api.Step], `{}`, ""},
		{"query of nothing", read[api.AvailabilityQuery], `{}`, "lines"},
		{"query of too much", read[api.AvailabilityQuery], `{"lines":` + lines(1001, `{"item":"A","location":"S1"}`) + `}`, "lines"},
		{"good item", read[api.Item], `{"code":"A","gtin":"4006381333931","decimals":3,"aliases":[{"code":"B","factor":12}]}`, ""},
		{"wrong check digit", read[api.Item], `{"code":"A","gtin":"4006381333932"}`, "gtin"},
		{"item gone wrong", read[api.Item], `{"code":"","decimals":4,"gtin":"123","unit_value":-1,"aliases":[{"code":"","factor":0}]}`, "code decimals gtin unit_value aliases[0].code aliases[0].factor aliases[0].code"},
		{"good location", read[api.Location], `{"code":"S1","gln":"4012345000009","state":"paused"}`, ""},
		{"location gone wrong", read[api.Location], `{"code":"S1","gln":"4012345000008","state":"shut"}`, "state gln"},
		{"nobody as a writer", read[api.WriterAssignment], `{}`, "writer"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := strings.Join(c.check(t, c.body), " "); got != c.want {
				t.Errorf("faults at %s\nwant      %s", got, c.want)
			}
		})
	}
}

func TestEveryProblemCode(t *testing.T) {
	seen := map[api.Code]bool{}
	for _, row := range api.Codes {
		if seen[row.Code] || row.Status < 400 || row.Status > 599 || row.Title == "" {
			t.Errorf("row %+v", row)
		}
		seen[row.Code] = true
	}
	p := api.Invalid(api.FieldError{Path: "body.lines[0].quantity", Message: "must be greater than zero"})
	text, err := json.Marshal(p)
	want := `{"type":"/problems/invalid","code":"invalid","title":"Some fields are not valid","status":422,"detail":"body.lines[0].quantity must be greater than zero","errors":[{"location":"body.lines[0].quantity","message":"must be greater than zero"}]}`
	if err != nil || string(text) != want {
		t.Errorf("%s\nwant %s", text, want)
	}
	if fmt.Sprint(p) != "invalid: body.lines[0].quantity must be greater than zero" {
		t.Error(p)
	}
}
