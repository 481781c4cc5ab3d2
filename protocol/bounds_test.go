package protocol_test

import (
	"bytes"
	"errors"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/shelfsync/shelfsync/protocol"
	"github.com/shelfsync/shelfsync/protocol/stock"
	"github.com/vmihailenco/msgpack/v5"
)

// pack writes a map as any msgpack program would: keys in the order given.
func pack(t testing.TB, pairs ...any) []byte {
	t.Helper()
	var b bytes.Buffer
	e := msgpack.NewEncoder(&b)
	e.UseCompactInts(true)
	if err := e.EncodeMapLen(len(pairs) / 2); err != nil {
		t.Fatal(err)
	}
	for _, v := range pairs {
		if err := e.Encode(v); err != nil {
			t.Fatal(err)
		}
	}
	return b.Bytes()
}

// TestAnyProgramReadsAnOperation: the bytes are plain msgpack.
func TestAnyProgramReadsAnOperation(t *testing.T) {
	d := msgpack.NewDecoder(bytes.NewReader(encodeOperation(t, &fullOperation)))
	d.UseLooseInterfaceDecoding(true)
	got, err := d.DecodeMap()
	if err != nil {
		t.Fatal(err)
	}
	if got["r"] != "T2-000815" || got["s"] != uint64(90_001) && got["s"] != int64(90_001) || got["a"] == nil {
		t.Errorf("an operation reads as %v", got)
	}
	lines, _ := got["l"].([]any)
	if len(lines) != 2 || lines[0].(map[string]any)["i"] != "85123A" || lines[1].(map[string]any)["q"] != int64(-1) {
		t.Errorf("its lines read as %v", lines)
	}
}

// TestAnyProgramWritesAnOperation, in its own key order and widths.
func TestAnyProgramWritesAnOperation(t *testing.T) {
	b := pack(t, "l", []any{map[string]any{"k": int16(1), "c": "X", "q": int64(1000)}}, "s", uint64(5), "r", strings.Repeat("r", 40))
	op, err := protocol.DecodeOperation(b)
	if err != nil || op.Seen != 5 || len(op.Lines) != 1 || op.Lines[0] != (stock.Line{Kind: stock.Sale, Scanned: "X", Quantity: 1000}) {
		t.Errorf("an operation reads as %+v, %v", op, err)
	}
}

