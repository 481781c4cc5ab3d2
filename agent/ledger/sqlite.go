package ledger

import (
	"crypto/rand"
	"database/sql/driver"
	"encoding/base32"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/shelfsync/shelfsync/protocol"
	"github.com/shelfsync/shelfsync/protocol/stock"
)

// sequenceBits is how much of an operation's id is its sequence; the rest is the
// number of its epoch.
const sequenceBits = 44

// SQLite is the ledger on a store's disk.
type SQLite struct {
	*database
	head   Head
	epoch  int64 // number of the present epoch
	epochs map[int64]string
	random io.Reader
}

// Open opens the ledger of a folder, or makes a new one with a new installation
// and epoch. random is the source of both names.
func Open(dir string, random io.Reader) (*SQLite, error) {
	if random == nil {
		random = rand.Reader
	}
	l := &SQLite{random: random, epochs: map[int64]string{}}
	d, err := openDatabase(dir, l.found)
	if err != nil {
		return nil, err
	}
	l.database = d
	if err := l.readHead(); err != nil {
		return nil, fmt.Errorf("open ledger: %w", joinClose(err, d))
	}
	return l, nil
}

func joinClose(err error, d *database) error {
	_ = d.Close()
	return err
}

// found fills a new ledger.
func (l *SQLite) found(d *database) error {
	installation, err := l.name(16)
	if err != nil {
		return err
	}
	epoch, err := l.name(5)
	if err != nil {
		return err
	}
	if err := d.exec("INSERT INTO about (name, value) VALUES ('installation', ?1), ('incarnation', '0'), ('base', '0')", installation); err != nil {
		return err
	}
	return d.exec("INSERT INTO epoch (number, name) VALUES (1, ?1)", epoch)
}

// name is random, short and safe in an operation's id: no dots, no look-alikes.
func (l *SQLite) name(bytes int) (string, error) {
	b := make([]byte, bytes)
	if _, err := io.ReadFull(l.random, b); err != nil {
		return "", fmt.Errorf("draw a name: %w", err)
	}
	return strings.ToLower(base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(b)), nil
}

// readHead derives the head from the rows and proves the tail of the chain.
func (l *SQLite) readHead() error {
	err := l.query(func(row []driver.Value) error {
		l.epochs[row[0].(int64)] = row[1].(string)
		l.epoch, l.head.Epoch = row[0].(int64), row[1].(string)
		l.head.Through = position(row[2], row[3])
		return nil
	}, "SELECT number, name, through, chain FROM epoch ORDER BY number")
	if err != nil {
		return err
	}
	if l.head.Installation, err = l.text("SELECT value FROM about WHERE name = 'installation'"); err != nil {
		return err
	}
	if l.head.Base.Incarnation, err = l.about("incarnation"); err != nil {
		return err
	}
	if l.head.Base.Index, err = l.about("base"); err != nil {
		return err
	}
	last, err := l.number("SELECT max(id) FROM operation WHERE id > ?1 AND id < ?2", l.epoch<<sequenceBits, (l.epoch+1)<<sequenceBits)
	if err != nil || last == 0 {
		return err
	}
	return l.proveTail(uint64(last - l.epoch<<sequenceBits))
}

// tailProved is how many operations at the end are checked at open.
const tailProved = 1000

func (l *SQLite) proveTail(last uint64) error {
	after := protocol.Position{}
	if last > tailProved {
		record, ok, err := l.BySequence(l.head.Epoch, last-tailProved)
		if err != nil || !ok {
			return fmt.Errorf("operation %d: %w", last-tailProved, ErrDamaged)
		}
		after = protocol.Position{Sequence: record.Sequence, Chain: record.Chain}
	}
	l.head.Position = protocol.Position{Sequence: last}
	for after.Sequence < last {
		_, end, err := l.Read(after, tailProved, tailProved*protocol.MaxOperationBytes)
		if err != nil {
			return err
		}
		if end.Sequence == after.Sequence {
			return fmt.Errorf("operation %d: %w", after.Sequence+1, ErrDamaged)
		}
		after = end
	}
	l.head.Position = after
	return nil
}

func (l *SQLite) about(name string) (uint64, error) {
	text, err := l.text("SELECT value FROM about WHERE name = ?1", name)
	if err != nil {
		return 0, err
	}
	return strconv.ParseUint(text, 10, 64)
}

func position(sequence, chain driver.Value) (p protocol.Position) {
	n, _ := sequence.(int64)
	p.Sequence = uint64(n)
	b, _ := chain.([]byte)
	copy(p.Chain[:], b)
	return p
}

// Head is where the ledger stands.
func (l *SQLite) Head() Head { return l.head }

