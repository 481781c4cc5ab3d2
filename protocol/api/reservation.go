package api

import (
	"time"

	"github.com/shelfsync/shelfsync/protocol"
)

// ReservationRequest asks the hub for a claim. The answer is a committed decision.
type ReservationRequest struct {
	ID             string            `json:"id" doc:"Chosen by the client; the idempotency key" example:"web-20261124-0017"`
	Channel        string            `json:"channel" example:"web"`
	Order          string            `json:"order,omitempty" example:"O-100017"`
	Mode           string            `json:"mode,omitempty" enum:"all_or_nothing,partial" doc:"Absent: all_or_nothing"`
	TTLSeconds     int64             `json:"ttl_s,omitempty" doc:"How long the hold lasts without a confirm; absent: 900" example:"900"`
	CollectSeconds int64             `json:"collect_within_s,omitempty" doc:"A confirmed order not collected by then is shown to a person; absent: never" example:"172800"`
	Priority       int64             `json:"priority,omitempty" doc:"0 to 9; where claims must yield, the lower yields first" example:"5"`
	Split          bool              `json:"split,omitempty" doc:"A line may be served from several locations"`
	Lines          []ReservationWant `json:"lines"`
}

// ReservationWant is one line of a request.
type ReservationWant struct {
	Item       string   `json:"item" example:"85123A"`
	Quantity   Quantity `json:"quantity" example:"1"`
	Candidates []string `json:"candidates,omitempty" doc:"Locations that may serve the line, in order of preference; required unless candidate_group is there" example:"[\"S014\"]"`
	Group      string   `json:"candidate_group,omitempty" doc:"A list of locations that the policy names, instead of candidates" example:"nearby"`
}

// Validate lists every fault.
func (r ReservationRequest) Validate() []FieldError {
	var f faults
	f.name("id", r.ID)
	f.code("channel", r.Channel)
	f.optional(f.name, "order", r.Order)
	f.oneOf("mode", r.Mode, "", "all_or_nothing", "partial")
	f.between("ttl_s", r.TTLSeconds, 0, protocol.MaxHoldSeconds)
	f.between("collect_within_s", r.CollectSeconds, 0, protocol.MaxCollectSeconds)
	f.between("priority", r.Priority, 0, protocol.MaxPriority)
	f.count("lines", len(r.Lines), 1, protocol.MaxReservationLines)
	for i, l := range r.Lines {
		f.code(at("lines", i, "item"), l.Item)
		f.positive(at("lines", i, "quantity"), l.Quantity)
		switch {
		case l.Group == "":
			f.candidates(at("lines", i, "candidates"), l.Candidates)
		case len(l.Candidates) > 0:
			f.add(at("lines", i, "candidate_group"), "stands beside candidates: a line names one of them")
		default:
			f.code(at("lines", i, "candidate_group"), l.Group)
		}
	}
	return f
}

func (f *faults) candidates(path string, codes []string) {
	f.count(path, len(codes), 1, protocol.MaxCandidates)
	seen := make(map[string]bool, len(codes))
	for i, code := range codes {
		f.code(at(path, i, ""), code)
		if seen[code] {
			f.add(at(path, i, ""), "is named twice")
		}
		seen[code] = true
	}
}

// Reservation is the hub's present record of a claim.
type Reservation struct {
	ID          string            `json:"id" example:"web-20261124-0017"`
	Channel     string            `json:"channel" example:"web"`
	Order       string            `json:"order,omitempty"`
	State       string            `json:"state" enum:"held,confirmed,staged,fulfilled,released,expired,short,mixed" doc:"The state of its lines; mixed where they differ"`
	Mode        string            `json:"mode" enum:"all_or_nothing,partial"`
	Priority    int64             `json:"priority"`
	ExpiresInMS int64             `json:"expires_in_ms,omitempty" doc:"Hub time left of the hold; only while held"`
	Lines       []ReservationLine `json:"lines"`
	Position    string            `json:"position" doc:"Where the hub's log stood" example:"7.918273"`
}

// ReservationLine is one line of a claim; a part that went its own way is a line of its own (2.1).
type ReservationLine struct {
	Line     string   `json:"line" example:"1"`
	Item     string   `json:"item" example:"85123A"`
	Quantity Quantity `json:"quantity" example:"1"`
	State    string   `json:"state" enum:"held,confirmed,staged,fulfilled,released,expired,short"`
	Location string   `json:"location,omitempty" doc:"Where the goods are claimed, or were last; absent on a line that was short from the start" example:"S014"`
	Reason   string   `json:"reason,omitempty" doc:"Why the line ended as it did"`
	Moves    []Stay   `json:"moves,omitempty" doc:"Where the line stood before, oldest first"`
}

// Step is the body of every step of a reservation (confirm, release, extend,
// fulfil, move; stage, unstage, pick, cannot_pick). Without a line it means all open lines.
type Step struct {
	Line       string   `json:"line,omitempty" example:"1"`
	Quantity   Quantity `json:"quantity,omitzero" doc:"Only this part of the line" example:"1"`
	TTLSeconds int64    `json:"ttl_s,omitempty" doc:"Only for extend: from now" example:"900"`
	Location   string   `json:"location,omitempty" doc:"Only for move, and required there: where to" example:"S022"`
}

// Validate lists every fault.
func (s Step) Validate() []FieldError {
	var f faults
	f.optional(f.name, "line", s.Line)
	f.part("quantity", s.Quantity)
	if s.Line == "" && s.Quantity.Stock() != 0 {
		f.add("line", "is required with quantity")
	}
	f.between("ttl_s", s.TTLSeconds, 0, protocol.MaxHoldSeconds)
	f.optional(f.code, "location", s.Location)
	return f
}

// StoreReservation is one claimed line as its store sees it: what to set aside and hand over.
type StoreReservation struct {
	ID       string    `json:"id" example:"web-20261124-0017"`
	Order    string    `json:"order,omitempty" example:"O-100017"`
	Channel  string    `json:"channel" example:"web"`
	Line     string    `json:"line" example:"1"`
	Item     string    `json:"item" example:"85123A"`
	Quantity Quantity  `json:"quantity" example:"1"`
	State    string    `json:"state" enum:"held,confirmed,staged,fulfilled,released,expired,short"`
	Since    time.Time `json:"since,omitzero" doc:"When the store first heard of this state"`
	Pending  bool      `json:"pending,omitempty" doc:"A step of this store the hub has not answered yet"`
}
