package clustertest

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/shelfsync/shelfsync/hub/cluster"
	"github.com/shelfsync/shelfsync/protocol"
)

// Open starts a log that drives machine; every call goes on where the last one,
// closed by then, ended.
type Open func(machine cluster.Machine) (cluster.Order, error)

// patience bounds every wait of a test.
const patience = 20 * time.Second

// Conformance runs the suite; place gives each test a log of its own.
func Conformance(t *testing.T, place func(t *testing.T) Open) {
	for _, test := range []struct {
		name string
		run  func(*testing.T, Open)
	}{
		{"one proposer's entries keep their order and get their own results", inOrder},
		{"many proposers share one order without loss or doubling", manyProposers},
		{"an entry that is too large is refused and leaves no trace", tooLarge},
		{"a log that is full says so and takes more later", busy},
		{"a closed log refuses", closed},
		{"closing answers everyone", closeAnswers},
		{"closing while others propose loses no answer", closeAmongProposers},
		{"a restart without a snapshot replays everything", replaysAll},
		{"a restart replays only what the snapshot lacks", replaysTheRest},
		{"a snapshot with nothing new is no error", nothingNew},
		{"behind a barrier everything committed is applied", barrier},
		{"the log tells who leads and where it stands", tells},
	} {
		t.Run(test.name, func(t *testing.T) { test.run(t, place(t)) })
	}
}

// Start opens a log and waits until it leads.
func Start(t *testing.T, open Open, machine cluster.Machine) cluster.Order {
	t.Helper()
	order, err := open(machine)
	if err != nil {
		t.Fatalf("open: %v", err)
	}
	t.Cleanup(func() { _ = order.Close() }) // most tests have closed it by then
	Lead(t, order)
	return order
}

// Lead waits until order leads and has applied what it had.
func Lead(t *testing.T, order cluster.Order) {
	t.Helper()
	Until(t, "the node leads", func() bool { return order.Barrier(patience) == nil })
}

// Until waits for a condition.
func Until(t *testing.T, what string, holds func() bool) {
	t.Helper()
	deadline := time.After(patience)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !holds() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("waited %v in vain until %s", patience, what)
		}
	}
}

// Answer waits for the answer to a proposal.
func Answer(t *testing.T, answer <-chan cluster.Proposed) cluster.Proposed {
	t.Helper()
	select {
	case p := <-answer:
		return p
	case <-time.After(patience):
		t.Fatal("a proposal got no answer")
		return cluster.Proposed{}
	}
}

// Put proposes one entry, which must succeed.
func Put(t *testing.T, order cluster.Order, data string) cluster.Proposed {
	t.Helper()
	p := Answer(t, order.Propose([]byte(data)))
	if p.Err != nil {
		t.Fatalf("propose %q: %v", data, p.Err)
	}
	return p
}

func shut(t *testing.T, order cluster.Order) {
	t.Helper()
	if err := order.Close(); err != nil {
		t.Fatalf("close: %v", err)
	}
}

func lines(from, to int) []string {
	var all []string
	for i := from; i <= to; i++ {
		all = append(all, fmt.Sprint("line ", i))
	}
	return all
}

func inOrder(t *testing.T, open Open) {
	machine := NewTally()
	order := Start(t, open, machine)
	var last uint64
	for _, part := range slices.Collect(slices.Chunk(lines(1, 300), 20)) {
		var answers []<-chan cluster.Proposed
		for _, line := range part {
			answers = append(answers, order.Propose([]byte(line)))
		}
		for i, answer := range answers {
			p := Answer(t, answer)
			if want := Result(len(machine.Seen().Lines)-len(part)+i+1, part[i]); p.Err != nil || i == len(part)-1 && p.Result != want {
				t.Fatalf("%q got %v, %v; want %q", part[i], p.Result, p.Err, want)
			}
			if p.Index <= last {
				t.Fatalf("%q stands at %d, not after %d", part[i], p.Index, last)
			}
			if !strings.HasSuffix(p.Result.(string), ":"+part[i]) {
				t.Fatalf("%q got the result of another entry: %v", part[i], p.Result)
			}
			last = p.Index
		}
	}
	if got := machine.Seen().Lines; !slices.Equal(got, lines(1, 300)) {
		t.Fatalf("the machine saw %d lines out of order", len(got))
	}
}

