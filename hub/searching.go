package hub

import (
	"time"

	"github.com/shelfsync/shelfsync/hub/journal"
	"github.com/shelfsync/shelfsync/protocol"
	"github.com/shelfsync/shelfsync/protocol/stock"
)

// Sought is what somebody looks for in the journal; what is empty is not asked.
type Sought struct {
	Location, Item, Order, Receipt, Reservation, Correlation string
	From, To                                                 time.Time
}

// A key of the journal's index begins with what it is of. A location and an item
// have a key together, for each alone is nearly everywhere.
const (
	keyLocation    = "l"
	keyItem        = "i"
	keyPair        = "p"
	keyOrder       = "o"
	keyReceipt     = "r"
	keyReservation = "c"
	keyCorrelation = "t"
)

// Want is what a journal can skip segments by.
func (s *Sought) Want() (want journal.Want) {
	add := func(kind, text string) {
		if text != "" {
			want.Keys = append(want.Keys, kind+text)
		}
	}
	add(keyOrder, s.Order)
	add(keyReceipt, s.Receipt)
	add(keyReservation, s.Reservation)
	add(keyCorrelation, s.Correlation)
	if s.Location != "" && s.Item != "" {
		add(keyPair, s.Location+"\x00"+s.Item)
	} else {
		add(keyLocation, s.Location)
		add(keyItem, s.Item)
	}
	if !s.From.IsZero() {
		want.From = s.From.UnixMilli()
	}
	if !s.To.IsZero() {
		want.To = s.To.UnixMilli()
	}
	return want
}

// journalKeys are the keys of one journalled entry: of all that GET /v1/journal
// tells of it.
func journalKeys(body []byte, add func(key string)) error {
	applied, err := protocol.DecodeApplied(body)
	if err != nil {
		return err
	}
	entry, err := protocol.DecodeEntry(applied.Entry)
	if err != nil {
		return err
	}
	some := func(kind, text string) {
		if text != "" {
			add(kind + text)
		}
	}
	for i, command := range entry.Commands {
		accepted := i < len(applied.Results) && applied.Results[i].Code == stock.Accepted
		switch c := command.(type) {
		case *stock.Batch:
			for k := range c.Operations {
				if accepted {
					operationKeys(&c.Operations[k], c.Agent, some)
				}
			}
		case *stock.Document:
			if accepted {
				operationKeys(&c.Operation, c.Location, some)
			}
		case *stock.Reserve:
			some(keyReservation, c.ID)
			some(keyOrder, c.Order)
			for k := range c.Lines {
				some(keyItem, c.Lines[k].Item)
			}
		case *stock.Step:
			some(keyReservation, c.ID)
		case *stock.Map:
			some(keyItem, c.Item)
		case *stock.Admit:
			operationKeys(&c.Operation, "", some)
		case *stock.AssignWriter:
			some(keyLocation, c.Location)
		}
	}
	return nil
}

func operationKeys(op *stock.Operation, location string, add func(kind, text string)) {
	add(keyLocation, location)
	add(keyReceipt, op.Receipt)
	add(keyCorrelation, op.Correlation)
	for i := range op.Lines {
		line := &op.Lines[i]
		add(keyReservation, line.Reservation)
		if code := line.Code(); code != "" {
			add(keyItem, code)
			add(keyPair, location+"\x00"+code)
		}
	}
}
