package ledger

import (
	"crypto/rand"
	"crypto/sha256"
	"database/sql/driver"
	"encoding/base32"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/shelfsync/shelfsync/protocol"
)

// sequenceBits is how much of an operation's id is its sequence; the rest is the
// number of its epoch.
const sequenceBits = 44

func idOf(epoch int64, sequence uint64) int64 { return epoch<<sequenceBits | int64(sequence) }

func sequenceOf(id int64) uint64 { return uint64(id & (1<<sequenceBits - 1)) }

// SQLite is the ledger on a store's disk.
type SQLite struct {
	*database
	installation string
	base         protocol.HubPosition
	epochs       []EpochHead // number n at n-1; the last is the present one
	random       io.Reader
	heard        int64     // the hub's clock in the last round of this run, ms
	noted        int64     // and in the last that was remembered
	marked       highWater // what the high-water file says, or is being told
}

// Open opens the ledger of a folder, or makes a new one with a new installation
// and epoch. random is the source of both names; nil is the machine's own.
func Open(dir string, random io.Reader) (*SQLite, error) {
	if random == nil {
		random = rand.Reader
	}
	d, err := openDatabase(dir, func(d *database) error { return found(d, random) })
	if err != nil {
		return nil, err
	}
	l := &SQLite{database: d, random: random}
	if err := l.enter(); err != nil {
		return nil, errors.Join(fmt.Errorf("open ledger: %w", err), d.Close(), d.unlock())
	}
	return l, nil
}

// enter proves the ledger as far as its last program left it in doubt.
func (l *SQLite) enter() error {
	if err := l.readHead(); err != nil {
		return err
	}
	water, unreadable := readWater(l.dir)
	if unreadable != nil && !errors.Is(unreadable, errWater) {
		return unreadable
	}
	prove := l.proveTail
	if l.unclean || unreadable != nil || water == nil || water.running {
		prove = l.proveWhole
	}
	if err := prove(); err != nil {
		return err
	}
	return l.guard(water, unreadable)
}

// Close ends the connection, which checkpoints the log; the high-water file says so
// where nothing failed.
func (l *SQLite) Close() error {
	failed, stands := l.failed, l.stands(false)
	err := l.database.Close()
	if failed == nil && err == nil {
		err = writeWater(l.dir, &stands)
	}
	return errors.Join(err, l.unlock())
}

// found fills a new ledger.
func found(d *database, random io.Reader) error {
	installation, err := drawName(random, 16)
	if err != nil {
		return err
	}
	epoch, err := drawName(random, epochBytes)
	if err != nil {
		return err
	}
	if err := d.exec("INSERT INTO about (name, value) VALUES ('installation', ?1), ('incarnation', '0'), ('base', '0')", installation); err != nil {
		return err
	}
	return d.exec("INSERT INTO epoch (number, name) VALUES (1, ?1)", epoch)
}

// drawName is random, short and safe in an operation's id: no dots, no look-alikes.
func drawName(random io.Reader, bytes int) (string, error) {
	b := make([]byte, bytes)
	if _, err := io.ReadFull(random, b); err != nil {
		return "", fmt.Errorf("draw a name: %w", err)
	}
	return nameOf(b), nil
}

func nameOf(b []byte) string {
	return strings.ToLower(base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(b))
}

// EpochName draws the name of an epoch; random is its source, nil the machine's own.
func EpochName(random io.Reader) (string, error) {
	if random == nil {
		random = rand.Reader
	}
	return drawName(random, epochBytes)
}

// EpochAfter is the name of the epoch that begins with an operation of another
// one, of which the chain is given: the same for every copy of a ledger.
func EpochAfter(installation, epoch string, chain [32]byte) string {
	h := sha256.New()
	_, _ = fmt.Fprintf(h, "epoch after\n%s\n%s\n%x", installation, epoch, chain) // a hash takes everything
	return nameOf(h.Sum(nil)[:epochBytes])
}

// epochBytes is how many random bytes name an epoch: a store begins some in its
// life, and an id has to fit on a slip.
const epochBytes = 5

