package api

import (
	"time"

	"github.com/shelfsync/shelfsync/protocol"
)

// AgentAvailability is what the store itself has and may sell.
type AgentAvailability struct {
	Online       bool        `json:"online" doc:"The hub is connected"`
	AsOf         time.Time   `json:"as_of" doc:"When the view was read"`
	Position     string      `json:"position,omitempty" doc:"The hub position the view rests on" example:"7.918273"`
	ReservedAsOf time.Time   `json:"reserved_as_of,omitzero" doc:"When the store last heard of claims"`
	Data         []StoreItem `json:"data"`
}

// StoreItem is one item in the store.
type StoreItem struct {
	Item            string   `json:"item" example:"85123A"`
	Known           bool     `json:"known" doc:"False: the store has no record of this code"`
	OnHand          Quantity `json:"on_hand"`
	Sellable        Quantity `json:"sellable"`
	Reserved        Quantity `json:"reserved"`
	Staged          Quantity `json:"staged" doc:"The part of reserved that is set aside"`
	Ceded           Quantity `json:"ceded"`
	Damaged         Quantity `json:"damaged"`
	ReturnPending   Quantity `json:"return_pending"`
	InTransit       Quantity `json:"in_transit"`
	AvailableToSell Quantity `json:"available_to_sell"`
}

// AvailabilityQuery asks the hub for many lines at once.
type AvailabilityQuery struct {
	Channel string              `json:"channel,omitempty" doc:"For lines that name none" example:"web"`
	Lines   []AvailabilityAsked `json:"lines"`
}

// AvailabilityAsked is one line of a query.
type AvailabilityAsked struct {
	Item     string `json:"item" example:"85123A"`
	Location string `json:"location" example:"S014"`
	Channel  string `json:"channel,omitempty"`
}

// Validate lists every fault.
func (q AvailabilityQuery) Validate() []FieldError {
	var f faults
	f.optional(f.code, "channel", q.Channel)
	f.count("lines", len(q.Lines), 1, protocol.MaxQueryLines)
	for i, l := range q.Lines {
		f.code(at("lines", i, "item"), l.Item)
		f.code(at("lines", i, "location"), l.Location)
		f.optional(f.code, at("lines", i, "channel"), l.Channel)
	}
	return f
}

// Availability is the hub's answer.
type Availability struct {
	Position string             `json:"position" example:"7.918273"`
	Data     []AvailabilityLine `json:"data"`
}

// AvailabilityLine is what one channel may sell of one item at one location.
type AvailabilityLine struct {
	Item     string            `json:"item" example:"85123A"`
	Location string            `json:"location" example:"S014"`
	Channel  string            `json:"channel,omitempty" example:"web"`
	Quantity Quantity          `json:"quantity" doc:"Available to sell, never below zero" example:"3"`
	AgeMS    int64             `json:"age_ms" doc:"How long ago the location was last known to have nothing unsent"`
	Excluded bool              `json:"excluded,omitempty" doc:"The policy keeps the location from the channel: nothing is available, whatever the parts say"`
	Paused   bool              `json:"paused,omitempty" doc:"The location is paused or closed: nothing is available"`
	Parts    AvailabilityParts `json:"parts" doc:"What the quantity was computed from"`
}

// AvailabilityParts are the terms: unclamped = sellable - claims - safety_stock
// - channel_threshold - protected - ahead_of_papers.
type AvailabilityParts struct {
	Sellable         Quantity `json:"sellable"`
	Claims           Quantity `json:"claims"`
	SafetyStock      Quantity `json:"safety_stock"`
	ChannelThreshold Quantity `json:"channel_threshold"`
	Protected        Quantity `json:"protected" doc:"Kept for other channels"`
	AheadOfPapers    Quantity `json:"ahead_of_papers" doc:"Arrived elsewhere before their dispatch was known"`
	Unclamped        Quantity `json:"unclamped"`
}

// Level is what one location has of one item.
type Level struct {
	Location      string   `json:"location" example:"S014"`
	Item          string   `json:"item" example:"85123A"`
	Sellable      Quantity `json:"sellable"`
	Damaged       Quantity `json:"damaged"`
	ReturnPending Quantity `json:"return_pending"`
	InTransit     Quantity `json:"in_transit"`
	OnHand        Quantity `json:"on_hand"`
	Reserved      Quantity `json:"reserved" doc:"All open claims"`
	Staged        Quantity `json:"staged" doc:"The part of reserved that is set aside"`
	Position      string   `json:"position,omitempty" example:"7.918273"`
}

// Levels is one page of levels, all of one position.
type Levels struct {
	Page[Level]
	Position string `json:"position" example:"7.918273"`
}

// FeedLine is one change; kind says which of the other members is there.
// A cursor the hub cannot serve from is answered with reset, then every value.
type FeedLine struct {
	Kind         string            `json:"kind" enum:"level,availability,reservation,conflict,outcome,reset,through" doc:"through: everything up to position has been sent"`
	Position     string            `json:"position" example:"7.918273"`
	Reason       string            `json:"reason,omitempty" doc:"Why the feed was reset"`
	Level        *Level            `json:"level,omitempty"`
	Availability *AvailabilityLine `json:"availability,omitempty"`
	Reservation  *Reservation      `json:"reservation,omitempty"`
	Conflict     *Conflict         `json:"conflict,omitempty"`
	Outcome      *Outcome          `json:"outcome,omitempty"`
}