// Append writes all entries in one durable commit.
func (l *SQLite) Append(entries []Entry) ([]Record, error) {
	records := make([]Record, len(entries))
	at := l.head.Position
	err := l.transaction(func() error {
		for i := range entries {
			e := &entries[i]
			at = protocol.Position{Sequence: at.Sequence + 1, Chain: protocol.NextChain(at.Chain, e.Bytes)}
			records[i] = Record{Entry: *e, Epoch: l.head.Epoch, Sequence: at.Sequence, Chain: at.Chain}
			if err := l.insert(e, at); err != nil {
				return fmt.Errorf("operation %d: %w", at.Sequence, err)
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	l.head.Position = at
	return records, nil
}

func (l *SQLite) insert(e *Entry, at protocol.Position) error {
	id := l.epoch<<sequenceBits | int64(at.Sequence)
	var key driver.Value
	if e.Key != "" {
		key = e.Key
	}
	err := l.exec("INSERT INTO operation (id, kind, receipt, till, at_ms, key, fingerprint, answer, bytes, chain) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
		id, e.Kind, e.Receipt, e.Till, e.At, key, e.Fingerprint[:], blob(e.Answer), e.Bytes, at.Chain[:])
	for _, target := range e.Refers {
		if err == nil {
			err = l.exec("INSERT OR IGNORE INTO refer (target, id) VALUES (?1, ?2)", target, id)
		}
	}
	return err
}

// blob is never NULL: the driver writes a nil slice as one.
func blob(b []byte) []byte {
	if b == nil {
		return []byte{}
	}
	return b
}

const columns = "SELECT id, kind, receipt, till, at_ms, key, fingerprint, answer, bytes, chain FROM operation "

// records runs a query over whole operations.
func (l *SQLite) records(where string, values ...driver.Value) (records []Record, err error) {
	err = l.query(func(row []driver.Value) error {
		id := row[0].(int64)
		r := Record{Epoch: l.epochs[id>>sequenceBits], Sequence: uint64(id & (1<<sequenceBits - 1)), Entry: Entry{Kind: row[1].(string), Receipt: row[2].(string),
			Till: row[3].(string), At: row[4].(int64), Answer: clone(row[7]), Bytes: clone(row[8])}}
		r.Key, _ = row[5].(string)
		copy(r.Fingerprint[:], row[6].([]byte))
		copy(r.Chain[:], row[9].([]byte))
		r.Settled = id>>sequenceBits == l.epoch && r.Sequence <= l.head.Through.Sequence
		records = append(records, r)
		return nil
	}, columns+where, values...)
	return records, err
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
	number, ok := l.numberOf(epoch)
	if !ok {
		return Record{}, false, nil
	}
	return l.one("WHERE id = ?1", number<<sequenceBits|int64(sequence))
}

func (l *SQLite) numberOf(epoch string) (int64, bool) {
	for number, name := range l.epochs {
		if name == epoch {
			return number, true
		}
	}
	return 0, false
}

// List returns operations older than before, newest first, and where the next
// page begins.
func (l *SQLite) List(before Cursor, limit int) ([]Record, Cursor, error) {
	end := int64(before)
	if before == 0 {
		end = (l.epoch + 1) << sequenceBits
	}
	records, err := l.records("WHERE id < ?1 ORDER BY id DESC LIMIT ?2", end, int64(limit))
	if err != nil || len(records) == 0 {
		return nil, 0, err
	}
	last := records[len(records)-1]
	number, _ := l.numberOf(last.Epoch)
	return records, Cursor(number<<sequenceBits | int64(last.Sequence)), nil
}

// ReferredBy lists the operations that refer to an operation id.
func (l *SQLite) ReferredBy(target string) (places []Place, err error) {
	err = l.query(func(row []driver.Value) error {
		id := row[0].(int64)
		places = append(places, Place{l.epochs[id>>sequenceBits], uint64(id & (1<<sequenceBits - 1))})
		return nil
	}, "SELECT id FROM refer WHERE target = ?1 ORDER BY id", target)
	return places, err
}

// Read returns operations after a position and proves the chain as it goes.
func (l *SQLite) Read(after protocol.Position, maxOperations, maxBytes int) (operations [][]byte, end protocol.Position, err error) {
	if err := l.standsAt(after); err != nil {
		return nil, after, err
	}
	end = after
	bytes := 0
	first := l.epoch<<sequenceBits | int64(after.Sequence)
	err = l.query(func(row []driver.Value) error {
		b := clone(row[1])
		if bytes += len(b); bytes > maxBytes && len(operations) > 0 {
			return nil
		}
		next := protocol.Position{Sequence: end.Sequence + 1, Chain: protocol.NextChain(end.Chain, b)}
		if position(row[0].(int64)-l.epoch<<sequenceBits, row[2]) != next {
			return fmt.Errorf("operation %d: %w", next.Sequence, ErrDamaged)
		}
		operations, end = append(operations, b), next
		return nil
	}, "SELECT id, bytes, chain FROM operation WHERE id > ?1 AND id <= ?2 ORDER BY id", first, first+int64(maxOperations))
	return operations, end, err
}

// standsAt checks that a position is of this ledger's history.
func (l *SQLite) standsAt(at protocol.Position) error {
	if at == (protocol.Position{}) {
		return nil
	}
	var have protocol.Position
	err := l.query(func(row []driver.Value) error { have = position(int64(at.Sequence), row[0]); return nil },
		"SELECT chain FROM operation WHERE id = ?1", l.epoch<<sequenceBits|int64(at.Sequence))
	if err == nil && have != at {
		err = fmt.Errorf("operation %d: %w", at.Sequence, ErrForked)
	}
	return err
}

// NewEpoch lets later operations begin a new history.
func (l *SQLite) NewEpoch(name string) error {
	err := l.transaction(func() error {
		return l.exec("INSERT INTO epoch (number, name) VALUES (?1, ?2)", l.epoch+1, name)
	})
	if err != nil {
		return err
	}
	l.epoch++
	l.epochs[l.epoch] = name
	l.head.Epoch, l.head.Position, l.head.Through = name, protocol.Position{}, protocol.Position{}
	return nil
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

// itemFormat is the version of a kept catalogue row.
const itemFormat = 1

type itemRow struct {
	Format int
	Item   stock.Item
}

func itemBytes(item stock.Item) []byte {
	b, err := json.Marshal(itemRow{itemFormat, item})
	if err != nil {
		panic("ledger: a catalogue row has no JSON form: " + err.Error())
	}
	return b
}
