package api

import (
	"time"

	"github.com/shelfsync/shelfsync/protocol"
)

// Sale is a basket: goods out and, in an exchange, goods back. It is never
// refused for stock.
type Sale struct {
	Receipt string       `json:"receipt" doc:"The till's number of this slip" example:"T1-000123"`
	Till    string       `json:"till" example:"T1"`
	At      time.Time    `json:"at,omitzero" doc:"When, by the till's own clock; absent: now"`
	Lines   []SaleLine   `json:"lines,omitempty" doc:"Goods out; may be absent where goods only come back"`
	Returns []ReturnLine `json:"returns,omitempty" doc:"Goods back on the same slip"`
}

// SaleLine is one item going out.
type SaleLine struct {
	Item            string   `json:"item" doc:"The code as scanned" example:"85123A"`
	Quantity        Quantity `json:"quantity" example:"2"`
	Reservation     string   `json:"reservation,omitempty" doc:"The reservation this line hands over"`
	ReservationLine string   `json:"reservation_line,omitempty" doc:"Its line, where it has several of the item" example:"1"`
}

// ReturnLine is one item coming back.
type ReturnLine struct {
	Item        string   `json:"item" doc:"The code as scanned" example:"85123A"`
	Quantity    Quantity `json:"quantity" example:"1"`
	Reason      string   `json:"reason" example:"too_small"`
	Disposition string   `json:"disposition,omitempty" enum:"sellable,return_pending" doc:"Where it goes; absent: as the store's policy says"`
	Of          string   `json:"of,omitempty" doc:"The receipt or operation it was sold with"`
}

// Validate lists every fault.
func (s Sale) Validate() []FieldError {
	var f faults
	f.name("receipt", s.Receipt)
	f.name("till", s.Till)
	f.count("lines", len(s.Lines)+len(s.Returns), 1, protocol.MaxBasketLines)
	for i, l := range s.Lines {
		f.code(at("lines", i, "item"), l.Item)
		f.positive(at("lines", i, "quantity"), l.Quantity)
		f.optional(f.name, at("lines", i, "reservation"), l.Reservation)
		f.optional(f.name, at("lines", i, "reservation_line"), l.ReservationLine)
		if l.ReservationLine != "" && l.Reservation == "" {
			f.add(at("lines", i, "reservation"), "is required with reservation_line")
		}
	}
	f.returns("returns", s.Returns)
	return f
}

// Return is goods back without goods out.
type Return struct {
	Receipt string       `json:"receipt,omitempty" doc:"The till's number of this slip"`
	Till    string       `json:"till,omitempty" example:"T1"`
	At      time.Time    `json:"at,omitzero" doc:"When, by the till's own clock; absent: now"`
	Lines   []ReturnLine `json:"lines"`
}

// Validate lists every fault.
func (r Return) Validate() []FieldError {
	var f faults
	f.optional(f.name, "receipt", r.Receipt)
	f.optional(f.name, "till", r.Till)
	f.count("lines", len(r.Lines), 1, protocol.MaxBasketLines)
	f.returns("lines", r.Lines)
	return f
}

func (f *faults) returns(list string, lines []ReturnLine) {
	for i, l := range lines {
		f.code(at(list, i, "item"), l.Item)
		f.positive(at(list, i, "quantity"), l.Quantity)
		f.name(at(list, i, "reason"), l.Reason)
		f.oneOf(at(list, i, "disposition"), l.Disposition, "", "sellable", "return_pending")
		f.optional(f.name, at(list, i, "of"), l.Of)
	}
}

// Recorded answers every operation a store records, after it is durable.
type Recorded struct {
	Operation string         `json:"operation" doc:"Its id: agent, epoch, sequence" example:"S014.k3f9.123"`
	Lines     []RecordedLine `json:"lines"`
}

// RecordedLine is what the store has of one item after the operation.
type RecordedLine struct {
	Item            string   `json:"item" example:"85123A"`
	Sellable        Quantity `json:"sellable" example:"4"`
	Reserved        Quantity `json:"reserved" example:"1"`
	AvailableToSell Quantity `json:"available_to_sell" example:"3"`
	Parked          bool     `json:"parked,omitempty" doc:"The code is not known yet; the line is recorded and waits for the catalogue"`
	Warnings        []string `json:"warnings,omitempty" doc:"takes_reserved, takes_set_aside, takes_ceded, below_zero" example:"takes_reserved"`
}
