package hub

import (
	"context"
	"time"

	"github.com/shelfsync/shelfsync/hub/journal"
	"github.com/shelfsync/shelfsync/protocol"
	"github.com/shelfsync/shelfsync/protocol/stock"
)

// Tried is a policy that somebody wants to try against what happened.
type Tried struct {
	Policy   stock.Policy
	From     uint64    // begin at the last image at or before this index; 0: at the newest
	FromTime time.Time // or before this time
	To       uint64
}

// Tally counts what a hub could keep of what it was asked.
type Tally struct {
	Accepted, Short             int            // reservations
	Promised, Missing           stock.Quantity // units of the accepted ones: claimed, and short at once
	Conflicts, Moved, MadeShort uint64         // claims that gave way
	LatePicks, PickedTwice      uint64
	Oversold, LostCarts         stock.Quantity // units
}

// Trial is what happened, and what would have with another policy.
type Trial struct {
	From         journal.Image
	Entries      int
	Really, With Tally
}

// DryRun plays the journal since an image twice: as it was, and with a policy in
// force from the image on, whatever was set since. Stores and channels do in both
// what they did: a channel that was refused, and would not have been, goes on as
// though it still was. So it tells how many promises the policy makes and keeps
// under that load, and not what customers would have done next.
func (s *Server) DryRun(ctx context.Context, q Tried) (*Trial, error) {
	trial := &Trial{}
	var other *stock.State
	var before [2]stock.Totals
	set := &stock.SetPolicy{Policy: q.Policy}
	r := &replay{}
	r.opened = func() (err error) {
		trial.From = r.image
		other, err = readImage(r.image)
		if err == nil {
			before = [2]stock.Totals{r.state.Totals(), other.Totals()}
		}
		return err
	}
	r.beside = func(index uint64, data []byte) error {
		entry, err := protocol.DecodeEntry(data) // apply resolves lines in place: each state has its own
		if err != nil {
			return err
		}
		var commands []stock.Command
		if trial.Entries++; trial.Entries == 1 {
			commands = append(commands, set)
		}
		for _, command := range entry.Commands {
			if _, is := command.(*stock.SetPolicy); !is {
				commands = append(commands, command)
			}
		}
		entry.Commands = commands
		trial.With.count(entry, other.Apply(index, entry))
		return nil
	}
	r.entry = func(_ uint64, entry *stock.Entry, apply func() []stock.Result) { trial.Really.count(entry, apply()) }
	pick := &explainer{Explained: Explained{From: q.From, FromTime: q.FromTime, To: q.To}}
	if err := s.replay(ctx, r, pick.wants, q.To); err != nil {
		return nil, err
	}
	trial.Really.since(before[0], r.state.Totals())
	trial.With.since(before[1], other.Totals())
	return trial, nil
}

func (t *Tally) count(entry *stock.Entry, results []stock.Result) {
	for i, command := range entry.Commands {
		if _, ok := command.(*stock.Reserve); !ok {
			continue
		}
		switch results[i].Code {
		case stock.Accepted:
			t.Accepted++
			for _, line := range results[i].Reservation.Lines {
				if line.State.Open() {
					t.Promised += line.Quantity
				} else {
					t.Missing += line.Quantity
				}
			}
		case stock.ShortOf:
			t.Short++
		}
	}
}

func (t *Tally) since(before, now stock.Totals) {
	t.Conflicts, t.Moved, t.MadeShort = now.Conflicts-before.Conflicts, now.Moved-before.Moved, now.Short-before.Short
	t.LatePicks, t.PickedTwice = now.LatePicks-before.LatePicks, now.PickedTwice-before.PickedTwice
	t.Oversold, t.LostCarts = now.Oversold-before.Oversold, now.LostCarts-before.LostCarts
}
