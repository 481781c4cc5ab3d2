package protocol

import (
	"bytes"
	"testing"

	"github.com/shelfsync/shelfsync/protocol/stock"
)

// FuzzReadRow goes behind the checksum, where FuzzReadSnapshot seldom comes: the
// rows themselves read as a value or an error, never a panic.
func FuzzReadRow(f *testing.F) {
	s := stock.NewState()
	s.Apply(1, &stock.Entry{Commands: []stock.Command{&stock.PutLocations{Locations: []stock.LocationFacts{{Code: "S1", State: stock.Open}}},
		&stock.Document{Source: "erp", Location: "S1", Operation: stock.Operation{Document: "D1", Lines: []stock.Line{{Kind: stock.Delivery, Item: "X", Quantity: 9}}}},
		&stock.Reserve{ID: "r1", Lines: []stock.ReserveLine{{Item: "X", Quantity: 9, Candidates: []string{"S1"}}}}}})
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
