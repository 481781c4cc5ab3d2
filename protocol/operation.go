package protocol

import (
	"crypto/sha256"
	"errors"

	"github.com/shelfsync/shelfsync/protocol/stock"
)

// Position is a place in a writer's log: the sequence of an operation and the
// chain up to it. The zero Position is the beginning.
type Position = stock.Watermark

// ErrOperationTooLarge says that an operation would not fit its limit.
var ErrOperationTooLarge = errors.New("operation is larger than 64 KiB")

// NextChain extends a writer's history by one operation:
// SHA-256(previous chain, operation bytes).
func NextChain(previous [32]byte, operation []byte) [32]byte {
	h := sha256.New()
	h.Write(previous[:])
	h.Write(operation)
	return [32]byte(h.Sum(nil))
}

// EncodeOperation gives an operation the bytes that it keeps for ever.
func EncodeOperation(op *stock.Operation) ([]byte, error) {
	w := newWriter()
	w.object(func(f *fields) {
		f.uint('i', op.Incarnation)
		f.uint('s', op.Seen)
		f.int('a', op.At)
		f.str('r', op.Receipt)
		f.str('t', op.Till)
		f.str('d', op.Document)
		f.str('c', op.Correlation)
		f.str('u', op.Reverses)
		f.str('w', op.Was)
		f.uint('p', op.Policy)
		f.objects('l', len(op.Lines), func(i int, f *fields) { writeLine(f, &op.Lines[i]) })
	})
	if len(w.bytes()) > MaxOperationBytes {
		return nil, ErrOperationTooLarge
	}
	return w.bytes(), nil
}

func writeLine(f *fields, l *stock.Line) {
	f.uint('k', uint64(l.Kind))
	f.str('c', l.Scanned)
	f.str('i', l.Item)
	f.int('q', int64(l.Quantity))
	f.uint('a', uint64(l.Account))
	f.str('r', l.Reservation)
	f.str('n', l.ReservationLine)
	f.str('w', l.Reason)
	f.str('p', l.Approved)
	f.str('o', l.Of)
	f.int('z', int64(l.Counted))
	f.int('e', int64(l.Expected))
	f.bool('f', l.Confirmed)
	f.str('l', l.Location)
}

// firstBytes are those that an operation had before a fork made its writer write it
// again. Of bytes that are none of our writer's they are the bytes themselves.
func firstBytes(op stock.Operation) []byte {
	op.Was = ""
	b, err := EncodeOperation(&op)
	if err != nil {
		return op.Raw
	}
	return b
}

// DecodeOperation walks the bytes of one operation. Unknown keys are an error:
// an operation half understood would be an operation half applied.
func DecodeOperation(b []byte) (stock.Operation, error) {
	if len(b) > MaxOperationBytes {
		return stock.Operation{}, ErrOperationTooLarge
	}
	r := newReader(b)
	op := readOperation(r)
	return op, r.finish()
}

func readOperation(r *reader) (op stock.Operation) {
	r.fields(func(key byte) {
		switch key {
		case 'i':
			op.Incarnation = r.uint()
		case 's':
			op.Seen = r.uint()
		case 'a':
			op.At = r.int()
		case 'r':
			op.Receipt = r.str(MaxText)
		case 't':
			op.Till = r.str(MaxText)
		case 'd':
			op.Document = r.str(MaxText)
		case 'c':
			op.Correlation = r.str(MaxText)
		case 'u':
			op.Reverses = r.str(MaxText)
		case 'w':
			op.Was = r.str(MaxText)
		case 'p':
			op.Policy = r.uint()
		case 'l':
			r.list(MaxBasketLines, func() { op.Lines = append(op.Lines, readBasketLine(r)) })
		default:
			r.unknown()
		}
	})
	return op
}

// readBasketLine refuses a line without a kind: nothing would be the cheapest
// way to fill a node's memory with lines.
func readBasketLine(r *reader) stock.Line {
	l := readLine(r)
	if l.Kind == stock.NoKind {
		r.fail(ErrRange)
	}
	return l
}

func readLine(r *reader) (l stock.Line) {
	r.fields(func(key byte) {
		switch key {
		case 'k':
			l.Kind = stock.Kind(r.uintMax(255))
		case 'c':
			l.Scanned = r.str(MaxText)
		case 'i':
			l.Item = r.str(MaxText)
		case 'q':
			l.Quantity = stock.Quantity(r.int())
		case 'a':
			l.Account = stock.Account(r.uintMax(255))
		case 'r':
			l.Reservation = r.str(MaxText)
		case 'n':
			l.ReservationLine = r.str(MaxText)
		case 'w':
			l.Reason = r.str(MaxText)
		case 'p':
			l.Approved = r.str(MaxText)
		case 'o':
			l.Of = r.str(MaxText)
		case 'z':
			l.Counted = stock.Quantity(r.int())
		case 'e':
			l.Expected = stock.Quantity(r.int())
		case 'f':
			l.Confirmed = r.bool()
		case 'l':
			l.Location = r.str(MaxText)
		default:
			r.unknown()
		}
	})
	return l
}
