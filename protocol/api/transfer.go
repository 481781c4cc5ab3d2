package api

import (
	"time"

	"github.com/shelfsync/shelfsync/protocol"
)

// MaxTransferID bounds the id of a transfer, in bytes.
const MaxTransferID = protocol.MaxText

// Dispatch is goods that leave for another location.
type Dispatch struct {
	To       string         `json:"to" doc:"The location they go to" example:"S015"`
	Document string         `json:"document,omitempty" doc:"The store's own paper"`
	At       time.Time      `json:"at,omitzero" doc:"When; absent: now"`
	Lines    []TransferLine `json:"lines"`
}

// Arrival is goods of a transfer that have come, whether or not its papers have.
type Arrival struct {
	Transfer string         `json:"transfer" doc:"As on the slip: the dispatch's operation" example:"S014.k3f9.123"`
	From     string         `json:"from" doc:"The location they came from" example:"S014"`
	Document string         `json:"document,omitempty" doc:"The store's own paper"`
	At       time.Time      `json:"at,omitzero" doc:"When; absent: now"`
	Lines    []TransferLine `json:"lines"`
}

// TransferLine is one item on its way.
type TransferLine struct {
	Item        string   `json:"item" example:"85123A"`
	Quantity    Quantity `json:"quantity" example:"4"`
	Disposition string   `json:"disposition,omitempty" enum:"sellable,damaged,return_pending" doc:"What they are, at both ends; absent: sellable"`
	Reason      string   `json:"reason,omitempty" example:"reallocation"`
}

// Validate lists every fault.
func (d Dispatch) Validate() []FieldError {
	var f faults
	f.code("to", d.To)
	f.transfer(d.Document, d.Lines)
	return f
}

// Validate lists every fault.
func (a Arrival) Validate() []FieldError {
	var f faults
	f.transferID("transfer", a.Transfer)
	f.code("from", a.From)
	f.transfer(a.Document, a.Lines)
	return f
}

func (f *faults) transferID(path, id string) {
	if id == "" || len(id) > MaxTransferID {
		f.add(path, "must name a transfer")
	}
}

func (f *faults) transfer(document string, lines []TransferLine) {
	f.optional(f.name, "document", document)
	f.count("lines", len(lines), 1, protocol.MaxBasketLines)
	for i, l := range lines {
		f.code(at("lines", i, "item"), l.Item)
		f.positive(at("lines", i, "quantity"), l.Quantity)
		f.oneOf(at("lines", i, "disposition"), l.Disposition, "", "sellable", "damaged", "return_pending")
		f.optional(f.name, at("lines", i, "reason"), l.Reason)
	}
}

// TransferClosing says why nothing more is to come of a transfer.
type TransferClosing struct {
	Reason string `json:"reason" example:"lost on the way"`
}

// Validate lists every fault.
func (c TransferClosing) Validate() []FieldError {
	var f faults
	f.name("reason", c.Reason)
	return f
}

// Transfer is goods on their way, until both ends agree or somebody closes it.
type Transfer struct {
	ID         string        `json:"id" example:"S014.k3f9.123"`
	From       string        `json:"from,omitempty" doc:"Absent: nobody knows" example:"S014"`
	Dispatched bool          `json:"dispatched" doc:"Its papers are here; false: goods came ahead of them"`
	SinceMS    int64         `json:"since_ms" doc:"Hub time of its first leg"`
	Aged       bool          `json:"aged,omitempty" doc:"Only at the hub: open for longer than a week"`
	Lines      []TransitLine `json:"lines"`
}

// TransitLine is what stands in transit at one location.
type TransitLine struct {
	At          string   `json:"at" example:"S015"`
	Item        string   `json:"item" example:"85123A"`
	Disposition string   `json:"disposition" example:"sellable"`
	Quantity    Quantity `json:"quantity" doc:"Still to arrive; negative: arrived there ahead of the papers" example:"4"`
}

// Count is what somebody counted while trading went on.
type Count struct {
	At          time.Time   `json:"at,omitzero" doc:"When; absent: now"`
	AtOperation string      `json:"at_operation,omitempty" doc:"The store's operation after which it was counted; absent: counted now" example:"S014.k3f9.123"`
	Lines       []CountLine `json:"lines"`
}

// CountLine is one item that was counted.
type CountLine struct {
	Item      string   `json:"item" example:"85123A"`
	Counted   Quantity `json:"counted" doc:"All sellable goods, those that are set aside included" example:"12"`
	Confirmed bool     `json:"confirmed,omitempty" doc:"What was found is no goods in transit: somebody looked"`
	Reason    string   `json:"reason,omitempty"`
}

// Validate lists every fault.
func (c Count) Validate() []FieldError {
	var f faults
	f.optional(f.transferID, "at_operation", c.AtOperation)
	f.count("lines", len(c.Lines), 1, protocol.MaxBasketLines)
	for i, l := range c.Lines {
		f.code(at("lines", i, "item"), l.Item)
		if l.Counted.Fault() != "" || l.Counted.Stock() != 0 {
			f.positive(at("lines", i, "counted"), l.Counted)
		}
		f.optional(f.name, at("lines", i, "reason"), l.Reason)
	}
	return f
}

// Counted answers a count, after it is durable.
type Counted struct {
	Operation string        `json:"operation,omitempty" doc:"Absent where every line has to be counted again: nothing was recorded" example:"S014.k3f9.124"`
	Lines     []CountedLine `json:"lines"`
}

// CountedLine is what became of one line of a count.
type CountedLine struct {
	Item     string   `json:"item" example:"85123A"`
	Variance Quantity `json:"variance,omitzero" doc:"Counted less what the store's record said then; absent where that changed" example:"-2"`
	Recount  string   `json:"recount,omitempty" enum:"changed,in_transit" doc:"Nothing was recorded of the line, count it again: changed: others moved the item since; in_transit: more was found while goods are on their way"`
	Parked   bool     `json:"parked,omitempty" doc:"The code is not known yet; the line is recorded and waits for the catalogue"`
}
