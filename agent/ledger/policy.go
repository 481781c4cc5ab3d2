package ledger

import (
	"encoding/json"
	"fmt"

	"github.com/shelfsync/shelfsync/protocol/stock"
)

// policyFormat is the version of the kept policy.
const policyFormat = 1

type policyRow struct {
	Format int
	Policy stock.StorePolicy
}

// keepPolicy replaces what was known of the policy, if a round tells of it.
func (l *SQLite) keepPolicy(p stock.StorePolicy) error {
	if p.Version == 0 {
		return nil
	}
	b, err := json.Marshal(policyRow{policyFormat, p})
	if err != nil {
		panic("ledger: a policy has no JSON form: " + err.Error())
	}
	return l.exec("INSERT OR REPLACE INTO about (name, value) VALUES ('policy', ?1)", string(b))
}

func (l *SQLite) loadPolicy(visit func(stock.StorePolicy)) error {
	text, err := l.text("SELECT value FROM about WHERE name = 'policy'")
	if err != nil || text == "" || visit == nil {
		return err
	}
	var kept policyRow
	if err := json.Unmarshal([]byte(text), &kept); err != nil || kept.Format != policyFormat {
		return fmt.Errorf("kept policy: %w", ErrDamaged)
	}
	visit(kept.Policy)
	return nil
}