func TestRefused(t *testing.T) {
	ack := func(b []byte) []byte { return append([]byte{4}, b...) }
	in := func(b []byte) []byte { return append([]byte("SE\x01\x01"), b...) }
	long := strings.Repeat("x", protocol.MaxText+1)
	lines := make([]map[string]any, protocol.MaxBasketLines+1)
	candidates := slices.Repeat([]string{"S1"}, protocol.MaxCandidates+1)
	reserve := map[string]any{"l": []any{map[string]any{"i": "X", "c": candidates}}}
	for _, c := range []struct {
		name   string
		decode func([]byte) (any, error)
		bytes  []byte
		want   error
	}{
		{"a key twice in an operation", operation, pack(t, "s", 1, "s", 1), protocol.ErrDuplicate},
		{"a key twice in a frame", frame, ack(pack(t, "t", map[string]any{}, "t", map[string]any{})), protocol.ErrDuplicate},
		{"an unknown key twice in a frame", frame, ack(pack(t, "?", 1, "?", 1)), protocol.ErrDuplicate},
		{"an unknown key in an operation", operation, pack(t, "s", 1, "?", 1), protocol.ErrUnknown},
		{"a long unknown key in an operation", operation, pack(t, "seen", 1), protocol.ErrUnknown},
		{"an unknown key in a line", operation, pack(t, "l", []any{map[string]any{"?": 1}}), protocol.ErrUnknown},
		{"an unknown key in an entry", entry, in(pack(t, "?", 1)), protocol.ErrUnknown},
		{"an unknown command", entry, in(pack(t, "c", []any{map[string]any{"k": 99}})), protocol.ErrCommandKind},
		{"a command without a kind", entry, in(pack(t, "c", []any{map[string]any{}})), protocol.ErrCommandKind},
		{"an operation that is no map", operation, []byte{0x91, 0xc0}, protocol.ErrType},
		{"a key that is no text", operation, []byte{0x81, 0x01, 0x01}, protocol.ErrType},
		{"a text over its limit", operation, pack(t, "r", long), protocol.ErrTooLong},
		{"too many lines", operation, pack(t, "l", lines), protocol.ErrTooLong},
		{"too many candidates", entry, in(append([]byte{0x81, 0xa1, 'c', 0x91}, rawCommand(t, 5, reserve)...)), protocol.ErrTooLong},
		{"a line without a kind", operation, []byte{0x81, 0xa1, 'l', 0x91, 0x80}, protocol.ErrRange},
		{"a negative sequence", operation, pack(t, "s", -1), protocol.ErrRange},
		{"a quantity beyond int64", operation, pack(t, "l", []any{map[string]any{"q": uint64(1 << 63)}}), protocol.ErrRange},
		{"a kind beyond a byte", operation, pack(t, "l", []any{map[string]any{"k": 256}}), protocol.ErrRange},
		{"a chain that is too short", frame, ack(pack(t, "t", map[string]any{"c": []byte{1, 2}})), protocol.ErrRange},
		{"an operation over its limit", operation, make([]byte, protocol.MaxOperationBytes+1), protocol.ErrOperationTooLarge},
		{"a frame over its limit", frame, make([]byte, protocol.MaxFrameBytes+1), protocol.ErrFrameTooLarge},
		{"an unknown value nested too deeply", frame, ack(append([]byte{0x81, 0xa1, '?'}, append(bytes.Repeat([]byte{0x91}, 40), 0xc0)...)), protocol.ErrDepth},
		{"an unknown value that msgpack has no code for", frame, ack([]byte{0x81, 0xa1, '?', 0xc1}), protocol.ErrType},
		{"nothing", frame, nil, protocol.ErrTruncated},
	} {
		if _, err := c.decode(c.bytes); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", c.name, err, c.want)
		}
	}
}

// rawCommand keeps the kind before the body, as commands are written.
func rawCommand(t testing.TB, kind int, body any) []byte { return pack(t, "k", kind, "b", body) }

// TestLaterFrames: what a later version adds to a frame is skipped.
func TestLaterFrames(t *testing.T) {
	b := append([]byte{4}, pack(t, "?", map[string]any{"deep": []any{1, -200, "text", []byte("bin"), nil, true, uint64(1 << 40)}},
		"t", map[string]any{"s": 7, "later": 1}, "long", "text")...)
	got, err := protocol.DecodeFrame(b)
	if err != nil || got.(*protocol.Ack).Through.Sequence != 7 {
		t.Errorf("a later acknowledgement reads as %+v, %v", got, err)
	}
}

// TestWrongTypes: every key of every frame, of an operation and of a line
// refuses a value of another type.
func TestWrongTypes(t *testing.T) {
	try := func(name string, head []byte, body []byte, decode func([]byte) (any, error)) {
		d := msgpack.NewDecoder(bytes.NewReader(body))
		values, err := d.DecodeMap()
		if err != nil {
			t.Fatal(err)
		}
		for key := range values {
			for _, wrong := range []any{1.5, nil} {
				if _, err := decode(append(bytes.Clone(head), pack(t, key, wrong)...)); !errors.Is(err, protocol.ErrType) {
					t.Errorf("%s: %v as value of %q gives %v", name, wrong, key, err)
				}
			}
		}
	}
	for _, f := range frames() {
		b := protocol.EncodeFrame(f)
		try(typeName(f), b[:1], b[1:], frame)
	}
	try("operation", nil, encodeOperation(t, &fullOperation), operation)
}

