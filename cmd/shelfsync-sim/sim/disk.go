package sim

import (
	"errors"
	"fmt"
	"math/rand/v2"

	"github.com/shelfsync/shelfsync/agent/ledger"
	"github.com/shelfsync/shelfsync/protocol"
)

// write is one transaction of a ledger.
type write func(*ledger.Memory) error

// disk is what a PC keeps: the transactions that were synced, in order, and those
// that were only written. It does not model pages; that is the ledger's own proof.
type disk struct {
	installation, epoch string
	kept                []write
	loose               []write // a power cut keeps the first few of them, or none
	bad                 int     // this one of kept, from 1, cannot be read any more; 0: all can
	next                diskFault
}

// diskFault is what the next transaction meets.
type diskFault uint8

const (
	diskSound  diskFault = iota
	diskFull             // nothing is written, and the program is told
	diskLies             // it is written, syncing it fails once
	powerLost            // the power goes before it is synced
	powerAfter           // the power goes when it is synced, before anybody is told
	diskFaults
)

var diskFaultNames = [diskFaults]string{"", "disk full", "sync failed once", "power lost before the sync", "power lost after the sync"}

var (
	errDiskFull = errors.New("no space left on the simulated disk")
	errSync     = errors.New("input/output error while syncing the simulated disk")
	errUnread   = errors.New("the simulated disk holds bytes that were changed")
)

// powerCut unwinds whatever a PC was doing.
type powerCut struct{}

// lose ends what was written and not synced: any number of the first survive.
func (d *disk) lose(r *rand.Rand) {
	d.kept = append(d.kept, d.loose[:r.IntN(len(d.loose)+1)]...)
	d.loose = nil
}

// image is what a copy of the disk holds.
func (d *disk) image() *disk {
	return &disk{installation: d.installation, epoch: d.epoch, kept: d.kept[:len(d.kept):len(d.kept)], bad: d.bad}
}

// readable is a ledger of everything before the first damage.
func (d *disk) readable() *ledger.Memory {
	m := ledger.NewMemory(d.installation, d.epoch)
	kept := d.kept
	if d.bad > 0 {
		kept = kept[:d.bad-1]
	}
	for i, w := range kept {
		if err := w(m); err != nil {
			panic(fmt.Sprintf("sim: transaction %d of %d of %s (bad %d) is refused when it is read again: %v", i, len(d.kept), d.installation, d.bad, err))
		}
	}
	return m
}

// open reads the disk as a program does that starts.
func (d *disk) open() (*durable, error) {
	if d.bad > 0 {
		return nil, errUnread
	}
	return &durable{Memory: d.readable(), disk: d}, nil
}

// durable is a ledger on a disk: the logic of [ledger.Memory], and whatever the
// disk does to its transactions.
type durable struct {
	*ledger.Memory
	disk   *disk
	failed error
}

// commit puts one transaction on the disk before anybody hears of it. After an
// error every later one gets it too.
func (l *durable) commit(w write) error {
	if l.failed != nil {
		return l.failed
	}
	d := l.disk
	fault := d.next
	d.next = diskSound
	if fault == diskFull {
		l.failed = errDiskFull
		return l.failed
	}
	if err := w(l.Memory); err != nil {
		return err
	}
	switch fault {
	case diskLies:
		d.loose = append(d.loose, w)
		l.failed = errSync
	case powerLost:
		d.loose = append(d.loose, w)
		panic(powerCut{})
	case powerAfter:
		d.kept = append(d.kept, w)
		panic(powerCut{})
	default:
		d.kept = append(d.kept, w)
	}
	return l.failed
}

// Append implements [ledger.Ledger].
func (l *durable) Append(entries []ledger.Entry) (records []ledger.Record, err error) {
	err = l.commit(func(m *ledger.Memory) (err error) {
		records, err = m.Append(entries)
		return err
	})
	return records, err
}

// Keep implements [ledger.Ledger].
func (l *durable) Keep(k ledger.Kept) error {
	return l.commit(func(m *ledger.Memory) error { return m.Keep(k) })
}

// NewEpoch implements [ledger.Ledger].
func (l *durable) NewEpoch(name string, why ledger.Notice) error {
	return l.commit(func(m *ledger.Memory) error { return m.NewEpoch(name, why) })
}

// EndTail implements [ledger.Ledger].
func (l *durable) EndTail(epoch string, through protocol.Position) error {
	return l.commit(func(m *ledger.Memory) error { return m.EndTail(epoch, through) })
}

// Saw implements [ledger.Ledger].
func (l *durable) Saw(notice int64) error {
	return l.commit(func(m *ledger.Memory) error { return m.Saw(notice) })
}

// Again implements [ledger.Ledger]. What is written again is decided once: the
// disk keeps the decisions.
func (l *durable) Again(a ledger.Again) error {
	type decision struct {
		entry ledger.Entry
		ok    bool
	}
	var decided []decision
	decide := a.Write
	return l.commit(func(m *ledger.Memory) error {
		next := 0
		again := a
		again.Write = func(r ledger.Record) (ledger.Entry, bool) {
			if next == len(decided) {
				entry, ok := decide(r)
				decided = append(decided, decision{entry, ok})
			}
			d := decided[next]
			next++
			return d.entry, d.ok
		}
		return m.Again(again)
	})
}

// Admit implements [ledger.Ledger].
func (l *durable) Admit(held ledger.Place, entry *ledger.Entry) error {
	return l.commit(func(m *ledger.Memory) error { return m.Admit(held, entry) })
}

// Prune implements [ledger.Ledger].
func (l *durable) Prune(before int64) (pruned int, err error) {
	err = l.commit(func(m *ledger.Memory) (err error) {
		pruned, err = m.Prune(before)
		return err
	})
	return pruned, err
}

// chained reports the first operation whose chain does not follow from the bytes
// before it.
func chained(l ledger.Ledger) error {
	for _, e := range l.Epochs() {
		at := protocol.Position{}
		for at.Sequence < e.Position.Sequence {
			record, ok, err := l.BySequence(e.Name, at.Sequence+1)
			switch {
			case err != nil:
				return err
			case !ok || len(record.Bytes) == 0: // pruned: its chain stands for it
				chain, _, err := l.Chain(e.Name, at.Sequence+1)
				if err != nil {
					return err
				}
				at = protocol.Position{Sequence: at.Sequence + 1, Chain: chain}
				continue
			}
			next := protocol.Position{Sequence: at.Sequence + 1, Chain: protocol.NextChain(at.Chain, record.Bytes)}
			if next.Chain != record.Chain {
				return errors.New("the chain of epoch " + e.Name + " breaks")
			}
			at = next
		}
		if at != e.Position {
			return errors.New("epoch " + e.Name + " does not end where it says")
		}
	}
	return nil
}
