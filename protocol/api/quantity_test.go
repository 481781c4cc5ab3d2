package api_test

import (
	"encoding/json"
	"math/big"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/shelfsync/shelfsync/protocol/api"
	"github.com/shelfsync/shelfsync/protocol/stock"
)

func TestQuantityLiterals(t *testing.T) {
	for _, c := range []struct {
		literal string
		want    stock.Quantity
		fault   string // part of it; empty: none
	}{
		{"2", 2000, ""},
		{"0.125", 125, ""},
		{"-3.5", -3500, ""},
		{"2.50", 2500, ""},
		{"0", 0, ""},
		{"-0", 0, ""},
		{"null", 0, ""},
		{"1000000000", 1_000_000_000_000, ""},
		{"0.1", 100, ""},
		{"0.3", 300, ""}, // no float holds it
		{"1000000000.001", 0, "larger than 1000000000"},
		{"99999999999999999999", 0, "larger"},
		{"0.0001", 0, "three decimals"},
		{"2.0000", 0, "three decimals"},
		{"0.1000000000000000055", 0, "three decimals"},
		{"1e3", 0, "exponent"},
		{"1E-3", 0, "exponent"},
		{`"2"`, 0, "quotes"},
		{"true", 0, "decimal number"},
		{"[2]", 0, "decimal number"},
		{`{"n":2}`, 0, "decimal number"},
	} {
		var line struct{ Quantity api.Quantity }
		if err := json.Unmarshal([]byte(`{"Quantity":`+c.literal+`}`), &line); err != nil {
			t.Fatalf("%s stopped the body around it: %v", c.literal, err)
		}
		got := line.Quantity
		if got.Stock() != c.want || (c.fault == "") != (got.Fault() == "") || !strings.Contains(got.Fault(), c.fault) {
			t.Errorf("%s: %d, fault %q; want %d, fault with %q", c.literal, got.Stock(), got.Fault(), c.want, c.fault)
		}
	}
}

func TestQuantityRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		q := api.Of(stock.Quantity(rapid.Int64Range(-int64(stock.MaxQuantity), int64(stock.MaxQuantity)).Draw(t, "thousandths")))
		text, err := json.Marshal(q)
		if err != nil {
			t.Fatal(err)
		}
		var back api.Quantity
		if err := json.Unmarshal(text, &back); err != nil || back != q {
			t.Fatalf("%s came back as %v (%v)", text, back, err)
		}
	})
}

func TestQuantityOmitted(t *testing.T) {
	text, err := json.Marshal(api.Step{Line: "1"})
	if err != nil || string(text) != `{"line":"1"}` {
		t.Fatalf("%s %v", text, err)
	}
}

// Every JSON number is read exactly or refused; never rounded.
func FuzzQuantity(f *testing.F) {
	for _, seed := range []string{"2", "0.125", "-3.5", "1e3", "NaN", `"2"`, "1000000000.001", "0.0001", "00.1", "+1", ".5", "5."} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, literal string) {
		q, err := api.ParseQuantity(literal)
		if err != nil {
			if q != (api.Quantity{}) {
				t.Fatalf("%q was refused and still has a value %v", literal, q)
			}
			return
		}
		want, ok := new(big.Rat).SetString(literal)
		if !ok {
			t.Fatalf("%q was taken and is no number", literal)
		}
		if want.Cmp(big.NewRat(int64(q.Stock()), 1000)) != 0 {
			t.Fatalf("%q became %v", literal, q)
		}
	})
}
