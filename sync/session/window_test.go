package session

import (
	"fmt"
	"reflect"
	"testing"

	"github.com/shelfsync/shelfsync/protocol"
)

// TestTheWindowHasThreeBounds fills it by one kind of Append, and expects all of
// its room back when the last is acknowledged.
func TestTheWindowHasThreeBounds(t *testing.T) {
	rows := []struct {
		name              string
		operations, bytes int // of one Append
		fit               int // Appends
	}{
		{"operations", protocol.MaxBatchOperations, 60_000, protocol.WindowOperations / protocol.MaxBatchOperations},
		{"bytes", 1, protocol.MaxAppendBytes, protocol.WindowBytes / protocol.MaxAppendBytes},
		{"frames", 1, 60, protocol.WindowAppends},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			w := newWindow(0, at(0))
			for range 2 {
				added := 0
				for ; w.room() >= uint64(row.operations); added++ {
					w.add(protocol.Position{Sequence: w.end.Sequence + uint64(row.operations)}, row.bytes)
				}
				if added != row.fit {
					t.Errorf("%d Appends of %d operations in %d bytes went, want %d", added, row.operations, row.bytes, row.fit)
				}
				if !w.ack(w.end) || w.room() != protocol.WindowOperations {
					t.Errorf("when all is acknowledged there is room for %d operations", w.room())
				}
			}
		})
	}
}

func TestAGrantedWindowIsNeverWiderThanOurs(t *testing.T) {
	for granted, want := range map[uint64]uint64{0: protocol.WindowOperations, 5: 5, 1 << 63: protocol.WindowOperations} {
		if w := newWindow(granted, at(0)); w.room() != want {
			t.Errorf("a window of %d lets %d operations go, want %d", granted, w.room(), want)
		}
	}
}

// TestARoundIsBounded sends parts that never come to an end.
func TestARoundIsBounded(t *testing.T) {
	agent := NewAgent()
	agent.Start(protocol.Hello{Version: 1})
	agent.Receive(&protocol.Welcome{Version: 1})
	for len(agent.actions) > 0 {
		agent.Next()
	}
	for part := range uint64(protocol.MaxRoundTotal / protocol.MaxRoundValues) {
		agent.Receive(withLevels(protocol.MaxRoundValues, &protocol.Round{Hub: protocol.HubPosition{Index: 1}, Part: part}))
		if a, ok := agent.Next(); ok {
			t.Fatalf("part %d: %s", part, tellAction(a))
		}
	}
	agent.Receive(withLevels(1, &protocol.Round{Hub: protocol.HubPosition{Index: 1}, Part: protocol.MaxRoundTotal / protocol.MaxRoundValues}))
	a, ok := agent.Next()
	want := fmt.Sprintf("close: protocol, the round at 1 has more than %d values (retry 0 ms)", protocol.MaxRoundTotal)
	if !ok || tellAction(a) != want {
		t.Errorf("the agent asks to %v, want %s", a, want)
	}
	if agent.rounds.whole != nil {
		t.Error("the agent keeps what it gathered")
	}
}

// TestARoundBringsEveryKindOfValue: what its parts hold is in the whole, of every
// list that a round has.
func TestARoundBringsEveryKindOfValue(t *testing.T) {
	var gathering rounds
	for n := range 2 {
		part := &protocol.Round{Hub: protocol.HubPosition{Index: 1}, Part: uint64(n), Last: n == 1, Restart: true, Renew: true, Now: 9}
		if n == 0 {
			part.Policy.Version = 7
		}
		fields := reflect.ValueOf(part).Elem()
		for i := range fields.NumField() {
			if list := fields.Field(i); list.Kind() == reflect.Slice {
				list.Set(reflect.MakeSlice(list.Type(), n+1, n+1))
			}
		}
		whole, err := gathering.gather(part)
		if err != nil || (whole != nil) != part.Last {
			t.Fatalf("part %d gives %v, %v", n, whole, err)
		}
		if whole == nil {
			continue
		}
		fields = reflect.ValueOf(whole).Elem()
		for i := range fields.NumField() {
			if list := fields.Field(i); list.Kind() == reflect.Slice && list.Len() != 3 {
				t.Errorf("the whole has %d of 3 %s", list.Len(), fields.Type().Field(i).Name)
			}
		}
		if !whole.Restart || !whole.Renew || whole.Now != 9 || whole.Policy.Version != 7 {
			t.Errorf("the whole is %+v", whole)
		}
	}
}
