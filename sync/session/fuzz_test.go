package session

import (
	"testing"

	"github.com/shelfsync/shelfsync/protocol"
)

// FuzzFrames says anything in any order to both roles. Neither may panic, nor
// ask its owner for more than the limits allow.
//
// Input: for each frame, a byte that chooses it and three that fill it in; the
// last choices read a raw frame from what is left.
func FuzzFrames(f *testing.F) {
	f.Add([]byte{0, 0, 1, 0, 1, 0, 1, 0, 2, 0, 3, 0, 2, 3, 5, 0})
	f.Add([]byte{1, 0, 1, 0, 3, 5, 0, 0, 4, 1, 0, 3, 4, 2, 1, 7})
	f.Add(append([]byte{7, 0, 0, 0}, protocol.EncodeFrame(&protocol.Append{Operations: [][]byte{{1}}})...))
	f.Fuzz(func(t *testing.T, input []byte) {
		agent, hub := NewAgent(), NewHub()
		agent.Start(protocol.Hello{Version: 1, Role: protocol.RoleAgent, Position: at(9), Base: protocol.HubPosition{Incarnation: 1}})
		input = input[:min(len(input), 4096)] // a thousand frames are a conversation
		for len(input) >= 4 {
			frame := anyFrame(input)
			input = input[4:]
			if frame == nil {
				continue
			}
			agent.Receive(frame)
			hub.Receive(frame)
			agentOwner(t, agent)
			hubOwner(t, hub)
		}
	})
}

func anyFrame(b []byte) protocol.Frame {
	x, y, z := uint64(b[1]%16), uint64(b[2]%16), int64(b[3])
	switch b[0] % 8 {
	case 0:
		return &protocol.Hello{Version: y, Role: protocol.Role(y), Position: at(x)}
	case 1:
		return &protocol.Welcome{Version: y, Hub: protocol.HubPosition{Incarnation: 1}, Through: at(x), Window: uint64(z)}
	case 2:
		return &protocol.Append{After: at(x), Operations: operationsAfter(x, x+y), End: at(x + y), Echo: z}
	case 3:
		return &protocol.Ack{Through: at(x)}
	case 4, 5:
		return &protocol.Round{Hub: protocol.HubPosition{Incarnation: uint64(b[0]>>3&1) ^ 1, Index: x}, Part: y, Last: z&1 == 1, Now: z, Through: at(x / 2)}
	case 7:
		frame, err := protocol.DecodeFrame(b[4:])
		if err != nil {
			return nil
		}
		return frame
	}
	return &protocol.Append{After: at(x), End: at(x)}
}

// agentOwner does what is asked, and counts it: one input asks for little.
func agentOwner(t *testing.T, agent *Agent) {
	for asked := 0; ; asked++ {
		a, ok := agent.Next()
		if !ok {
			return
		}
		if asked > 3+2*protocol.WindowAppends {
			t.Fatalf("one frame made the agent ask for %d things", asked)
		}
		switch a := a.(type) {
		case Read:
			to := a.After.Sequence + uint64(a.MaxOperations)
			if a.MaxOperations < 1 || a.MaxOperations > protocol.MaxBatchOperations || a.MaxBytes > protocol.MaxAppendBytes || to > 9 {
				t.Fatalf("asked to %s", tellAction(a))
			}
			agent.Supply(operationsAfter(a.After.Sequence, to), at(to))
		case Store:
			if count(a.Round) > protocol.MaxRoundTotal {
				t.Fatalf("asked to store %d values", count(a.Round))
			}
			agent.Stored(a.Round.Hub, a.Round.Through)
		}
	}
}

func hubOwner(t *testing.T, hub *Hub) {
	for asked := 0; ; asked++ {
		a, ok := hub.Next()
		if !ok {
			return
		}
		if asked > 3 {
			t.Fatalf("one frame made the hub ask for %d things", asked)
		}
		switch a := a.(type) {
		case Greeted:
			hub.Admit(protocol.Welcome{Through: at(a.Hello.Position.Sequence / 2), Window: 8})
		case Take:
			if chained(a.Append.After, a.Append.Operations) != a.Append.End || hub.window.end.Sequence-hub.window.acked.Sequence > 8 {
				t.Fatalf("asked to %s", tellAction(a))
			}
			if a.Append.Echo&1 == 1 {
				hub.Acked(a.Append.End)
			}
		}
	}
}
