package api

import (
	"time"

	"github.com/shelfsync/shelfsync/protocol"
)

// Delivery is goods in from a supplier.
type Delivery struct {
	Document      string         `json:"document,omitempty" doc:"The delivery note"`
	PurchaseOrder string         `json:"purchase_order,omitempty"`
	At            time.Time      `json:"at,omitzero" doc:"When; absent: now"`
	Lines         []DeliveryLine `json:"lines"`
}

// DeliveryLine is one item coming in.
type DeliveryLine struct {
	Item     string   `json:"item" example:"85123A"`
	Quantity Quantity `json:"quantity" example:"24"`
}

// Validate lists every fault.
func (d Delivery) Validate() []FieldError {
	var f faults
	f.optional(f.name, "document", d.Document)
	f.optional(f.name, "purchase_order", d.PurchaseOrder)
	f.count("lines", len(d.Lines), 1, protocol.MaxBasketLines)
	for i, l := range d.Lines {
		f.code(at("lines", i, "item"), l.Item)
		f.positive(at("lines", i, "quantity"), l.Quantity)
	}
	return f
}

// Damage is goods that broke, were repaired, or are thrown away.
type Damage struct {
	At    time.Time    `json:"at,omitzero" doc:"When; absent: now"`
	Lines []DamageLine `json:"lines"`
}

// DamageLine is one item and what happened to it.
type DamageLine struct {
	Item     string   `json:"item" example:"85123A"`
	Quantity Quantity `json:"quantity" example:"1"`
	Movement string   `json:"movement" enum:"damage,repair,write_off"`
	Reason   string   `json:"reason" example:"dropped"`
}

// Validate lists every fault.
func (d Damage) Validate() []FieldError {
	var f faults
	f.count("lines", len(d.Lines), 1, protocol.MaxBasketLines)
	for i, l := range d.Lines {
		f.code(at("lines", i, "item"), l.Item)
		f.positive(at("lines", i, "quantity"), l.Quantity)
		f.oneOf(at("lines", i, "movement"), l.Movement, "damage", "repair", "write_off")
		f.name(at("lines", i, "reason"), l.Reason)
	}
	return f
}

// Adjustment corrects the record; each line says why.
type Adjustment struct {
	At    time.Time        `json:"at,omitzero" doc:"When; absent: now"`
	Lines []AdjustmentLine `json:"lines"`
}

// AdjustmentLine is one item found (positive) or lost (negative).
type AdjustmentLine struct {
	Item       string   `json:"item" example:"85123A"`
	Quantity   Quantity `json:"quantity" doc:"Positive: found; negative: lost" example:"-1"`
	Account    string   `json:"account,omitempty" enum:"sellable,damaged,return_pending" doc:"Absent: sellable"`
	Reason     string   `json:"reason" example:"shrinkage"`
	ApprovedBy string   `json:"approved_by,omitempty"`
}

// Validate lists every fault.
func (a Adjustment) Validate() []FieldError {
	var f faults
	f.count("lines", len(a.Lines), 1, protocol.MaxBasketLines)
	for i, l := range a.Lines {
		f.code(at("lines", i, "item"), l.Item)
		f.signed(at("lines", i, "quantity"), l.Quantity)
		f.oneOf(at("lines", i, "account"), l.Account, "", "sellable", "damaged", "return_pending")
		f.name(at("lines", i, "reason"), l.Reason)
		f.optional(f.name, at("lines", i, "approved_by"), l.ApprovedBy)
	}
	return f
}

// Movements are facts for a location whose writer is not an agent, ERP
// corrections and opening balances. The document is their idempotency key. A
// body without lines says only that the writer has nothing unsent.
type Movements struct {
	Source   string         `json:"source,omitempty" doc:"The system that speaks; absent: the caller" example:"erp"`
	Document string         `json:"document" doc:"Idempotency key, remembered 35 days per writer" example:"GRN-2026-001"`
	Location string         `json:"location" example:"DC1"`
	At       time.Time      `json:"at,omitzero" doc:"When; absent: now"`
	Lines    []MovementLine `json:"lines,omitempty"`
}

