package api

import "time"

// Status is the store's first sight of health.
type Status struct {
	Location     string    `json:"location" example:"S014"`
	Installation string    `json:"installation" doc:"Which PC this is" example:"8f2c61d0"`
	Epoch        string    `json:"epoch" example:"k3f9"`
	Sequence     uint64    `json:"sequence" doc:"Of the last recorded operation"`
	Time         time.Time `json:"time" doc:"This PC's clock"`
	Link         Link      `json:"link"`
	Backlog      Backlog   `json:"backlog"`
	Position     string    `json:"position,omitempty" doc:"Hub position of the last complete round" example:"7.918273"`
	Disk         Disk      `json:"disk"`
	Versions     Versions  `json:"versions"`
	Notices      []Notice  `json:"notices,omitempty" doc:"What a person has to know of this store's ledger, until POST /v1/notices/{id}/seen"`
	Quarantined  int64     `json:"quarantined,omitempty" doc:"Operations of which, after a fork, nobody can tell whether the hub has them: POST /v1/operations/{id}/admit"`
	Today        Today     `json:"today" doc:"Since midnight by this PC's clock"`
}

// Link is the connection to the hub.
type Link struct {
	State     string    `json:"state" enum:"online,connecting,offline,refused" doc:"refused: the hub will not speak with this agent; last_error says why"`
	Since     time.Time `json:"since"`
	Hub       string    `json:"hub,omitempty" doc:"The address in use or tried last"`
	LastError string    `json:"last_error,omitempty"`
}

// Backlog is what the hub does not have yet.
type Backlog struct {
	Operations     int64 `json:"operations"`
	OldestUnsentMS int64 `json:"oldest_unsent_ms"`
}

// Disk is the room left where the ledger is.
type Disk struct {
	FreeBytes   uint64 `json:"free_bytes"`
	LedgerBytes uint64 `json:"ledger_bytes"`
	State       string `json:"state" enum:"plenty,low,short,scarce,full" doc:"short: no backups are made; scarce: the reserve is in use; full: nothing is recorded"`
}

// Notice is something that happened to the store's ledger.
type Notice struct {
	ID    int64     `json:"id"`
	Kind  string    `json:"kind" enum:"lost,other,mark,restored" doc:"lost: the ledger ends before operations that were recorded; other: another ledger was put in its place; mark: its high-water file was missing or damaged; restored: from a backup"`
	Text  string    `json:"text"`
	Epoch string    `json:"epoch" doc:"That ended" example:"k3f9"`
	After uint64    `json:"after" doc:"The last operation of it that is here"`
	UpTo  uint64    `json:"up_to,omitempty" doc:"Operations after it up to this one were recorded and are not here"`
	Last  time.Time `json:"last,omitzero" doc:"When the last one that is here was recorded"`
}

// BackupMade names a copy of the ledger that was just made.
type BackupMade struct {
	File string `json:"file" doc:"In the folder of the ledger; whoever asked proves it and takes it away" example:"copy.db"`
}

// Versions are those of the two programs.
type Versions struct {
	Agent string `json:"agent" example:"0.1.0"`
	Hub   string `json:"hub,omitempty" doc:"Absent until the hub was reached once"`
}

// Today counts what the store recorded.
type Today struct {
	Sales     int64    `json:"sales" doc:"Baskets"`
	SaleLines int64    `json:"sale_lines"`
	Units     Quantity `json:"units" doc:"Sold, in units"`
	Returns   int64    `json:"returns" doc:"Return lines"`
	Picks     int64    `json:"picks" doc:"Reservation lines handed over"`
	Parked    int64    `json:"parked" doc:"Lines whose code was not known"`
}

// Event is the data of one server-sent event of the agent; the event's name
// says which member is there. Clients read again what they care about.
type Event struct {
	Items  []string `json:"items,omitempty" doc:"stock: items whose levels changed"`
	Status *Status  `json:"status,omitempty" doc:"status: link or backlog changed"`
}
