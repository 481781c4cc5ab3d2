package protocol

import "github.com/shelfsync/shelfsync/protocol/stock"

// The keys of a policy's rows mean the same in every list: i item, c class,
// l location, n channel, g group or name, q quantity.

func writeSetPolicy(f *fields, v *stock.SetPolicy) {
	f.uint('v', v.Replaces)
	f.object('p', func(f *fields) { writePolicy(f, &v.Policy) })
}

func readSetPolicy(r *reader) *stock.SetPolicy {
	v := &stock.SetPolicy{}
	r.fields(func(key byte) {
		switch key {
		case 'v':
			v.Replaces = r.uint()
		case 'p':
			v.Policy = readPolicy(r)
		default:
			r.unknown()
		}
	})
	return v
}

func writePolicyRow(f *fields, v *stock.PolicyRow) {
	f.uint('v', v.Version)
	f.uint('x', v.Changed)
	f.object('p', func(f *fields) { writePolicy(f, &v.Policy) })
}

func readPolicyRow(r *reader) (v stock.PolicyRow) {
	r.fields(func(key byte) {
		switch key {
		case 'v':
			v.Version = r.uint()
		case 'x':
			v.Changed = r.uint()
		case 'p':
			v.Policy = readPolicy(r)
		default:
			r.unknown()
		}
	})
	return v
}

func writePolicy(f *fields, p *stock.Policy) {
	f.objects('s', len(p.Safety), func(i int, f *fields) {
		row := &p.Safety[i]
		writeGoods(f, row.Item, row.Class, row.Location)
		f.int('q', int64(row.Quantity))
	})
	f.objects('t', len(p.Thresholds), func(i int, f *fields) {
		f.str('n', p.Thresholds[i].Channel)
		f.str('c', p.Thresholds[i].Class)
		f.int('q', int64(p.Thresholds[i].Quantity))
	})
	f.objects('g', len(p.Groups), func(i int, f *fields) {
		f.str('n', p.Groups[i].Channel)
		f.str('g', p.Groups[i].Group)
	})
	f.objects('a', len(p.Allocation), func(i int, f *fields) {
		row := &p.Allocation[i]
		f.str('g', row.Group)
		writeGoods(f, row.Item, row.Class, row.Location)
		f.int('q', int64(row.Protected))
	})
	f.objects('x', len(p.Exclusions), func(i int, f *fields) {
		f.str('l', p.Exclusions[i].Location)
		f.str('n', p.Exclusions[i].Channel)
		f.str('g', p.Exclusions[i].Group)
	})
	f.objects('c', len(p.Candidates), func(i int, f *fields) {
		f.str('g', p.Candidates[i].Name)
		f.strs('l', p.Candidates[i].Locations)
	})
	writeConflictRules(f, p)
	f.objects('r', len(p.Returns), func(i int, f *fields) { writeReturnRule(f, &p.Returns[i]) })
	f.int('w', p.CollectWithin)
	f.int('u', p.AgedTransferDays)
	f.int('j', p.JournalDays)
}

func writeGoods(f *fields, item, class, location string) {
	f.str('i', item)
	f.str('c', class)
	f.str('l', location)
}

func writeConflictRules(f *fields, p *stock.Policy) {
	f.objects('o', len(p.Orders), func(i int, f *fields) {
		row := &p.Orders[i]
		f.str('c', row.Class)
		if len(row.Keys) > 0 {
			must(f.key('k').EncodeArrayLen(len(row.Keys)))
			for _, key := range row.Keys {
				must(f.w.enc.EncodeUint(uint64(key)))
			}
		}
		f.strs('n', row.Ranking)
	})
	f.objects('m', len(p.Remedies), func(i int, f *fields) {
		f.str('c', p.Remedies[i].Class)
		f.str('n', p.Remedies[i].Channel)
		f.uint('m', uint64(p.Remedies[i].Moves))
	})
}

func writeReturnRule(f *fields, v *stock.ReturnRule) {
	f.str('c', v.Class)
	f.uint('a', uint64(v.To))
}

