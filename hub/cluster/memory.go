package cluster

import (
	"bytes"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/shelfsync/shelfsync/protocol"
)

// Memory is an ordered log of one node without a disk, for tests and
// simulations. Its log and snapshot outlive Close, as a folder would: see
// [Memory.Restart]. Its loop owns the log and calls the machine.
type Memory struct {
	machine    Machine
	slots      slots
	queue      chan job // holds as many as there are slots, so sending never blocks
	done       chan struct{}
	leadership chan bool
	status     atomic.Pointer[Status]
	kept       kept // the loop's; free after done
}

// kept is what a log holds over a restart.
type kept struct {
	term          uint64
	entries       []Entry // those after the snapshot
	last          uint64
	snapshot      []byte
	snapshotIndex uint64
}

// job is a proposal, or something else to do between two entries.
type job struct {
	data   []byte
	answer chan Proposed
	do     func()
}

// memoryID is the server id of a log in memory: it has no other members.
const memoryID = "memory"

// NewMemory starts an empty log that drives machine.
func NewMemory(machine Machine) *Memory { return startMemory(machine, kept{}) }

// Restart starts the log again that m, which is closed, has kept: machine gets
// the snapshot and then the entries after it.
func (m *Memory) Restart(machine Machine) (*Memory, error) {
	<-m.done
	if m.kept.snapshot != nil {
		if err := machine.Restore(bytes.NewReader(m.kept.snapshot)); err != nil {
			return nil, fmt.Errorf("restore snapshot at index %d: %w", m.kept.snapshotIndex, err)
		}
	}
	if len(m.kept.entries) > 0 {
		machine.Apply(m.kept.entries)
	}
	return startMemory(machine, m.kept), nil
}

func startMemory(machine Machine, from kept) *Memory {
	from.term++
	m := &Memory{machine: machine, slots: newSlots(), queue: make(chan job, protocol.MaxLogProposals), done: make(chan struct{}),
		leadership: make(chan bool, 1), kept: from}
	m.leadership <- true
	m.publish()
	m.serve()
	return m
}

// loop takes jobs in the order of the queue until Close closes it.
func (m *Memory) loop() {
	defer close(m.done)
	for j := range m.queue {
		if j.do != nil {
			j.do()
		} else {
			j.answer <- m.append(j.data)
		}
		m.slots.give()
	}
}

func (m *Memory) append(data []byte) Proposed {
	m.kept.last++
	entry := Entry{Index: m.kept.last, Term: m.kept.term, Data: data}
	m.kept.entries = append(m.kept.entries, entry)
	result := m.machine.Apply([]Entry{entry})[0]
	m.publish()
	return Proposed{Result: result, Index: entry.Index}
}

func (m *Memory) publish() {
	m.status.Store(&Status{ID: memoryID, Address: memoryID, Role: "leader", Leads: true, Term: m.kept.term, LeaderID: memoryID, LeaderAddress: memoryID,
		LastIndex: m.kept.last, CommitIndex: m.kept.last, AppliedIndex: m.kept.last, SnapshotIndex: m.kept.snapshotIndex,
		Members: []Member{{memoryID, memoryID, true}}})
}

// Propose implements [Order].
func (m *Memory) Propose(data []byte) <-chan Proposed {
	if err := m.slots.take(data); err != nil {
		return refused(err)
	}
	answer := make(chan Proposed, 1)
	m.queue <- job{data: data, answer: answer}
	return answer
}

// Leader implements [Order]: a log in memory leads itself.
func (m *Memory) Leader() (string, bool) { return memoryID, true }

// Leadership implements [Order]; it tells once.
func (m *Memory) Leadership() <-chan bool { return m.leadership }

// Status implements [Order].
func (m *Memory) Status() Status { return *m.status.Load() }

// Barrier implements [Order].
func (m *Memory) Barrier(within time.Duration) error {
	timer := time.NewTimer(within)
	defer timer.Stop()
	reached := make(chan struct{})
	if err := m.between(timer.C, func() { close(reached) }); err != nil {
		return err
	}
	select {
	case <-reached:
		return nil
	case <-timer.C:
		return ErrUnknown
	}
}

// Snapshot implements [Order].
func (m *Memory) Snapshot() error {
	written := make(chan error, 1)
	if err := m.between(nil, func() { written <- m.write() }); err != nil {
		return err
	}
	return <-written
}

// between runs do on the loop, after what is queued.
func (m *Memory) between(deadline <-chan time.Time, do func()) error {
	if err := m.slots.wait(deadline); err != nil {
		return err
	}
	m.queue <- job{do: do}
	return nil
}

// write keeps the state and forgets the entries it holds.
func (m *Memory) write() error {
	image := m.machine.Freeze()
	defer image.Release()
	var b bytes.Buffer
	if err := image.Write(&b); err != nil {
		return fmt.Errorf("write snapshot at index %d: %w", m.kept.last, err)
	}
	m.kept.snapshot, m.kept.snapshotIndex, m.kept.entries = b.Bytes(), m.kept.last, nil
	m.publish()
	return nil
}

// Close implements [Order]: what is queued is applied and answered.
func (m *Memory) Close() error {
	if err := m.slots.drain(nil); err != nil {
		return err
	}
	close(m.queue)
	<-m.done
	return nil
}
