package stock

import (
	"iter"
	"strconv"
)

// TaskKind is what a store should do.
type TaskKind uint8

// Task kinds. Written into snapshots and frames: add, never renumber.
const (
	Recount TaskKind = 1 + iota // count the item: what is recorded was not found
	PutBack                     // goods set aside for a claim that is over
)

var taskKinds = []string{"", "recount", "put_back"}

func (k TaskKind) String() string { return nameOf(taskKinds, int(k)) }

// Task is something the store should do. It ends when the store says done.
type Task struct {
	Kind        TaskKind
	Item        string
	Quantity    Quantity // put back: how many; recount: how many were not found, or how far a count was off
	Reservation string   // what it came from
	Line        string
	Order       string
	At          int64  // hub time, ms
	Index       uint64 // of the entry that asked for it
}

// StoreTask is a task with its number at the location, from 1: its name for ever.
type StoreTask struct {
	ID uint32
	Task
}

// MaxTasks bounds the open tasks of a location; past it no more are made. A
// store that has left a thousand undone reads none of them.
const MaxTasks = 1000

// addTask asks a store to do something, unless it was asked already.
func (s *State) addTask(at LocationNo, t Task) {
	l := s.own(at)
	if l.openTasks >= MaxTasks {
		return
	}
	for _, open := range l.tasks.since(0) {
		if open.Kind == t.Kind && open.Item == t.Item && (t.Kind == Recount || open.Reservation == t.Reservation && open.Line == t.Line) {
			return
		}
	}
	t.At, t.Index = s.now, s.index
	*l.tasks.edit(s.generation, l.nextTask, s.index) = t
	s.note(uint64(l.No), uint64(l.nextTask), uint64(t.Kind), uint64(t.Quantity))
	s.noteText(t.Item)
	l.nextTask++
	l.openTasks++
}

// taskOf is a task about units of a reservation line.
func (s *State) taskOf(kind TaskKind, r *Reservation, i int, q Quantity) Task {
	c := &r.Lines[i]
	return Task{Kind: kind, Item: s.Item(c.Item).Code, Quantity: q, Reservation: r.ID, Line: c.Line, Order: r.Order}
}

// taskDone ends a task. Numbers belong to one incarnation of the hub: what a
// store did for an earlier one ends nothing here.
func (s *State) taskDone(l *Location, op *Operation, line *Line) {
	id, err := strconv.ParseUint(line.Of, 10, 32)
	n := uint32(id) - 1
	if _, open := l.tasks.get(n); err != nil || !open || op.Incarnation != s.incarnation {
		return
	}
	s.endTask(l, n)
}

// endTask drops a task from the location's rows.
func (s *State) endTask(l *Location, n uint32) {
	l.tasks.clear(s.generation, n)
	l.openTasks--
	l.taskHorizon = s.index
	s.note(uint64(l.No), uint64(n)+1)
}

// endRecount ends what a count has answered.
func (s *State) endRecount(l *Location, item string) {
	for n, t := range l.tasks.since(0) {
		if t.Kind == Recount && t.Item == item {
			s.endTask(l, n)
			return
		}
	}
}

// TasksSince yields the open tasks of a location that are newer than index.
// Where one ended since then (TasksHorizon), a reader has to start over from 0.
func (l *Location) TasksSince(index uint64) iter.Seq[StoreTask] {
	return func(yield func(StoreTask) bool) {
		for n, t := range l.tasks.since(index) {
			if !yield(StoreTask{n + 1, *t}) {
				return
			}
		}
	}
}

// TasksHorizon is the last time that a task of the location ended.
func (l *Location) TasksHorizon() uint64 { return l.taskHorizon }
