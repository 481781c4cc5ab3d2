package api

import "time"

// Balance is all parts of one level.
type Balance struct {
	Sellable      Quantity `json:"sellable"`
	Damaged       Quantity `json:"damaged"`
	ReturnPending Quantity `json:"return_pending"`
	InTransit     Quantity `json:"in_transit"`
	OnHand        Quantity `json:"on_hand"`
	Claims        Quantity `json:"claims" doc:"All open claims"`
	Staged        Quantity `json:"staged" doc:"The part of claims that is set aside"`
	AheadOfPapers Quantity `json:"ahead_of_papers" doc:"Arrived elsewhere before their dispatch was known"`
}

// ExplainedChange is one record of the journal with what it did to the level.
type ExplainedChange struct {
	JournalRecord
	Change    Balance    `json:"change" doc:"By how much each part changed"`
	After     Balance    `json:"after"`
	Why       []string   `json:"why,omitempty" doc:"Where it went oddly: what the hub made of it, and why"`
	Conflicts []Conflict `json:"conflicts,omitempty" doc:"Claims on this level that gave way because of it"`
}

// ExplainedKind is what all changes of one kind came to.
type ExplainedKind struct {
	Kind    string  `json:"kind" example:"sale"`
	Changes int64   `json:"changes" example:"17"`
	Change  Balance `json:"change"`
}

// ExplainedFrom is where an explanation begins.
type ExplainedFrom struct {
	Position string    `json:"position" example:"7.900000"`
	Wall     time.Time `json:"wall" doc:"The hub's clock beside the newest entry before it"`
	Balance  Balance   `json:"balance"`
}

// Explanation takes one level apart: opening plus every change is closing.
type Explanation struct {
	Location string          `json:"location" example:"S014"`
	Item     string          `json:"item" example:"85123A"`
	Opening  ExplainedFrom   `json:"opening"`
	Before   Balance         `json:"before" doc:"Ahead of the first change on this page"`
	Totals   []ExplainedKind `json:"totals" doc:"Of all changes, not only of this page's"`
	Count    int64           `json:"count" doc:"How many changes there are in all"`
	Closing  Balance         `json:"closing"`
	Position string          `json:"position" doc:"Where closing stands; a cursor keeps it" example:"7.918273"`
	Page[ExplainedChange]
}
