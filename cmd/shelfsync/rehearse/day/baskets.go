package day

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"hash/fnv"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
)

// day turns what was read into a Day: stores are chosen, receipts become
// baskets in time order, and the rest is counted.
func (r *reading) day() (*Day, error) {
	d := r.result
	slices.SortStableFunc(r.receipts, func(a, b *receipt) int { return a.at.Compare(b.at) })
	played := r.chooseStores()
	for _, c := range r.receipts {
		if !played[c.location] {
			d.NotPlayed++
			d.NotPlayedLines += len(c.lines)
			continue
		}
		d.Baskets = append(d.Baskets, c.baskets()...)
	}
	if err := d.finish(r.opt); err != nil {
		return nil, err
	}
	if !r.located {
		d.Locations = slices.Sorted(maps.Keys(played))
	}
	return d, nil
}

// chooseStores says which locations are played: the ones with most receipts
// (equal ones by name), or, without a location column, all of S001 onwards.
func (r *reading) chooseStores() map[string]bool {
	played := map[string]bool{}
	if !r.located {
		for _, c := range r.receipts {
			c.location = storeOf(c, r.opt.Stores)
		}
		for i := range r.opt.Stores {
			played[storeName(i)] = true
		}
		return played
	}
	receipts := map[string]int{}
	for _, c := range r.receipts {
		receipts[c.location]++
	}
	names := slices.SortedFunc(maps.Keys(receipts), func(a, b string) int {
		return cmp.Or(receipts[b]-receipts[a], strings.Compare(a, b))
	})
	for _, name := range names[:min(len(names), r.opt.Stores)] {
		played[name] = true
	}
	return played
}

func storeName(i int) string { return fmt.Sprintf("S%03d", i+1) }

// storeOf places a receipt by its customer number, a customer without a number
// by hash, a receipt without a customer by its own hash.
func storeOf(c *receipt, stores int) string {
	if c.customer == "" {
		return storeName(int(hash(0, c.number) % uint64(stores)))
	}
	id, err := strconv.ParseUint(strings.TrimSuffix(c.customer, ".0"), 10, 64)
	if err != nil {
		id = hash(0, c.customer)
	}
	return storeName(int(id % uint64(stores)))
}

func tillOf(receipt string) string {
	return "T" + strconv.FormatUint(1+hash(1, receipt)%tillsPerStore, 10)
}

// hash is FNV-1a, its bits mixed once more because the low bits of FNV depend
// only on the low bits of its input. The salt makes hashes independent.
func hash(salt uint64, texts ...string) uint64 {
	h := fnv.New64a()
	h.Write(binary.LittleEndian.AppendUint64(nil, salt))
	for _, text := range texts {
		h.Write([]byte(text))
		h.Write([]byte{0})
	}
	x := h.Sum64()
	x = (x ^ x>>33) * 0xff51afd7ed558ccd
	x = (x ^ x>>33) * 0xc4ceb9fe1a85ec53
	return x ^ x>>33
}

// baskets cuts a receipt into calls: goods, damages and corrections apart, each
// within what one operation may carry. They are numbered by finish.
func (c *receipt) baskets() []Basket {
	goods, damages, corrections := &cutter{from: c}, &cutter{from: c}, &cutter{from: c}
	for _, line := range c.lines {
		q := Line{line.item, line.thousandths}
		lost := line.free && q.Thousandths < 0 && !c.credit
		found := line.free && q.Thousandths > 0 && !c.credit && !c.priced && c.customer == ""
		switch {
		case isService(q.Item):
			b := goods.room(q.Item)
			b.Services = append(b.Services, q)
		case lost && line.damaged:
			b := damages.room(q.Item)
			b.Adjusted = append(b.Adjusted, AdjustedLine{q.Item, q.Thousandths, ReasonDamaged})
		case lost:
			b := corrections.room(q.Item)
			b.Adjusted = append(b.Adjusted, AdjustedLine{q.Item, q.Thousandths, ReasonWrittenOff})
		case found:
			b := corrections.room(q.Item)
			b.Adjusted = append(b.Adjusted, AdjustedLine{q.Item, q.Thousandths, ReasonFound})
		case c.credit || q.Thousandths < 0:
			b := goods.room(q.Item)
			b.Returned = append(b.Returned, Line{q.Item, max(q.Thousandths, -q.Thousandths)})
		default:
			b := goods.room(q.Item)
			b.Sold = append(b.Sold, q)
		}
	}
	all := slices.Concat(goods.done, damages.done, corrections.done)
	for i := range all {
		all[i].Kind = kindOf(&all[i])
	}
	return all
}

