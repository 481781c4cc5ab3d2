package api

import "time"

// Agent is one store's agent as the hub knows it.
type Agent struct {
	Location       string    `json:"location" example:"S014"`
	State          string    `json:"state" enum:"online,offline"`
	Installation   string    `json:"installation,omitempty" example:"8f2c61d0"`
	Epoch          string    `json:"epoch,omitempty" example:"k3f9"`
	Through        uint64    `json:"through" doc:"Sequence up to which its ledger is in the hub's state"`
	Backlog        int64     `json:"backlog" doc:"Operations it has said are unsent"`
	OldestUnsentMS int64     `json:"oldest_unsent_ms"`
	AgeMS          int64     `json:"age_ms" doc:"How long ago it was last known to have nothing unsent"`
	Version        string    `json:"version,omitempty"`
	LastSeen       time.Time `json:"last_seen,omitzero"`
}

// Agents answers GET /v1/agents.
type Agents struct {
	Page[Agent]
	Position string `json:"position" example:"7.918273"`
}

// Cluster is the hub's nodes and whether they agree.
type Cluster struct {
	Incarnation uint64 `json:"incarnation" doc:"Positions of different incarnations do not compare" example:"7"`
	Leader      string `json:"leader,omitempty" doc:"Id of the leading node; absent while there is none"`
	Term        uint64 `json:"term" doc:"Grows with every election"`
	Node        string `json:"node" doc:"Id of the answering node"`
	Position    string `json:"position" doc:"Where the answering node stands" example:"7.918273"`
	Nodes       []Node `json:"nodes" doc:"Of the answering node everything is as of now, of the others as they last said, at most a few seconds ago"`
}

// Node is one hub node. Two nodes at the same position have the same state hash:
// one that has not, stops. The position of another node than the answering one
// is that of the last tick it has applied.
type Node struct {
	ID           string `json:"id"`
	Address      string `json:"address" doc:"Where the other nodes reach it" example:"10.0.0.7:7421"`
	API          string `json:"api,omitempty" doc:"Where it serves HTTP" example:"10.0.0.7:7420"`
	Version      string `json:"version,omitempty"`
	Role         string `json:"role" enum:"leader,follower,candidate,shutdown,unknown"`
	Votes        bool   `json:"votes" doc:"false: it follows, and is not yet counted"`
	HeardMS      int64  `json:"heard_ms,omitempty" doc:"How long ago it said where it stands; absent for the answering node"`
	Applied      uint64 `json:"applied" doc:"Index of the last applied entry"`
	Position     string `json:"position,omitempty" example:"7.918273"`
	StateHash    string `json:"state_hash,omitempty" doc:"Of the state at that position, in hex"`
	TrailEntries int64  `json:"trail_entries,omitempty" doc:"Log entries kept behind the last snapshot"`
	HubTimeMS    int64  `json:"hub_time_ms,omitempty"`
	Horizon      string `json:"journal_horizon,omitempty" doc:"The oldest entry that its journal holds; what it lacks of the others' it fetches from them" example:"7.120044"`
}

// NewMember names a running node that is to become a member.
type NewMember struct {
	Address string `json:"address" minLength:"1" maxLength:"256" doc:"Where the other nodes reach it" example:"10.0.0.7:7421"`
}

// Health is one named check of /readyz?verbose.
type Health struct {
	Name   string `json:"name" example:"ledger"`
	OK     bool   `json:"ok"`
	Detail string `json:"detail,omitempty"`
}

// Ready answers /readyz.
type Ready struct {
	Ready  bool     `json:"ready"`
	Checks []Health `json:"checks,omitempty" doc:"Only with ?verbose, and where one fails"`
}

// Version answers /version.
type Version struct {
	Program  string `json:"program" example:"shelfsync-agent"`
	Version  string `json:"version" example:"0.1.0"`
	Commit   string `json:"commit,omitempty"`
	Go       string `json:"go" example:"go1.26"`
	Platform string `json:"platform" example:"linux/amd64"`
}
