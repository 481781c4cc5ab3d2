package protocol

import (
	"fmt"

	"github.com/shelfsync/shelfsync/protocol/stock"
)

func writeRow(w *writer, row any) (kind byte) {
	switch v := row.(type) {
	case stock.HeaderRow:
		w.object(func(f *fields) { writeHeader(f, &v) })
		return rowHeader
	case stock.ItemRow:
		w.object(func(f *fields) {
			f.uint('n', uint64(v.No))
			f.object('i', func(f *fields) { writeItem(f, &v.Item) })
			for i, key := range []byte("abcd") {
				f.int(key, int64(v.Outside[i]))
			}
			f.uint('x', v.Changed)
		})
		return rowItem
	case stock.AliasRow:
		w.object(func(f *fields) {
			f.str('c', v.Code)
			f.uint('i', uint64(v.Item))
			f.int('f', v.Factor)
		})
		return rowAlias
	case stock.LocationRow:
		w.object(func(f *fields) { writeLocationRow(f, &v) })
		return rowLocation
	case stock.LevelRow:
		w.object(func(f *fields) { writeLevelRow(f, &v) })
		return rowLevel
	case stock.ReservationRow:
		w.object(func(f *fields) { writeReservationRow(f, &v) })
		return rowReservation
	case stock.ClaimRow:
		w.object(func(f *fields) { writeClaimRow(f, &v) })
		return rowClaim
	case stock.DocumentRow:
		w.object(func(f *fields) {
			f.uint('n', uint64(v.No))
			f.bin('k', []byte(v.Key))
			f.uint('i', v.Index)
			f.int('t', v.At)
			f.uint('p', v.Print)
		})
		return rowDocument
	case stock.ExceptionRow:
		w.object(func(f *fields) { writeException(f, &v) })
		return rowException
	case stock.TaskRow:
		w.object(func(f *fields) { writeTaskRow(f, &v) })
		return rowTask
	case stock.ConflictRow:
		w.object(func(f *fields) { writeConflict(f, &v) })
		return rowConflict
	case stock.TransferRow:
		w.object(func(f *fields) { writeTransferRow(f, &v) })
		return rowTransfer
	case stock.CountRow:
		w.object(func(f *fields) { writeCountRow(f, &v) })
		return rowCount
	case stock.PolicyRow:
		w.object(func(f *fields) { writePolicyRow(f, &v) })
		return rowPolicy
	}
	panic(fmt.Sprintf("protocol: no bytes for row %T", row))
}

func writeLevelRow(f *fields, v *stock.LevelRow) {
	f.uint('a', uint64(v.Location))
	f.uint('i', uint64(v.Item))
	writeLevel(f, v.Level)
	f.uint('m', uint64(v.Missing))
	f.uint('n', uint64(v.Negative))
	f.uint('x', v.Changed)
}

func writeClaimRow(f *fields, v *stock.ClaimRow) {
	f.uint('a', uint64(v.Location))
	f.uint('s', uint64(v.Slot))
	f.uint('r', uint64(v.Reservation))
	f.uint('l', uint64(v.Line))
	f.bool('g', v.Gone)
	f.uint('x', v.Changed)
}

func writeHeader(f *fields, v *stock.HeaderRow) {
	f.uint('i', v.Index)
	f.uint('n', v.Incarnation)
	f.uint('h', v.Hash)
	f.uint('t', v.Term)
	f.int('w', v.Now)
	f.bool('c', v.Closed)
	for i, n := range []uint32{v.NextItem, v.NextLocation, v.NextReservation, v.NextDocument, v.OldestDocument, v.NextExcepts, v.NextConflict, v.OldestConflict} {
		f.uint("12345678"[i], uint64(n))
	}
	f.int('b', v.TermBegan)
	f.uint('z', v.Horizon)
	f.uint('r', v.Rule)
	f.object('x', func(f *fields) { writeTotals(f, &v.Totals) })
	for i, n := range []uint32{v.NextTransfer, v.NextAged, v.NextCount, v.OldestCount} {
		f.uint("defg"[i], uint64(n))
	}
	f.uint('p', uint64(v.NextEnded))
	f.uint('q', uint64(v.OldestEnded))
	f.bool('o', v.Restored)
}

func writeReservationRow(f *fields, v *stock.ReservationRow) {
	r := &v.Reservation
	f.uint('n', uint64(v.No))
	f.str('i', r.ID)
	f.str('c', r.Channel)
	f.str('o', r.Order)
	f.uint('m', uint64(r.Mode))
	f.int('p', r.Priority)
	f.int('w', r.CollectWithin)
	f.uint('b', r.Created)
	f.int('d', r.Deadline)
	f.int('e', r.Ended)
	f.uint('x', v.Changed)
	f.objects('l', len(r.Lines), func(i int, f *fields) {
		c := &r.Lines[i]
		f.str('l', c.Line)
		f.uint('i', uint64(c.Item))
		f.int('q', int64(c.Quantity))
		f.uint('s', uint64(c.State))
		f.uint('a', uint64(c.Location))
		f.bool('p', c.Placed)
		if len(c.Candidates) > 0 {
			must(f.key('c').EncodeArrayLen(len(c.Candidates)))
			for _, at := range c.Candidates {
				must(f.w.enc.EncodeUint(uint64(at)))
			}
		}
		f.int('t', c.Since)
		f.str('w', c.Reason)
		f.uint('z', uint64(v.Slots[i]))
		f.int('f', c.Confirmed)
		f.bool('g', c.Aged)
		f.uint('e', uint64(v.Aged[i]))
		f.objects('v', len(c.Left), func(k int, f *fields) {
			f.uint('a', uint64(c.Left[k].Location))
			f.uint('z', uint64(c.Left[k].Slot))
			f.uint('i', c.Left[k].Index)
			f.str('w', c.Left[k].Reason)
		})
	})
}

