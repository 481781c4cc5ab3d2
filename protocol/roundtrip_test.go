package protocol_test

import (
	"reflect"
	"testing"
	"unicode/utf8"

	"github.com/shelfsync/shelfsync/protocol"
	"github.com/shelfsync/shelfsync/protocol/stock"
	"pgregory.net/rapid"
)

// tidy brings a drawn value into the range that its format has: texts and lists
// within their bounds, and no empty list, which is written as nothing.
func tidy(v reflect.Value, name string) {
	switch v.Kind() {
	case reflect.Pointer:
		tidy(v.Elem(), name)
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() {
				tidy(v.Field(i), v.Type().Field(i).Name)
			}
		}
	case reflect.String:
		text := v.String()
		for len(text) > protocol.MaxText {
			_, size := utf8.DecodeLastRuneInString(text)
			text = text[:len(text)-size]
		}
		v.SetString(text)
	case reflect.Slice:
		if v.Len() == 0 {
			v.SetZero()
			if name == "Operations" && v.Type().Elem().Kind() == reflect.Uint8 {
				v.SetBytes([]byte{}) // an operation without bytes is still one
			}
			return
		}
		v.SetLen(min(v.Len(), 20))
		if name == "Keys" {
			v.SetLen(min(v.Len(), 10))
		}
		for i := range v.Len() {
			tidy(v.Index(i), name)
		}
	case reflect.Uint8:
		if name == "Decimals" {
			v.SetUint(v.Uint() % 4)
		}
	case reflect.Int, reflect.Int64:
		switch {
		case name == "Line":
			v.SetInt(int64(uint64(v.Int()) % protocol.MaxBasketLines))
		case name == "Factor" && v.Int() < 1:
			v.SetInt(1 - max(v.Int(), -1000))
		}
	}
}

func draw[T any](t *rapid.T) *T {
	v := rapid.Make[T]().Draw(t, "value")
	tidy(reflect.ValueOf(&v), "")
	return &v
}

func drawOperation(t *rapid.T) stock.Operation {
	op := *draw[stock.Operation](t)
	op.Source, op.ID, op.Fault, op.Raw, op.First = "", stock.OperationID{}, "", nil, nil
	for i := range op.Lines {
		op.Lines[i].Kind = max(op.Lines[i].Kind, stock.Sale)
	}
	return op
}

func same(t *rapid.T, want, got any, err error) {
	if err != nil || !reflect.DeepEqual(want, got) {
		t.Fatalf("wrote %+v\nread %+v, %v", want, got, err)
	}
}

func TestOperationsReadBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		op := drawOperation(t)
		b, err := protocol.EncodeOperation(&op)
		if err != nil {
			t.Fatal(err)
		}
		got, err := protocol.DecodeOperation(b)
		same(t, op, got, err)
		again, _ := protocol.EncodeOperation(&got)
		same(t, b, again, nil)
	})
}

func TestFramesReadBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		for _, f := range []protocol.Frame{draw[protocol.Hello](t), draw[protocol.Welcome](t), draw[protocol.Append](t), draw[protocol.Ack](t),
			draw[protocol.Round](t), draw[protocol.Bye](t)} {
			got, err := protocol.DecodeFrame(protocol.EncodeFrame(f))
			same(t, f, got, err)
		}
	})
}

func TestEntriesReadBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		document := &stock.Document{Source: "erp", Location: "S1", Operation: drawOperation(t)}
		e := &stock.Entry{Wall: rapid.Int64().Draw(t, "wall"), Commands: []stock.Command{draw[stock.Found](t), draw[stock.Tick](t), document,
			draw[stock.Reserve](t), draw[stock.Step](t), draw[stock.PutItems](t), draw[stock.PutLocations](t), draw[stock.AssignWriter](t), draw[stock.SetPolicy](t)}}
		var commands []protocol.Command
		for _, c := range e.Commands {
			commands = append(commands, protocol.EncodeCommand(c))
		}
		document.Operation.Raw, _ = protocol.EncodeOperation(&document.Operation)
		got, err := protocol.DecodeEntry(protocol.EncodeEntry(e.Wall, commands))
		same(t, e, got, err)
	})
}

// TestBatchesKeepTheirBytes: what the log holds is what the writer wrote.
func TestBatchesKeepTheirBytes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b := draw[protocol.BatchBytes](t)
		got, err := protocol.DecodeEntry(protocol.EncodeEntry(0, []protocol.Command{protocol.BatchCommand(b)}))
		if err != nil {
			t.Fatal(err)
		}
		batch := got.Commands[0].(*stock.Batch)
		if batch.Agent != b.Agent || batch.Installation != b.Installation || batch.Epoch != b.Epoch || batch.After != b.After || batch.End != b.End {
			t.Fatalf("wrote %+v, read %+v", b, batch)
		}
		for i, op := range batch.Operations {
			if string(op.Raw) != string(b.Operations[i]) {
				t.Fatalf("operation %d was %x, is %x", i, b.Operations[i], op.Raw)
			}
		}
	})
}

func TestAppliedReadsBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := draw[protocol.Applied](t)
		results := make([]stock.Result, len(want.Results))
		for i, r := range want.Results {
			results[i] = stock.Result{Code: r.Code, Outcomes: r.Outcomes}
		}
		got, err := protocol.DecodeApplied(protocol.EncodeApplied(want.Entry, results))
		same(t, want, got, err)
	})
}
