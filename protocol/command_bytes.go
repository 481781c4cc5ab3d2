package protocol

import "github.com/shelfsync/shelfsync/protocol/stock"

func readBatch(r *reader) *stock.Batch {
	b := &stock.Batch{}
	r.fields(func(key byte) {
		switch key {
		case 'a':
			b.Agent = r.str(MaxText)
		case 'i':
			b.Installation = r.str(MaxText)
		case 'e':
			b.Epoch = r.str(MaxText)
		case 'f':
			b.After = readPosition(r)
		case 't':
			b.End = readPosition(r)
		case 'o':
			r.list(MaxBatchOperations, func() {
				op := operationOrFault(r.bin(MaxOperationBytes))
				if op.Was != "" {
					op.First = firstBytes(op)
				}
				b.Operations = append(b.Operations, op)
			})
		default:
			r.unknown()
		}
	})
	return b
}

func operationOrFault(b []byte) stock.Operation {
	op, err := DecodeOperation(b)
	if err != nil {
		return stock.Operation{Fault: err.Error(), Raw: b}
	}
	op.Raw = b // apply may still quarantine it
	return op
}

func writeTick(f *fields, v *stock.Tick) {
	f.int('e', v.Elapsed)
	f.uint('t', v.Term)
	writeEchoes(f, v.Echoes)
}

func writeEchoes(f *fields, echoes []stock.Echo) {
	f.objects('o', len(echoes), func(i int, f *fields) {
		f.str('l', echoes[i].Location)
		f.int('n', echoes[i].Now)
		f.uint('b', echoes[i].Base)
	})
}

func readEchoes(r *reader) *stock.Echoes {
	v := &stock.Echoes{}
	r.fields(func(key byte) {
		switch key {
		case 't':
			v.Term = r.uint()
		case 'o':
			r.list(MaxEchoes, func() { v.Echoes = append(v.Echoes, readEcho(r)) })
		default:
			r.unknown()
		}
	})
	return v
}

func readTick(r *reader) *stock.Tick {
	v := &stock.Tick{}
	r.fields(func(key byte) {
		switch key {
		case 'e':
			v.Elapsed = r.int()
		case 't':
			v.Term = r.uint()
		case 'o':
			r.list(MaxEchoes, func() { v.Echoes = append(v.Echoes, readEcho(r)) })
		default:
			r.unknown()
		}
	})
	return v
}

func readEcho(r *reader) (e stock.Echo) {
	r.fields(func(key byte) {
		switch key {
		case 'l':
			e.Location = r.str(MaxText)
		case 'n':
			e.Now = r.int()
		case 'b':
			e.Base = r.uint()
		default:
			r.unknown()
		}
	})
	return e
}

// writeDocument keeps the operation's bytes as they are in a batch.
func writeDocument(f *fields, v *stock.Document) {
	operation, err := EncodeOperation(&v.Operation)
	must(err)
	f.str('s', v.Source)
	f.str('l', v.Location)
	f.bin('o', operation)
}

func readDocument(r *reader) *stock.Document {
	v := &stock.Document{}
	r.fields(func(key byte) {
		switch key {
		case 's':
			v.Source = r.str(MaxText)
		case 'l':
			v.Location = r.str(MaxText)
		case 'o':
			v.Operation = operationOrFault(r.bin(MaxOperationBytes))
		default:
			r.unknown()
		}
	})
	return v
}

func writeReserve(f *fields, v *stock.Reserve) {
	f.str('i', v.ID)
	f.str('c', v.Channel)
	f.str('o', v.Order)
	f.uint('m', uint64(v.Mode))
	f.int('t', v.TTL)
	f.int('w', v.CollectWithin)
	f.int('p', v.Priority)
	f.bool('s', v.Split)
	f.objects('l', len(v.Lines), func(i int, f *fields) {
		line := &v.Lines[i]
		f.str('i', line.Item)
		f.int('q', int64(line.Quantity))
		f.strs('c', line.Candidates)
		f.str('g', line.Group)
	})
}

func readReserve(r *reader) *stock.Reserve {
	v := &stock.Reserve{}
	r.fields(func(key byte) {
		switch key {
		case 'i':
			v.ID = r.str(MaxText)
		case 'c':
			v.Channel = r.str(MaxText)
		case 'o':
			v.Order = r.str(MaxText)
		case 'm':
			v.Mode = stock.Mode(r.uintMax(255))
		case 't':
			v.TTL = r.int()
		case 'w':
			v.CollectWithin = r.int()
		case 'p':
			v.Priority = r.int()
		case 's':
			v.Split = r.bool()
		case 'l':
			r.list(MaxReservationLines, func() { v.Lines = append(v.Lines, readReserveLine(r)) })
		default:
			r.unknown()
		}
	})
	return v
}

func readReserveLine(r *reader) (l stock.ReserveLine) {
	r.fields(func(key byte) {
		switch key {
		case 'i':
			l.Item = r.str(MaxText)
		case 'q':
			l.Quantity = stock.Quantity(r.int())
		case 'c':
			r.list(MaxCandidates, func() { l.Candidates = append(l.Candidates, r.str(MaxText)) })
		case 'g':
			l.Group = r.str(MaxText)
		default:
			r.unknown()
		}
	})
	return l
}

func writeStep(f *fields, v *stock.Step) {
	f.str('i', v.ID)
	f.uint('a', uint64(v.Action))
	f.str('l', v.Line)
	f.int('q', int64(v.Quantity))
	f.int('t', v.TTL)
	f.str('w', v.To)
}

func readStep(r *reader) *stock.Step {
	v := &stock.Step{}
	r.fields(func(key byte) {
		switch key {
		case 'i':
			v.ID = r.str(MaxText)
		case 'a':
			v.Action = stock.Action(r.uintMax(255))
		case 'l':
			v.Line = r.str(MaxText)
		case 'q':
			v.Quantity = stock.Quantity(r.int())
		case 't':
			v.TTL = r.int()
		case 'w':
			v.To = r.str(MaxText)
		default:
			r.unknown()
		}
	})
	return v
}

func writeFacts(f *fields, v *stock.LocationFacts) {
	f.str('c', v.Code)
	f.str('n', v.Name)
	f.str('r', v.Region)
	f.str('g', v.GLN)
	f.uint('s', uint64(v.State))
}

func readFacts(r *reader) (v stock.LocationFacts) {
	r.fields(func(key byte) {
		switch key {
		case 'c':
			v.Code = r.str(MaxText)
		case 'n':
			v.Name = r.str(MaxText)
		case 'r':
			v.Region = r.str(MaxText)
		case 'g':
			v.GLN = r.str(MaxText)
		case 's':
			v.State = stock.LocationState(r.uintMax(255))
		default:
			r.unknown()
		}
	})
	return v
}

func readLocations(r *reader) *stock.PutLocations {
	v := &stock.PutLocations{}
	r.fields(func(key byte) {
		if key == 'l' {
			r.list(MaxBulk, func() { v.Locations = append(v.Locations, readFacts(r)) })
		} else {
			r.unknown()
		}
	})
	return v
}

func readWriter(r *reader) *stock.AssignWriter {
	v := &stock.AssignWriter{}
	r.fields(func(key byte) {
		switch key {
		case 'l':
			v.Location = r.str(MaxText)
		case 'i':
			v.Installation = r.str(MaxText)
		case 'x':
			v.Replace = r.bool()
		default:
			r.unknown()
		}
	})
	return v
}
