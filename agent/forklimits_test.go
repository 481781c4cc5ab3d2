package agent_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/shelfsync/shelfsync/agent"
	"github.com/shelfsync/shelfsync/agent/ledger"
	"github.com/shelfsync/shelfsync/protocol"
	"github.com/shelfsync/shelfsync/protocol/stock"
)

// After a fork the hub is restored from a backup that lacks some of both epochs:
// the first one's tail goes up before the second.
func TestAHubIsRestoredAfterAFork(t *testing.T) {
	for name, stop := range map[string]int{"it lost all sales": 0, "some of the first epoch": 2, "some of the second": 5, "nothing": 7} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			w := opened(t, dir)
			w.quiet()
			backup := copied(t, dir)
			w.till("A5")
			w.quiet()
			restored := pc(t, backup, w.central)
			restored.till("B1")
			restored.quiet()
			restored.till("B2")
			restored.quiet()
			restored.till("B3") // never sent to the old hub
			want, n := []string{"A1", "A2", "A3", "A4", "B1", "B2", "B3"}, 0
			for n = range w.entries {
				if len(w.appliedBy(n+1)) == stop {
					break
				}
			}
			if slices.Contains(w.appliedBy(n+1), "A5") {
				want = append(want, "A5") // only the old hub knew of it
			}
			restored.rebuild(max(n+1, 4), 2)
			if stop == 2 { // the power goes while it drains
				restored.drain()
				restored.cut(false)
				restored.restart()
			}
			restored.quiet()
			receiptsAre(t, w.central, want...)
		})
	}
}

// appliedBy are the receipts in the first entries of the log.
func (c *central) appliedBy(entries int) (receipts []string) {
	for _, commands := range c.entries[:entries] {
		entry, err := protocol.DecodeEntry(protocol.EncodeEntry(0, commands))
		if err != nil {
			panic(err)
		}
		for _, command := range entry.Commands {
			if b, ok := command.(*stock.Batch); ok {
				for k := range b.Operations {
					receipts = append(receipts, b.Operations[k].Receipt)
				}
			}
		}
	}
	return receipts
}

// The fork lies before the horizon of every journal there is. What the hub
// certainly has not is written again; what nobody can tell waits for a person.
func TestAForkBeyondTheJournalIsHeldForAPerson(t *testing.T) {
	dir := t.TempDir()
	w := opened(t, dir)
	backup := copied(t, dir)
	w.till("A5")
	w.till("A6")
	w.quiet()
	w.forgets = 6 // its journal begins behind
	restored := pc(t, backup, w.central)
	restored.nodes = 2
	restored.restart()
	for _, r := range []string{"B1", "B2", "B3"} {
		restored.till(r)
	}
	restored.drain() // finds that the hub has another history, and searches next time
	restored.cut(false)
	restored.drain()
	if restored.conn.bye.Code != protocol.ByeForked || len(restored.ledger.Epochs()) != 1 {
		t.Errorf("it did not ask the other node: %+v", restored.conn.bye)
	}
	restored.cut(false)
	restored.address = "other:7420"
	restored.quiet()
	// The hub has six, the last of them another than B2; nobody can tell of A4 and B1.
	receiptsAre(t, w.central, "A1", "A2", "A3", "A4", "A5", "A6", "B2", "B3")
	held, err := restored.agent.Quarantined(10)
	if err != nil || len(held) != 2 || held[0].Receipt != "A4" || held[1].Receipt != "B1" {
		t.Fatalf("held: %+v, %v", held, err)
	}
	id := func(r ledger.Record) stock.OperationID {
		return stock.OperationID{Agent: here, Epoch: r.Epoch, Sequence: r.Sequence}
	}
	undo := restored.request()
	undo.Kind, undo.Operation.Reverses = "reverse", id(held[1]).String()
	if err := restored.record(undo).Err; err != agent.ErrQuarantined {
		t.Errorf("undo: %v", err)
	}
	if _, err := restored.agent.Admit(id(held[0]), false); err != nil { // somebody looked it up
		t.Fatal(err)
	}
	for _, r := range held[1:] {
		if now, err := restored.agent.Admit(id(r), true); err != nil || now.Epoch == r.Epoch {
			t.Fatalf("%v, %v", now, err)
		}
		if _, err := restored.agent.Admit(id(r), true); err != agent.ErrNotQuarantined {
			t.Errorf("decided twice: %v", err)
		}
	}
	restored.must(restored.agent.Follow())
	restored.restart()
	restored.quiet()
	receiptsAre(t, w.central, "A1", "A2", "A3", "A4", "A5", "A6", "B1", "B2", "B3")
	if held, _ := restored.agent.Quarantined(10); len(held) != 0 {
		t.Errorf("still held: %+v", held)
	}
}

// The hub allows so many epochs a day: more wait, and are told of.
func TestEpochsOfADayAreLimited(t *testing.T) {
	dir := t.TempDir()
	w := opened(t, dir)
	w.quiet()
	day := copied(t, dir)
	want := []string{"A1", "A2", "A3", "A4"}
	var last *world
	for n := range 30 {
		last = pc(t, copied(t, day), w.central)
		want = append(want, fmt.Sprint("B", n))
		last.till(fmt.Sprint("B", n))
		last.drain()
		if last.conn.bye.Code == protocol.ByeForked {
			last.connect()
			last.drain()
		}
		last.cut(false)
		if last.ledger.Head().Position.Sequence == 1 && last.agent.Applied().Sequence == 0 {
			break
		}
	}
	if n, _ := last.agent.Backlog(); n == 0 {
		t.Fatalf("no epoch was refused: %d", len(want))
	}
	epochs := len(last.ledger.Epochs())
	ticks := slices.Repeat([]protocol.Command{protocol.EncodeCommand(&stock.Tick{Term: 1, Elapsed: 10_000})}, 3000)
	for range 3 { // a day of hub time, and an hour
		w.order(ticks...)
	}
	last.quiet()
	receiptsAre(t, w.central, want...)
	if now := len(last.ledger.Epochs()); now != epochs {
		t.Errorf("%d epochs, %d before it waited", now, epochs)
	}
}
