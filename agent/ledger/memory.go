package ledger

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/shelfsync/shelfsync/protocol"
	"github.com/shelfsync/shelfsync/protocol/stock"
)

// Memory is the ledger port without a disk, for tests and simulators. A
// program that closes it and starts again finds it as it was.
type Memory struct {
	installation string
	base         protocol.HubPosition
	epochs       []EpochHead
	log          []Record // in the order they were written
	first        []int    // where each epoch begins in it
	keys         map[string]int
	again        map[int]int // index in log -> of what was written again for it; -1: the hub has it
	items        map[string]stock.Item
	levels       map[string]stock.StoreLevel
	claims       map[[2]string]stock.StoreClaim
	tasks        map[uint32]stock.StoreTask
	transfers    map[string][]stock.StoreTransfer
	outcomes     map[Place][]stock.Outcome
	policy       stock.StorePolicy
	notices      []Notice
	held         []held // how far the hub held it, a day apart
	heard        int64
	failed       error
}

// NewMemory is an empty ledger of an installation, in its first epoch.
func NewMemory(installation, epoch string) *Memory {
	return &Memory{installation: installation, epochs: []EpochHead{{Name: epoch}}, first: []int{0}, keys: map[string]int{}, again: map[int]int{}, items: map[string]stock.Item{},
		levels: map[string]stock.StoreLevel{}, claims: map[[2]string]stock.StoreClaim{}, tasks: map[uint32]stock.StoreTask{}, transfers: map[string][]stock.StoreTransfer{}, outcomes: map[Place][]stock.Outcome{}}
}

func (m *Memory) present() *EpochHead { return &m.epochs[len(m.epochs)-1] }

// Head is where the ledger stands.
func (m *Memory) Head() Head {
	e := m.present()
	return Head{Installation: m.installation, Epoch: e.Name, Position: e.Position, Through: e.Through, Base: m.base}
}

// Epochs are all histories of this ledger, oldest first.
func (m *Memory) Epochs() []EpochHead { return slices.Clone(m.epochs) }

// Append keeps all entries.
func (m *Memory) Append(entries []Entry) ([]Record, error) {
	seen := map[string]bool{}
	for i := range entries {
		if _, used := m.keys[entries[i].Key]; m.failed == nil && entries[i].Key != "" && (used || seen[entries[i].Key]) {
			m.failed = fmt.Errorf("operation %d: %w", m.present().Position.Sequence+uint64(i)+1, errKeyTwice)
		}
		seen[entries[i].Key] = true
	}
	if m.failed != nil {
		return nil, m.failed
	}
	records := make([]Record, len(entries))
	for i, e := range entries {
		records[i] = m.write(e)
	}
	return records, nil
}

func (m *Memory) numberOf(epoch string) int {
	return slices.IndexFunc(m.epochs, func(e EpochHead) bool { return e.Name == epoch })
}

// record is one as it stands now; pruned reports that only its key finds it.
func (m *Memory) record(i int) (r Record, pruned bool) {
	r = m.log[i]
	e := &m.epochs[m.numberOf(r.Epoch)]
	r.Settled, pruned = e.settled(r.Sequence), r.Sequence <= e.Pruned
	again, written := m.again[i]
	if written && again >= 0 {
		r.Again = Place{m.log[again].Epoch, m.log[again].Sequence}
	}
	r.Settled = r.Settled || written && again < 0
	r.Quarantined = e != m.present() && !e.Tail && !r.Settled && !written
	if pruned {
		r.Bytes = nil
	}
	return r, pruned
}

// ByKey finds the operation that a key recorded.
func (m *Memory) ByKey(key string) (Record, bool, error) {
	i, ok := m.keys[key]
	if !ok || m.failed != nil {
		return Record{}, false, m.failed
	}
	r, _ := m.record(i)
	return r, true, nil
}

