package hub

import (
	"fmt"
	"io"
	"time"

	"github.com/shelfsync/shelfsync/hub/journal"
	"github.com/shelfsync/shelfsync/protocol"
	"github.com/shelfsync/shelfsync/protocol/stock"
)

// Journal writes what the machine applied, behind a bounded channel, so that
// apply waits for it only when it is far behind. One goroutine runs it.
type Journal struct {
	kept    *journal.Journal
	in      chan Applied
	flush   chan flush
	asked   chan func(*journal.Journal) error
	broken  chan error
	failed  error // the writer's; free after stopped
	jumped  bool  // the writer's: a snapshot brought what the journal lacks
	stopped chan struct{}
}

// flush asks for everything sent so far to be on disk.
type flush struct{ done chan error }

func newJournal(kept *journal.Journal) *Journal {
	return &Journal{kept: kept, in: make(chan Applied, protocol.MaxJournalQueue), flush: make(chan flush), asked: make(chan func(*journal.Journal) error), broken: make(chan error, 1), stopped: make(chan struct{})}
}

// journalSync is how long applied entries may wait in memory: the raft log
// holds them until a snapshot, which flushes first.
const journalSync = 200 * time.Millisecond

// keep is how a machine reaches the journal.
func (j *Journal) keep() Keep {
	return Keep{Take: func(a Applied) { j.in <- a }, Flushed: j.flushed}
}

// run writes until stop; a storage error ends the program through broken.
func (j *Journal) run() {
	defer close(j.stopped)
	tick := time.NewTicker(journalSync)
	defer tick.Stop()
	note := func(err error) {
		if err != nil && j.failed == nil {
			j.failed = fmt.Errorf("write journal: %w", err)
			j.broken <- j.failed
		}
	}
	for {
		select {
		case a, open := <-j.in:
			if !open {
				note(j.kept.Sync())
				return
			}
			note(j.append(a))
			if len(j.in) == 0 {
				note(j.kept.Flush())
			}
		case f := <-j.flush:
			for len(j.in) > 0 { // the machine sent all of it before it froze
				note(j.append(<-j.in))
			}
			note(j.kept.Sync())
			f.done <- j.failed
		case change := <-j.asked:
			note(change(j.kept))
		case <-tick.C:
			note(j.kept.Sync())
		}
	}
}

// append keeps one entry. Where a snapshot of another node took this one past
// entries that never were in its log, the journal goes on behind a gap, which the
// keeper fills from the other nodes.
func (j *Journal) append(a Applied) error {
	if a.Entry == nil {
		if j.kept.Last() < a.Index {
			j.jumped = true
			return j.kept.Jump()
		}
		return nil
	}
	if j.kept.Last() == 0 && !j.jumped {
		if err := j.zero(a.Wall); err != nil {
			return err
		}
	}
	return j.kept.Append(a.Index, a.Wall, protocol.EncodeApplied(a.Entry, a.Results))
}

// zero keeps the state before the log's first entry, which is empty on every node:
// a journal that begins with the log leads on from it.
func (j *Journal) zero(wall int64) error {
	if _, err := j.kept.Image(0); err == nil {
		return nil
	}
	return j.kept.WriteImage(0, wall, func(out io.Writer) error { return protocol.WriteSnapshot(out, stock.NewState()) })
}

// change lets the writer change what the journal consists of; it returns at once.
// An error is one of the disk, and ends the program.
func (j *Journal) change(f func(*journal.Journal) error) {
	select {
	case j.asked <- f:
	case <-j.stopped:
	}
}

// flushed returns once everything sent so far is on disk.
func (j *Journal) flushed() error {
	f := flush{make(chan error, 1)}
	select {
	case j.flush <- f:
		return <-f.done
	case <-j.stopped:
		return j.failed // nil: it synced all it was given
	}
}

// stop ends the writer after the last entry; nobody may apply any more.
func (j *Journal) stop() {
	close(j.in)
	<-j.stopped
}
