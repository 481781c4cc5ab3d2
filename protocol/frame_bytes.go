package protocol

import "github.com/shelfsync/shelfsync/protocol/stock"

func writePosition(f *fields, key byte, p Position) {
	if p == (Position{}) {
		return
	}
	f.object(key, func(f *fields) {
		f.uint('s', p.Sequence)
		f.chain('c', p.Chain)
	})
}

func readPosition(r *reader) (p Position) {
	r.fields(func(key byte) {
		switch key {
		case 's':
			p.Sequence = r.uint()
		case 'c':
			p.Chain = r.chain()
		default:
			r.unknown()
		}
	})
	return p
}

func writeHub(f *fields, key byte, p HubPosition) {
	if p == (HubPosition{}) {
		return
	}
	f.object(key, func(f *fields) {
		f.uint('n', p.Incarnation)
		f.uint('i', p.Index)
	})
}

func readHub(r *reader) (p HubPosition) {
	r.fields(func(key byte) {
		switch key {
		case 'n':
			p.Incarnation = r.uint()
		case 'i':
			p.Index = r.uint()
		default:
			r.unknown()
		}
	})
	return p
}

func writeHello(f *fields, v *Hello) {
	f.uint('v', v.Version)
	f.uint('r', uint64(v.Role))
	f.str('a', v.Agent)
	f.str('i', v.Installation)
	f.str('e', v.Epoch)
	writePosition(f, 'p', v.Position)
	writeHub(f, 'b', v.Base)
	f.uint('f', v.Feature)
	f.uint('n', v.Backlog)
	f.uint('o', v.OldestMS)
	f.bool('x', v.Replace)
	f.str('g', v.Program)
	if v.Ask != (Question{}) {
		f.object('q', func(f *fields) {
			f.str('e', v.Ask.Epoch)
			f.uint('s', v.Ask.Sequence)
		})
	}
}

func readQuestion(r *reader) (q Question) {
	r.fields(func(key byte) {
		switch key {
		case 'e':
			q.Epoch = r.str(MaxText)
		case 's':
			q.Sequence = r.uint()
		default:
			r.unknown()
		}
	})
	return q
}

func readHello(r *reader) *Hello {
	v := &Hello{}
	r.fields(func(key byte) {
		switch key {
		case 'v':
			v.Version = r.uint()
		case 'r':
			v.Role = Role(r.uintMax(255))
		case 'a':
			v.Agent = r.str(MaxText)
		case 'i':
			v.Installation = r.str(MaxText)
		case 'e':
			v.Epoch = r.str(MaxText)
		case 'p':
			v.Position = readPosition(r)
		case 'b':
			v.Base = readHub(r)
		case 'f':
			v.Feature = r.uint()
		case 'n':
			v.Backlog = r.uint()
		case 'o':
			v.OldestMS = r.uint()
		case 'x':
			v.Replace = r.bool()
		case 'g':
			v.Program = r.str(MaxText)
		case 'q':
			v.Ask = readQuestion(r)
		default:
			r.unknown()
		}
	})
	return v
}

func writeWelcome(f *fields, v *Welcome) {
	f.uint('v', v.Version)
	writeHub(f, 'h', v.Hub)
	writePosition(f, 't', v.Through)
	f.bool('k', v.Forked)
	f.uint('f', v.Feature)
	f.int('n', v.Now)
	f.uint('w', v.Window)
	f.str('g', v.Program)
	f.uint('b', v.BeatMS)
	f.str('m', v.NodeName)
	f.uint('a', uint64(v.Answer))
	f.chain('c', v.Chain)
	f.uint('q', v.Asked)
}

func readWelcome(r *reader) *Welcome {
	v := &Welcome{}
	r.fields(func(key byte) {
		switch key {
		case 'v':
			v.Version = r.uint()
		case 'h':
			v.Hub = readHub(r)
		case 't':
			v.Through = readPosition(r)
		case 'k':
			v.Forked = r.bool()
		case 'f':
			v.Feature = r.uint()
		case 'n':
			v.Now = r.int()
		case 'w':
			v.Window = r.uint()
		case 'g':
			v.Program = r.str(MaxText)
		case 'b':
			v.BeatMS = r.uint()
		case 'm':
			v.NodeName = r.str(MaxText)
		case 'a':
			v.Answer = Answer(r.uint())
		case 'q':
			v.Asked = r.uint()
		case 'c':
			v.Chain = r.chain()
		default:
			r.unknown()
		}
	})
	return v
}

