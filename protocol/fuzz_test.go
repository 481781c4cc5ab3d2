package protocol_test

import (
	"bytes"
	"reflect"
	"testing"

	"github.com/shelfsync/shelfsync/protocol"
)

// seed adds the samples whose names begin with prefix.
func seed(f *testing.F, prefix string) {
	for _, s := range formats(f) {
		if len(s.name) >= len(prefix) && s.name[:len(prefix)] == prefix {
			f.Add(s.bytes)
		}
	}
}

// FuzzDecodeFrame: what is read writes and reads as itself.
func FuzzDecodeFrame(f *testing.F) {
	seed(f, "frame_")
	f.Fuzz(func(t *testing.T, b []byte) {
		got, err := protocol.DecodeFrame(b)
		if err != nil || len(b) > protocol.MaxFrameBytes/4 {
			return // the shortest maps grow when they are written
		}
		again, err := protocol.DecodeFrame(protocol.EncodeFrame(got))
		if err != nil || !reflect.DeepEqual(got, again) && !bytes.Equal(protocol.EncodeFrame(got), protocol.EncodeFrame(again)) {
			t.Fatalf("%+v reads again as %+v, %v", got, again, err)
		}
	})
}

func FuzzDecodeOperation(f *testing.F) {
	seed(f, "operation")
	f.Fuzz(func(t *testing.T, b []byte) {
		op, err := protocol.DecodeOperation(b)
		if err != nil {
			return
		}
		first, err := protocol.EncodeOperation(&op)
		if err != nil {
			return // minimal maps may grow past the limit
		}
		again, err := protocol.DecodeOperation(first)
		if err != nil || len(op.Lines) != len(again.Lines) {
			t.Fatalf("%+v reads again as %+v, %v", op, again, err)
		}
	})
}

func FuzzDecodeEntry(f *testing.F) {
	seed(f, "entry_")
	f.Fuzz(func(_ *testing.T, b []byte) { _, _ = protocol.DecodeEntry(b) })
}

// FuzzReadSnapshot: whatever is read as a snapshot is one whose state holds.
func FuzzReadSnapshot(f *testing.F) {
	seed(f, "snapshot")
	f.Fuzz(func(t *testing.T, b []byte) {
		state, err := protocol.ReadSnapshot(bytes.NewReader(b))
		if err == nil && state.Check() != nil {
			t.Fatal("a state that does not hold was read")
		}
	})
}
