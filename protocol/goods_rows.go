package protocol

import "github.com/shelfsync/shelfsync/protocol/stock"

// Transfers and counts: rows of snapshots and values of rounds.

func writeTransferRow(f *fields, v *stock.TransferRow) {
	t := &v.Transfer
	f.uint('n', uint64(v.No))
	f.str('i', t.ID)
	f.uint('f', uint64(t.From))
	f.bool('k', t.FromKnown)
	f.bool('d', t.Dispatched)
	f.int('t', t.Since)
	f.uint('b', t.Index)
	f.objects('l', len(t.Lines), func(i int, f *fields) {
		f.uint('a', uint64(t.Lines[i].At))
		f.uint('i', uint64(t.Lines[i].Item))
		f.uint('c', uint64(t.Lines[i].Account))
		f.int('q', int64(t.Lines[i].Quantity))
	})
	f.uint('e', uint64(v.Aged))
	f.objects('p', len(v.Parties), func(i int, f *fields) {
		f.uint('a', uint64(v.Parties[i].Location))
		f.uint('z', uint64(v.Parties[i].Slot))
	})
	f.uint('x', v.Changed)
}

func readTransferRow(r *reader) (v stock.TransferRow) {
	t := &v.Transfer
	r.fields(func(key byte) {
		switch key {
		case 'n':
			v.No = r.number32()
		case 'i':
			t.ID = r.str(MaxText)
		case 'f':
			t.From = stock.LocationNo(r.number32())
		case 'k':
			t.FromKnown = r.bool()
		case 'd':
			t.Dispatched = r.bool()
		case 't':
			t.Since = r.int()
		case 'b':
			t.Index = r.uint()
		case 'l':
			r.list(len(r.left), func() { t.Lines = append(t.Lines, readInTransit(r)) })
		case 'e':
			v.Aged = r.number32()
		case 'p':
			r.list(len(r.left), func() { v.Parties = append(v.Parties, readParty(r)) })
		case 'x':
			v.Changed = r.uint()
		default:
			r.unknown()
		}
	})
	return v
}

func readInTransit(r *reader) (v stock.InTransitLine) {
	r.fields(func(key byte) {
		switch key {
		case 'a':
			v.At = stock.LocationNo(r.number32())
		case 'i':
			v.Item = stock.ItemNo(r.number32())
		case 'c':
			v.Account = stock.Account(r.uintMax(255))
		case 'q':
			v.Quantity = stock.Quantity(r.int())
		default:
			r.unknown()
		}
	})
	return v
}

func readParty(r *reader) (v stock.PartyRow) {
	r.fields(func(key byte) {
		switch key {
		case 'a':
			v.Location = r.number32()
		case 'z':
			v.Slot = r.number32()
		default:
			r.unknown()
		}
	})
	return v
}

func writeCountRow(f *fields, v *stock.CountRow) {
	f.uint('n', uint64(v.No))
	f.uint('a', uint64(v.Location))
	f.uint('i', uint64(v.Item))
	f.uint('e', uint64(v.Epoch))
	f.uint('s', v.Sequence)
	f.int('t', v.At)
}

func readCountRow(r *reader) (v stock.CountRow) {
	r.fields(func(key byte) {
		switch key {
		case 'n':
			v.No = r.number32()
		case 'a':
			v.Location = r.number32()
		case 'i':
			v.Item = r.number32()
		case 'e':
			v.Epoch = r.number32()
		case 's':
			v.Sequence = r.uint()
		case 't':
			v.At = r.int()
		default:
			r.unknown()
		}
	})
	return v
}

func writeStoreTransfer(f *fields, v *stock.StoreTransfer) {
	f.str('t', v.ID)
	f.str('f', v.From)
	f.bool('d', v.Dispatched)
	f.int('s', v.Since)
	f.str('a', v.At)
	f.str('i', v.Item)
	f.uint('c', uint64(v.Account))
	f.int('q', int64(v.Quantity))
}

func readStoreTransfer(r *reader) (v stock.StoreTransfer) {
	r.fields(func(key byte) {
		switch key {
		case 't':
			v.ID = r.str(MaxText)
		case 'f':
			v.From = r.str(MaxText)
		case 'd':
			v.Dispatched = r.bool()
		case 's':
			v.Since = r.int()
		case 'a':
			v.At = r.str(MaxText)
		case 'i':
			v.Item = r.str(MaxText)
		case 'c':
			v.Account = stock.Account(r.uintMax(255))
		case 'q':
			v.Quantity = stock.Quantity(r.int())
		default:
			r.unknown()
		}
	})
	return v
}

func readEndTransfer(r *reader) *stock.EndTransfer {
	v := &stock.EndTransfer{}
	r.fields(func(key byte) {
		switch key {
		case 'i':
			v.ID = r.str(MaxText)
		case 'w':
			v.Reason = r.str(MaxText)
		default:
			r.unknown()
		}
	})
	return v
}
