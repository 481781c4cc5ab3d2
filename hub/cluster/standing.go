package cluster

import (
	"errors"

	"github.com/hashicorp/raft"
)

// The library speaks to an address and does not look who is there. A node whose
// folder was lost answers at the address of the voter it once was, until the
// leader has replaced that one. What the voter acknowledged, and whom it voted
// for, the new folder does not know: a vote of it could elect a leader that lacks
// what was promised. So a node votes only while its own id is a voter's.

// votes reports whether this folder's id is a voter in the newest configuration
// that it knows.
func (r *Raft) votes() bool {
	for _, s := range r.members() {
		if string(s.ID) == r.folder.id {
			return s.Suffrage == raft.Voter
		}
	}
	return false
}

func asksForVote(rpc raft.RPC) bool {
	switch rpc.Command.(type) {
	case *raft.RequestVoteRequest, *raft.RequestPreVoteRequest:
		return true
	}
	return false
}

func refuseVote(rpc raft.RPC, term uint64) {
	header := raft.RPCHeader{ProtocolVersion: raft.ProtocolVersionMax}
	if _, pre := rpc.Command.(*raft.RequestPreVoteRequest); pre {
		rpc.Respond(&raft.RequestPreVoteResponse{RPCHeader: header, Term: term}, nil)
		return
	}
	rpc.Respond(&raft.RequestVoteResponse{RPCHeader: header, Term: term}, nil)
}

// memberKey notes in the folder that its id has been a member's. A folder that
// holds entries and no such note was sent them for its forerunner: it was never
// admitted, and so it was not removed either.
const memberKey = "Member"

// belonged reports whether this folder's id is or was a member's.
func (r *Raft) belonged() (bool, error) {
	_, err := r.folder.votes.Get([]byte(memberKey))
	switch {
	case err == nil:
		return true, nil
	case !errors.Is(err, errNoValue):
		return false, err
	case !r.isMember(r.folder.id):
		return false, nil
	}
	return true, r.folder.votes.Set([]byte(memberKey), []byte{1})
}
