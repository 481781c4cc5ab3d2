package protocol_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/shelfsync/shelfsync/protocol"
	"github.com/shelfsync/shelfsync/protocol/stock"
)

// format is a value with every field set, its bytes, and how they are read.
type format struct {
	name   string
	value  any // what reading the bytes has to give
	bytes  []byte
	decode func(b []byte) (any, error)
}

func frame(b []byte) (any, error)     { return protocol.DecodeFrame(b) }
func entry(b []byte) (any, error)     { return protocol.DecodeEntry(b) }
func operation(b []byte) (any, error) { return protocol.DecodeOperation(b) }
func applied(b []byte) (any, error)   { return protocol.DecodeApplied(b) }
func snapshot(b []byte) (any, error)  { return protocol.ReadSnapshot(bytes.NewReader(b)) }

func chain(seed byte) (c [32]byte) {
	for i := range c {
		c[i] = seed + byte(i)
	}
	return c
}

var (
	fullItem = stock.Item{Code: "85123A", GTIN: "04006381333931", Unit: "kg", Decimals: 3, Class: "gifts", Stocked: true,
		Aliases: []stock.Alias{{Code: "5012345678900", Factor: 1}, {Code: "CARTON", Factor: 12}}}
	fullLine = stock.Line{Kind: stock.Pick, Scanned: "5012345678900", Item: "85123A", Quantity: 2500, Account: stock.Sellable, Reservation: "r1",
		ReservationLine: "2.1", Reason: "collected", Approved: "anna", Of: "S014.k3f9.7", Counted: 9000, Expected: -6500, Confirmed: true, Location: "W1"}
	fullOperation = stock.Operation{Incarnation: 1 << 63, Seen: 90_001, At: 1_700_000_000_123, Receipt: "T2-000815", Till: "T2", Document: "DN-77",
		Correlation: "4bf92f3577b34da6a3ce929d0e0e4736", Reverses: "S014.k3f9.121", Was: "S014.a001.19", Policy: 4, Lines: []stock.Line{fullLine, {Kind: stock.Adjust, Item: "85123A", Quantity: -1}}}
	fullOutcome = stock.Outcome{Epoch: "k3f9", Sequence: 123, Line: 2, Code: stock.LatePick, Text: "85123A", Index: 90_002}
	fullTask    = stock.StoreTask{ID: 17, Task: stock.Task{Kind: stock.PutBack, Item: "85123A", Quantity: 2500, Reservation: "r1", Line: "2.1", Order: "4711", At: 77_000, Index: 90_002}}
	fullTransit = stock.StoreTransfer{ID: "S014.k3f9.7", From: "S014", Dispatched: true, Since: 77_000, At: "W1", Item: "85123A", Account: stock.Damaged, Quantity: -2500}
	fullPolicy  = stock.Policy{
		Safety: []stock.SafetyStock{{Item: "85123A", Class: "gifts", Location: "S014", Quantity: 2000}}, Thresholds: []stock.ChannelThreshold{{Channel: "web", Class: "gifts", Quantity: 1000}},
		Groups: []stock.ChannelGroup{{Channel: "web", Group: "OWN"}}, Allocation: []stock.Allocation{{Group: "OWN", Item: "85123A", Class: "gifts", Location: "S014", Protected: 3000}},
		Exclusions: []stock.Exclusion{{Location: "S014", Channel: "web", Group: "OWN"}}, Candidates: []stock.CandidateGroup{{Name: "SHOPS", Locations: []string{"S014", "W1"}}},
		Orders:   []stock.ConflictOrder{{Class: "gifts", Keys: []stock.SortKey{stock.ByChannel, stock.ByOldest}, Ranking: []string{"market", "web"}}},
		Remedies: []stock.RemedyRule{{Class: "gifts", Channel: "web", Moves: 2}}, Returns: []stock.ReturnRule{{Class: "gifts", To: stock.Sellable}},
		CollectWithin: 172_800_000, AgedTransferDays: 3, JournalDays: 400}
	fullFacts = stock.LocationFacts{Code: "S014", Name: "Ghent", Region: "BE", GLN: "4012345000009", State: stock.Paused}
)

