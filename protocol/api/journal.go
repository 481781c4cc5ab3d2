package api

import "time"

// Outcome is what became of an operation or of one of its lines.
type Outcome struct {
	Operation string `json:"operation" example:"S014.k3f9.123"`
	Line      int64  `json:"line,omitempty" doc:"Counted from 1; absent: the whole operation"`
	Effect    string `json:"effect" doc:"applied, parked, quarantined, too_late, …" example:"parked"`
	Detail    string `json:"detail,omitempty"`
	Position  string `json:"position,omitempty" example:"7.918273"`
}

// OperationLine is one line of a recorded operation.
type OperationLine struct {
	Kind            string   `json:"kind" example:"sale"`
	Item            string   `json:"item" example:"85123A"`
	Scanned         string   `json:"scanned,omitempty" doc:"The code as scanned, where it is another one"`
	Quantity        Quantity `json:"quantity" example:"2"`
	From            string   `json:"from,omitempty" doc:"The account the goods left" example:"sellable"`
	To              string   `json:"to,omitempty" doc:"The account they went to" example:"customer"`
	Reservation     string   `json:"reservation,omitempty"`
	ReservationLine string   `json:"reservation_line,omitempty"`
	Reason          string   `json:"reason,omitempty"`
	ApprovedBy      string   `json:"approved_by,omitempty"`
	Of              string   `json:"of,omitempty" doc:"What it refers to: a sale, a purchase order, a task, a transfer"`
	Location        string   `json:"location,omitempty" doc:"The other end of a transfer" example:"S015"`
	Effect          string   `json:"effect,omitempty" enum:"applied,parked,quarantined,ignored,too_late,recount" doc:"What the hub made of it; absent where it has not said yet"`
}

// OperationRecord is one operation in a store's own ledger.
type OperationRecord struct {
	ID       string          `json:"id" example:"S014.k3f9.123"`
	Sequence uint64          `json:"sequence"`
	Kind     string          `json:"kind" enum:"sale,return,delivery,damage,adjustment,reverse,stage,unstage,pick,cannot_pick,done,count,dispatch,arrival,close_transfer"`
	At       time.Time       `json:"at"`
	Receipt  string          `json:"receipt,omitempty"`
	Till     string          `json:"till,omitempty"`
	Document string          `json:"document,omitempty"`
	Reverses string          `json:"reverses,omitempty" doc:"The operation this one undoes"`
	Was      string          `json:"was,omitempty" doc:"Its id before a fork, which still finds it; the one on slips"`
	Lines    []OperationLine `json:"lines"`
	State    string          `json:"state" enum:"pending,settled,quarantined" doc:"pending until the hub has it; quarantined: after a fork nobody can tell whether it has"`
	Outcomes []Outcome       `json:"outcomes,omitempty" doc:"Only what did not go plainly"`
}

// JournalRecord is one applied operation, or one other entry, of the hub's log.
type JournalRecord struct {
	Position    string          `json:"position" example:"7.918273"`
	Wall        time.Time       `json:"wall" doc:"The hub's clock beside the entry; for people, it decided nothing"`
	Kind        string          `json:"kind" doc:"operation, movements, reservation, catalogue, …" example:"operation"`
	Operation   string          `json:"operation,omitempty" example:"S014.k3f9.123"`
	Document    string          `json:"document,omitempty"`
	Reservation string          `json:"reservation,omitempty"`
	Location    string          `json:"location,omitempty" example:"S014"`
	Receipt     string          `json:"receipt,omitempty"`
	Till        string          `json:"till,omitempty"`
	Order       string          `json:"order,omitempty"`
	Correlation string          `json:"correlation,omitempty" doc:"Trace id of the request that began it"`
	At          time.Time       `json:"at,omitzero" doc:"The store's own clock: a claim"`
	Seen        string          `json:"seen,omitempty" doc:"The hub position its writer had seen"`
	Lines       []OperationLine `json:"lines,omitempty"`
	Detail      string          `json:"detail,omitempty"`
}

// Journal is one page of the journal.
type Journal struct {
	Page[JournalRecord]
	Position string `json:"position" doc:"How far this node's journal reaches" example:"7.918273"`
}
