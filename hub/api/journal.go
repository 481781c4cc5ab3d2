package api

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/shelfsync/shelfsync/hub"
	"github.com/shelfsync/shelfsync/protocol"
	shapes "github.com/shelfsync/shelfsync/protocol/api"
	"github.com/shelfsync/shelfsync/protocol/stock"
	"github.com/shelfsync/shelfsync/sync/serve"
)

const (
	// scanEntries and scanBytes bound what one page of the journal reads: where
	// a filter finds little, the page comes back with a cursor instead.
	scanEntries = 2000
	scanBytes   = 4 << 20
)

func (r routes) journal(s *serve.Server) {
	serve.Handle(s, serve.Route{Method: "GET", Path: "/v1/journal", Tag: "journal", Summary: "Every applied operation, in the order of the log",
		Detail:   "A page ends where an entry of the log ends. It may hold fewer records than the limit, or none, and still have a next_cursor: a filter reads on from there. It holds more only where a single entry does.",
		Problems: []shapes.Code{shapes.CodeOtherIncarnation}}, r.listJournal)
}

type journalInput struct {
	shapes.Paging
	After       string    `query:"after" doc:"Position after which to begin" example:"7.918273"`
	Location    string    `query:"location"`
	Item        string    `query:"item"`
	Order       string    `query:"order"`
	Receipt     string    `query:"receipt"`
	Reservation string    `query:"reservation" doc:"The reservation's own records, and operations that name it"`
	Correlation string    `query:"correlation"`
	From        time.Time `query:"from"`
	To          time.Time `query:"to"`
}

type journalOutput struct{ Body shapes.Journal }

func (r routes) listJournal(_ context.Context, in *journalInput) (*journalOutput, error) {
	state := r.hub.Board().State()
	after, err := readCursor(in.Cursor, 64)
	if err == nil && in.Cursor == "" && in.After != "" {
		after, err = indexIn(state, "query.after", in.After)
	}
	if err != nil {
		return nil, err
	}
	begin, sought := after, in.sought()
	entries, through, err := r.hub.Journal().Find(after, sought.Want(), scanEntries, scanBytes)
	if err != nil {
		return nil, fmt.Errorf("read journal after %d: %w", after, err)
	}
	out := &journalOutput{}
	out.Body.Data = []shapes.JournalRecord{}
	out.Body.Position = positionAt(state.Incarnation(), r.hub.Journal().Last())
	for _, entry := range entries {
		records, err := journalRecords(entry.Body)
		if err != nil {
			return nil, fmt.Errorf("journal entry %d: %w", entry.Index, err)
		}
		records = slices.DeleteFunc(records, func(record shapes.JournalRecord) bool { return !in.matches(&record) })
		if n := len(out.Body.Data); n > 0 && n+len(records) > in.Limit {
			through = after
			break
		}
		for i := range records {
			records[i].Position = positionAt(state.Incarnation(), entry.Index)
		}
		out.Body.Data = append(out.Body.Data, records...)
		after = entry.Index
	}
	if through > begin && through < r.hub.Journal().Last() {
		out.Body.NextCursor = cursorAt(through)
	}
	return out, nil
}

// sought is what the journal can skip by.
func (in *journalInput) sought() *hub.Sought {
	return &hub.Sought{Location: in.Location, Item: in.Item, Order: in.Order, Receipt: in.Receipt, Reservation: in.Reservation, Correlation: in.Correlation, From: in.From, To: in.To}
}

func (in *journalInput) matches(record *shapes.JournalRecord) bool {
	is := func(want, have string) bool { return want == "" || want == have }
	if !is(in.Location, record.Location) || !is(in.Order, record.Order) || !is(in.Receipt, record.Receipt) || !is(in.Correlation, record.Correlation) ||
		!in.From.IsZero() && record.Wall.Before(in.From) || !in.To.IsZero() && record.Wall.After(in.To) {
		return false
	}
	item, reservation := in.Item == "", is(in.Reservation, record.Reservation)
	for _, line := range record.Lines {
		item = item || line.Item == in.Item
		reservation = reservation || line.Reservation == in.Reservation
	}
	return item && reservation
}

// journalRecords takes one journalled entry apart. Ticks are left out: they
// change no stock.
func journalRecords(body []byte) ([]shapes.JournalRecord, error) {
	applied, err := protocol.DecodeApplied(body)
	if err != nil {
		return nil, err
	}
	entry, err := protocol.DecodeEntry(applied.Entry)
	if err != nil {
		return nil, err
	}
	var records []shapes.JournalRecord
	for i, command := range entry.Commands {
		if i < len(applied.Results) {
			records = append(records, commandRecords(command, &applied.Results[i])...)
		}
	}
	for i := range records {
		records[i].Wall = time.UnixMilli(entry.Wall).UTC()
	}
	return records, nil
}