// BySequence finds one operation.
func (m *Memory) BySequence(epoch string, sequence uint64) (Record, bool, error) {
	n := m.numberOf(epoch)
	if m.failed != nil || n < 0 || sequence == 0 || sequence > m.epochs[n].Position.Sequence {
		return Record{}, false, m.failed
	}
	r, pruned := m.record(m.first[n] + int(sequence) - 1)
	if pruned {
		return Record{}, false, nil
	}
	return r, true, nil
}

// List returns operations older than before, newest first.
func (m *Memory) List(before Cursor, limit int) (records []Record, next Cursor, err error) {
	at := len(m.log)
	if before > 0 {
		at = int(before) - 1
	}
	for ; m.failed == nil && at > 0 && len(records) < limit; at-- {
		if r, pruned := m.record(at - 1); !pruned && r.Again == (Place{}) {
			records, next = append(records, r), Cursor(at)
		}
	}
	return records, next, m.failed
}

// ReferredBy lists the operations that refer to an operation id.
func (m *Memory) ReferredBy(target string) (places []Place, err error) {
	for i := range m.log {
		if m.failed == nil && slices.Contains(m.log[i].Refers, target) {
			places = append(places, Place{m.log[i].Epoch, m.log[i].Sequence})
		}
	}
	return places, m.failed
}

// Read returns operations of the present epoch after a position.
func (m *Memory) Read(after protocol.Position, maxOperations, maxBytes int) (operations [][]byte, end protocol.Position, err error) {
	return m.ReadEpoch(m.present().Name, after, maxOperations, maxBytes)
}

// ReadEpoch returns operations of any epoch after a position.
func (m *Memory) ReadEpoch(epoch string, after protocol.Position, maxOperations, maxBytes int) (operations [][]byte, end protocol.Position, err error) {
	if m.failed != nil {
		return nil, after, m.failed
	}
	n := m.numberOf(epoch)
	if n < 0 || !m.holdsAt(n, after) || after.Sequence < m.epochs[n].Pruned {
		return nil, after, fmt.Errorf("operation %d: %w", after.Sequence, ErrForked)
	}
	end = after
	bytes := 0
	for _, r := range m.log[m.first[n]+int(after.Sequence) : m.first[n]+int(m.epochs[n].Position.Sequence)] {
		if bytes += len(r.Bytes); len(operations) == maxOperations || bytes > maxBytes && len(operations) > 0 {
			break
		}
		operations, end = append(operations, r.Bytes), protocol.Position{Sequence: r.Sequence, Chain: r.Chain}
	}
	return operations, end, nil
}

// chain is the chain at an operation of the present epoch.
func (m *Memory) chain(sequence uint64) [32]byte {
	return m.log[m.first[len(m.first)-1]+int(sequence)-1].Chain
}

func (m *Memory) holds(at protocol.Position) bool { return m.holdsAt(len(m.epochs)-1, at) }

func (m *Memory) holdsAt(n int, at protocol.Position) bool {
	if at.Sequence == 0 || at.Sequence > m.epochs[n].Position.Sequence {
		return at == protocol.Position{}
	}
	return m.log[m.first[n]+int(at.Sequence)-1].Chain == at.Chain
}

// Keep stores one round.
func (m *Memory) Keep(k Kept) error {
	if m.failed != nil {
		return m.failed
	}
	if !m.holds(k.Through) {
		return fmt.Errorf("keep round at %d: operation %d: %w", k.Base.Index, k.Through.Sequence, ErrForked)
	}
	if pruned := m.present().Pruned; k.Through.Sequence < pruned {
		k.Through = protocol.Position{Sequence: pruned, Chain: m.chain(pruned)}
	}
	if k.Rebase {
		m.levels, m.outcomes = map[string]stock.StoreLevel{}, map[Place][]stock.Outcome{}
	}
	if k.Rebase || k.Restart {
		m.claims = map[[2]string]stock.StoreClaim{}
	}
	if k.Rebase || k.Renew {
		m.tasks, m.transfers = map[uint32]stock.StoreTask{}, map[string][]stock.StoreTransfer{}
	}
	if k.Policy.Version > 0 {
		m.policy = k.Policy
	}
	for _, line := range k.Transfers {
		delete(m.transfers, line.ID)
	}
	for _, line := range k.Transfers {
		m.transfers[line.ID] = append(m.transfers[line.ID], line)
	}
	for _, task := range k.Tasks {
		m.tasks[task.ID] = task
	}
	for _, item := range k.Items {
		m.items[item.Code] = item
	}
	for _, level := range k.Levels {
		m.levels[level.Item] = level
	}
	for _, c := range k.Claims {
		if c.Gone || !c.State.Open() {
			delete(m.claims, [2]string{c.Reservation, c.Line})
		} else {
			m.claims[[2]string{c.Reservation, c.Line}] = c
		}
	}
	for _, o := range k.Outcomes {
		m.addOutcome(o)
	}
	m.base, m.present().Through = k.Base, k.Through
	m.note(&k)
	return nil
}

