package ledger_test

import (
	"crypto/sha256"
	"fmt"
	"strings"

	"github.com/shelfsync/shelfsync/agent/ledger"
	"github.com/shelfsync/shelfsync/protocol"
	"github.com/shelfsync/shelfsync/protocol/stock"
)

// reading is all that a ledger says, asked in every way its users ask, and all
// rows below it. Two that are equal hold the same; it fails where the ledger says
// that it is damaged.
func reading(l *ledger.SQLite) (string, error) {
	var text strings.Builder
	for _, part := range []func(*strings.Builder, *ledger.SQLite) error{readEpochs, readKeys, readLists, readKept, readRows} {
		if err := part(&text, l); err != nil {
			return "", err
		}
	}
	return text.String(), nil
}

// readEpochs proves every chain from what was pruned to its end.
func readEpochs(text *strings.Builder, l *ledger.SQLite) error {
	head := l.Head()
	fmt.Fprintf(text, "head %s %s %+v %+v\n", head.Installation, head.Epoch, head.Position, head.Through)
	for _, e := range l.Epochs() {
		fmt.Fprintf(text, "epoch %+v\n", e)
		at := protocol.Position{Sequence: e.Pruned}
		if e.Pruned > 0 {
			chain, _, err := l.Chain(e.Name, e.Pruned)
			if err != nil {
				return err
			}
			at.Chain = chain
		}
		for at.Sequence < e.Position.Sequence {
			operations, end, err := l.ReadEpoch(e.Name, at, 500, 1<<20)
			if err != nil {
				return err
			}
			if len(operations) == 0 {
				return fmt.Errorf("nothing behind operation %d of epoch %s: %w", at.Sequence, e.Name, ledger.ErrDamaged)
			}
			for _, b := range operations {
				fmt.Fprintf(text, "operation %x\n", sha256.Sum256(b))
			}
			for n := at.Sequence + 1; n <= end.Sequence; n++ {
				outcomes, err := l.Outcomes(e.Name, n)
				if err != nil {
					return err
				}
				if len(outcomes) > 0 {
					fmt.Fprintf(text, "outcomes %+v\n", outcomes)
				}
			}
			at = end
		}
	}
	return nil
}

// readKeys asks for every key as a till that repeats itself does.
func readKeys(text *strings.Builder, l *ledger.SQLite) error {
	keys, err := l.Run("SELECT key FROM operation NOT INDEXED WHERE key IS NOT NULL ORDER BY id")
	if err != nil {
		return err
	}
	for _, key := range keys {
		r, ok, err := l.ByKey(key)
		if err != nil {
			return err
		}
		fmt.Fprintf(text, "key %s %t %s %d %s %s %s %d %x %x %x %s %v %t %t %v\n", key, ok, r.Epoch, r.Sequence, r.Kind, r.Receipt, r.Till, r.At,
			r.Fingerprint, sha256.Sum256(r.Bytes), r.Chain, r.Answer, r.Refers, r.Settled, r.Quarantined, r.Again)
	}
	return nil
}

func readLists(text *strings.Builder, l *ledger.SQLite) error {
	for cursor, more := ledger.Cursor(0), true; more; {
		records, next, err := l.List(cursor, 100)
		if err != nil {
			return err
		}
		for _, r := range records {
			fmt.Fprintf(text, "listed %s %d %s\n", r.Epoch, r.Sequence, r.Receipt)
		}
		cursor, more = next, len(records) > 0
	}
	held, err := l.Quarantined(1000)
	if err != nil {
		return err
	}
	for _, r := range held {
		fmt.Fprintf(text, "held %s %d\n", r.Epoch, r.Sequence)
	}
	targets, err := l.Run("SELECT DISTINCT target FROM refer ORDER BY target")
	for _, target := range targets {
		by, err := l.ReferredBy(target)
		if err != nil {
			return err
		}
		fmt.Fprintf(text, "refers to %s %v\n", target, by)
	}
	return err
}

// keptLine is where a reading goes on with what the hub said, which it says again.
const keptLine = "what the hub said, as of "

// readKept is what the hub said.
func readKept(text *strings.Builder, l *ledger.SQLite) error {
	fmt.Fprintf(text, "%s%+v\n", keptLine, l.Head().Base)
	return l.Load(ledger.Visitor{
		Item:     func(v stock.Item) { fmt.Fprintf(text, "item %+v\n", v) },
		Level:    func(v stock.StoreLevel) { fmt.Fprintf(text, "level %+v\n", v) },
		Claim:    func(v stock.StoreClaim) { fmt.Fprintf(text, "claim %+v\n", v) },
		Task:     func(v stock.StoreTask) { fmt.Fprintf(text, "task %+v\n", v) },
		Policy:   func(v stock.StorePolicy) { fmt.Fprintf(text, "policy %+v\n", v) },
		Transfer: func(v stock.StoreTransfer) { fmt.Fprintf(text, "transfer %+v\n", v) },
	})
}

// readRows is every column of every table, so that a table of a later schema is
// compared as well.
func readRows(text *strings.Builder, l *ledger.SQLite) error {
	tables, err := l.Run("SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY name")
	if err != nil {
		return err
	}
	for _, table := range tables {
		columns, err := l.Run(fmt.Sprintf("SELECT 'quote(' || name || ')' FROM pragma_table_info('%s') ORDER BY cid", table))
		if err != nil {
			return err
		}
		rows, err := l.Run(fmt.Sprintf("SELECT %s FROM %s NOT INDEXED", strings.Join(columns, " || ',' || "), table))
		if err != nil {
			return err
		}
		fmt.Fprintf(text, "table %s\n", table)
		for _, row := range rows {
			if len(row) > 1000 {
				row = fmt.Sprintf("%.500s and %x", row, sha256.Sum256([]byte(row)))
			}
			fmt.Fprintln(text, row)
		}
	}
	return nil
}

// promises are what of a reading was acknowledged to tills: the operations.
func promises(text string) string {
	before, _, _ := strings.Cut(text, keptLine)
	return before
}

// differs says where two readings part.
func differs(have, want string) string {
	a, b := strings.Split(have, "\n"), strings.Split(want, "\n")
	for i := range a {
		if i >= len(b) || a[i] != b[i] {
			second := "nothing"
			if i < len(b) {
				second = b[i]
			}
			return fmt.Sprintf("line %d of %d, %d: %.300s\n  instead of %.300s", i, len(a), len(b), a[i], second)
		}
	}
	return fmt.Sprintf("it ends at line %d of %d", len(a), len(b))
}
