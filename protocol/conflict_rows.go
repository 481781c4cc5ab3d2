package protocol

import "github.com/shelfsync/shelfsync/protocol/stock"

func writeTotals(f *fields, v *stock.Totals) {
	f.uint('c', v.Conflicts)
	f.uint('m', v.Moved)
	f.uint('s', v.Short)
	f.uint('l', v.LatePicks)
	f.uint('t', v.PickedTwice)
	f.int('h', int64(v.LostCarts))
	f.int('o', int64(v.Oversold))
}

func readTotals(r *reader) (v stock.Totals) {
	r.fields(func(key byte) {
		switch key {
		case 'c':
			v.Conflicts = r.uint()
		case 'm':
			v.Moved = r.uint()
		case 's':
			v.Short = r.uint()
		case 'l':
			v.LatePicks = r.uint()
		case 't':
			v.PickedTwice = r.uint()
		case 'h':
			v.LostCarts = stock.Quantity(r.int())
		case 'o':
			v.Oversold = stock.Quantity(r.int())
		default:
			r.unknown()
		}
	})
	return v
}

func writeTaskRow(f *fields, v *stock.TaskRow) {
	f.uint('a', uint64(v.Location))
	f.uint('n', uint64(v.No))
	writeTask(f, &v.Task)
	f.uint('x', v.Changed)
}

func readTaskRow(r *reader) (v stock.TaskRow) {
	r.fields(func(key byte) {
		switch key {
		case 'a':
			v.Location = r.number32()
		case 'n':
			v.No = r.number32()
		case 'x':
			v.Changed = r.uint()
		default:
			if !readTask(r, key, &v.Task) {
				r.unknown()
			}
		}
	})
	return v
}

func writeConflict(f *fields, v *stock.ConflictRow) {
	c := &v.Conflict
	f.uint('n', uint64(v.No))
	f.uint('x', c.Index)
	f.int('t', c.At)
	f.uint('a', uint64(c.Location))
	f.uint('i', uint64(c.Item))
	f.str('r', c.Reservation)
	f.str('l', c.Line)
	f.str('o', c.Order)
	f.str('c', c.Channel)
	f.int('q', int64(c.Quantity))
	f.uint('s', uint64(c.State))
	f.int('p', c.Priority)
	f.uint('m', uint64(c.Remedy))
	f.uint('b', uint64(c.To))
	f.object('k', func(f *fields) { writeCause(f, &c.Cause) })
	f.uint('v', c.Policy)
	f.uint('w', c.Promised)
}

func writeCause(f *fields, v *stock.Cause) {
	f.uint('k', uint64(v.Kind))
	f.str('g', v.Operation.Agent)
	f.str('e', v.Operation.Epoch)
	f.uint('s', v.Operation.Sequence)
	f.str('d', v.Document)
	f.uint('i', v.Incarnation)
	f.uint('n', v.Seen)
}

func readConflictRow(r *reader) (v stock.ConflictRow) {
	c := &v.Conflict
	r.fields(func(key byte) {
		switch key {
		case 'n':
			v.No = r.number32()
		case 'x':
			c.Index = r.uint()
		case 't':
			c.At = r.int()
		case 'a':
			c.Location = stock.LocationNo(r.number32())
		case 'i':
			c.Item = stock.ItemNo(r.number32())
		case 'r':
			c.Reservation = r.str(MaxText)
		case 'l':
			c.Line = r.str(MaxText)
		case 'o':
			c.Order = r.str(MaxText)
		case 'c':
			c.Channel = r.str(MaxText)
		case 'q':
			c.Quantity = stock.Quantity(r.int())
		case 's':
			c.State = stock.ClaimState(r.uintMax(255))
		case 'p':
			c.Priority = r.int()
		case 'm':
			c.Remedy = stock.Remedy(r.uintMax(255))
		case 'b':
			c.To = stock.LocationNo(r.number32())
		case 'k':
			c.Cause = readCause(r)
		case 'v':
			c.Policy = r.uint()
		case 'w':
			c.Promised = r.uint()
		default:
			r.unknown()
		}
	})
	return v
}

func readCause(r *reader) (v stock.Cause) {
	r.fields(func(key byte) {
		switch key {
		case 'k':
			v.Kind = stock.CauseKind(r.uintMax(255))
		case 'g':
			v.Operation.Agent = r.str(MaxText)
		case 'e':
			v.Operation.Epoch = r.str(MaxText)
		case 's':
			v.Operation.Sequence = r.uint()
		case 'd':
			v.Document = r.str(MaxText)
		case 'i':
			v.Incarnation = r.uint()
		case 'n':
			v.Seen = r.uint()
		default:
			r.unknown()
		}
	})
	return v
}
