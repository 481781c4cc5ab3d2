package agent

import (
	"fmt"

	"github.com/shelfsync/shelfsync/agent/ledger"
	"github.com/shelfsync/shelfsync/agent/volume"
	"github.com/shelfsync/shelfsync/protocol"
	"github.com/shelfsync/shelfsync/protocol/stock"
	"github.com/shelfsync/shelfsync/sync/session"
)

// fork begins a new epoch where the hub has another history of the present one.
// What the hub has of ours stays as it is; what it has not is written again with
// its former id. Of what lies between nobody can tell: it is quarantined for a person.
func (a *Agent) fork(f session.Forked) error {
	known, err := a.known(f)
	if err != nil {
		return err
	}
	unknown := max(f.Unknown, known.Sequence)
	if unknown > known.Sequence && a.askElsewhere() {
		a.session.Suspect()
		a.session.Stop()
		a.closed(session.Close{Bye: protocol.Bye{Code: protocol.ByeForked, Text: fmt.Sprintf(
			"the journal of this node no longer tells which of the operations %d to %d the hub has: another one may", known.Sequence+1, unknown)}})
		return nil
	}
	name, err := a.epochAfter(unknown)
	if err != nil {
		return err
	}
	again := rewriting{location: a.config.Location, epoch: name, old: a.ledger.Head().Epoch, places: map[string]string{}}
	if err := a.ledger.Again(ledger.Again{Epoch: name, Through: known, After: unknown, Write: again.write}); err != nil {
		return err
	}
	a.unanswered = nil
	if err := a.load(); err != nil {
		return err
	}
	a.events.add(Event{Type: "fork"}, a.config.Now())
	a.session.Begin(a.hello())
	return nil
}

// known is how far the hub has the present epoch as this ledger wrote it: the
// search says so, or a round said so before, or what was pruned proves it.
func (a *Agent) known(f session.Forked) (protocol.Position, error) {
	known, head := f.Common, a.ledger.Head()
	if head.Base.Incarnation == f.Hub.Incarnation && head.Through.Sequence > known.Sequence {
		known = head.Through
	}
	epochs := a.ledger.Epochs()
	pruned := epochs[len(epochs)-1].Pruned
	if pruned <= known.Sequence {
		return known, nil
	}
	chain, _, err := a.ledger.Chain(head.Epoch, pruned)
	return protocol.Position{Sequence: pruned, Chain: chain}, err
}

// askElsewhere notes that this node's journal does not tell, and reports whether
// there is a node that was not asked yet.
func (a *Agent) askElsewhere() bool {
	if a.unanswered == nil {
		a.unanswered = map[string]bool{}
	}
	a.unanswered[a.link.Hub] = true
	return len(a.unanswered) < a.config.Nodes
}

// epochAfter names the epoch that goes on after an operation. Where anything is to
// be written again its name follows from the first of it: a second copy of this
// disk, or this one restored once more, gives the same operations the same places,
// and the hub has them once. Where nothing is, it is drawn at random.
func (a *Agent) epochAfter(sequence uint64) (string, error) {
	head := a.ledger.Head()
	first, ok, err := a.ledger.Chain(head.Epoch, sequence+1)
	switch {
	case err != nil:
		return "", err
	case ok:
		return ledger.EpochAfter(head.Installation, head.Epoch, first), nil
	case a.config.Epoch != nil:
		return a.config.Epoch()
	}
	return ledger.EpochName(nil)
}

// hello is how a conversation begins.
func (a *Agent) hello() protocol.Hello {
	head := a.ledger.Head()
	backlog, oldest := a.Backlog()
	return protocol.Hello{Version: protocol.FrameVersion, Role: protocol.RoleAgent, Agent: a.config.Location,
		Installation: head.Installation, Epoch: head.Epoch, Position: head.Position, Base: a.base, Feature: protocol.FeatureLevel,
		Backlog: backlog, OldestMS: uint64(oldest.Milliseconds()), Replace: a.config.Replace, Program: a.config.Program}
}

// rewriting gives operations their place in a new epoch.
type rewriting struct {
	location, epoch, old string
	next                 uint64
	places               map[string]string // former id -> new one
}

func (w rewriting) former(sequence uint64) string {
	return stock.OperationID{Agent: w.location, Epoch: w.old, Sequence: sequence}.String()
}