func frames() []protocol.Frame {
	through := protocol.Position{Sequence: 123, Chain: chain(1)}
	hub := protocol.HubPosition{Incarnation: 7, Index: 90_002}
	return []protocol.Frame{
		&protocol.Hello{Version: 1, Role: protocol.RoleAgent, Agent: "S014", Installation: "pc1", Epoch: "k3f9", Position: through, Base: hub, Feature: 1,
			Backlog: 4, OldestMS: 5500, Replace: true, Program: "0.1.0", Ask: protocol.Question{Epoch: "k3f9", Sequence: 61}},
		&protocol.Welcome{Version: 1, Hub: hub, Through: through, Forked: true, Feature: 1, Now: -1, Window: 512, Program: "0.1.0", BeatMS: 5000, NodeName: "hub-2",
			Answer: protocol.AnswerChain, Chain: chain(4), Asked: 61},
		&protocol.Append{After: through, Operations: [][]byte{{0x80}, {0xc1, 0}}, End: protocol.Position{Sequence: 125, Chain: chain(9)}, Echo: 77_000,
			Base: 90_000, Backlog: 2, OldestMS: 10},
		&protocol.Ack{Through: through},
		&protocol.Round{Hub: hub, Since: 90_000, Part: 1, Last: true, Restart: true, Now: 77_001, Through: through, Items: []stock.Item{fullItem},
			Levels:   []stock.StoreLevel{{Item: "85123A", Level: stock.Level{Sellable: -1, Damaged: 2, ReturnPending: 3, InTransit: 4, Claims: 5, Staged: 1}}},
			Claims:   []stock.StoreClaim{{Reservation: "r1", Line: "2.1", Channel: "web", Order: "4711", Item: "85123A", Quantity: 2500, State: stock.Staged, Gone: true}},
			Outcomes: []stock.Outcome{fullOutcome}, Renew: true, Tasks: []stock.StoreTask{fullTask}, Transfers: []stock.StoreTransfer{fullTransit},
			Policy: stock.StorePolicy{Version: 4, Returns: fullPolicy.Returns}},
		&protocol.Bye{Code: protocol.ByeUpgradeHub, Text: "feature level 2", RetryMS: 60_000},
	}
}

func commands() []stock.Command {
	return []stock.Command{
		&stock.Found{Incarnation: 1<<64 - 1, Restored: true},
		&stock.Tick{Elapsed: 1001, Term: 3, Echoes: []stock.Echo{{Location: "S014", Now: 77_000, Base: 90_000}}},
		&stock.Document{Source: "erp", Location: "S014", Operation: fullOperation},
		&stock.Reserve{ID: "r1", Channel: "web", Order: "4711", Mode: stock.Partial, TTL: 900_000, CollectWithin: 1 << 31, Priority: -3, Split: true,
			Lines: []stock.ReserveLine{{Item: "85123A", Quantity: 2500, Candidates: []string{"S014", "W1"}, Group: "SHOPS"}, {Item: "POST", Quantity: 1}}},
		&stock.Step{ID: "r1", Action: stock.Extend, Line: "2", Quantity: 500, TTL: 60_000, To: "W1"},
		&stock.PutItems{Items: []stock.Item{fullItem, {Code: "POST"}}},
		&stock.PutLocations{Locations: []stock.LocationFacts{fullFacts}},
		&stock.AssignWriter{Location: "S014", Installation: "pc2", Replace: true},
		&stock.Echoes{Term: 3, Echoes: []stock.Echo{{Location: "S014", Now: 77_000, Base: 90_000}}},
		&stock.EndTransfer{ID: "S014.k3f9.7", Reason: "stolen"},
		&stock.Own{Exception: 3, Owner: "anna", By: "ben"},
		&stock.Resolve{Exception: 3, By: "anna", Note: "test scan"},
		&stock.Map{Code: "CARTON", Item: "85123A", Factor: 12, By: "anna", From: 4},
		&stock.Admit{Exception: 5, By: "anna", Counted: true, Operation: fullOperation},
		&stock.SetPolicy{Replaces: 3, Policy: fullPolicy},
	}
}

// earlier are the formats whose golden files an earlier version wrote.
func earlier(t testing.TB) []format {
	before := *frames()[4].(*protocol.Round)
	before.Policy = stock.StorePolicy{}
	round := before
	round.Transfers = nil
	first := round
	first.Since, first.Renew, first.Tasks = 0, false, nil
	step := *commands()[4].(*stock.Step)
	step.To = ""
	second := fullOperation
	second.Was, second.Policy = "", 0
	op := second
	op.Lines = append([]stock.Line(nil), op.Lines...)
	op.Lines[0].Counted, op.Lines[0].Expected, op.Lines[0].Confirmed, op.Lines[0].Location = 0, 0, false, ""
	listed := *commands()[3].(*stock.Reserve)
	listed.Lines = append([]stock.ReserveLine(nil), listed.Lines...)
	listed.Lines[0].Group = ""
	hello, welcome := *frames()[0].(*protocol.Hello), *frames()[1].(*protocol.Welcome)
	answering := welcome
	answering.Asked = 0
	hello.Ask, welcome.Answer, welcome.Chain, welcome.Asked = protocol.Question{}, 0, [32]byte{}, 0
	const wall = 1_700_000_000_456
	list := []format{{"operation", op, nil, operation}, {"operation_2", second, nil, operation},
		{"frame_round", &first, nil, frame}, {"frame_round_2", &round, nil, frame}, {"frame_round_3", &before, nil, frame},
		{"entry_reserve", &stock.Entry{Wall: wall, Commands: []stock.Command{&listed}}, nil, entry},
		{"frame_hello", &hello, nil, frame}, {"frame_welcome", &welcome, nil, frame}, {"frame_welcome_2", &answering, nil, frame},
		{"entry_found", &stock.Entry{Wall: wall, Commands: []stock.Command{&stock.Found{Incarnation: 1<<64 - 1}}}, nil, entry},
		{"entry_step", &stock.Entry{Wall: wall, Commands: []stock.Command{&step}}, nil, entry}}
	for suffix, understood := range map[string]stock.Operation{"": op, "_2": second} {
		understood.Raw = encodeOperation(t, &understood)
		list = append(list,
			format{"entry_document" + suffix, &stock.Entry{Wall: wall, Commands: []stock.Command{&stock.Document{Source: "erp", Location: "S014", Operation: understood}}}, nil, entry},
			format{"entry_batch" + suffix, &stock.Entry{Wall: 5, Commands: []stock.Command{sampleBatch(understood)}}, nil, entry})
	}
	return list
}

