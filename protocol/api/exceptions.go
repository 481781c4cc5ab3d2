package api

import "github.com/shelfsync/shelfsync/protocol"

// Exception is something that waits for a person, or did.
type Exception struct {
	ID        string   `json:"id" example:"12"`
	Kind      string   `json:"kind" enum:"parked,quarantined,set_aside_missing,aged_claim,duplicate_arrival,aged_transfer,fork,negative_stock,duplicate_receipt"`
	State     string   `json:"state" enum:"open,ended"`
	Location  string   `json:"location" example:"S014"`
	Owner     string   `json:"owner,omitempty" doc:"Who looks after it" example:"anna"`
	Operation string   `json:"operation,omitempty" example:"S014.k3f9.123"`
	Document  string   `json:"document,omitempty"`
	Line      int64    `json:"line,omitempty" doc:"Counted from 1"`
	Item      string   `json:"item,omitempty" doc:"parked: the code nobody knows"`
	Movement  string   `json:"movement,omitempty" example:"sale"`
	Quantity  Quantity `json:"quantity,omitzero" doc:"negative_stock: how many were missing when it began"`
	Detail    string   `json:"detail,omitempty"`
	Position  string   `json:"position" example:"7.918273"`

	Reservation     string `json:"reservation,omitempty" doc:"aged_claim: which"`
	ReservationLine string `json:"reservation_line,omitempty"`
	Transfer        string `json:"transfer,omitempty" doc:"duplicate_arrival, aged_transfer: which"`

	Bytes   []byte `json:"bytes,omitempty" doc:"quarantined, one by its id: the operation as it came, base64"`
	History []Care `json:"history,omitempty" doc:"What was done about it, oldest first"`
}

// Care is one thing that was done about an exception.
type Care struct {
	Action    string `json:"action" enum:"owned,resolved,mapped,admitted,over"`
	By        string `json:"by,omitempty" example:"anna"`
	Detail    string `json:"detail,omitempty" doc:"The owner, the item, or why"`
	HubTimeMS int64  `json:"hub_time_ms"`
	Position  string `json:"position"`
}

// Owning gives an exception an owner.
type Owning struct {
	Owner string `json:"owner" example:"anna"`
	By    string `json:"by,omitempty" doc:"Who says so; absent: the caller" example:"ben"`
}

// Validate lists every fault.
func (o Owning) Validate() []FieldError {
	var f faults
	f.name("owner", o.Owner)
	f.optional(f.name, "by", o.By)
	return f
}

// Resolution closes an exception by hand.
type Resolution struct {
	Note string `json:"note" doc:"Why nothing more is to be done" example:"test scan"`
	By   string `json:"by,omitempty" doc:"Who says so; absent: the caller" example:"anna"`
}

// Validate lists every fault.
func (r Resolution) Validate() []FieldError {
	var f faults
	f.name("note", r.Note)
	f.optional(f.name, "by", r.By)
	return f
}

// Mapping says what the code of parked lines means.
type Mapping struct {
	Item   string `json:"item" doc:"May be the code itself, once the catalogue has it" example:"85123A"`
	Factor int64  `json:"factor,omitempty" doc:"How many of the item one of the code is; absent: 1" example:"6"`
	By     string `json:"by,omitempty" doc:"Who says so; absent: the caller" example:"anna"`
}

// Validate lists every fault.
func (m Mapping) Validate() []FieldError {
	var f faults
	f.code("item", m.Item)
	f.between("factor", m.Factor, 0, maxFactor)
	f.optional(f.name, "by", m.By)
	return f
}

// Admission lets an operation out of quarantine.
type Admission struct {
	Lines   []MovementLine `json:"lines,omitempty" doc:"What it was, where its bytes cannot say; absent: as it was kept"`
	Counted bool           `json:"counted,omitempty" doc:"Its goods have been counted since: sellable is not changed"`
	By      string         `json:"by,omitempty" doc:"Who says so; absent: the caller" example:"anna"`
}

// Validate lists every fault.
func (a Admission) Validate() []FieldError {
	var f faults
	f.optional(f.name, "by", a.By)
	f.count("lines", len(a.Lines), 0, protocol.MaxBasketLines)
	for i, l := range a.Lines {
		f.movement(i, l)
	}
	return f
}