// readHead derives the head from the rows.
func (l *SQLite) readHead() (err error) {
	if l.installation, err = l.text("SELECT value FROM about WHERE name = 'installation'"); err != nil {
		return err
	}
	if l.base.Incarnation, err = l.about("incarnation"); err != nil {
		return err
	}
	if l.base.Index, err = l.about("base"); err != nil {
		return err
	}
	if l.noted, err = l.database.number("SELECT coalesce(max(hub_ms), 0) FROM held"); err != nil {
		return err
	}
	err = l.query(func(row []driver.Value) error {
		if row[0].(int64) != int64(len(l.epochs))+1 {
			return fmt.Errorf("epoch %d is missing: %w", len(l.epochs)+1, ErrDamaged)
		}
		l.epochs = append(l.epochs, EpochHead{Name: row[1].(string), Through: position(row[2], row[3]), Pruned: uint64(row[4].(int64)), Tail: row[5].(int64) != 0})
		return nil
	}, "SELECT number, name, through, chain, pruned, tail FROM epoch ORDER BY number")
	if err == nil && len(l.epochs) == 0 {
		err = fmt.Errorf("it has no epoch: %w", ErrDamaged)
	}
	for i := range l.epochs {
		if err == nil {
			err = l.readEpoch(int64(i)+1, &l.epochs[i])
		}
	}
	return err
}

// readEpoch finds the end of an epoch, and the hub's watermark within it.
func (l *SQLite) readEpoch(number int64, e *EpochHead) error {
	err := l.query(func(row []driver.Value) error {
		e.Position = position(int64(sequenceOf(row[0].(int64))), row[1])
		return nil
	}, "SELECT id, chain FROM operation WHERE id > ?1 AND id < ?2 ORDER BY id DESC LIMIT 1", idOf(number, 0), idOf(number+1, 0))
	if err != nil {
		return err
	}
	if held, err := l.holds(number, e.Through); err != nil || held {
		return err
	}
	return fmt.Errorf("the hub has operation %d of epoch %s, this disk does not: %w", e.Through.Sequence, e.Name, ErrDamaged)
}

// tailProved is how many operations at the end are checked at open.
const tailProved = 1000

// proveTail reads the end of the present epoch, which proves it.
func (l *SQLite) proveTail() error {
	e := l.present()
	after := protocol.Position{Sequence: max(e.Pruned, e.Position.Sequence-min(tailProved, e.Position.Sequence))}
	if after.Sequence > 0 {
		chain, _, err := l.chain(l.number(), after.Sequence)
		if err != nil {
			return err
		}
		after.Chain = chain
	}
	for after.Sequence < e.Position.Sequence {
		operations, end, err := l.Read(after, tailProved, protocol.MaxIntakeBytes)
		if err != nil {
			return err
		}
		if len(operations) == 0 {
			return fmt.Errorf("operation %d: %w", after.Sequence+1, ErrDamaged)
		}
		after = end
	}
	return nil
}

func (l *SQLite) about(name string) (uint64, error) {
	text, err := l.text("SELECT value FROM about WHERE name = ?1", name)
	if err != nil {
		return 0, err
	}
	return strconv.ParseUint(text, 10, 64)
}

// position is a position from a row.
func position(sequence, chain driver.Value) (p protocol.Position) {
	n, _ := sequence.(int64)
	p.Sequence = uint64(n)
	b, _ := chain.([]byte)
	copy(p.Chain[:], b)
	return p
}

func (l *SQLite) present() *EpochHead { return &l.epochs[len(l.epochs)-1] }

func (l *SQLite) number() int64 { return int64(len(l.epochs)) }

// Head is where the ledger stands.
func (l *SQLite) Head() Head {
	e := l.present()
	return Head{Installation: l.installation, Epoch: e.Name, Position: e.Position, Through: e.Through, Base: l.base}
}

// Epochs are all histories of this ledger, oldest first.
func (l *SQLite) Epochs() []EpochHead { return append([]EpochHead(nil), l.epochs...) }

// Append writes all entries in one durable commit.
func (l *SQLite) Append(entries []Entry) ([]Record, error) {
	records := make([]Record, len(entries))
	e := l.present()
	at := e.Position
	err := l.transaction(func() error {
		for i := range entries {
			at = protocol.Position{Sequence: at.Sequence + 1, Chain: protocol.NextChain(at.Chain, entries[i].Bytes)}
			records[i] = Record{Entry: entries[i], Epoch: e.Name, Sequence: at.Sequence, Chain: at.Chain}
			if err := l.insert(&entries[i], at); err != nil {
				return fmt.Errorf("operation %d: %w", at.Sequence, err)
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	e.Position = at
	return records, nil
}

func (l *SQLite) insert(e *Entry, at protocol.Position) error { return l.insertAt(l.number(), e, at) }

func (l *SQLite) insertAt(number int64, e *Entry, at protocol.Position) error {
	id := idOf(number, at.Sequence)
	var key driver.Value
	if e.Key != "" {
		key = e.Key
	}
	err := l.exec("INSERT INTO operation (id, kind, receipt, till, at_ms, key, fingerprint, answer, bytes, chain, sum) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
		id, e.Kind, e.Receipt, e.Till, e.At, key, e.Fingerprint[:], blob(e.Answer), e.Bytes, at.Chain[:], sumOf(e, at.Chain))
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
