package protocol

import (
	"fmt"

	"github.com/shelfsync/shelfsync/protocol/stock"
)

// Applied is what the journal keeps of one log entry: its bytes as the log held
// them, and how the state took each command, where the bytes alone cannot tell.
type Applied struct {
	Entry   []byte
	Results []AppliedResult
}

// AppliedResult is the journal's part of a stock.Result.
type AppliedResult struct {
	Code     stock.Code
	Outcomes []stock.Outcome
}

// EncodeApplied gives a journal record its bytes: version, then a map.
func EncodeApplied(entry []byte, results []stock.Result) []byte {
	w := newWriter()
	w.buf.WriteByte(1)
	w.object(func(f *fields) {
		f.bin('e', entry)
		f.objects('r', len(results), func(i int, f *fields) {
			f.uint('c', uint64(results[i].Code))
			f.objects('o', len(results[i].Outcomes), func(k int, f *fields) { writeOutcome(f, &results[i].Outcomes[k]) })
		})
	})
	return w.bytes()
}

// DecodeApplied walks a journal record.
func DecodeApplied(b []byte) (*Applied, error) {
	if len(b) == 0 || b[0] != 1 {
		return nil, fmt.Errorf("decode journal record: %w", ErrEntryVersion)
	}
	r := newReader(b[1:])
	a := &Applied{}
	r.fields(func(key byte) {
		switch key {
		case 'e':
			a.Entry = r.bin(MaxEntryBytes)
		case 'r':
			r.list(MaxCommands, func() { a.Results = append(a.Results, readApplied(r)) })
		default:
			r.unknown()
		}
	})
	if err := r.finish(); err != nil {
		return nil, fmt.Errorf("decode journal record: %w", err)
	}
	return a, nil
}

func readApplied(r *reader) (v AppliedResult) {
	r.fields(func(key byte) {
		switch key {
		case 'c':
			v.Code = stock.Code(r.uintMax(255))
		case 'o':
			r.list(len(r.left), func() { v.Outcomes = append(v.Outcomes, readOutcome(r)) })
		default:
			r.unknown()
		}
	})
	return v
}
