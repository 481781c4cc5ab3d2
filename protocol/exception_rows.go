package protocol

import "github.com/shelfsync/shelfsync/protocol/stock"

// Exceptions: their rows in snapshots, and the commands of the people who look
// after them.

func writeException(f *fields, v *stock.ExceptionRow) {
	e := &v.Exception
	f.uint('n', uint64(v.No))
	f.uint('c', uint64(e.Code))
	f.uint('a', uint64(e.Location))
	f.str('g', e.Operation.Agent)
	f.str('e', e.Operation.Epoch)
	f.uint('s', e.Operation.Sequence)
	f.str('d', e.Document)
	f.object('l', func(f *fields) { writeLine(f, &e.Line) })
	f.uint('m', uint64(e.Number))
	f.str('t', e.Text)
	f.bin('b', e.Raw)
	f.uint('i', e.Index)
	f.str('p', e.Source)
	f.str('u', e.Reverses)
	f.str('w', e.Was)
	f.uint('h', e.Incarnation)
	f.uint('v', e.Seen)
	f.str('o', e.Owner)
	f.objects('k', len(e.History), func(i int, f *fields) { writeCare(f, &e.History[i]) })
	f.int('x', e.Ended)
	f.uint('z', uint64(v.Slot))
}

func writeCare(f *fields, c *stock.Care) {
	f.uint('a', uint64(c.Action))
	f.str('b', c.By)
	f.str('t', c.Text)
	f.int('n', c.At)
	f.uint('i', c.Index)
}

func readException(r *reader) (v stock.ExceptionRow) {
	e := &v.Exception
	r.fields(func(key byte) {
		switch key {
		case 'n':
			v.No = r.number32()
		case 'c':
			e.Code = stock.OutcomeCode(r.uintMax(255))
		case 'a':
			e.Location = stock.LocationNo(r.number32())
		case 'g':
			e.Operation.Agent = r.str(MaxText)
		case 'e':
			e.Operation.Epoch = r.str(MaxText)
		case 's':
			e.Operation.Sequence = r.uint()
		case 'd':
			e.Document = r.str(MaxText)
		case 'l':
			e.Line = readLine(r)
		case 'm':
			e.Number = int(r.uintMax(MaxBasketLines))
		case 't':
			e.Text = r.str(4 * MaxText)
		case 'b':
			e.Raw = append([]byte(nil), r.bin(MaxOperationBytes)...)
		case 'i':
			e.Index = r.uint()
		case 'p':
			e.Source = r.str(MaxText)
		case 'u':
			e.Reverses = r.str(MaxText)
		case 'w':
			e.Was = r.str(MaxText)
		case 'h':
			e.Incarnation = r.uint()
		case 'v':
			e.Seen = r.uint()
		case 'o':
			e.Owner = r.str(MaxText)
		case 'k':
			r.list(len(r.left), func() { e.History = append(e.History, readCare(r)) })
		case 'x':
			e.Ended = r.int()
		case 'z':
			v.Slot = r.number32()
		default:
			r.unknown()
		}
	})
	return v
}

func readCare(r *reader) (v stock.Care) {
	r.fields(func(key byte) {
		switch key {
		case 'a':
			v.Action = stock.CareAction(r.uintMax(255))
		case 'b':
			v.By = r.str(MaxText)
		case 't':
			v.Text = r.str(MaxText)
		case 'n':
			v.At = r.int()
		case 'i':
			v.Index = r.uint()
		default:
			r.unknown()
		}
	})
	return v
}

func readOwn(r *reader) *stock.Own {
	v := &stock.Own{}
	r.fields(func(key byte) {
		switch key {
		case 'n':
			v.Exception = r.number32()
		case 'o':
			v.Owner = r.str(MaxText)
		case 'b':
			v.By = r.str(MaxText)
		default:
			r.unknown()
		}
	})
	return v
}

func readResolve(r *reader) *stock.Resolve {
	v := &stock.Resolve{}
	r.fields(func(key byte) {
		switch key {
		case 'n':
			v.Exception = r.number32()
		case 'b':
			v.By = r.str(MaxText)
		case 't':
			v.Note = r.str(MaxText)
		default:
			r.unknown()
		}
	})
	return v
}

func readMap(r *reader) *stock.Map {
	v := &stock.Map{}
	r.fields(func(key byte) {
		switch key {
		case 'c':
			v.Code = r.str(MaxText)
		case 'i':
			v.Item = r.str(MaxText)
		case 'f':
			v.Factor = r.int()
		case 'b':
			v.By = r.str(MaxText)
		case 'n':
			v.From = r.number32()
		default:
			r.unknown()
		}
	})
	return v
}

// writeAdmit keeps the operation's bytes as they are in a batch.
func writeAdmit(f *fields, v *stock.Admit) {
	operation := v.Operation.Raw
	if operation == nil {
		var err error
		operation, err = EncodeOperation(&v.Operation)
		must(err)
	}
	f.uint('n', uint64(v.Exception))
	f.str('b', v.By)
	f.bool('c', v.Counted)
	f.bin('o', operation)
}

func readAdmit(r *reader) *stock.Admit {
	v := &stock.Admit{}
	r.fields(func(key byte) {
		switch key {
		case 'n':
			v.Exception = r.number32()
		case 'b':
			v.By = r.str(MaxText)
		case 'c':
			v.Counted = r.bool()
		case 'o':
			v.Operation = operationOrFault(r.bin(MaxOperationBytes))
		default:
			r.unknown()
		}
	})
	return v
}
