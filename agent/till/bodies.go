package till

import (
	"bytes"
	"encoding/json"
	"fmt"
	"time"

	"github.com/shelfsync/shelfsync/protocol/api"
	"github.com/shelfsync/shelfsync/protocol/stock"
)

// Bodies as they arrive: the shape of protocol/api, and the bytes that decide
// whether a key is repeated or reused.
type (
	saleBody struct {
		api.Sale
		received []byte
	}
	returnBody struct {
		api.Return
		received []byte
	}
	inspectionBody struct {
		Inspection
		received []byte
	}
	deliveryBody struct {
		api.Delivery
		received []byte
	}
	damageBody struct {
		api.Damage
		received []byte
	}
	adjustmentBody struct {
		api.Adjustment
		received []byte
	}
	stepBody struct {
		api.Step
		received []byte
	}
)

func (b *saleBody) UnmarshalJSON(raw []byte) error   { return receive(raw, &b.Sale, &b.received) }
func (b *returnBody) UnmarshalJSON(raw []byte) error { return receive(raw, &b.Return, &b.received) }
func (b *inspectionBody) UnmarshalJSON(raw []byte) error {
	return receive(raw, &b.Inspection, &b.received)
}
func (b *deliveryBody) UnmarshalJSON(raw []byte) error { return receive(raw, &b.Delivery, &b.received) }
func (b *damageBody) UnmarshalJSON(raw []byte) error   { return receive(raw, &b.Damage, &b.received) }
func (b *adjustmentBody) UnmarshalJSON(raw []byte) error {
	return receive(raw, &b.Adjustment, &b.received)
}
func (b *stepBody) UnmarshalJSON(raw []byte) error { return receive(raw, &b.Step, &b.received) }

func receive[B any](raw []byte, into *B, received *[]byte) error {
	*received = bytes.Clone(raw) // the decoder owns raw
	return json.Unmarshal(raw, into)
}

// Inspection says what became of goods that came back.
type Inspection struct {
	At    time.Time        `json:"at,omitzero" doc:"When; absent: now"`
	Lines []InspectionLine `json:"lines"`
}

// InspectionLine is one item that was looked at.
type InspectionLine struct {
	Item        string       `json:"item" example:"85123A"`
	Quantity    api.Quantity `json:"quantity" example:"1"`
	Disposition string       `json:"disposition" enum:"sellable,damaged,scrap,supplier" doc:"Where it goes from here"`
	Reason      string       `json:"reason,omitempty" example:"box_open"`
}

// Validate lists every fault.
func (in Inspection) Validate() []api.FieldError {
	// An inspection has the faults of a damage, but for where its goods go.
	like := api.Damage{At: in.At, Lines: make([]api.DamageLine, len(in.Lines))}
	for i, l := range in.Lines {
		like.Lines[i] = api.DamageLine{Item: l.Item, Quantity: l.Quantity, Movement: "damage", Reason: l.Reason}
		if l.Reason == "" {
			like.Lines[i].Reason = "none"
		}
	}
	faults := like.Validate()
	for i, l := range in.Lines {
		if _, ok := dispositions[l.Disposition]; !ok {
			faults = append(faults, api.FieldError{Path: fmt.Sprintf("lines[%d].disposition", i), Message: "must be one of sellable, damaged, scrap, supplier"})
		}
	}
	return faults
}

var dispositions = map[string]stock.Account{
	"sellable": stock.Sellable, "damaged": stock.Damaged, "scrap": stock.Scrap, "supplier": stock.Supplier,
}

// returnsTo is where returned goods go; where the till does not say, the policy
// does.
var returnsTo = map[string]stock.Account{
	"": stock.NoAccount, "return_pending": stock.ReturnPending, "sellable": stock.Sellable,
}

var damages = map[string]stock.Kind{"damage": stock.Damage, "repair": stock.Repair, "write_off": stock.WriteOff}

var adjusts = map[string]stock.Account{
	"": stock.Sellable, "sellable": stock.Sellable, "damaged": stock.Damaged, "return_pending": stock.ReturnPending,
}

// lines is the operation of a basket: goods out, then goods back.
func (b *saleBody) lines() []stock.Line {
	lines := make([]stock.Line, 0, len(b.Lines)+len(b.Returns))
	for _, l := range b.Lines {
		lines = append(lines, stock.Line{Kind: stock.Sale, Scanned: l.Item, Quantity: l.Quantity.Stock(),
			Reservation: l.Reservation, ReservationLine: l.ReservationLine})
	}
	return append(lines, returnLines(b.Returns)...)
}

func returnLines(back []api.ReturnLine) []stock.Line {
	lines := make([]stock.Line, len(back))
	for i, l := range back {
		lines[i] = stock.Line{Kind: stock.Return, Scanned: l.Item, Quantity: l.Quantity.Stock(),
			Account: returnsTo[l.Disposition], Reason: l.Reason, Of: l.Of}
	}
	return lines
}

func (b *inspectionBody) lines() []stock.Line {
	lines := make([]stock.Line, len(b.Lines))
	for i, l := range b.Lines {
		lines[i] = stock.Line{Kind: stock.Inspect, Scanned: l.Item, Quantity: l.Quantity.Stock(),
			Account: dispositions[l.Disposition], Reason: l.Reason}
	}
	return lines
}

func (b *deliveryBody) lines() []stock.Line {
	lines := make([]stock.Line, len(b.Lines))
	for i, l := range b.Lines {
		lines[i] = stock.Line{Kind: stock.Delivery, Scanned: l.Item, Quantity: l.Quantity.Stock(), Of: b.PurchaseOrder}
	}
	return lines
}

func (b *damageBody) lines() []stock.Line {
	lines := make([]stock.Line, len(b.Lines))
	for i, l := range b.Lines {
		lines[i] = stock.Line{Kind: damages[l.Movement], Scanned: l.Item, Quantity: l.Quantity.Stock(), Reason: l.Reason}
	}
	return lines
}

func (b *adjustmentBody) lines() []stock.Line {
	lines := make([]stock.Line, len(b.Lines))
	for i, l := range b.Lines {
		lines[i] = stock.Line{Kind: stock.Adjust, Scanned: l.Item, Quantity: l.Quantity.Stock(),
			Account: adjusts[l.Account], Reason: l.Reason, Approved: l.ApprovedBy}
	}
	return lines
}

// fieldOf is the path in a basket's body of a line of its operation.
func (b *saleBody) fieldOf(line int) string {
	if line < len(b.Lines) {
		return lineField(line)
	}
	return fmt.Sprintf("body.returns[%d]", line-len(b.Lines))
}

func lineField(line int) string { return fmt.Sprintf("body.lines[%d]", line) }

// refers lists the operations of this ledger that return lines name as their sale.
func (t *till) refers(lines []stock.Line) (ids []string) {
	seen := map[string]bool{}
	for i := range lines {
		of := lines[i].Of
		if lines[i].Kind == stock.Return && !seen[of] && t.ownOperation(of) {
			seen[of] = true
			ids = append(ids, of)
		}
	}
	return ids
}

// claimed is a time as a store claims it; zero where it claims none.
func claimed(at time.Time) int64 {
	if at.IsZero() {
		return 0
	}
	return at.UnixMilli()
}
