package protocol

import (
	"bytes"
	"reflect"
	"strconv"
	"testing"

	"github.com/shelfsync/shelfsync/protocol/stock"
)

// FuzzReadRow goes behind the checksum, where FuzzReadSnapshot seldom comes: the
// rows themselves read as a value or an error, never a panic.
func FuzzReadRow(f *testing.F) {
	s := stock.NewState()
	s.Apply(1, &stock.Entry{Commands: []stock.Command{&stock.SetPolicy{Policy: stock.Policy{Candidates: []stock.CandidateGroup{{Name: "SHOPS", Locations: []string{"S1"}}}}},
		&stock.PutLocations{Locations: []stock.LocationFacts{{Code: "S1", State: stock.Open}}},
		&stock.Document{Source: "erp", Location: "S1", Operation: stock.Operation{Document: "D1", Lines: []stock.Line{{Kind: stock.Delivery, Item: "X", Quantity: 9}}}},
		&stock.Reserve{ID: "r1", Lines: []stock.ReserveLine{{Item: "X", Quantity: 9, Candidates: []string{"S1", "S2"}}}},
		&stock.PutLocations{Locations: []stock.LocationFacts{{Code: "S1", State: stock.Closed}}}}})
	for row := range s.Freeze().Rows() {
		w := newWriter()
		kind := writeRow(w, row)
		f.Add(kind, bytes.Clone(w.bytes()))
	}
	f.Fuzz(func(t *testing.T, kind byte, b []byte) {
		row, err := readRow(kind, b)
		if err != nil {
			return
		}
		w := newWriter()
		if again := writeRow(w, row); again != kind {
			t.Fatalf("row of kind %d writes as kind %d", kind, again)
		}
		if _, err := readRow(kind, w.bytes()); err != nil {
			t.Fatalf("a row that was read does not read again: %v", err)
		}
	})
}

// TestEveryFieldOfARow is written and read back.
func TestEveryFieldOfARow(t *testing.T) {
	for _, row := range []any{&stock.HeaderRow{}, &stock.ItemRow{}, &stock.AliasRow{}, &stock.LocationRow{}, &stock.LevelRow{}, &stock.ReservationRow{},
		&stock.ClaimRow{}, &stock.TaskRow{}, &stock.ConflictRow{}, &stock.DocumentRow{}, &stock.ExceptionRow{}, &stock.PolicyRow{}} {
		n := 0
		fill(reflect.ValueOf(row).Elem(), &n)
		want := reflect.ValueOf(row).Elem().Interface()
		w := newWriter()
		kind := writeRow(w, want)
		got, err := readRow(kind, w.bytes())
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%T: wrote %+v\nread %+v, %v", want, want, got, err)
		}
	}
}

// placed are fields that no row carries: they follow from its place, or are
// only for bytes that could not be understood.
var placed = map[string]bool{"Fault": true}

// fill gives every exported field a value of its own.
func fill(v reflect.Value, n *int) {
	*n++
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			if f := v.Type().Field(i); f.IsExported() && !placed[f.Name] {
				fill(v.Field(i), n)
			}
		}
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		fill(v.Index(0), n)
	case reflect.Array:
		for i := range v.Len() {
			fill(v.Index(i), n)
		}
	case reflect.String:
		v.SetString("text " + strconv.Itoa(*n))
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Uint8:
		v.SetUint(uint64(1 + *n%3))
	case reflect.Uint16, reflect.Uint32, reflect.Uint64:
		v.SetUint(uint64(*n))
	default:
		v.SetInt(int64(*n))
	}
}
