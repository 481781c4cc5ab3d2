package day

import "strconv"

// numbering keeps receipts unique at each location, as tills promise: the
// value is the last suffix given for that name.
type numbering map[placed]int

type placed struct{ location, receipt string }

// first numbers baskets in time order. The parts of one receipt stand side by
// side and become R, R/2, R/3; the same number on another day becomes R~2.
func (n numbering) first(baskets []Basket) {
	original, base, part := Basket{}, "", 1
	for i := range baskets {
		b := &baskets[i]
		same := i > 0 && b.Receipt == original.Receipt && b.Location == original.Location &&
			b.Row == original.Row && b.File == original.File
		original = *b
		if same {
			part++
			b.Receipt = n.unused(b.Location, base+"/"+strconv.Itoa(part))
			continue
		}
		part = 1
		b.Receipt = n.unused(b.Location, b.Receipt)
		base = b.Receipt
	}
}

// unused returns the wanted name, or with ~2, ~3 … when it is taken.
func (n numbering) unused(location, wanted string) string {
	name := wanted
	for n[placed{location, name}] > 0 {
		last := max(2, n[placed{location, wanted}]+1)
		n[placed{location, wanted}] = last
		name = wanted + "~" + strconv.Itoa(last)
	}
	n[placed{location, name}] = max(1, n[placed{location, name}])
	return name
}
