package ledger

import (
	"fmt"

	"github.com/shelfsync/shelfsync/protocol"
	"github.com/shelfsync/shelfsync/protocol/stock"
)

// Memory is the ledger port without a disk, for tests and simulators. A
// program that restarts finds it as it was.
type Memory struct {
	head     Head
	epochs   []string
	log      []Record // in the order they were written
	keys     map[string]int
	items    map[string]stock.Item
	levels   map[string]stock.StoreLevel
	claims   map[[2]string]stock.StoreClaim
	outcomes map[Place][]stock.Outcome
}

// NewMemory is an empty ledger of an installation, in its first epoch.
func NewMemory(installation, epoch string) *Memory {
	return &Memory{head: Head{Installation: installation, Epoch: epoch}, epochs: []string{epoch}, keys: map[string]int{}, items: map[string]stock.Item{},
		levels: map[string]stock.StoreLevel{}, claims: map[[2]string]stock.StoreClaim{}, outcomes: map[Place][]stock.Outcome{}}
}

// Head is where the ledger stands.
func (m *Memory) Head() Head { return m.head }

// Append keeps all entries.
func (m *Memory) Append(entries []Entry) ([]Record, error) {
	seen := map[string]bool{}
	for i := range entries {
		if _, used := m.keys[entries[i].Key]; entries[i].Key != "" && (used || seen[entries[i].Key]) {
			return nil, fmt.Errorf("operation %d: %w", m.head.Position.Sequence+uint64(i)+1, errKeyTwice)
		}
		seen[entries[i].Key] = true
	}
	records := make([]Record, len(entries))
	for i, e := range entries {
		at := &m.head.Position
		*at = protocol.Position{Sequence: at.Sequence + 1, Chain: protocol.NextChain(at.Chain, e.Bytes)}
		records[i] = Record{Entry: e, Epoch: m.head.Epoch, Sequence: at.Sequence, Chain: at.Chain}
		if e.Key != "" {
			m.keys[e.Key] = len(m.log)
		}
		m.log = append(m.log, records[i])
	}
	return records, nil
}

// settled marks a record by the watermark as it stands now.
func (m *Memory) settled(r Record) Record {
	r.Settled = r.Epoch == m.head.Epoch && r.Sequence <= m.head.Through.Sequence
	return r
}

// ByKey finds the operation that a key recorded.
func (m *Memory) ByKey(key string) (Record, bool, error) {
	i, ok := m.keys[key]
	if !ok {
		return Record{}, false, nil
	}
	return m.settled(m.log[i]), true, nil
}

// BySequence finds one operation.
func (m *Memory) BySequence(epoch string, sequence uint64) (Record, bool, error) {
	for i := range m.log {
		if m.log[i].Epoch == epoch && m.log[i].Sequence == sequence {
			return m.settled(m.log[i]), true, nil
		}
	}
	return Record{}, false, nil
}

// List returns operations older than before, newest first.
func (m *Memory) List(before Cursor, limit int) (records []Record, next Cursor, err error) {
	at := len(m.log)
	if before > 0 {
		at = int(before) - 1
	}
	for ; at > 0 && len(records) < limit; at-- {
		records = append(records, m.settled(m.log[at-1]))
		next = Cursor(at)
	}
	return records, next, nil
}

// ReferredBy lists the operations that refer to an operation id.
func (m *Memory) ReferredBy(target string) (places []Place, err error) {
	for i := range m.log {
		for _, id := range m.log[i].Refers {
			if id == target {
				places = append(places, Place{m.log[i].Epoch, m.log[i].Sequence})
			}
		}
	}
	return places, nil
}

// Read returns operations of the present epoch after a position.
func (m *Memory) Read(after protocol.Position, maxOperations, maxBytes int) (operations [][]byte, end protocol.Position, err error) {
	end = after
	if after != (protocol.Position{}) {
		record, ok, _ := m.BySequence(m.head.Epoch, after.Sequence)
		if !ok || record.Chain != after.Chain {
			return nil, after, fmt.Errorf("operation %d: %w", after.Sequence, ErrForked)
		}
	}
	bytes := 0
	for i := range m.log {
		r := &m.log[i]
		if r.Epoch != m.head.Epoch || r.Sequence <= after.Sequence {
			continue
		}
		if bytes += len(r.Bytes); len(operations) == maxOperations || bytes > maxBytes && len(operations) > 0 {
			break
		}
		operations, end = append(operations, r.Bytes), protocol.Position{Sequence: r.Sequence, Chain: r.Chain}
	}
	return operations, end, nil
}

// Keep stores one round.
func (m *Memory) Keep(k Kept) error {
	if k.Rebase {
		m.levels, m.outcomes = map[string]stock.StoreLevel{}, map[Place][]stock.Outcome{}
	}
	if k.Rebase || k.Restart {
		m.claims = map[[2]string]stock.StoreClaim{}
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
	m.head.Base, m.head.Through = k.Base, k.Through
	return nil
}

func (m *Memory) addOutcome(o stock.Outcome) {
	place := Place{o.Epoch, o.Sequence}
	for i, known := range m.outcomes[place] {
		if known.Line == o.Line {
			m.outcomes[place][i] = o
			return
		}
	}
	m.outcomes[place] = append(m.outcomes[place], o)
}

// Load gives the kept values.
func (m *Memory) Load(v Visitor) error {
	for _, item := range m.items {
		if v.Item != nil {
			v.Item(item)
		}
	}
	for _, level := range m.levels {
		if v.Level != nil {
			v.Level(level)
		}
	}
	for _, claim := range m.claims {
		if v.Claim != nil {
			v.Claim(claim)
		}
	}
	return nil
}

// Outcomes are what the hub said of one operation.
func (m *Memory) Outcomes(epoch string, sequence uint64) ([]stock.Outcome, error) {
	return m.outcomes[Place{epoch, sequence}], nil
}

// NewEpoch lets later operations begin a new history.
func (m *Memory) NewEpoch(name string) error {
	m.epochs = append(m.epochs, name)
	m.head.Epoch, m.head.Position, m.head.Through = name, protocol.Position{}, protocol.Position{}
	return nil
}

// Close does nothing: there is nothing to let go of.
func (m *Memory) Close() error { return nil }
