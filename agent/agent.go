package agent

import (
	"errors"
	"fmt"
	"time"

	"github.com/shelfsync/shelfsync/agent/ledger"
	"github.com/shelfsync/shelfsync/agent/volume"
	"github.com/shelfsync/shelfsync/protocol"
	"github.com/shelfsync/shelfsync/protocol/stock"
	"github.com/shelfsync/shelfsync/sync/session"
)

// Config is what an Agent is made of. All of it is handed in.
type Config struct {
	Location string // code of the location this agent writes
	Ledger   ledger.Ledger
	Now      func() time.Time       // wall and monotonic clock
	Replace  bool                   // take the location over from another installation
	Nodes    int                    // of the hub, as far as they are known: how many journals to ask about a fork
	Epoch    func() (string, error) // draws the name of an epoch that begins with nothing; nil: at random
	Program  string                 // version, for the hub's fleet page
	Room     func() volume.Stage    // looks at the ledger's disk; nil: there is plenty
}

// Agent is one store: ledger, view and the session with the hub. It is owned by
// one goroutine.
type Agent struct {
	config  Config
	ledger  ledger.Ledger
	view    *stock.View
	session *session.Agent
	base    protocol.HubPosition
	applied protocol.Position // the hub has applied our epoch up to here
	heard   time.Time         // when the hub was last heard
	port    Port              // nil while there is no connection
	link    Link
	lastBye protocol.Bye
	ages    ages
	days    counters
	events  events
	since   since
	sent    sent
	room    volume.Stage
	pruning pruning
	failed  error // a storage error: nothing is answered after it

	tails      tails
	unanswered map[string]bool // nodes whose journal did not tell where a fork began
}

// Open loads the view of a ledger.
func Open(config Config) (*Agent, error) {
	a := &Agent{config: config, ledger: config.Ledger, session: session.NewAgent(), link: Link{Since: config.Now()}}
	if err := a.load(); err != nil {
		return nil, err
	}
	a.oweTails()
	a.lookAtRoom()
	return a, nil
}

// load builds the view anew: the base the ledger kept, plus what is pending, that
// of epochs that ended in doubt first.
func (a *Agent) load() error {
	head := a.ledger.Head()
	a.view, a.base = stock.NewView(), head.Base
	a.view.Here = a.config.Location
	a.since.begin(head.Position.Sequence)
	var transfers []stock.StoreTransfer
	err := a.ledger.Load(ledger.Visitor{
		Item:  a.view.SetItem,
		Level: a.view.SetLevel,
		Claim: a.view.SetClaim,
		Task:  a.view.SetTask,

		Policy: a.view.SetPolicy,

		Transfer: func(line stock.StoreTransfer) { transfers = append(transfers, line) },
	})
	a.view.SetTransfers(transfers)
	if err != nil {
		return fmt.Errorf("load base: %w", err)
	}
	a.sent = nil
	if err := a.foldTails(); err != nil {
		return err
	}
	id := stock.OperationID{Agent: a.config.Location, Epoch: head.Epoch, Sequence: head.Through.Sequence}
	if err := a.pending(head.Epoch, head.Through, head.Position, func(op *stock.Operation) {
		id.Sequence++
		a.view.Fold(op)
		a.sent.wrote(a.config.Location, id, op)
	}); err != nil {
		return err
	}
	return a.owe(head.Through)
}

// owe counts what follows a position as not yet applied. How old that is only
// the stamp of the first can tell, for it may be of an earlier run. Too old is
// harmless; too young would let the hub believe that nothing is missing.
func (a *Agent) owe(through protocol.Position) error {
	a.applied, a.ages = through, ages{}
	head := a.ledger.Head()
	first := protocol.Position{Sequence: min(through.Sequence+1, head.Position.Sequence)}
	return a.pending(head.Epoch, through, first, func(op *stock.Operation) { a.ages.add(head.Position.Sequence, a.written(op)) })
}

// written is when an operation of an earlier run was written, as its stamp says.
func (a *Agent) written(op *stock.Operation) time.Time {
	now := a.config.Now()
	return now.Add(-time.Duration(max(0, now.UnixMilli()-op.At)) * time.Millisecond)
}

// foldSlice bounds how many operations are read at once while folding.
const foldSlice = 256

// pending walks the operations of an epoch after one position up to another, in
// order.
func (a *Agent) pending(epoch string, after, through protocol.Position, visit func(*stock.Operation)) error {
	for after.Sequence < through.Sequence {
		want := int(min(foldSlice, through.Sequence-after.Sequence))
		operations, end, err := a.ledger.ReadEpoch(epoch, after, want, want*protocol.MaxOperationBytes)
		if err != nil {
			return fmt.Errorf("read ledger after %d: %w", after.Sequence, err)
		}
		if len(operations) == 0 {
			return fmt.Errorf("read ledger after %d: %w", after.Sequence, errMissing)
		}
		for _, b := range operations {
			op, err := protocol.DecodeOperation(b)
			if err != nil {
				return fmt.Errorf("read ledger after %d: %w", after.Sequence, err)
			}
			visit(&op)
		}
		after = end
	}
	return nil
}