// sampleBatch has one operation that is understood and one that is not.
func sampleBatch(understood stock.Operation) *stock.Batch {
	if first := understood; first.Was != "" {
		first.Was = ""
		understood.First, _ = protocol.EncodeOperation(&first)
	}
	return &stock.Batch{Agent: "S014", Installation: "pc1", Epoch: "k3f9", After: protocol.Position{Sequence: 121, Chain: chain(1)},
		End:        protocol.Position{Sequence: 123, Chain: chain(2)},
		Operations: []stock.Operation{understood, {Fault: "byte 1: value has another type", Raw: []byte{0xc1}}}}
}

func encodeOperation(t testing.TB, op *stock.Operation) []byte {
	t.Helper()
	b, err := protocol.EncodeOperation(op)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// sampleState is a small state with a row of every kind.
func sampleState(t testing.TB) *stock.State {
	s := stock.NewState()
	batch := &stock.Batch{Agent: "S014", Installation: "pc1", Epoch: "k3f9", End: protocol.Position{Sequence: 2, Chain: chain(1)}, Operations: []stock.Operation{
		{Fault: "byte 1: value has another type", Raw: []byte{0xc1}},
		{Lines: []stock.Line{{Kind: stock.Sale, Scanned: "COMET", Quantity: 1000}, {Kind: stock.Damage, Item: "85123A", Quantity: 1000}}},
	}}
	s.Apply(9, &stock.Entry{Commands: []stock.Command{&stock.Found{Incarnation: 7, Restored: true}, &stock.PutItems{Items: []stock.Item{fullItem}},
		&stock.PutLocations{Locations: []stock.LocationFacts{{Code: "S014", State: stock.Open}}}, &stock.AssignWriter{Location: "S014", Installation: "pc1"},
		&stock.Document{Source: "erp", Location: "S014", Operation: stock.Operation{Document: "D1", Lines: []stock.Line{{Kind: stock.Adjust, Item: "85123A", Quantity: 9000, Account: stock.Sellable}}}},
		&stock.Tick{Elapsed: 1000, Term: 3, Echoes: []stock.Echo{{Location: "S014", Now: 500}}}, batch,
		&stock.Reserve{ID: "r1", Channel: "web", Order: "4711", Mode: stock.Partial, TTL: 900_000, CollectWithin: 5, Priority: 1,
			Lines: []stock.ReserveLine{{Item: "85123A", Quantity: 9000, Candidates: []string{"S014", "W1"}}}},
		&stock.Step{ID: "r1", Action: stock.Confirm, Line: "1", Quantity: 500}}})
	s.Apply(10, &stock.Entry{Commands: []stock.Command{
		&stock.PutLocations{Locations: []stock.LocationFacts{{Code: "W1", State: stock.Open}}},
		&stock.Document{Source: "erp", Location: "W1", Operation: stock.Operation{Document: "D2", Lines: []stock.Line{{Kind: stock.Adjust, Item: "85123A", Quantity: 9000, Account: stock.Sellable}}}},
		&stock.Reserve{ID: "r2", Channel: "web", Order: "4712", Mode: stock.AllOrNothing, TTL: 900_000, CollectWithin: 5,
			Lines: []stock.ReserveLine{{Item: "85123A", Quantity: 2000, Candidates: []string{"W1", "S014"}}}},
		&stock.Step{ID: "r2", Action: stock.Confirm},
		batchAfter(batch, stock.Operation{Incarnation: 7, Seen: 9, Lines: []stock.Line{{Kind: stock.Stage, Reservation: "r1", ReservationLine: "1.2"}}},
			stock.Operation{Incarnation: 7, Seen: 9, Lines: []stock.Line{{Kind: stock.Sale, Item: "85123A", Quantity: 7600},
				{Kind: stock.Stage, Reservation: "gone", ReservationLine: "1", Item: "85123A", Quantity: 1000}}}),
		&stock.Tick{Elapsed: 1000, Term: 3, Echoes: []stock.Echo{{Location: "S014", Now: 1000}}}}})
	s.Apply(11, &stock.Entry{Commands: []stock.Command{&stock.PutLocations{Locations: []stock.LocationFacts{{Code: "W1", State: stock.Closed}}}}})
	last := batchAfter(batchAfter(batch, stock.Operation{}, stock.Operation{}),
		stock.Operation{Lines: []stock.Line{{Kind: stock.Count, Item: "85123A", Quantity: -400, Counted: 0, Expected: 400}}},
		stock.Operation{Lines: []stock.Line{{Kind: stock.Arrive, Item: "85123A", Quantity: 300, Account: stock.Sellable, Of: "wms/D4", Location: "W1"}}})
	last.After.Chain, last.End.Chain = chain(2), chain(3)
	s.Apply(12, &stock.Entry{Commands: []stock.Command{last,
		&stock.Document{Source: "wms", Location: "W1", Operation: stock.Operation{Document: "D3", Lines: []stock.Line{{Kind: stock.Dispatch, Item: "85123A", Quantity: 200, Account: stock.Sellable, Location: "S014"}}}}}})
	s.Apply(13, &stock.Entry{Commands: []stock.Command{&stock.SetPolicy{Policy: stock.Policy{Safety: fullPolicy.Safety[:0:0], Groups: fullPolicy.Groups,
		Allocation: []stock.Allocation{{Group: "OWN", Protected: 3000}}, Candidates: fullPolicy.Candidates, Orders: fullPolicy.Orders, Returns: fullPolicy.Returns}}}})
	if err := s.Check(); err != nil {
		t.Fatal(err)
	}
	if s.PolicyVersion() != 2 {
		t.Fatal("the sample's policy was refused")
	}
	if s.Sizes().Transfers != 2 {
		t.Fatalf("the sample holds %+v", s.Sizes())
	}
	return s
}

// batchAfter continues the epoch of a batch.
func batchAfter(b *stock.Batch, operations ...stock.Operation) *stock.Batch {
	next := *b
	next.After, next.Operations = b.End, operations
	next.End = protocol.Position{Sequence: b.End.Sequence + uint64(len(operations)), Chain: chain(2)}
	return &next
}

func snapshotOf(t testing.TB, s *stock.State) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := protocol.WriteSnapshot(&b, s.Freeze()); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// formats are all formats, one value each.
func formats(t testing.TB) []format {
	t.Helper()
	operationBytes := encodeOperation(t, &fullOperation)
	list := []format{{"operation", fullOperation, operationBytes, operation}}
	for _, f := range frames() {
		list = append(list, format{"frame_" + typeName(f), f, protocol.EncodeFrame(f), frame})
	}
	for _, c := range commands() {
		e := &stock.Entry{Wall: 1_700_000_000_456, Commands: []stock.Command{c}}
		b := protocol.EncodeEntry(e.Wall, []protocol.Command{protocol.EncodeCommand(c)})
		switch v := c.(type) {
		case *stock.Document:
			v.Operation.Raw = operationBytes
		case *stock.Admit:
			v.Operation.Raw = operationBytes
		}
		list = append(list, format{"entry_" + typeName(c), e, b, entry})
	}
	understood := fullOperation
	understood.Raw = operationBytes
	batch := sampleBatch(understood)
	bytes := protocol.EncodeEntry(5, []protocol.Command{protocol.BatchCommand(&protocol.BatchBytes{Agent: "S014", Installation: "pc1", Epoch: "k3f9",
		After: batch.After, End: batch.End, Operations: [][]byte{operationBytes, {0xc1}}})})
	return append(list,
		format{"entry_batch", &stock.Entry{Wall: 5, Commands: []stock.Command{batch}}, bytes, entry},
		format{"applied", &protocol.Applied{Entry: []byte("SE.."), Results: []protocol.AppliedResult{{Code: stock.Accepted, Outcomes: []stock.Outcome{fullOutcome}}, {Code: stock.ShortOf}}},
			protocol.EncodeApplied([]byte("SE.."), []stock.Result{{Code: stock.Accepted, Outcomes: []stock.Outcome{fullOutcome}}, {Code: stock.ShortOf}}), applied},
		format{"snapshot", nil, snapshotOf(t, sampleState(t)), snapshot})
}

func typeName(v any) string {
	name := strings.ToLower(strings.TrimLeft(reflectName(v), "*"))
	return name[strings.LastIndexByte(name, '.')+1:]
}