// write keeps everything of an operation but its place. One that cannot be
// written again, damaged or too long, is quarantined: it must not stop the store.
func (w *rewriting) write(r ledger.Record) (ledger.Entry, bool) {
	former := w.former(r.Sequence)
	bytes, err := writtenAgain(r.Bytes, former)
	if err != nil {
		return ledger.Entry{}, false
	}
	w.next++
	w.places[former] = stock.OperationID{Agent: w.location, Epoch: w.epoch, Sequence: w.next}.String()
	entry := r.Entry
	entry.Bytes, entry.Key, entry.Refers = bytes, "", nil
	for _, target := range r.Refers {
		entry.Refers = append(entry.Refers, target)
		if now, moved := w.places[target]; moved {
			entry.Refers = append(entry.Refers, now)
		}
	}
	return entry, true
}

// writtenAgain is an operation with its former id. One that was written again
// before keeps its first: that is the one on slips.
func writtenAgain(bytes []byte, former string) ([]byte, error) {
	op, err := protocol.DecodeOperation(bytes)
	if err != nil {
		return nil, err
	}
	if op.Was == "" {
		op.Was = former
	}
	return protocol.EncodeOperation(&op)
}

// Find looks up an operation by its id, or by an id that it had before a fork.
func (a *Agent) Find(id stock.OperationID) (record ledger.Record, ok bool, err error) {
	for {
		record, ok, err = a.ledger.BySequence(id.Epoch, id.Sequence)
		if err != nil || !ok || record.Again == (ledger.Place{}) {
			return record, ok, err
		}
		id.Epoch, id.Sequence = record.Again.Epoch, record.Again.Sequence
	}
}

// present is the id under which an operation of this store stands now; any other
// text is itself.
func (a *Agent) present(id string) (string, error) {
	former, ours := a.parseID(id)
	if !ours {
		return id, nil
	}
	record, ok, err := a.Find(former)
	if err != nil || !ok {
		return id, err
	}
	return stock.OperationID{Agent: former.Agent, Epoch: record.Epoch, Sequence: record.Sequence}.String(), nil
}

// presented lets a request name operations as they stand now.
func (a *Agent) presented(request *Request) error {
	var err error
	if id := request.Operation.Reverses; id != "" {
		if request.Operation.Reverses, err = a.present(id); err != nil {
			return a.fail("look up "+id, err)
		}
	}
	refers := make([]string, len(request.Refers))
	for i, id := range request.Refers {
		if refers[i], err = a.present(id); err != nil {
			return a.fail("look up "+id, err)
		}
	}
	if len(refers) > 0 {
		request.Refers = refers
	}
	return nil
}

// Admit takes what a person decided of a quarantined operation: it is written again, or
// the hub has it. The id under which it stands now is returned.
func (a *Agent) Admit(id stock.OperationID, write bool) (stock.OperationID, error) {
	record, ok, err := a.Find(id)
	switch {
	case err != nil:
		return id, a.fail("look up "+id.String(), err)
	case !ok:
		return id, ErrNotFound
	case !record.Quarantined:
		return id, ErrNotQuarantined
	}
	if a.room == volume.Full {
		return id, ErrNoRoom
	}
	held := ledger.Place{Epoch: record.Epoch, Sequence: record.Sequence}
	former := stock.OperationID{Agent: id.Agent, Epoch: held.Epoch, Sequence: held.Sequence}
	if !write {
		if err := a.ledger.Admit(held, nil); err != nil {
			return id, a.fail("settle "+id.String(), err)
		}
		return former, nil
	}
	bytes, err := writtenAgain(record.Bytes, former.String())
	if err != nil {
		return id, fmt.Errorf("write %s again: %w", id, err)
	}
	op, err := protocol.DecodeOperation(bytes)
	if err != nil {
		return id, fmt.Errorf("write %s again: %w", id, err)
	}
	entry := record.Entry
	entry.Bytes, entry.Key = bytes, ""
	if err := a.ledger.Admit(held, &entry); err != nil {
		return id, a.fail("settle "+id.String(), err)
	}
	head := a.ledger.Head()
	a.view.Fold(&op)
	a.since.wrote(head.Position.Sequence, &op)
	now := stock.OperationID{Agent: id.Agent, Epoch: head.Epoch, Sequence: head.Position.Sequence}
	a.sent.wrote(id.Agent, now, &op)
	a.ages.add(head.Position.Sequence, a.config.Now())
	a.session.Grew(head.Position)
	return now, nil
}

// Quarantined are operations of which nobody can tell whether the hub has them,
// oldest first, at most so many.
func (a *Agent) Quarantined(limit int) ([]ledger.Record, error) { return a.ledger.Quarantined(limit) }

// Notices are what a person has to know of epochs that ended in doubt, and has not
// seen yet, oldest first.
func (a *Agent) Notices() ([]ledger.Notice, error) { return a.ledger.Notices() }

// Saw says that a person has seen a notice.
func (a *Agent) Saw(notice int64) error {
	if err := a.ledger.Saw(notice); err != nil {
		return a.fail("note that a notice was seen", err)
	}
	return nil
}