func readRow(kind byte, body []byte) (any, error) {
	r := newReader(body)
	var row any
	switch kind {
	case rowHeader:
		row = readHeader(r)
	case rowItem:
		row = readItemRow(r)
	case rowAlias:
		row = readAliasRow(r)
	case rowLocation:
		row = readLocationRow(r)
	case rowLevel:
		row = readLevelRow(r)
	case rowReservation:
		row = readReservationRow(r)
	case rowClaim:
		row = readClaimRow(r)
	case rowDocument:
		row = readDocumentRow(r)
	case rowException:
		row = readException(r)
	case rowTask:
		row = readTaskRow(r)
	case rowConflict:
		row = readConflictRow(r)
	case rowTransfer:
		row = readTransferRow(r)
	case rowCount:
		row = readCountRow(r)
	case rowPolicy:
		row = readPolicyRow(r)
	default:
		return nil, ErrSnapshotRow
	}
	return row, r.finish()
}

func (r *reader) number32() uint32 { return uint32(r.uintMax(1<<32 - 1)) }

func readHeader(r *reader) (v stock.HeaderRow) {
	numbers := []*uint32{&v.NextItem, &v.NextLocation, &v.NextReservation, &v.NextDocument, &v.OldestDocument, &v.NextExcepts, &v.NextConflict, &v.OldestConflict}
	r.fields(func(key byte) {
		switch key {
		case 'i':
			v.Index = r.uint()
		case 'n':
			v.Incarnation = r.uint()
		case 'h':
			v.Hash = r.uint()
		case 't':
			v.Term = r.uint()
		case 'w':
			v.Now = r.int()
		case 'c':
			v.Closed = r.bool()
		case 'o':
			v.Restored = r.bool()
		case '1', '2', '3', '4', '5', '6', '7', '8':
			*numbers[key-'1'] = r.number32()
		case 'b':
			v.TermBegan = r.int()
		case 'z':
			v.Horizon = r.uint()
		case 'r':
			v.Rule = r.uint()
		case 'x':
			v.Totals = readTotals(r)
		case 'd':
			v.NextTransfer = r.number32()
		case 'e':
			v.NextAged = r.number32()
		case 'f':
			v.NextCount = r.number32()
		case 'g':
			v.OldestCount = r.number32()
		case 'p':
			v.NextEnded = r.number32()
		case 'q':
			v.OldestEnded = r.number32()
		default:
			r.unknown()
		}
	})
	return v
}

func readItemRow(r *reader) (v stock.ItemRow) {
	r.fields(func(key byte) {
		switch key {
		case 'n':
			v.No = r.number32()
		case 'i':
			v.Item = readItem(r)
		case 'a', 'b', 'c', 'd':
			v.Outside[key-'a'] = stock.Quantity(r.int())
		case 'x':
			v.Changed = r.uint()
		default:
			r.unknown()
		}
	})
	return v
}

func readAliasRow(r *reader) (v stock.AliasRow) {
	r.fields(func(key byte) {
		switch key {
		case 'c':
			v.Code = r.str(MaxText)
		case 'i':
			v.Item = r.number32()
		case 'f':
			v.Factor = r.int()
		default:
			r.unknown()
		}
	})
	return v
}

func readLevelRow(r *reader) (v stock.LevelRow) {
	r.fields(func(key byte) {
		switch key {
		case 'a':
			v.Location = r.number32()
		case 'i':
			v.Item = r.number32()
		case 'm':
			v.Missing = r.number32()
		case 'n':
			v.Negative = r.number32()
		case 'x':
			v.Changed = r.uint()
		default:
			if !readLevel(r, key, &v.Level) {
				r.unknown()
			}
		}
	})
	return v
}

func readClaimRow(r *reader) (v stock.ClaimRow) {
	r.fields(func(key byte) {
		switch key {
		case 'a':
			v.Location = r.number32()
		case 's':
			v.Slot = r.number32()
		case 'r':
			v.Reservation = r.number32()
		case 'l':
			v.Line = uint16(r.uintMax(1<<16 - 1))
		case 'g':
			v.Gone = r.bool()
		case 'x':
			v.Changed = r.uint()
		default:
			r.unknown()
		}
	})
	return v
}

func readDocumentRow(r *reader) (v stock.DocumentRow) {
	r.fields(func(key byte) {
		switch key {
		case 'n':
			v.No = r.number32()
		case 'k':
			v.Key = string(r.bin(4 * MaxText))
		case 'i':
			v.Index = r.uint()
		case 't':
			v.At = r.int()
		case 'p':
			v.Print = r.uint()
		default:
			r.unknown()
		}
	})
	return v
}