func readPolicy(r *reader) (p stock.Policy) {
	const most = stock.MaxPolicyRows
	r.fields(func(key byte) {
		switch key {
		case 's':
			r.list(most, func() { p.Safety = append(p.Safety, safetyOf(readPolicyLine(r, "iclq"))) })
		case 't':
			r.list(most, func() { p.Thresholds = append(p.Thresholds, thresholdOf(readPolicyLine(r, "ncq"))) })
		case 'g':
			r.list(most, func() { p.Groups = append(p.Groups, groupOf(readPolicyLine(r, "ng"))) })
		case 'a':
			r.list(most, func() { p.Allocation = append(p.Allocation, allocationOf(readPolicyLine(r, "giclq"))) })
		case 'x':
			r.list(most, func() { p.Exclusions = append(p.Exclusions, exclusionOf(readPolicyLine(r, "lng"))) })
		case 'c':
			r.list(most, func() { p.Candidates = append(p.Candidates, readCandidateGroup(r)) })
		case 'o':
			r.list(most, func() { p.Orders = append(p.Orders, readConflictOrder(r)) })
		case 'm':
			r.list(most, func() { p.Remedies = append(p.Remedies, readRemedyRule(r)) })
		case 'r':
			r.list(stock.MaxReturnRules, func() { p.Returns = append(p.Returns, readReturnRule(r)) })
		case 'w':
			p.CollectWithin = r.int()
		case 'u':
			p.AgedTransferDays = r.int()
		case 'j':
			p.JournalDays = r.int()
		default:
			r.unknown()
		}
	})
	return p
}

// policyLine is a row of any of the plain lists; each list has its own keys.
type policyLine struct {
	item, class, location, channel, group string
	quantity                              stock.Quantity
}

func readPolicyLine(r *reader, keys string) (v policyLine) {
	into := map[byte]*string{'i': &v.item, 'c': &v.class, 'l': &v.location, 'n': &v.channel, 'g': &v.group}
	r.fields(func(key byte) {
		switch {
		case !holds(keys, key):
			r.unknown()
		case key == 'q':
			v.quantity = stock.Quantity(r.int())
		default:
			*into[key] = r.str(MaxText)
		}
	})
	return v
}

func holds(keys string, key byte) bool {
	for i := range len(keys) {
		if keys[i] == key {
			return true
		}
	}
	return false
}

func safetyOf(v policyLine) stock.SafetyStock {
	return stock.SafetyStock{Item: v.item, Class: v.class, Location: v.location, Quantity: v.quantity}
}

func thresholdOf(v policyLine) stock.ChannelThreshold {
	return stock.ChannelThreshold{Channel: v.channel, Class: v.class, Quantity: v.quantity}
}

func groupOf(v policyLine) stock.ChannelGroup {
	return stock.ChannelGroup{Channel: v.channel, Group: v.group}
}

func allocationOf(v policyLine) stock.Allocation {
	return stock.Allocation{Group: v.group, Item: v.item, Class: v.class, Location: v.location, Protected: v.quantity}
}

func exclusionOf(v policyLine) stock.Exclusion {
	return stock.Exclusion{Location: v.location, Channel: v.channel, Group: v.group}
}

func readCandidateGroup(r *reader) (v stock.CandidateGroup) {
	r.fields(func(key byte) {
		switch key {
		case 'g':
			v.Name = r.str(MaxText)
		case 'l':
			r.list(MaxCandidates, func() { v.Locations = append(v.Locations, r.str(MaxText)) })
		default:
			r.unknown()
		}
	})
	return v
}

func readConflictOrder(r *reader) (v stock.ConflictOrder) {
	r.fields(func(key byte) {
		switch key {
		case 'c':
			v.Class = r.str(MaxText)
		case 'k':
			r.list(maxSortKeys, func() { v.Keys = append(v.Keys, stock.SortKey(r.uintMax(255))) })
		case 'n':
			r.list(stock.MaxRanking, func() { v.Ranking = append(v.Ranking, r.str(MaxText)) })
		default:
			r.unknown()
		}
	})
	return v
}

func readRemedyRule(r *reader) (v stock.RemedyRule) {
	r.fields(func(key byte) {
		switch key {
		case 'c':
			v.Class = r.str(MaxText)
		case 'n':
			v.Channel = r.str(MaxText)
		case 'm':
			v.Moves = uint8(r.uintMax(255))
		default:
			r.unknown()
		}
	})
	return v
}

func readReturnRule(r *reader) (v stock.ReturnRule) {
	r.fields(func(key byte) {
		switch key {
		case 'c':
			v.Class = r.str(MaxText)
		case 'a':
			v.To = stock.Account(r.uintMax(255))
		default:
			r.unknown()
		}
	})
	return v
}

// writeStorePolicy writes what a round says of the policy, if it says anything.
func writeStorePolicy(f *fields, key byte, v *stock.StorePolicy) {
	if v.Version == 0 && len(v.Returns) == 0 {
		return
	}
	f.object(key, func(f *fields) {
		f.uint('v', v.Version)
		f.objects('r', len(v.Returns), func(i int, f *fields) { writeReturnRule(f, &v.Returns[i]) })
	})
}

func readStorePolicy(r *reader) (v stock.StorePolicy) {
	r.fields(func(key byte) {
		switch key {
		case 'v':
			v.Version = r.uint()
		case 'r':
			r.list(stock.MaxReturnRules, func() { v.Returns = append(v.Returns, readReturnRule(r)) })
		default:
			r.unknown()
		}
	})
	return v
}
