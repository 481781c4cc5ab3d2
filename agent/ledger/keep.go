package ledger

import (
	"database/sql/driver"
	"encoding/json"
	"fmt"
	"strconv"

	"github.com/shelfsync/shelfsync/protocol"
	"github.com/shelfsync/shelfsync/protocol/stock"
)

// Keep stores one round: its values, its base and the watermark, in one
// transaction.
func (l *SQLite) Keep(k Kept) error {
	through, err := l.watermark(k.Through)
	if err == nil {
		err = l.transaction(func() error { return l.round(&k, through) })
	}
	if err != nil {
		return fmt.Errorf("keep round at %d: %w", k.Base.Index, err)
	}
	l.base, l.present().Through = k.Base, through
	l.noting(&k)
	return nil
}

// watermark is what can be kept of one that the hub says. What was pruned stays
// settled, also for a hub that has lost it.
func (l *SQLite) watermark(through protocol.Position) (protocol.Position, error) {
	held, err := l.holds(l.number(), through)
	if err == nil && !held {
		err = fmt.Errorf("operation %d: %w", through.Sequence, ErrForked)
	}
	if pruned := l.present().Pruned; err == nil && through.Sequence < pruned {
		through.Sequence = pruned
		through.Chain, _, err = l.chain(l.number(), pruned)
	}
	return through, err
}

func (l *SQLite) round(k *Kept, through protocol.Position) error {
	if err := l.clear(k); err != nil {
		return err
	}
	if err := l.note(k, through.Sequence); err != nil {
		return err
	}
	if err := l.values(k); err != nil {
		return err
	}
	if err := l.setAbout("incarnation", k.Base.Incarnation); err != nil {
		return err
	}
	if err := l.setAbout("base", k.Base.Index); err != nil {
		return err
	}
	return l.exec("UPDATE epoch SET through = ?2, chain = ?3 WHERE number = ?1", l.number(), int64(through.Sequence), through.Chain[:])
}

func (l *SQLite) setAbout(name string, value uint64) error {
	return l.exec("UPDATE about SET value = ?2 WHERE name = ?1", name, strconv.FormatUint(value, 10))
}

func (l *SQLite) clear(k *Kept) error {
	tables := []string{}
	if k.Rebase {
		tables = append(tables, "level", "claim", "outcome", "task", "transfer")
	}
	if k.Restart {
		tables = append(tables, "claim")
	}
	if k.Renew {
		tables = append(tables, "task", "transfer")
	}
	for _, table := range tables {
		if err := l.exec("DELETE FROM " + table); err != nil {
			return err
		}
	}
	return nil
}

func (l *SQLite) values(k *Kept) error {
	for i := range k.Items {
		if err := l.exec("INSERT OR REPLACE INTO item (code, value) VALUES (?1, ?2)", k.Items[i].Code, itemBytes(k.Items[i])); err != nil {
			return err
		}
	}
	for i := range k.Levels {
		v := &k.Levels[i].Level
		err := l.exec("INSERT OR REPLACE INTO level (item, sellable, damaged, return_pending, in_transit, claims, staged) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
			k.Levels[i].Item, int64(v.Sellable), int64(v.Damaged), int64(v.ReturnPending), int64(v.InTransit), int64(v.Claims), int64(v.Staged))
		if err != nil {
			return err
		}
	}
	for i := range k.Claims {
		if err := l.claim(&k.Claims[i]); err != nil {
			return err
		}
	}
	for i := range k.Outcomes {
		o := &k.Outcomes[i]
		err := l.exec("INSERT OR REPLACE INTO outcome (epoch, sequence, line, code, text, position) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
			o.Epoch, int64(o.Sequence), int64(o.Line), int64(o.Code), o.Text, int64(o.Index))
		if err != nil {
			return err
		}
	}
	for i := range k.Tasks {
		if err := l.task(&k.Tasks[i]); err != nil {
			return err
		}
	}
	if err := l.keepPolicy(k.Policy); err != nil {
		return err
	}
	return l.keepTransfers(k.Transfers)
}

func (l *SQLite) task(t *stock.StoreTask) error {
	return l.exec("INSERT OR REPLACE INTO task (id, kind, item, quantity, reservation, line, order_id, at_ms, position) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
		int64(t.ID), int64(t.Kind), t.Item, int64(t.Quantity), t.Reservation, t.Line, t.Order, t.At, int64(t.Index))
}

func (l *SQLite) loadTasks(visit func(stock.StoreTask)) error {
	return l.query(func(row []driver.Value) error {
		if visit != nil {
			visit(stock.StoreTask{ID: uint32(row[0].(int64)), Task: stock.Task{Kind: stock.TaskKind(row[1].(int64)), Item: row[2].(string),
				Quantity: stock.Quantity(row[3].(int64)), Reservation: row[4].(string), Line: row[5].(string), Order: row[6].(string),
				At: row[7].(int64), Index: uint64(row[8].(int64))}})
		}
		return nil
	}, "SELECT id, kind, item, quantity, reservation, line, order_id, at_ms, position FROM task ORDER BY id")
}

// claim keeps an open claim and drops one that ended or left.
func (l *SQLite) claim(c *stock.StoreClaim) error {
	if c.Gone || !c.State.Open() {
		return l.exec("DELETE FROM claim WHERE reservation = ?1 AND line = ?2", c.Reservation, c.Line)
	}
	return l.exec("INSERT OR REPLACE INTO claim (reservation, line, channel, order_id, item, quantity, state) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
		c.Reservation, c.Line, c.Channel, c.Order, c.Item, int64(c.Quantity), int64(c.State))
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

// Load streams the kept values.
func (l *SQLite) Load(v Visitor) error {
	err := l.query(func(row []driver.Value) error {
		var kept itemRow
		if err := json.Unmarshal(row[0].([]byte), &kept); err != nil || kept.Format != itemFormat {
			return fmt.Errorf("kept catalogue row: %w", ErrDamaged)
		}
		if v.Item != nil {
			v.Item(kept.Item)
		}
		return nil
	}, "SELECT value FROM item ORDER BY code")
	if err != nil {
		return err
	}
	err = l.query(func(row []driver.Value) error {
		q := func(i int) stock.Quantity { return stock.Quantity(row[i].(int64)) }
		if v.Level != nil {
			v.Level(stock.StoreLevel{Item: row[0].(string), Level: stock.Level{Sellable: q(1), Damaged: q(2), ReturnPending: q(3), InTransit: q(4), Claims: q(5), Staged: q(6)}})
		}
		return nil
	}, "SELECT item, sellable, damaged, return_pending, in_transit, claims, staged FROM level ORDER BY item")
	if err != nil {
		return err
	}
	err = l.query(func(row []driver.Value) error {
		if v.Claim != nil {
			v.Claim(stock.StoreClaim{Reservation: row[0].(string), Line: row[1].(string), Channel: row[2].(string), Order: row[3].(string),
				Item: row[4].(string), Quantity: stock.Quantity(row[5].(int64)), State: stock.ClaimState(row[6].(int64))})
		}
		return nil
	}, "SELECT reservation, line, channel, order_id, item, quantity, state FROM claim ORDER BY reservation, line")
	if err != nil {
		return err
	}
	if err := l.loadTasks(v.Task); err != nil {
		return err
	}
	if err := l.loadPolicy(v.Policy); err != nil {
		return err
	}
	return l.loadTransfers(v.Transfer)
}
