package ledger

import (
	"database/sql/driver"
	"fmt"
	"slices"

	"github.com/shelfsync/shelfsync/protocol"
	"github.com/shelfsync/shelfsync/protocol/stock"
)

// entryColumns are what entryOf takes.
const entryColumns = "kind, receipt, till, at_ms, key, fingerprint, answer"

// columns of a whole operation; the chain before it proves its bytes.
const columns = "SELECT id, bytes, chain, sum, " +
	"(SELECT chain FROM operation AS before WHERE before.id = operation.id - 1), " +
	"(SELECT coalesce(id, 0) FROM again WHERE old = operation.id), " + entryColumns + " FROM operation "

// records runs a query over whole operations.
func (l *SQLite) records(where string, values ...driver.Value) (records []Record, err error) {
	err = l.query(func(row []driver.Value) error {
		r, err := l.record(row)
		records = append(records, r)
		return err
	}, columns+where, values...)
	return records, err
}

func (l *SQLite) record(row []driver.Value) (Record, error) {
	number, sequence := row[0].(int64)>>sequenceBits, sequenceOf(row[0].(int64))
	if number < 1 || number > l.number() {
		return Record{}, fmt.Errorf("operation %d of an unknown epoch: %w", sequence, ErrDamaged)
	}
	e := &l.epochs[number-1]
	r := Record{Epoch: e.Name, Sequence: sequence, Settled: e.settled(sequence), Entry: entryOf(row[6:])}
	r.Bytes = clone(row[1])
	r.Chain = position(nil, row[2]).Chain
	again, written := row[5].(int64)
	if again > 0 {
		r.Again = Place{l.epochs[again>>sequenceBits-1].Name, sequenceOf(again)}
	}
	r.Settled = r.Settled || written && again == 0
	r.Quarantined = number < l.number() && !e.Tail && !r.Settled && !written
	before := position(nil, row[4])
	if sequence > e.Pruned && protocol.NextChain(before.Chain, r.Bytes) != r.Chain {
		return Record{}, fmt.Errorf("operation %d of epoch %s: %w", sequence, e.Name, ErrDamaged)
	}
	return r, summed(row[3], &r.Entry, r.Chain, sequence)
}

// entryOf is an operation's row but for its bytes.
func entryOf(row []driver.Value) (e Entry) {
	e = Entry{Kind: row[0].(string), Receipt: row[1].(string), Till: row[2].(string), At: row[3].(int64), Answer: clone(row[6])}
	e.Key, _ = row[4].(string)
	fingerprint, _ := row[5].([]byte)
	copy(e.Fingerprint[:], fingerprint)
	return e
}

func clone(v driver.Value) []byte {
	b, _ := v.([]byte)
	return append([]byte(nil), b...)
}

func (l *SQLite) one(where string, values ...driver.Value) (Record, bool, error) {
	records, err := l.records(where, values...)
	if err != nil || len(records) == 0 {
		return Record{}, false, err
	}
	return records[0], true, nil
}

// ByKey finds the operation that a key recorded.
func (l *SQLite) ByKey(key string) (Record, bool, error) {
	return l.one("WHERE key = ?1", key)
}

// BySequence finds one operation.
func (l *SQLite) BySequence(epoch string, sequence uint64) (Record, bool, error) {
	i := l.numberOf(epoch) - 1
	if i < 0 || sequence <= l.epochs[i].Pruned || sequence > l.epochs[i].Position.Sequence {
		return Record{}, false, l.failed
	}
	r, ok, err := l.one("WHERE id = ?1", idOf(i+1, sequence))
	if err == nil && !ok {
		l.failed = fmt.Errorf("operation %d of epoch %s is missing: %w", sequence, epoch, ErrDamaged)
	}
	return r, ok, l.failed
}

// numberOf is an epoch's number, 0 if there is none of the name.
func (l *SQLite) numberOf(epoch string) int64 {
	return 1 + int64(slices.IndexFunc(l.epochs, func(e EpochHead) bool { return e.Name == epoch }))
}

