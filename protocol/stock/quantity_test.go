package stock_test

import (
	"errors"
	"math"
	"strings"
	"testing"

	"github.com/shelfsync/shelfsync/protocol/stock"
	"pgregory.net/rapid"
)

func TestQuantityReadsWhatItWrites(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		q := stock.Quantity(rapid.Int64Range(-int64(stock.MaxQuantity), int64(stock.MaxQuantity)).Draw(t, "q"))
		got, err := stock.ParseQuantity(q.String())
		if err != nil || got != q {
			t.Fatalf("%d prints %q and reads %d, %v", int64(q), q.String(), int64(got), err)
		}
	})
}

func TestQuantityLiterals(t *testing.T) {
	for _, c := range []struct {
		literal string
		want    stock.Quantity
		err     error
	}{
		{"2", 2000, nil}, {"0.125", 125, nil}, {"-3.5", -3500, nil}, {"1000000000", stock.MaxQuantity, nil}, {"0", 0, nil}, {"-0", 0, nil},
		{"", 0, stock.ErrQuantity}, {"1.", 0, stock.ErrQuantity}, {".5", 0, stock.ErrQuantity}, {"--1", 0, stock.ErrQuantity}, {"1e3", 0, stock.ErrQuantity},
		{"+1", 0, stock.ErrQuantity}, {" 1", 0, stock.ErrQuantity}, {"0.0001", 0, stock.ErrPrecision}, {"1000000000.001", 0, stock.ErrRange},
		{"99999999999999999999999", 0, stock.ErrRange},
	} {
		if got, err := stock.ParseQuantity(c.literal); got != c.want || !errors.Is(err, c.err) {
			t.Errorf("ParseQuantity(%q) = %v, %v, want %v, %v", c.literal, got, err, c.want, c.err)
		}
	}
	if got := stock.Quantity(math.MinInt64).String(); got != "-9223372036854775.808" {
		t.Errorf("the smallest quantity prints %s", got)
	}
}

func TestCodes(t *testing.T) {
	for code, want := range map[string]bool{"85123A": true, "": false, "with space": true, "tab\t": false, "nul\x00": false, "\xff": false,
		strings.Repeat("é", 64): true, strings.Repeat("é", 65): false} {
		if stock.ValidCode(code) != want {
			t.Errorf("ValidCode(%q) = %v", code, !want)
		}
	}
	for digits, want := range map[string]string{"4006381333931": "04006381333931", "96385074": "00000096385074", "036000291452": "00036000291452",
		"4006381333932": "", "400638133393": "", "40063813339a1": "", "": ""} {
		if got, ok := stock.ParseGTIN(digits); ok != (want != "") || ok && got != want {
			t.Errorf("ParseGTIN(%q) = %q, %v", digits, got, ok)
		}
	}
	if !stock.ValidGLN("4012345000009") || stock.ValidGLN("4012345000008") || stock.ValidGLN("401234500009") {
		t.Error("a GLN has 13 digits and a check digit")
	}
}

// TestNames: every name that is written somewhere reads back as itself.
func TestNames(t *testing.T) {
	for k := stock.Sale; k <= stock.CannotPick; k++ {
		if got, ok := stock.ParseKind(k.String()); !ok || got != k {
			t.Errorf("kind %d prints %q and reads %d", k, k.String(), got)
		}
	}
	for a := stock.Sellable; a <= stock.Variance; a++ {
		if got, ok := stock.ParseAccount(a.String()); !ok || got != a {
			t.Errorf("account %d prints %q and reads %d", a, a.String(), got)
		}
	}
	for a := stock.Confirm; a <= stock.Fulfil; a++ {
		if got, ok := stock.ParseAction(a.String()); !ok || got != a {
			t.Errorf("action %d prints %q and reads %d", a, a.String(), got)
		}
	}
	for l := stock.Open; l <= stock.Closed; l++ {
		if got, ok := stock.ParseLocationState(l.String()); !ok || got != l {
			t.Errorf("location state %d prints %q and reads %d", l, l.String(), got)
		}
	}
	if stock.Code(0).String() != "unknown" || stock.OutcomeCode(99).String() != "unknown" || stock.ClaimState(99).String() != "unknown" {
		t.Error("what has no name says so")
	}
}
