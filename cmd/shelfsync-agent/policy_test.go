package main

import (
	"context"
	"testing"

	"github.com/shelfsync/shelfsync/agent"
	"github.com/shelfsync/shelfsync/protocol"
	"github.com/shelfsync/shelfsync/protocol/stock"
)

// Where a return goes is the policy's, as the store knew it when it was written:
// with the line down, after a restart, and under a later policy.
func TestReturnsGoWhereThePolicySays(t *testing.T) {
	c := startHub(t)
	c.stocked()
	dir := t.TempDir()
	s := runStore(t, dir, false, c.address)
	s.through(c)
	policy := func(rules ...stock.ReturnRule) uint64 {
		t.Helper()
		if _, _, err := c.Do(context.Background(), &stock.PutItems{Items: []stock.Item{{Code: "cup", Class: "china", Stocked: true}}},
			&stock.SetPolicy{Policy: stock.Policy{Returns: rules}}); err != nil {
			t.Fatal(err)
		}
		version := c.Board().State().PolicyVersion()
		c.wait("the store knows the policy", func() (knows bool) {
			_ = s.Ask(context.Background(), func(a *agent.Agent) { knows = a.View().Policy().Version == version })
			return knows
		})
		return version
	}
	back := func(key string, account, want stock.Account, version uint64) {
		t.Helper()
		answer, err := s.Record(context.Background(), &agent.Request{Kind: "return", Key: key, Answer: func(r agent.Recorded) []byte { return []byte(r.Operation.String()) },
			Operation: stock.Operation{Receipt: key, Lines: []stock.Line{{Kind: stock.Return, Scanned: "cup", Quantity: stock.Unit, Account: account}}}})
		if err != nil || answer.Err != nil {
			t.Fatal(err, answer.Err)
		}
		var op stock.Operation
		_ = s.Ask(context.Background(), func(a *agent.Agent) {
			head := a.Ledger().Head()
			record, _, _ := a.Ledger().BySequence(head.Epoch, head.Position.Sequence)
			op, err = protocol.DecodeOperation(record.Bytes)
		})
		if err != nil || op.Lines[0].Account != want || op.Policy != version {
			t.Errorf("%s went to %v by policy %d, %v; want %v by %d", key, op.Lines[0].Account, op.Policy, err, want, version)
		}
	}
	built := policy()
	back("no rule", stock.NoAccount, stock.ReturnPending, built)
	shelf := policy(stock.ReturnRule{Class: "china", To: stock.Sellable})
	back("by its class", stock.NoAccount, stock.Sellable, shelf)
	back("as the till says", stock.ReturnPending, stock.ReturnPending, 0)
	s.through(c)
	s.stop()
	s = runStore(t, dir, false)
	back("offline", stock.NoAccount, stock.Sellable, shelf)
	s.stop()
	s = runStore(t, dir, false, c.address)
	later := policy(stock.ReturnRule{Class: "china", To: stock.ReturnPending})
	back("later", stock.NoAccount, stock.ReturnPending, later)
	s.through(c)
	l, _ := c.Board().State().Location("S014")
	no, _ := c.Board().State().ItemNo("cup")
	if level := l.Level(no); level.Sellable != 102*stock.Unit || level.ReturnPending != 3*stock.Unit {
		t.Errorf("the hub has %+v", level)
	}
}
