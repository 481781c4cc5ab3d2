package api

// Task is something a store should do.
type Task struct {
	ID          string   `json:"id,omitempty" doc:"Names the task at its location; absent for stage, which ends when the goods are set aside" example:"17"`
	Location    string   `json:"location,omitempty" doc:"Only at the hub" example:"S014"`
	Kind        string   `json:"kind" enum:"recount,put_back,stage" doc:"recount: goods that should be there were not found, or a count did not fit; put_back: goods set aside for an order that is over; stage: set these units aside for the order"`
	Item        string   `json:"item" example:"85123A"`
	Quantity    Quantity `json:"quantity" doc:"recount: how many were not found, or how far the count was off" example:"1"`
	Reservation string   `json:"reservation,omitempty" doc:"What it came from" example:"web-20261124-0017"`
	Line        string   `json:"line,omitempty" example:"1"`
	Order       string   `json:"order,omitempty" example:"O-100017"`
	Channel     string   `json:"channel,omitempty" doc:"Only of stage" example:"web"`
	HubTimeMS   int64    `json:"hub_time_ms,omitempty" doc:"Only at the hub: when it was asked, by hub time"`
	Position    string   `json:"position,omitempty" doc:"Only at the hub: the entry that asked for it" example:"7.918273"`
}
