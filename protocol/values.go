package protocol

import "github.com/shelfsync/shelfsync/protocol/stock"

// Values that travel in rounds and stand in snapshots and commands.

func writeItem(f *fields, v *stock.Item) {
	f.str('c', v.Code)
	f.str('g', v.GTIN)
	f.str('u', v.Unit)
	f.uint('d', uint64(v.Decimals))
	f.str('k', v.Class)
	f.bool('s', v.Stocked)
	f.objects('a', len(v.Aliases), func(i int, f *fields) {
		f.str('c', v.Aliases[i].Code)
		f.int('f', v.Aliases[i].Factor)
	})
}

func readItem(r *reader) (v stock.Item) {
	r.fields(func(key byte) {
		switch key {
		case 'c':
			v.Code = r.str(MaxText)
		case 'g':
			v.GTIN = r.str(MaxText)
		case 'u':
			v.Unit = r.str(MaxText)
		case 'd':
			v.Decimals = uint8(r.uintMax(3))
		case 'k':
			v.Class = r.str(MaxText)
		case 's':
			v.Stocked = r.bool()
		case 'a':
			r.list(MaxAliases, func() { v.Aliases = append(v.Aliases, readAlias(r)) })
		default:
			r.unknown()
		}
	})
	return v
}

func readAlias(r *reader) (a stock.Alias) {
	r.fields(func(key byte) {
		switch key {
		case 'c':
			a.Code = r.str(MaxText)
		case 'f':
			a.Factor = r.int()
		default:
			r.unknown()
		}
	})
	if a.Factor < 1 {
		r.fail(ErrRange)
	}
	return a
}

func writeLevel(f *fields, v stock.Level) {
	f.int('s', int64(v.Sellable))
	f.int('d', int64(v.Damaged))
	f.int('r', int64(v.ReturnPending))
	f.int('t', int64(v.InTransit))
	f.int('c', int64(v.Claims))
	f.int('g', int64(v.Staged))
}

// readLevel reads one field of a level, if key is one.
func readLevel(r *reader, key byte, v *stock.Level) bool {
	switch key {
	case 's':
		v.Sellable = stock.Quantity(r.int())
	case 'd':
		v.Damaged = stock.Quantity(r.int())
	case 'r':
		v.ReturnPending = stock.Quantity(r.int())
	case 't':
		v.InTransit = stock.Quantity(r.int())
	case 'c':
		v.Claims = stock.Quantity(r.int())
	case 'g':
		v.Staged = stock.Quantity(r.int())
	default:
		return false
	}
	return true
}

func writeStoreClaim(f *fields, v *stock.StoreClaim) {
	f.str('r', v.Reservation)
	f.str('l', v.Line)
	f.str('c', v.Channel)
	f.str('o', v.Order)
	f.str('i', v.Item)
	f.int('q', int64(v.Quantity))
	f.uint('s', uint64(v.State))
	f.bool('g', v.Gone)
}

func readStoreClaim(r *reader) (v stock.StoreClaim) {
	r.fields(func(key byte) {
		switch key {
		case 'r':
			v.Reservation = r.str(MaxText)
		case 'l':
			v.Line = r.str(MaxText)
		case 'c':
			v.Channel = r.str(MaxText)
		case 'o':
			v.Order = r.str(MaxText)
		case 'i':
			v.Item = r.str(MaxText)
		case 'q':
			v.Quantity = stock.Quantity(r.int())
		case 's':
			v.State = stock.ClaimState(r.uintMax(255))
		case 'g':
			v.Gone = r.bool()
		default:
			r.unknown()
		}
	})
	return v
}

func writeOutcome(f *fields, v *stock.Outcome) {
	f.str('e', v.Epoch)
	f.uint('s', v.Sequence)
	f.uint('l', uint64(v.Line))
	f.uint('c', uint64(v.Code))
	f.str('t', v.Text)
	f.uint('i', v.Index)
}

func readOutcome(r *reader) (v stock.Outcome) {
	r.fields(func(key byte) {
		switch key {
		case 'e':
			v.Epoch = r.str(MaxText)
		case 's':
			v.Sequence = r.uint()
		case 'l':
			v.Line = int(r.uintMax(MaxBasketLines))
		case 'c':
			v.Code = stock.OutcomeCode(r.uintMax(255))
		case 't':
			v.Text = r.str(4 * MaxText)
		case 'i':
			v.Index = r.uint()
		default:
			r.unknown()
		}
	})
	return v
}

func writeTask(f *fields, v *stock.Task) {
	f.uint('k', uint64(v.Kind))
	f.str('i', v.Item)
	f.int('q', int64(v.Quantity))
	f.str('r', v.Reservation)
	f.str('l', v.Line)
	f.str('o', v.Order)
	f.int('t', v.At)
	f.uint('p', v.Index)
}

// readTask reads one field of a task, if key is one.
func readTask(r *reader, key byte, v *stock.Task) bool {
	switch key {
	case 'k':
		v.Kind = stock.TaskKind(r.uintMax(255))
	case 'i':
		v.Item = r.str(MaxText)
	case 'q':
		v.Quantity = stock.Quantity(r.int())
	case 'r':
		v.Reservation = r.str(MaxText)
	case 'l':
		v.Line = r.str(MaxText)
	case 'o':
		v.Order = r.str(MaxText)
	case 't':
		v.At = r.int()
	case 'p':
		v.Index = r.uint()
	default:
		return false
	}
	return true
}

func readStoreTask(r *reader) (v stock.StoreTask) {
	r.fields(func(key byte) {
		if key == 'n' {
			v.ID = r.number32()
		} else if !readTask(r, key, &v.Task) {
			r.unknown()
		}
	})
	return v
}
