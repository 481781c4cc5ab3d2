package ledger

import (
	"database/sql/driver"

	"github.com/shelfsync/shelfsync/protocol/stock"
)

// keepTransfers replaces what was kept of each transfer by its lines as they are now.
func (l *SQLite) keepTransfers(lines []stock.StoreTransfer) error {
	next := map[string]int64{}
	for i := range lines {
		t := &lines[i]
		if next[t.ID] == 0 {
			if err := l.exec("DELETE FROM transfer WHERE id = ?1", t.ID); err != nil {
				return err
			}
		}
		next[t.ID]++
		dispatched := int64(0)
		if t.Dispatched {
			dispatched = 1
		}
		err := l.exec("INSERT INTO transfer (id, line, origin, dispatched, since_ms, place, item, account, quantity) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
			t.ID, next[t.ID], t.From, dispatched, t.Since, t.At, t.Item, int64(t.Account), int64(t.Quantity))
		if err != nil {
			return err
		}
	}
	return nil
}

func (l *SQLite) loadTransfers(visit func(stock.StoreTransfer)) error {
	return l.query(func(row []driver.Value) error {
		if visit != nil {
			visit(stock.StoreTransfer{ID: row[0].(string), From: row[1].(string), Dispatched: row[2].(int64) != 0, Since: row[3].(int64), At: row[4].(string),
				Item: row[5].(string), Account: stock.Account(row[6].(int64)), Quantity: stock.Quantity(row[7].(int64))})
		}
		return nil
	}, "SELECT id, origin, dispatched, since_ms, place, item, account, quantity FROM transfer ORDER BY id, line")
}
