package ledger_test

import (
	"testing"

	"github.com/shelfsync/shelfsync/agent/ledger"
	"github.com/shelfsync/shelfsync/protocol"
)

// Whenever the power goes while an epoch is begun: what is on the disk is the old
// ledger, until it is the new one.
func TestANewEpochIsBegunWholeOrNotAtAll(t *testing.T) {
	dir := t.TempDir()
	l := open(t, dir)
	defer l.Close()
	write(t, l, 1, 2000, 100)
	old := l.Head()
	first, _, err := l.BySequence(old.Epoch, 5)
	if err != nil {
		t.Fatal(err)
	}
	images := 0
	err = l.Again(ledger.Again{Epoch: "second", Through: protocol.Position{Sequence: 5, Chain: first.Chain}, After: 5, Write: func(r ledger.Record) (ledger.Entry, bool) {
		if r.Sequence%400 == 0 {
			images++
			before := open(t, left(t, dir))
			if before.Head() != old || len(before.Epochs()) != 1 {
				t.Errorf("at operation %d the disk holds %+v", r.Sequence, before.Head())
			}
			if err := before.Close(); err != nil {
				t.Error(err)
			}
		}
		e := r.Entry
		e.Key = ""
		return e, true
	}})
	if err != nil || images != 5 {
		t.Fatal(err, images)
	}
	after := open(t, left(t, dir))
	defer after.Close()
	if after.Head() != l.Head() || after.Head().Position.Sequence != 1995 {
		t.Errorf("the disk holds %+v, the program %+v", after.Head(), l.Head())
	}
}
