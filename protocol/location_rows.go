package protocol

import "github.com/shelfsync/shelfsync/protocol/stock"

func writeLocationRow(f *fields, v *stock.LocationRow) {
	f.uint('n', uint64(v.No))
	f.object('f', func(f *fields) { writeFacts(f, &v.Facts) })
	f.str('i', v.Installation)
	f.objects('e', len(v.Epochs), func(i int, f *fields) {
		f.str('e', v.Epochs[i].Name)
		f.str('i', v.Epochs[i].Installation)
		writePosition(f, 't', v.Epochs[i].Through)
		f.uint('x', v.Epochs[i].Changed)
		f.uint('a', v.Epochs[i].Again)
	})
	f.objects('o', len(v.Outcomes), func(i int, f *fields) { writeOutcome(f, &v.Outcomes[i]) })
	f.int('c', v.CaughtUp)
	f.uint('h', v.Heard)
	f.int('d', v.Day)
	f.int('p', v.Opened)
	f.uint('l', uint64(v.NextClaim))
	f.uint('z', v.Horizon)
	f.uint('k', uint64(v.NextTask))
	f.uint('y', v.TaskHorizon)
	f.uint('x', v.Changed)
	f.uint('w', uint64(v.NextTransfer))
	f.uint('v', v.TransferHorizon)
	f.uint('u', uint64(v.ForgotEpoch))
	f.uint('t', v.ForgotSequence)
	f.strs('r', v.Replaced)
	f.prints('s', v.Receipts)
	f.prints('b', v.Again)
	f.uint('q', v.Sold)
	f.uint('m', v.Turned)
}

func readLocationRow(r *reader) (v stock.LocationRow) {
	r.fields(func(key byte) {
		switch key {
		case 'n':
			v.No = r.number32()
		case 'f':
			v.Facts = readFacts(r)
		case 'i':
			v.Installation = r.str(MaxText)
		case 'e':
			r.list(len(r.left), func() { v.Epochs = append(v.Epochs, readEpoch(r)) })
		case 'o':
			r.list(len(r.left), func() { v.Outcomes = append(v.Outcomes, readOutcome(r)) })
		case 'c':
			v.CaughtUp = r.int()
		case 'h':
			v.Heard = r.uint()
		case 'd':
			v.Day = r.int()
		case 'p':
			v.Opened = r.int()
		case 'l':
			v.NextClaim = r.number32()
		case 'z':
			v.Horizon = r.uint()
		case 'k':
			v.NextTask = r.number32()
		case 'y':
			v.TaskHorizon = r.uint()
		case 'w':
			v.NextTransfer = r.number32()
		case 'v':
			v.TransferHorizon = r.uint()
		case 'u':
			v.ForgotEpoch = r.number32()
		case 't':
			v.ForgotSequence = r.uint()
		case 'r':
			r.list(len(r.left), func() { v.Replaced = append(v.Replaced, r.str(MaxText)) })
		case 's':
			r.list(len(r.left), func() { v.Receipts = append(v.Receipts, r.uint()) })
		case 'b':
			r.list(len(r.left), func() { v.Again = append(v.Again, r.uint()) })
		case 'q':
			v.Sold = r.uint()
		case 'm':
			v.Turned = r.uint()
		case 'x':
			v.Changed = r.uint()
		default:
			r.unknown()
		}
	})
	return v
}

func readEpoch(r *reader) (e stock.Epoch) {
	r.fields(func(key byte) {
		switch key {
		case 'e':
			e.Name = r.str(MaxText)
		case 'i':
			e.Installation = r.str(MaxText)
		case 't':
			e.Through = readPosition(r)
		case 'x':
			e.Changed = r.uint()
		case 'a':
			e.Again = r.uint()
		default:
			r.unknown()
		}
	})
	return e
}