// MovementLine is one movement of one item.
type MovementLine struct {
	Movement   string   `json:"movement" enum:"sale,return,inspect,delivery,damage,repair,write_off,adjust,dispatch,arrive"`
	Item       string   `json:"item" example:"85123A"`
	Quantity   Quantity `json:"quantity" doc:"Positive; for adjust its sign is its direction" example:"100"`
	Account    string   `json:"account,omitempty" enum:"sellable,damaged,return_pending,scrap,supplier" doc:"Where a return goes, what an adjust corrects, what a transfer carries; absent: sellable. Where an inspect takes returned goods: required, not return_pending"`
	Reason     string   `json:"reason,omitempty" doc:"Required but for sale, delivery, dispatch and arrive; opening balances: opening" example:"opening"`
	ApprovedBy string   `json:"approved_by,omitempty"`
	Of         string   `json:"of,omitempty" doc:"The sale of a return, the purchase order of a delivery, the transfer of an arrive"`
	Other      string   `json:"other,omitempty" doc:"The location that a dispatch goes to, or an arrive comes from" example:"S014"`
}

// Dispatches reports whether the document opens a transfer.
func (m Movements) Dispatches() bool {
	for i := range m.Lines {
		if m.Lines[i].Movement == "dispatch" {
			return true
		}
	}
	return false
}

// hubMovement is what one kind of movement asks of its line.
type hubMovement struct {
	signed, reasoned bool
	transfers, named bool // needs the other location; needs the transfer
	chosen           bool // needs its account
	accounts         []string
}

var hubMovements = map[string]hubMovement{
	"sale":      {},
	"delivery":  {},
	"return":    {reasoned: true, accounts: []string{"sellable", "return_pending"}},
	"inspect":   {chosen: true, accounts: []string{"sellable", "damaged", "scrap", "supplier"}},
	"damage":    {reasoned: true},
	"repair":    {reasoned: true},
	"write_off": {reasoned: true},
	"dispatch":  {transfers: true, accounts: []string{"sellable", "damaged", "return_pending"}},
	"arrive":    {transfers: true, named: true, accounts: []string{"sellable", "damaged", "return_pending"}},
	"adjust":    {reasoned: true, signed: true, accounts: []string{"sellable", "damaged", "return_pending"}},
}

// Validate lists every fault.
func (m Movements) Validate() []FieldError {
	var f faults
	f.optional(f.name, "source", m.Source)
	f.name("document", m.Document)
	f.code("location", m.Location)
	f.count("lines", len(m.Lines), 0, protocol.MaxBasketLines)
	for i, l := range m.Lines {
		f.movement(i, l)
	}
	return f
}

func (f *faults) movement(i int, l MovementLine) {
	f.code(at("lines", i, "item"), l.Item)
	f.optional(f.name, at("lines", i, "approved_by"), l.ApprovedBy)
	rule, known := hubMovements[l.Movement]
	if !known {
		f.oneOf(at("lines", i, "movement"), l.Movement, "sale", "return", "inspect", "delivery", "damage", "repair", "write_off", "adjust", "dispatch", "arrive")
	}
	f.legs(i, l, rule)
	if rule.signed || !known {
		f.signed(at("lines", i, "quantity"), l.Quantity)
	} else {
		f.positive(at("lines", i, "quantity"), l.Quantity)
	}
	if rule.reasoned || l.Reason != "" {
		f.name(at("lines", i, "reason"), l.Reason)
	}
	switch {
	case !known || l.Account == "" && !rule.chosen:
	case rule.accounts == nil:
		f.add(at("lines", i, "account"), "is not chosen by a "+l.Movement)
	default:
		f.oneOf(at("lines", i, "account"), l.Account, rule.accounts...)
	}
}

// legs checks what a line refers to: a leg of a transfer names the other location.
func (f *faults) legs(i int, l MovementLine, rule hubMovement) {
	if rule.named {
		f.transferID(at("lines", i, "of"), l.Of)
	} else {
		f.optional(f.name, at("lines", i, "of"), l.Of)
	}
	switch {
	case rule.transfers:
		f.code(at("lines", i, "other"), l.Other)
	case l.Other != "":
		f.add(at("lines", i, "other"), "is only of dispatch and arrive")
	}
}
