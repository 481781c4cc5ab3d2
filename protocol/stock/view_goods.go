package stock

import "sort"

// arrivalKey is what pending arrivals bring of one item.
type arrivalKey struct {
	transfer string
	account  Account
	home     bool // goods that this store sent itself
}

// SetTransfers takes lines of open transfers from the hub. All of a transfer's
// come together, and replace those that were known.
func (v *View) SetTransfers(lines []StoreTransfer) {
	for i := range lines {
		delete(v.transfers, lines[i].ID)
	}
	for _, line := range lines {
		v.transfers[line.ID] = append(v.transfers[line.ID], line)
	}
}

// DropTransfers forgets all transfers: a round that brings them anew follows.
func (v *View) DropTransfers() { v.transfers = map[string][]StoreTransfer{} }

// Transfer are the lines of an open transfer that nothing pending closes; none
// where the store knows of none.
func (v *View) Transfer(id string) []StoreTransfer {
	if v.closing[id] > 0 {
		return nil
	}
	return v.transfers[id]
}

// Transfers are the lines of all open transfers from, to or at this store, by
// id; those that have arrived here and are pending are taken away.
func (v *View) Transfers() (lines []StoreTransfer) {
	var ids []string
	for id := range v.transfers {
		ids = append(ids, id)
	}
	sort.Strings(ids)
	for _, id := range ids {
		for _, line := range v.Transfer(id) {
			if line.At == v.Here && line.Quantity > 0 {
				line.Quantity -= min(line.Quantity, v.arrived(&line))
			}
			if line.Quantity != 0 {
				lines = append(lines, line)
			}
		}
	}
	return lines
}

// arrived is what pending arrivals have brought of a line.
func (v *View) arrived(line *StoreTransfer) Quantity {
	by := v.arriving[line.Item]
	return by[arrivalKey{line.ID, line.Account, true}] + by[arrivalKey{line.ID, line.Account, false}]
}

// foldGoods remembers a pending count, or a pending arrival. Who undoes a
// dispatch has the goods back home.
func (v *View) foldGoods(op *Operation, line *Line, sign Quantity) {
	key := arrivalKey{line.Of, line.Account, line.Location == v.Here}
	switch {
	case line.Kind == Count:
		add(v.counting, line.Code(), int(sign))
		return
	case line.Kind == Dispatch && op.Reverses != "":
		key.transfer, key.home = op.Reverses, true
	case line.Kind != Arrive:
		return
	}
	by := v.arriving[line.Code()]
	if by == nil {
		by = map[arrivalKey]Quantity{}
		v.arriving[line.Code()] = by
	}
	if by[key] += sign * line.Quantity; by[key] == 0 {
		delete(by, key)
	}
	if len(by) == 0 {
		delete(v.arriving, line.Code())
	}
}

// transit is what pending operations do to what is in transit here. It is asked
// when a level is read, for it depends on which transfers the hub tells of: goods
// come out of transit where their dispatch wrote them; those whose papers are
// still to come are below zero here, those that the store sent itself are not.
func (v *View) transit(item string) (q Quantity) {
	for id := range v.closing {
		for _, line := range v.transfers[id] {
			if line.At == v.Here && line.Item == item {
				q -= line.Quantity
			}
		}
	}
	for key, arriving := range v.arriving[item] {
		lines := v.transfers[key.transfer]
		switch {
		case v.closing[key.transfer] > 0 && len(lines) > 0:
		case len(lines) > 0 && lines[0].Dispatched:
			q -= min(arriving, v.standing(lines, item, key.account))
		case !key.home:
			q -= arriving
		}
	}
	return q
}

// standing is what a transfer has in transit here of an item.
func (v *View) standing(lines []StoreTransfer, item string, account Account) (q Quantity) {
	for _, line := range lines {
		if line.At == v.Here && line.Item == item && line.Account == account {
			q += line.Quantity
		}
	}
	return q
}

func outOfTransit(a Account) Account {
	if a == InTransit {
		return NoAccount
	}
	return a
}

// add counts up or down, and keeps no zero.
func add(counts map[string]int, key string, n int) {
	if counts[key] += n; counts[key] == 0 {
		delete(counts, key)
	}
}