func (m *Memory) addOutcome(o stock.Outcome) {
	place := Place{o.Epoch, o.Sequence}
	list := slices.DeleteFunc(m.outcomes[place], func(known stock.Outcome) bool { return known.Line == o.Line })
	list = append(list, o)
	slices.SortFunc(list, func(a, b stock.Outcome) int { return cmp.Compare(a.Line, b.Line) })
	m.outcomes[place] = list
}

// Load visits the kept values.
func (m *Memory) Load(v Visitor) error {
	if m.failed != nil {
		return m.failed
	}
	visit(m.items, v.Item, cmp.Compare[string])
	visit(m.levels, v.Level, cmp.Compare[string])
	visit(m.claims, v.Claim, func(a, b [2]string) int { return slices.Compare(a[:], b[:]) })
	visit(m.tasks, v.Task, cmp.Compare[uint32])
	if v.Policy != nil && m.policy.Version > 0 {
		v.Policy(m.policy)
	}
	visit(m.transfers, func(lines []stock.StoreTransfer) {
		for _, line := range lines {
			if v.Transfer != nil {
				v.Transfer(line)
			}
		}
	}, cmp.Compare[string])
	return nil
}

// visit walks a map in the order of its keys, so that a simulation repeats.
func visit[K comparable, V any](kept map[K]V, f func(V), compare func(a, b K) int) {
	if f == nil {
		return
	}
	for _, key := range slices.SortedFunc(maps.Keys(kept), compare) {
		f(kept[key])
	}
}

// Outcomes are what the hub said of one operation.
func (m *Memory) Outcomes(epoch string, sequence uint64) ([]stock.Outcome, error) {
	return slices.Clone(m.outcomes[Place{epoch, sequence}]), m.failed
}

// Backup has no file to make it of.
func (m *Memory) Backup() (*Copying, error) { return nil, errors.Join(m.failed, errNoFile) }

// Mark has no file to write.
func (m *Memory) Mark() func() error { return nil }

// note remembers how far the hub holds the ledger.
func (m *Memory) note(k *Kept) {
	if k.Rebase {
		m.held = nil
	}
	last := int64(0)
	if n := len(m.held); n > 0 {
		last = m.held[n-1].now
	}
	if notes(last, k.Now) {
		m.held = append(slices.Clip(m.held), held{k.Now, int64(len(m.epochs)), k.Through.Sequence})
	}
	m.heard = max(k.Now, 0)
}

// Prune takes the bytes of old operations that the hub holds.
func (m *Memory) Prune(before int64) (pruned int, err error) {
	past := held{m.heard, int64(len(m.epochs)), m.present().Through.Sequence}
	if past.now >= before {
		past = held{}
		for _, h := range m.held {
			if h.now < before {
				past = h
			}
		}
	}
	for n := range m.epochs {
		e := &m.epochs[n]
		for m.failed == nil && pruned < protocol.MaxPruned && e.Pruned < past.upTo(int64(n)+1, e) {
			e.Pruned++
			pruned++
		}
	}
	return pruned, m.failed
}

// Close lets the next program begin anew.
func (m *Memory) Close() error {
	m.failed, m.heard = nil, 0
	return nil
}