func commandRecords(command stock.Command, result *protocol.AppliedResult) []shapes.JournalRecord {
	switch c := command.(type) {
	case *stock.Batch:
		if result.Code != stock.Accepted {
			return nil // ignored whole: nothing happened
		}
		records := make([]shapes.JournalRecord, len(c.Operations))
		for i := range c.Operations {
			op := &c.Operations[i]
			op.ID = stock.OperationID{Agent: c.Agent, Epoch: c.Epoch, Sequence: c.After.Sequence + uint64(i) + 1}
			records[i] = operationRecord(op, c.Agent, result.Outcomes)
			records[i].Kind, records[i].Operation = "operation", op.ID.String()
		}
		return records
	case *stock.Document:
		if result.Code != stock.Accepted {
			return nil
		}
		record := operationRecord(&c.Operation, c.Location, result.Outcomes)
		record.Kind = "movements"
		return []shapes.JournalRecord{record}
	case *stock.Reserve:
		return []shapes.JournalRecord{{Kind: "reserve", Reservation: c.ID, Order: c.Order, Detail: result.Code.String(), Lines: reserveLines(c)}}
	case *stock.Step:
		return []shapes.JournalRecord{{Kind: c.Action.String(), Reservation: c.ID, Detail: result.Code.String()}}
	case *stock.PutItems:
		return []shapes.JournalRecord{{Kind: "catalogue", Detail: fmt.Sprintf("%d items", len(c.Items))}}
	case *stock.PutLocations:
		return []shapes.JournalRecord{{Kind: "locations", Detail: fmt.Sprintf("%d locations", len(c.Locations))}}
	case *stock.AssignWriter:
		return []shapes.JournalRecord{{Kind: "writer", Location: c.Location, Detail: result.Code.String() + " " + c.Installation}}
	case *stock.Map:
		return []shapes.JournalRecord{{Kind: "map", Detail: result.Code.String() + " by " + c.By,
			Lines: []shapes.OperationLine{{Kind: "map", Item: c.Item, Scanned: c.Code, Quantity: shapes.Of(stock.Quantity(c.Factor) * stock.Unit)}}}}
	case *stock.Admit:
		return []shapes.JournalRecord{admitted(c, result)}
	case *stock.Own:
		return []shapes.JournalRecord{{Kind: "owner", Detail: fmt.Sprintf("exception %d: %s by %s, %s", c.Exception+1, c.Owner, c.By, result.Code)}}
	case *stock.Resolve:
		return []shapes.JournalRecord{{Kind: "resolve", Detail: fmt.Sprintf("exception %d by %s, %s", c.Exception+1, c.By, result.Code)}}
	case *stock.SetPolicy:
		return []shapes.JournalRecord{{Kind: "policy", Detail: result.Code.String()}}
	case *stock.EndTransfer:
		return []shapes.JournalRecord{{Kind: "close_transfer", Detail: result.Code.String() + " " + c.ID}}
	case *stock.Found:
		return []shapes.JournalRecord{{Kind: "founded", Detail: result.Code.String()}}
	}
	return nil
}

// admitted is an operation that a person let in; what became of it says whose it was.
func admitted(c *stock.Admit, result *protocol.AppliedResult) shapes.JournalRecord {
	op := c.Operation
	if len(result.Outcomes) > 0 {
		op.ID.Sequence = result.Outcomes[0].Sequence
	}
	record := operationRecord(&op, "", result.Outcomes)
	record.Kind, record.Detail = "admit", fmt.Sprintf("exception %d by %s, %s", c.Exception+1, c.By, result.Code)
	return record
}

func reserveLines(c *stock.Reserve) []shapes.OperationLine {
	lines := make([]shapes.OperationLine, len(c.Lines))
	for i, line := range c.Lines {
		lines[i] = shapes.OperationLine{Kind: "reserve", Item: line.Item, Quantity: shapes.Of(line.Quantity)}
	}
	return lines
}

// operationRecord shows an operation's lines with what became of each.
func operationRecord(op *stock.Operation, location string, outcomes []stock.Outcome) shapes.JournalRecord {
	record := shapes.JournalRecord{Location: location, Receipt: op.Receipt, Till: op.Till, Document: op.Document, Correlation: op.Correlation,
		Seen: positionAt(op.Incarnation, op.Seen)}
	if op.At != 0 {
		record.At = time.UnixMilli(op.At).UTC()
	}
	effects := make(map[int]string, len(outcomes))
	for _, o := range outcomes {
		if o.Sequence == op.ID.Sequence {
			effects[o.Line] = o.Code.String()
		}
	}
	if effect, whole := effects[0]; whole {
		record.Detail = effect
	}
	for i := range op.Lines {
		record.Lines = append(record.Lines, lineShape(op, i, effects))
	}
	return record
}

func lineShape(op *stock.Operation, i int, effects map[int]string) shapes.OperationLine {
	line := &op.Lines[i]
	shape := shapes.OperationLine{Kind: line.Kind.String(), Item: line.Code(), Quantity: shapes.Of(line.Quantity), Reservation: line.Reservation,
		ReservationLine: line.ReservationLine, Reason: line.Reason, ApprovedBy: line.Approved, Of: line.Of, Location: line.Location, Effect: "applied"}
	if line.Scanned != line.Code() {
		shape.Scanned = line.Scanned
	}
	if line.Kind.Moves() && line.Fault() == "" {
		from, to, q := line.Legs(op.Reverses != "")
		shape.From, shape.To, shape.Quantity = from.String(), to.String(), shapes.Of(q)
	}
	if effect, ok := effects[i+1]; ok {
		shape.Effect = effect
	} else if effect, ok := effects[0]; ok {
		shape.Effect = effect
	}
	return shape
}
