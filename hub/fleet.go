package hub

import (
	"context"
	"time"

	"github.com/shelfsync/shelfsync/hub/cluster"
	"github.com/shelfsync/shelfsync/protocol"
)

// fleetWithin bounds the wait for another node to say which agents it has: a
// page that lacks those of a node that hangs is better than no page.
const fleetWithin = time.Second

// answer answers another node: what is in the journal, or which of these
// locations' agents are connected here, and how do they stand?
func (s *Server) answer(clock func() time.Time, question []byte) ([]byte, error) {
	if asked, ok := protocol.DecodeJournalQuestion(question); ok {
		return s.answerJournal(asked)
	}
	codes, err := protocol.DecodeCodes(question)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), fleetWithin)
	defer cancel()
	here, err := s.peersHere(ctx, codes)
	if err != nil {
		return nil, err
	}
	now := clock()
	ago := func(at time.Time) uint64 { return uint64(max(0, now.Sub(at).Milliseconds())) }
	var links []protocol.AgentLink
	for _, code := range codes {
		if p, ok := here[code]; ok {
			links = append(links, protocol.AgentLink{Location: p.Agent, Installation: p.Installation, Epoch: p.Epoch, Program: p.Program, Remote: p.Remote,
				Backlog: p.Backlog, OldestMS: p.OldestMS, ConnectedMS: ago(p.Connected), HeardMS: ago(p.Heard), Position: p.Position})
		}
	}
	return protocol.EncodeAgentLinks(links), nil
}

// peersAt asks another node. One that does not answer has none to tell of.
func (s *Server) peersAt(members cluster.Members, address string, question []byte) (peers []Peer) {
	answer, err := members.Ask(address, question, fleetWithin)
	if err != nil {
		return nil
	}
	links, err := protocol.DecodeAgentLinks(answer)
	if err != nil {
		return nil
	}
	now := s.Now()
	since := func(ms uint64) time.Time { return now.Add(-time.Duration(ms) * time.Millisecond) }
	for i := range links {
		l := &links[i]
		peers = append(peers, Peer{l.Location, l.Installation, l.Epoch, l.Program, l.Remote, l.Backlog, l.OldestMS, since(l.ConnectedMS), since(l.HeardMS), l.Position})
	}
	return peers
}

// Peers are the connected agents of these locations, whichever node they are
// connected to, by location code. An agent that moved may be known to two nodes
// for a moment; the one that heard it last is right.
func (s *Server) Peers(ctx context.Context, codes []string) (map[string]Peer, error) {
	peers, err := s.peersHere(ctx, codes)
	if err != nil {
		return nil, err
	}
	for _, p := range s.peersElsewhere(codes) {
		if known, ok := peers[p.Agent]; !ok || p.Heard.After(known.Heard) {
			peers[p.Agent] = p
		}
	}
	return peers, nil
}

// peersHere asks the loop.
func (s *Server) peersHere(ctx context.Context, codes []string) (map[string]Peer, error) {
	peers := make(chan map[string]Peer, 1)
	if err := s.call(ctx, func(h *Hub) { peers <- h.Peers(codes) }); err != nil {
		return nil, err
	}
	select {
	case p := <-peers:
		return p, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-s.done:
		return nil, ErrUnknown
	}
}