func manyProposers(t *testing.T, open Open) {
	machine := NewTally()
	order := Start(t, open, machine)
	const proposers, each = 16, 40
	failed := make(chan error, proposers)
	for p := range proposers {
		go func() { // the loop below waits for it
			failed <- propose(order, fmt.Sprint("till ", p), each)
		}()
	}
	for range proposers {
		if err := <-failed; err != nil {
			t.Error(err)
		}
	}
	next := map[string]int{}
	for _, line := range machine.Seen().Lines {
		who, number, _ := strings.Cut(line, " sale ")
		if next[who]++; fmt.Sprint(next[who]) != number {
			t.Fatalf("%q came where %s sale %d belongs", line, who, next[who])
		}
	}
	if len(machine.Seen().Lines) != proposers*each {
		t.Fatalf("%d lines, want %d", len(machine.Seen().Lines), proposers*each)
	}
}

func propose(order cluster.Order, who string, count int) error {
	for i := 1; i <= count; i++ {
		line := fmt.Sprintf("%s sale %d", who, i)
		p := <-order.Propose([]byte(line))
		if p.Err != nil {
			return fmt.Errorf("%s: %w", line, p.Err)
		}
		if !strings.HasSuffix(p.Result.(string), ":"+line) {
			return fmt.Errorf("%s got %v", line, p.Result)
		}
	}
	return nil
}

func tooLarge(t *testing.T, open Open) {
	machine := NewTally()
	order := Start(t, open, machine)
	if p := Answer(t, order.Propose(make([]byte, protocol.MaxEntryBytes+1))); !errors.Is(p.Err, cluster.ErrTooLarge) {
		t.Fatalf("got %v", p.Err)
	}
	Put(t, order, strings.Repeat("x", protocol.MaxEntryBytes))
	if len(machine.Seen().Lines) != 1 {
		t.Fatalf("the machine saw %d entries, want the one that fits", len(machine.Seen().Lines))
	}
}

// held is a machine that stands still until it is let go.
func held() (machine *Tally, letGo func()) {
	gate := make(chan struct{})
	machine = NewTally()
	machine.Before = func(cluster.Entry) { <-gate }
	return machine, func() { close(gate) }
}

func busy(t *testing.T, open Open) {
	machine, letGo := held()
	order := Start(t, open, machine)
	var answers []<-chan cluster.Proposed
	for i := range protocol.MaxLogProposals {
		answers = append(answers, order.Propose([]byte(fmt.Sprint(i))))
	}
	if p := Answer(t, order.Propose([]byte("one too many"))); !errors.Is(p.Err, cluster.ErrBusy) {
		t.Errorf("got %v", p.Err)
	}
	letGo()
	for _, answer := range answers {
		if p := Answer(t, answer); p.Err != nil {
			t.Errorf("an entry within the bound got %v", p.Err)
		}
	}
	Put(t, order, "later")
	if slices.Contains(machine.Seen().Lines, "one too many") {
		t.Error("an entry that was refused was applied")
	}
}

func closed(t *testing.T, open Open) {
	machine := NewTally()
	order := Start(t, open, machine)
	Put(t, order, "before")
	shut(t, order)
	if p := Answer(t, order.Propose([]byte("after"))); !errors.Is(p.Err, cluster.ErrNotLeader) {
		t.Errorf("propose: %v", p.Err)
	}
	if err := order.Barrier(patience); !errors.Is(err, cluster.ErrNotLeader) {
		t.Errorf("barrier: %v", err)
	}
	if err := order.Close(); err == nil {
		t.Error("the second close said nothing")
	}
	if got := machine.Seen().Lines; !slices.Equal(got, []string{"before"}) {
		t.Errorf("the machine saw %q", got)
	}
}

func closeAnswers(t *testing.T, open Open) {
	machine := NewTally()
	order := Start(t, open, machine)
	var answers []<-chan cluster.Proposed
	for _, line := range lines(1, 40) {
		answers = append(answers, order.Propose([]byte(line)))
	}
	shut(t, order)
	for i, answer := range answers {
		p := Answer(t, answer)
		if p.Err == nil && machine.Seen().Lines[i] != fmt.Sprint("line ", i+1) {
			t.Errorf("line %d was answered and is not there", i+1)
		}
		if p.Err != nil && !errors.Is(p.Err, cluster.ErrUnknown) {
			t.Errorf("line %d: %v", i+1, p.Err)
		}
	}
}

