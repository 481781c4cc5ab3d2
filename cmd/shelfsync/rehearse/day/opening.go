package day

import "math/bits"

// Opening is the stock to open with, in thousandths, per location and item: the
// share of what the day will ask for there, so that below 1 some shortages
// happen. Asked for is what is sold, damaged or written off; what comes back or
// is found is not counted on, so it comes on top. Whole items are rounded up to
// whole units, and one level is at most a thousand million units, as a line is.
func (d *Day) Opening(share float64) map[string]map[string]int64 {
	opening := map[string]map[string]int64{}
	for _, location := range d.Locations {
		opening[location] = map[string]int64{}
	}
	for i := range d.Baskets {
		b := &d.Baskets[i]
		for _, line := range b.Sold {
			opening[b.Location][line.Item] += line.Thousandths
		}
		for _, line := range b.Adjusted {
			if line.Thousandths < 0 {
				opening[b.Location][line.Item] -= line.Thousandths
			}
		}
	}
	millionths := uint64(0)
	if share > 0 { // false for NaN
		millionths = uint64(min(share, 1000)*1e6 + 0.5)
	}
	for _, levels := range opening {
		for item, asked := range levels {
			unit := int64(1000)
			if d.Weighed[item] {
				unit = 1
			}
			levels[item] = shareOf(asked, millionths, unit)
			if levels[item] == 0 {
				delete(levels, item)
			}
		}
	}
	return opening
}

// shareOf rounds asked x millionths up to whole units. 4 million lines of 10^12
// fit an int64, and a thousandfold share of that fits 128 bits.
func shareOf(asked int64, millionths uint64, unit int64) int64 {
	high, low := bits.Mul64(uint64(asked), millionths)
	perUnit := uint64(1_000_000 * unit)
	if high >= perUnit {
		return maxThousandths
	}
	units, rest := bits.Div64(high, low, perUnit)
	if rest > 0 {
		units++
	}
	if units > maxThousandths/uint64(unit) {
		return maxThousandths
	}
	return int64(units) * unit
}
