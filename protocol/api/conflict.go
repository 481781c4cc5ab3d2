package api

// Conflict is one claim that gave way because a location had less than was
// promised, or goods that left for a claim that was over.
type Conflict struct {
	ID            string        `json:"id" example:"17"`
	Position      string        `json:"position" doc:"The entry that settled it" example:"7.918273"`
	HubTimeMS     int64         `json:"hub_time_ms"`
	Location      string        `json:"location" doc:"Where goods were lacking" example:"S014"`
	Item          string        `json:"item" example:"85123A"`
	Reservation   string        `json:"reservation" example:"web-20261124-0017"`
	Line          string        `json:"line,omitempty" doc:"The line or part that gave way" example:"1.1"`
	Order         string        `json:"order,omitempty" example:"O-100017"`
	Channel       string        `json:"channel,omitempty" example:"web"`
	Quantity      Quantity      `json:"quantity" example:"1"`
	State         string        `json:"state,omitempty" enum:"held,confirmed,staged,fulfilled,released,expired,short" doc:"Of the claim before: held is a lost cart, confirmed or staged and short is oversold; for a pick, how the claim had ended"`
	Priority      int64         `json:"priority"`
	Remedy        string        `json:"remedy" enum:"move,short,late_pick,picked_twice"`
	To            string        `json:"to,omitempty" doc:"move: where the claim stands now" example:"S022"`
	Cause         ConflictCause `json:"cause"`
	PolicyVersion uint64        `json:"policy_version" doc:"1 is the rule that is built in"`
	StoreHadSeen  string        `json:"store_had_seen,omitempty" doc:"Hub position the store had seen when it wrote the operation" example:"7.918011"`
	PromisedAt    string        `json:"promised_at,omitempty" doc:"Position at which the claim was accepted" example:"7.918150"`
}

// ConflictCause is what took the goods.
type ConflictCause struct {
	Kind      string `json:"kind" enum:"operation,document,cannot_pick,closed"`
	Operation string `json:"operation,omitempty" example:"S014.k3f9.123"`
	Document  string `json:"document,omitempty" example:"INV-2026-11"`
}

// Conflicts is one page of conflicts, newest last.
type Conflicts struct {
	Page[Conflict]
	Position string `json:"position" example:"7.918273"`
}

// Stay is a place that a claim has left.
type Stay struct {
	Location string `json:"location" example:"S014"`
	Reason   string `json:"reason" enum:"conflict,cannot_pick,closed,channel" doc:"channel: it asked for the move"`
	Position string `json:"position" doc:"The entry that moved it" example:"7.918273"`
}
