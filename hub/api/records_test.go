package api

import (
	"testing"

	"github.com/shelfsync/shelfsync/protocol"
	"github.com/shelfsync/shelfsync/protocol/stock"
)

// A store's operations appear with what the state made of each line; one whose
// bytes nobody understands appears too, and a batch that was ignored does not.
func TestRecordsOfABatch(t *testing.T) {
	encode := func(op stock.Operation) []byte {
		encoded, err := protocol.EncodeOperation(&op)
		if err != nil {
			t.Fatal(err)
		}
		return encoded
	}
	sale := encode(stock.Operation{Receipt: "T1-7", Till: "T1", Correlation: "trace", At: 5000, Incarnation: 7, Seen: 40, Lines: []stock.Line{
		{Kind: stock.Sale, Scanned: "box", Item: "A", Quantity: 2 * stock.Unit},
		{Kind: stock.Sale, Scanned: "ghost", Quantity: stock.Unit}}})
	reversed := encode(stock.Operation{Reverses: "S1.e.4", Lines: []stock.Line{{Kind: stock.Adjust, Item: "A", Quantity: -stock.Unit, Account: stock.Damaged}}})
	command := protocol.BatchCommand(&protocol.BatchBytes{Agent: "S1", Installation: "pc", Epoch: "e", After: protocol.Position{Sequence: 4},
		Operations: [][]byte{sale, {0xc1}, reversed}})
	entry := protocol.EncodeEntry(1_700_000_000_000, []protocol.Command{command, command})
	records, err := journalRecords(protocol.EncodeApplied(entry, []stock.Result{
		{Code: stock.Accepted, Outcomes: []stock.Outcome{{Epoch: "e", Sequence: 5, Line: 2, Code: stock.Parked}, {Epoch: "e", Sequence: 6, Code: stock.Quarantined}}},
		{Code: stock.Ignored}}))
	if err != nil || len(records) != 3 {
		t.Fatalf("%d records: %v", len(records), err)
	}
	first := records[0]
	if first.Kind != "operation" || first.Operation != "S1.e.5" || first.Location != "S1" || first.Receipt != "T1-7" || first.Till != "T1" ||
		first.Correlation != "trace" || first.Seen != "7.40" || first.At.UnixMilli() != 5000 || first.Wall.UnixMilli() != 1_700_000_000_000 {
		t.Errorf("record %+v", first)
	}
	if l := first.Lines; l[0].Effect != "applied" || l[0].Item != "A" || l[0].Scanned != "box" || l[0].From != "sellable" || l[0].To != "customer" ||
		l[1].Effect != "parked" || l[1].Item != "ghost" {
		t.Errorf("lines %+v", l)
	}
	if records[1].Operation != "S1.e.6" || records[1].Detail != "quarantined" || len(records[1].Lines) != 0 {
		t.Errorf("what nobody understands: %+v", records[1])
	}
	if l := records[2].Lines[0]; l.From != "variance" || l.To != "damaged" || l.Quantity.String() != "1" {
		t.Errorf("the reverse of a correction down: %+v", l)
	}
	if _, err := journalRecords([]byte{1, 2, 3}); err == nil {
		t.Error("damage is a record")
	}
}