func writeAppend(f *fields, v *Append) {
	writePosition(f, 'a', v.After)
	f.bins('o', v.Operations)
	writePosition(f, 't', v.End)
	f.int('n', v.Echo)
	f.uint('b', v.Base)
	f.uint('l', v.Backlog)
	f.uint('m', v.OldestMS)
}

func readAppend(r *reader) *Append {
	v := &Append{}
	r.fields(func(key byte) {
		switch key {
		case 'a':
			v.After = readPosition(r)
		case 'o':
			r.list(MaxBatchOperations, func() { v.Operations = append(v.Operations, r.bin(MaxOperationBytes)) })
		case 't':
			v.End = readPosition(r)
		case 'n':
			v.Echo = r.int()
		case 'b':
			v.Base = r.uint()
		case 'l':
			v.Backlog = r.uint()
		case 'm':
			v.OldestMS = r.uint()
		default:
			r.unknown()
		}
	})
	return v
}

func readAck(r *reader) *Ack {
	v := &Ack{}
	r.fields(func(key byte) {
		if key == 't' {
			v.Through = readPosition(r)
		} else {
			r.unknown()
		}
	})
	return v
}

func readBye(r *reader) *Bye {
	v := &Bye{}
	r.fields(func(key byte) {
		switch key {
		case 'c':
			v.Code = ByeCode(r.uint())
		case 't':
			v.Text = r.str(4 * MaxText)
		case 'r':
			v.RetryMS = r.uint()
		default:
			r.unknown()
		}
	})
	return v
}

func writeRound(f *fields, v *Round) {
	writeHub(f, 'h', v.Hub)
	f.uint('s', v.Since)
	f.uint('p', v.Part)
	f.bool('z', v.Last)
	f.bool('x', v.Restart)
	f.int('n', v.Now)
	writePosition(f, 't', v.Through)
	f.objects('i', len(v.Items), func(i int, f *fields) { writeItem(f, &v.Items[i]) })
	f.objects('l', len(v.Levels), func(i int, f *fields) {
		f.str('i', v.Levels[i].Item)
		writeLevel(f, v.Levels[i].Level)
	})
	f.objects('c', len(v.Claims), func(i int, f *fields) { writeStoreClaim(f, &v.Claims[i]) })
	f.objects('o', len(v.Outcomes), func(i int, f *fields) { writeOutcome(f, &v.Outcomes[i]) })
	f.bool('y', v.Renew)
	f.objects('k', len(v.Tasks), func(i int, f *fields) {
		f.uint('n', uint64(v.Tasks[i].ID))
		writeTask(f, &v.Tasks[i].Task)
	})
	f.objects('w', len(v.Transfers), func(i int, f *fields) { writeStoreTransfer(f, &v.Transfers[i]) })
	writeStorePolicy(f, 'v', &v.Policy)
}

func readRound(r *reader) *Round {
	v := &Round{}
	r.fields(func(key byte) {
		switch key {
		case 'h':
			v.Hub = readHub(r)
		case 's':
			v.Since = r.uint()
		case 'p':
			v.Part = r.uint()
		case 'z':
			v.Last = r.bool()
		case 'x':
			v.Restart = r.bool()
		case 'n':
			v.Now = r.int()
		case 't':
			v.Through = readPosition(r)
		case 'i':
			r.list(MaxRoundValues, func() { v.Items = append(v.Items, readItem(r)) })
		case 'l':
			r.list(MaxRoundValues, func() { v.Levels = append(v.Levels, readStoreLevel(r)) })
		case 'c':
			r.list(MaxRoundValues, func() { v.Claims = append(v.Claims, readStoreClaim(r)) })
		case 'o':
			r.list(MaxRoundValues, func() { v.Outcomes = append(v.Outcomes, readOutcome(r)) })
		case 'y':
			v.Renew = r.bool()
		case 'k':
			r.list(MaxRoundValues, func() { v.Tasks = append(v.Tasks, readStoreTask(r)) })
		case 'w':
			r.list(MaxRoundValues, func() { v.Transfers = append(v.Transfers, readStoreTransfer(r)) })
		case 'v':
			v.Policy = readStorePolicy(r)
		default:
			r.unknown()
		}
	})
	return v
}

func readStoreLevel(r *reader) (l stock.StoreLevel) {
	r.fields(func(key byte) {
		if key == 'i' {
			l.Item = r.str(MaxText)
		} else if !readLevel(r, key, &l.Level) {
			r.unknown()
		}
	})
	return l
}