// A cutter starts a new basket when the last one is full.
type cutter struct {
	from         *receipt
	done         []Basket
	lines, bytes int
}

func (k *cutter) room(item string) *Basket {
	if len(k.done) == 0 || k.lines == maxBasketLines || k.bytes+len(item) > maxCodeBytes {
		k.done = append(k.done, Basket{
			Receipt: k.from.number, Location: k.from.location, Till: tillOf(k.from.number),
			At: k.from.at, File: k.from.file, Row: k.from.row,
		})
		k.lines, k.bytes = 0, 0
	}
	k.lines++
	k.bytes += len(item)
	return &k.done[len(k.done)-1]
}

func kindOf(b *Basket) Kind {
	switch {
	case len(b.Adjusted) > 0 && b.Adjusted[0].Reason == ReasonDamaged:
		return Damage
	case len(b.Adjusted) > 0:
		return Adjustment
	case len(b.Sold) > 0 && len(b.Returned) > 0:
		return Exchange
	case len(b.Returned) > 0:
		return Return
	case len(b.Sold) > 0:
		return Sale
	}
	return Service
}

// finish limits, numbers, counts and repeats baskets that stand in time order.
func (d *Day) finish(opt Options) error {
	if opt.Limit > 0 && opt.Limit < len(d.Baskets) {
		for i := range d.Baskets[opt.Limit:] {
			b := &d.Baskets[opt.Limit+i]
			d.NotPlayed++
			d.NotPlayedLines += b.Lines() + len(b.Services)
		}
		d.Baskets = slices.Clip(d.Baskets[:opt.Limit])
	}
	numbers := numbering{}
	numbers.first(d.Baskets)
	d.index()
	return d.repeat(opt.Repeat, numbers)
}

// index lists and counts what the baskets hold.
func (d *Day) index() {
	locations, items, services := map[string]bool{}, map[string]bool{}, map[string]bool{}
	for i := range d.Baskets {
		b := &d.Baskets[i]
		locations[b.Location] = true
		d.PlayedLines += b.Lines()
		d.ServiceLines += len(b.Services)
		for line := range b.goods() {
			items[line.Item] = true
			if line.Thousandths%1000 != 0 {
				d.Weighed[line.Item] = true
			}
		}
		for _, line := range b.Services {
			services[line.Item] = true
		}
	}
	d.Locations = slices.Sorted(maps.Keys(locations))
	d.Items = slices.Sorted(maps.Keys(items))
	d.Services = slices.Sorted(maps.Keys(services))
}

// goods yields every line that moves stock; the sign of corrections is kept.
func (b *Basket) goods() func(func(Line) bool) {
	return func(yield func(Line) bool) {
		for _, line := range slices.Concat(b.Sold, b.Returned) {
			if !yield(line) {
				return
			}
		}
		for _, line := range b.Adjusted {
			if !yield(Line{line.Item, line.Thousandths}) {
				return
			}
		}
	}
}

// repeat plays the day again after itself, whole calendar days later.
func (d *Day) repeat(times int, numbers numbering) error {
	once := len(d.Baskets)
	if once == 0 || times == 1 {
		return nil
	}
	if times > maxReceipts/once || times > maxLines/max(1, d.PlayedLines+d.ServiceLines) {
		return fmt.Errorf("repeat is %d: the day would be larger than %d baskets or %d lines", times, maxReceipts, maxLines)
	}
	first, last := d.Baskets[0].At, d.Baskets[once-1].At
	days := 1 + int(last.Sub(first)/(24*time.Hour))
	if last.AddDate(0, 0, days*(times-1)).Year() > lastYear {
		return fmt.Errorf("repeat is %d: a day's data that spans %d days would leave the calendar", times, days)
	}
	for n := 2; n <= times; n++ {
		for _, b := range d.Baskets[:once] {
			b.Receipt = numbers.unused(b.Location, b.Receipt+"#"+strconv.Itoa(n))
			b.At = b.At.AddDate(0, 0, days*(n-1))
			d.Baskets = append(d.Baskets, b)
		}
	}
	return nil
}