// allocated is how many bytes f allocates.
func allocated(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

// TestBombs: what claims to be large, or nests without end, costs next to nothing.
func TestBombs(t *testing.T) {
	claims := []byte{0xdd, 0x00, 0x98, 0x96, 0x80} // an array of ten million
	nested := bytes.Repeat([]byte{0x91}, 8<<20)
	decoders := map[string]func([]byte) (any, error){"frame": frame, "entry": entry, "operation": operation, "applied": applied, "snapshot": snapshot}
	var bombs [][]byte
	for head := range 7 {
		bombs = append(bombs, append([]byte{byte(head)}, claims...), append([]byte{byte(head), 0x81, 0xa1, 'l'}, claims...),
			append([]byte{byte(head), 0x81, 0xa1, '?'}, claims...), append([]byte{byte(head), 0x81, 0xa1, '?'}, nested[:200<<10]...),
			append([]byte{byte(head)}, nested...))
	}
	for _, key := range []byte("clowe") {
		bombs = append(bombs, append([]byte{0x81, 0xa1, key}, claims...), append([]byte{'S', 'E', 1, 1, 0x81, 0xa1, key}, claims...),
			append([]byte{'S', 'E', 1, 1, 0x81, 0xa1, key}, nested...), append([]byte{0x81, 0xa1, key}, nested[:60<<10]...))
	}
	bombs = append(bombs, claims, nested, append([]byte("SSNP\x01\x01\x00\x00\x01\x03\xff\xff\xff"), 0xdd))
	for name, decode := range decoders {
		for _, bomb := range bombs {
			var err error
			used := allocated(func() { _, err = decode(bomb) })
			limit := 8*uint64(len(bomb)) + 64<<10 // the runtime allocates for itself meanwhile; a bomb that goes off takes megabytes
			if name == "snapshot" {
				limit += 128 << 10 // its reading buffer
			}
			if err == nil || used > limit {
				t.Errorf("%s of % x… (%d bytes) allocates %d bytes, %v", name, bomb[:min(12, len(bomb))], len(bomb), used, err)
			}
		}
	}
}

// TestManySmallValues: a list of empty values is the most that bytes can make of
// themselves; its limit keeps that far below what a node has.
func TestManySmallValues(t *testing.T) {
	lines := append([]byte{0x81, 0xa1, 'l', 0xdc, 0x03, 0xe8}, bytes.Repeat([]byte{0x81, 0xa1, 'k', 1}, 1000)...)
	if used := allocated(func() {
		if op, err := protocol.DecodeOperation(lines); err != nil || len(op.Lines) != protocol.MaxBasketLines {
			t.Errorf("%d lines, %v", len(op.Lines), err)
		}
	}); used > 1<<20 {
		t.Errorf("an operation of %d bytes allocates %d", len(lines), used)
	}
	values := slices.Concat([]byte{5, 0x81, 0xa1, 'c', 0xdc, 0x10, 0x00}, bytes.Repeat([]byte{0x80}, protocol.MaxRoundValues))
	if used := allocated(func() {
		if _, err := protocol.DecodeFrame(values); err != nil {
			t.Error(err)
		}
	}); used > 4<<20 {
		t.Errorf("a round of %d bytes allocates %d", len(values), used)
	}
}

// TestLargestOperation: the longest basket of ordinary codes fits; one that does
// not is told so before it is written.
func TestLargestOperation(t *testing.T) {
	basket := func(code string) *stock.Operation {
		op := &stock.Operation{Receipt: "T2-000815", Till: "T2", Correlation: fullOperation.Correlation}
		for range protocol.MaxBasketLines {
			op.Lines = append(op.Lines, stock.Line{Kind: stock.Sale, Scanned: code, Item: code, Quantity: 123_456})
		}
		return op
	}
	b := encodeOperation(t, basket("4006381333931"))
	if _, err := protocol.DecodeOperation(b); err != nil {
		t.Error(err)
	}
	if _, err := protocol.EncodeOperation(basket(strings.Repeat("x", 64))); !errors.Is(err, protocol.ErrOperationTooLarge) {
		t.Errorf("an operation beyond 64 KiB gives %v", err)
	}
}

// TestParts: a round of the largest values there can be is cut into frames that
// keep every limit, and its parts together are the round.
func TestParts(t *testing.T) {
	code := strings.Repeat("\U00010348", 64) // 256 bytes
	big := stock.Quantity(-1 << 62)
	item := stock.Item{Code: code, GTIN: "04006381333931", Unit: code, Decimals: 3, Class: code, Stocked: true}
	for range protocol.MaxAliases {
		item.Aliases = append(item.Aliases, stock.Alias{Code: code, Factor: 1 << 62})
	}
	level := stock.StoreLevel{Item: code, Level: stock.Level{Sellable: big, Damaged: big, ReturnPending: big, InTransit: big, Claims: big, Staged: big}}
	claim := stock.StoreClaim{Reservation: code, Line: code, Channel: code, Order: code, Item: code, Quantity: big, State: stock.Staged, Gone: true}
	task := stock.StoreTask{ID: 1<<32 - 1, Task: stock.Task{Kind: stock.PutBack, Item: code, Quantity: big, Reservation: code, Line: code, Order: code, At: 1 << 62, Index: 1<<64 - 1}}
	transit := stock.StoreTransfer{ID: code, From: code, Dispatched: true, Since: 1 << 62, At: code, Item: code, Account: stock.Damaged, Quantity: big}
	outcome := stock.Outcome{Epoch: code, Sequence: 1<<64 - 1, Line: 1000, Code: stock.PickedTwice, Text: strings.Repeat(code, 4), Index: 1<<64 - 1}
	round := &protocol.Round{Hub: protocol.HubPosition{Incarnation: 1<<64 - 1, Index: 1<<64 - 1}, Restart: true, Now: 1 << 62,
		Through: protocol.Position{Sequence: 1<<64 - 1, Chain: chain(1)}, Items: slices.Repeat([]stock.Item{item}, 100),
		Levels: slices.Repeat([]stock.StoreLevel{level}, 5000), Claims: slices.Repeat([]stock.StoreClaim{claim}, 3000), Outcomes: slices.Repeat([]stock.Outcome{outcome}, 3000),
		Renew: true, Tasks: slices.Repeat([]stock.StoreTask{task}, stock.MaxTasks), Transfers: slices.Repeat([]stock.StoreTransfer{transit}, 3000),
		Policy: stock.StorePolicy{Version: 1<<64 - 1, Returns: slices.Repeat([]stock.ReturnRule{{Class: code, To: stock.ReturnPending}}, stock.MaxReturnRules)}}
	joined := &protocol.Round{Hub: round.Hub, Restart: true, Renew: true, Now: round.Now, Through: round.Through}
	parts := round.Parts()
	for i, part := range parts {
		frame, err := protocol.DecodeFrame(protocol.EncodeFrame(part)) // EncodeFrame panics beyond the limit
		if err != nil {
			t.Fatalf("part %d: %v", i, err)
		}
		got := frame.(*protocol.Round)
		if got.Part != uint64(i) || got.Last != (i == len(parts)-1) || got.Hub != round.Hub || got.Through != round.Through || !got.Restart || !got.Renew || got.Now != round.Now {
			t.Errorf("part %d of %d says %+v", i, len(parts), got)
		}
		joined.Items, joined.Levels = append(joined.Items, got.Items...), append(joined.Levels, got.Levels...)
		joined.Tasks, joined.Transfers = append(joined.Tasks, got.Tasks...), append(joined.Transfers, got.Transfers...)
		if got.Policy.Version > 0 {
			joined.Policy = got.Policy
		}
		joined.Claims, joined.Outcomes = append(joined.Claims, got.Claims...), append(joined.Outcomes, got.Outcomes...)
	}
	if !reflect.DeepEqual(joined, round) {
		t.Error("the parts together are not the round")
	}
	empty := (&protocol.Round{Hub: round.Hub}).Parts()
	if len(empty) != 1 || !empty[0].Last {
		t.Errorf("an empty round has %d parts", len(empty))
	}
	small := slices.Repeat([]stock.StoreLevel{{}}, 3*protocol.MaxRoundValues)
	for _, part := range (&protocol.Round{Levels: small}).Parts() {
		if len(part.Levels) > protocol.MaxRoundValues {
			t.Errorf("a part has %d levels", len(part.Levels))
		}
	}
}
