package hub

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/shelfsync/shelfsync/hub/journal"
	"github.com/shelfsync/shelfsync/protocol"
	"github.com/shelfsync/shelfsync/protocol/stock"
)

// ask puts one question to a running node and waits for its answer.
func (n *node) ask(location, epoch string, sequence, after uint64) (answer protocol.Answer, chain [32]byte) {
	n.t.Helper()
	done := make(chan error, 1)
	n.recall.ask(chainQuestion{location: location, epoch: epoch, sequence: sequence, after: after,
		answer: func(a protocol.Answer, c [32]byte, err error) { answer, chain = a, c; done <- err }})
	if err := <-done; err != nil {
		n.t.Fatal(err)
	}
	return answer, chain
}

// Whatever operation is asked for, at the end of a batch, inside one or before
// the journal's horizon: the chain is the store's, or nobody can tell.
func TestTheJournalTellsTheChainOfAnyOperation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := startNode(t, inMemory, journal.Config{SegmentBytes: 2000})
		time.Sleep(2500 * time.Millisecond)
		s, other := newStore("S1", "pc"), newStore("S2", "pc")
		s.deliver(200)
		other.deliver(200)
		n.do(&stock.AssignWriter{Location: "S1", Installation: "pc"})
		n.do(&stock.AssignWriter{Location: "S2", Installation: "pc"})
		var indices []uint64
		for from := 0; from < 200; {
			to := min(200, from+1+from%7)
			for _, one := range []*store{other, s} {
				b := one.batch(from, to)
				done := make(chan error, 1)
				n.calls <- func(h *Hub) {
					h.enqueue(waiting{command: protocol.BatchCommand(&protocol.BatchBytes{Agent: one.location, Installation: "pc", Epoch: one.epoch, After: b.After, End: b.End, Operations: b.Operations}),
						answer: func(r stock.Result, _ uint64, err error) {
							if r.Code != stock.Accepted {
								err = fmt.Errorf("%v, %v", r, err)
							}
							done <- err
						}}, true)
				}
				if err := <-done; err != nil {
					t.Fatal(err)
				}
			}
			indices = append(indices, n.Board().State().Index())
			from = to
		}
		for _, sequence := range []uint64{1, 2, 77, 100, 199, 200, 3, 150} {
			if answer, chain := n.ask("S1", s.epoch, sequence, 0); answer != protocol.AnswerChain || chain != s.at[sequence].Chain {
				t.Errorf("operation %d: answer %d, chain %x, want %x", sequence, answer, chain[:4], s.at[sequence].Chain[:4])
			}
		}
		thin := n.recall.walks[0] // with few marks, as a history of many more batches has
		for len(thin.marks) > 3 {
			thin.marks = append(thin.marks[:1], thin.marks[len(thin.marks)/2:]...)
		}
		for sequence := uint64(1); sequence <= 200; sequence += 13 {
			if answer, chain := n.ask("S1", s.epoch, sequence, 0); answer != protocol.AnswerChain || chain != s.at[sequence].Chain {
				t.Errorf("operation %d, with few marks: answer %d", sequence, answer)
			}
		}
		if answer, _ := n.ask("S1", "e9", 4, 0); answer != protocol.AnswerUnknown {
			t.Errorf("an epoch that never was: %d", answer)
		}
		// What was applied before the agent's base is not looked for.
		late := indices[len(indices)/2]
		if answer, _ := n.ask("S1", s.epoch, 1, late); answer != protocol.AnswerChain {
			t.Errorf("a walk that began earlier knows it: %d", answer)
		}
		n.recall.walks = nil
		if answer, _ := n.ask("S1", s.epoch, 1, late); answer != protocol.AnswerUnknown {
			t.Errorf("before the base: %d", answer)
		}
		if answer, chain := n.ask("S1", s.epoch, 199, late); answer != protocol.AnswerChain || chain != s.at[199].Chain {
			t.Errorf("after the base: %d", answer)
		}
		n.recall.walks = nil
		if err := n.journal.kept.Retain(late); err != nil {
			t.Fatal(err)
		}
		if answer, _ := n.ask("S1", s.epoch, 1, 0); answer != protocol.AnswerUnknown {
			t.Errorf("before the horizon: %d", answer)
		}
		if answer, chain := n.ask("S1", s.epoch, 199, 0); answer != protocol.AnswerChain || chain != s.at[199].Chain {
			t.Errorf("behind the horizon: %d", answer)
		}
	})
}