var errMissing = errors.New("operations are missing")

// keep stores a round whole and brings the view up to it.
func (a *Agent) keep(kept ledger.Kept) error {
	before := a.ledger.Head().Through
	if kept.Through.Sequence < before.Sequence && !kept.Rebase {
		kept.Through = before
	}
	if err := a.ledger.Keep(kept); err != nil {
		a.failed = err
		return fmt.Errorf("keep round: %w", err)
	}
	// The new log lacks what the old one had, which is pending again; or it has the
	// tails that were shown until now.
	if kept.Through.Sequence < before.Sequence || a.tails.shown {
		applied := a.applied // acknowledged since the new log said Welcome
		err := a.load()
		a.advance(applied)
		return err
	}
	watched := watch{}
	if err := a.pending(a.ledger.Head().Epoch, before, kept.Through, func(op *stock.Operation) {
		for i := range op.Lines {
			watched.item(a, op.Lines[i].Code())
		}
		a.view.Unfold(op)
	}); err != nil {
		return err
	}
	for i := range kept.Levels {
		watched.item(a, kept.Levels[i].Item)
	}
	switch { // what is pending stays folded: a till must not wait for it
	case kept.Rebase:
		a.since.begin(a.ledger.Head().Position.Sequence)
		a.view.Rebase()
	case kept.Restart:
		a.view.DropClaims()
	}
	if kept.Renew {
		a.view.DropTasks()
		a.view.DropTransfers()
	}
	for _, item := range kept.Items {
		a.view.SetItem(item)
	}
	for _, level := range kept.Levels {
		a.view.SetLevel(level)
	}
	for _, claim := range kept.Claims {
		a.view.SetClaim(claim)
	}
	for _, task := range kept.Tasks {
		a.view.SetTask(task)
	}
	a.view.SetTransfers(kept.Transfers)
	a.view.SetPolicy(kept.Policy)
	watched.compare(a)
	a.base = kept.Base
	a.sent.settled(a.ledger.Head().Through.Sequence)
	a.advance(kept.Through)
	return nil
}

func (a *Agent) advance(through protocol.Position) {
	if through.Sequence > a.applied.Sequence {
		a.applied = through
		a.ages.drop(through.Sequence)
	}
}

// View is what tills see; only the owner may use it.
func (a *Agent) View() *stock.View { return a.view }

// lookAtRoom asks how much room is left; where that changed, whoever watches hears.
func (a *Agent) lookAtRoom() {
	if a.config.Room == nil {
		return
	}
	if now := a.config.Room(); now != a.room {
		a.room = now
		a.events.add(Event{Type: "link"}, a.config.Now())
	}
}

// Room is how much room was left on the ledger's disk at the last beat.
func (a *Agent) Room() volume.Stage { return a.room }

// Ledger is the store's log; only the owner may use it.
func (a *Agent) Ledger() ledger.Ledger { return a.ledger }

// Location is the code of the location this agent writes.
func (a *Agent) Location() string { return a.config.Location }

// Base is the hub position the view stands on.
func (a *Agent) Base() protocol.HubPosition { return a.base }

// Backlog is how many operations the hub has not yet said it applied, and the
// age of the oldest of them by the monotonic clock.
func (a *Agent) Backlog() (operations uint64, oldest time.Duration) {
	now := a.config.Now()
	operations = a.ledger.Head().Position.Sequence - a.applied.Sequence
	if operations > 0 {
		oldest = a.ages.oldest(now)
	}
	if a.tails.pending > 0 {
		operations, oldest = operations+a.tails.pending, max(oldest, now.Sub(a.tails.since))
	}
	return operations, oldest
}

// ages remembers when operations were written, by the monotonic clock, in a
// bounded number of marks: enough to tell how old the oldest unsent one is.
type ages struct{ marks []mark }

type mark struct {
	last uint64 // the mark covers operations up to this sequence
	at   time.Time
}

const maxMarks = 512

func (g *ages) add(last uint64, at time.Time) {
	if n := len(g.marks); n == maxMarks {
		g.marks[n-1].last = last // the newest mark grows; the oldest stays exact
		return
	}
	g.marks = append(g.marks, mark{last, at})
}

func (g *ages) drop(through uint64) {
	for len(g.marks) > 0 && g.marks[0].last <= through {
		g.marks = g.marks[1:]
	}
}

func (g *ages) oldest(now time.Time) time.Duration {
	if len(g.marks) == 0 {
		return 0
	}
	return now.Sub(g.marks[0].at)
}