// List returns operations older than before, newest first, and where the next
// page begins.
func (l *SQLite) List(before Cursor, limit int) (records []Record, next Cursor, err error) {
	end := int64(before)
	if before == 0 {
		end = idOf(l.number()+1, 0)
	}
	err = l.query(func(row []driver.Value) error {
		r, err := l.record(row)
		records, next = append(records, r), Cursor(row[0].(int64))
		return err
	}, columns+"WHERE id < ?1 AND id > ?2 AND bytes <> x'' AND id NOT IN (SELECT old FROM again WHERE id IS NOT NULL) ORDER BY id DESC LIMIT ?3", end, idOf(1, l.epochs[0].Pruned), int64(limit))
	if err != nil {
		return nil, 0, err
	}
	return records, next, nil
}

// ReferredBy lists the operations that refer to an operation id.
func (l *SQLite) ReferredBy(target string) (places []Place, err error) {
	err = l.query(func(row []driver.Value) error {
		id := row[0].(int64)
		places = append(places, Place{l.epochs[id>>sequenceBits-1].Name, sequenceOf(id)})
		return nil
	}, "SELECT id FROM refer WHERE target = ?1 ORDER BY id", target)
	return places, err
}

// Read returns operations of the present epoch after a position.
func (l *SQLite) Read(after protocol.Position, maxOperations, maxBytes int) (operations [][]byte, end protocol.Position, err error) {
	return l.ReadEpoch(l.present().Name, after, maxOperations, maxBytes)
}

// ReadEpoch returns operations after a position and proves the chain as it goes.
func (l *SQLite) ReadEpoch(epoch string, after protocol.Position, maxOperations, maxBytes int) (operations [][]byte, end protocol.Position, err error) {
	number := l.numberOf(epoch)
	held := number > 0
	if held {
		if held, err = l.holds(number, after); err != nil {
			return nil, after, err
		}
	}
	if !held || after.Sequence < l.epochs[number-1].Pruned {
		return nil, after, fmt.Errorf("operation %d: %w", after.Sequence, ErrForked)
	}
	end = after
	bytes := 0
	first := idOf(number, after.Sequence)
	err = l.query(func(row []driver.Value) error {
		b := clone(row[1])
		if bytes += len(b); bytes > maxBytes && len(operations) > 0 {
			return nil
		}
		next := protocol.Position{Sequence: end.Sequence + 1, Chain: protocol.NextChain(end.Chain, b)}
		if position(int64(sequenceOf(row[0].(int64))), row[2]) != next {
			return fmt.Errorf("operation %d: %w", next.Sequence, ErrDamaged)
		}
		operations, end = append(operations, b), next
		return nil
	}, "SELECT id, bytes, chain FROM operation WHERE id > ?1 AND id <= ?2 ORDER BY id", first, first+int64(maxOperations))
	if err != nil {
		return nil, after, err
	}
	return operations, end, nil
}

// holds reports whether a position is of an epoch's history.
func (l *SQLite) holds(number int64, at protocol.Position) (bool, error) {
	if at.Sequence == 0 || at.Sequence > l.epochs[number-1].Position.Sequence {
		return at == protocol.Position{}, l.failed
	}
	chain, ok, err := l.chain(number, at.Sequence)
	return ok && chain == at.Chain, err
}

// Chain is the chain of an epoch at an operation.
func (l *SQLite) Chain(epoch string, sequence uint64) ([32]byte, bool, error) {
	return l.chain(l.numberOf(epoch), sequence)
}

func (l *SQLite) chain(number int64, sequence uint64) (chain [32]byte, ok bool, err error) {
	err = l.query(func(row []driver.Value) error { chain, ok = position(nil, row[0]).Chain, true; return nil },
		"SELECT chain FROM operation WHERE id = ?1", idOf(number, sequence))
	return chain, ok, err
}

// Outcomes are what the hub said of one operation.
func (l *SQLite) Outcomes(epoch string, sequence uint64) (outcomes []stock.Outcome, err error) {
	err = l.query(func(row []driver.Value) error {
		outcomes = append(outcomes, stock.Outcome{Epoch: epoch, Sequence: sequence, Line: int(row[0].(int64)), Code: stock.OutcomeCode(row[1].(int64)),
			Text: row[2].(string), Index: uint64(row[3].(int64))})
		return nil
	}, "SELECT line, code, text, position FROM outcome WHERE epoch = ?1 AND sequence = ?2 ORDER BY line", epoch, int64(sequence))
	return outcomes, err
}