func closeAmongProposers(t *testing.T, open Open) {
	machine := NewTally()
	order := Start(t, open, machine)
	const proposers = 8
	ended := make(chan error, proposers)
	for p := range proposers {
		go func() { ended <- untilRefused(order, p) }() // the loop below waits for it
	}
	Until(t, "some entries are applied", func() bool { return len(machine.Seen().Lines) > 50 })
	shut(t, order)
	for range proposers {
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}
}

// untilRefused proposes until the log says that it does not lead any more.
func untilRefused(order cluster.Order, who int) error {
	for i := 0; ; i++ {
		select {
		case p := <-order.Propose([]byte(fmt.Sprint(who, " ", i))):
			if errors.Is(p.Err, cluster.ErrNotLeader) {
				return nil
			}
			if p.Err != nil && !errors.Is(p.Err, cluster.ErrUnknown) && !errors.Is(p.Err, cluster.ErrBusy) {
				return fmt.Errorf("proposer %d: %w", who, p.Err)
			}
		case <-time.After(patience):
			return fmt.Errorf("proposer %d: no answer to entry %d", who, i)
		}
	}
}

func replaysAll(t *testing.T, open Open) {
	first := NewTally()
	order := Start(t, open, first)
	for _, line := range lines(1, 50) {
		Put(t, order, line)
	}
	shut(t, order)
	again := NewTally()
	Start(t, open, again)
	same(t, again, first)
	if again.Given() != 50 {
		t.Errorf("%d entries were replayed, want 50", again.Given())
	}
}

func replaysTheRest(t *testing.T, open Open) {
	first := NewTally()
	order := Start(t, open, first)
	for _, line := range lines(1, 50) {
		Put(t, order, line)
	}
	if err := order.Snapshot(); err != nil {
		t.Fatalf("snapshot: %v", err)
	}
	at := first.Seen().Index
	if got := order.Status().SnapshotIndex; got < at {
		t.Errorf("the snapshot stands at %d, want %d", got, at)
	}
	for _, line := range lines(51, 60) {
		Put(t, order, line)
	}
	shut(t, order)
	for round := range 2 { // the second finds what the first wrote after restoring
		again := NewTally()
		order = Start(t, open, again)
		same(t, again, first)
		if again.Given() != 10+round {
			t.Errorf("%d entries were replayed, want %d", again.Given(), 10+round)
		}
		first = again
		Put(t, order, fmt.Sprint("after restart ", round))
		shut(t, order)
	}
}

func same(t *testing.T, got, want *Tally) {
	t.Helper()
	if got.Seen().Index != want.Seen().Index || !slices.Equal(got.Seen().Lines, want.Seen().Lines) {
		t.Fatalf("after restart %d lines at entry %d, before it %d at %d", len(got.Seen().Lines), got.Seen().Index, len(want.Seen().Lines), want.Seen().Index)
	}
}

func nothingNew(t *testing.T, open Open) {
	order := Start(t, open, NewTally())
	Put(t, order, "one")
	for range 2 {
		if err := order.Snapshot(); err != nil {
			t.Fatalf("snapshot: %v", err)
		}
	}
	Put(t, order, "two")
}

func barrier(t *testing.T, open Open) {
	machine, letGo := held()
	order := Start(t, open, machine)
	answer := order.Propose([]byte("slow"))
	if err := order.Barrier(20 * time.Millisecond); !errors.Is(err, cluster.ErrUnknown) {
		t.Errorf("a barrier passed before the entry below it was applied: %v", err)
	}
	letGo()
	if err := order.Barrier(patience); err != nil {
		t.Fatalf("barrier: %v", err)
	}
	if len(machine.Seen().Lines) != 1 {
		t.Error("the barrier passed, and the entry below it is not applied")
	}
	Answer(t, answer)
}

func tells(t *testing.T, open Open) {
	order := Start(t, open, NewTally())
	select {
	case leads := <-order.Leadership():
		if !leads {
			t.Error("it was told that this node does not lead")
		}
	case <-time.After(patience):
		t.Error("nobody was told that this node leads")
	}
	p := Put(t, order, "one")
	status := order.Status()
	if id, self := order.Leader(); !self || id != status.ID || !status.Leads || status.LeaderID != id || status.Role != "leader" {
		t.Errorf("leader is %q (self %v), status %+v", id, self, status)
	}
	if status.AppliedIndex != p.Index || status.CommitIndex < p.Index || status.LastIndex < p.Index || status.Term == 0 {
		t.Errorf("after entry %d the status is %+v", p.Index, status)
	}
	if len(status.Members) != 1 || !status.Members[0].Votes {
		t.Errorf("members are %+v", status.Members)
	}
}
