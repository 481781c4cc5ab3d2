package day

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"time"
)

// The shape of the generated day.
const (
	generatedBaskets = 3200
	generatedItems   = 600
	weighedEvery     = 25  // one item in so many is sold by weight
	skew             = 1.1 // of the Zipf law: a few items are in most baskets
	openingHour      = 9
	tradingMinutes   = 11 * 60
)

var generatedDate = time.Date(2025, time.March, 15, 0, 0, 0, 0, time.UTC) // a Saturday

// happenings are what a basket can be, in thousandths of all baskets.
var happenings = []struct {
	share int
	fill  func(*shopper, *Basket)
}{
	{900, func(s *shopper, b *Basket) { b.Sold = s.lines(1 + s.few(6)) }},
	{40, func(s *shopper, b *Basket) { b.Returned = s.lines(1 + s.few(1)) }},
	{25, func(s *shopper, b *Basket) { b.Sold, b.Returned = s.lines(1+s.few(1)), s.lines(1) }},
	{20, func(s *shopper, b *Basket) { b.Adjusted = s.adjusted(-1, ReasonDamaged) }},
	{8, func(s *shopper, b *Basket) { b.Adjusted = s.adjusted(-1, ReasonWrittenOff) }},
	{7, func(s *shopper, b *Basket) { b.Adjusted = s.adjusted(1, ReasonFound) }},
}

// A shopper draws everything that the generated day needs from one seed.
type shopper struct {
	*rand.Rand
	popular *rand.Zipf
}

// Generate makes the built-in day: 3,200 baskets over 8 tills in each store,
// with a peak at lunch and one in the evening. The same options give the same day.
func Generate(opt Options) (*Day, error) {
	opt, err := opt.checked()
	if err != nil {
		return nil, err
	}
	draw := rand.New(rand.NewPCG(opt.Seed, 0))
	s := &shopper{draw, rand.NewZipf(draw, skew, 4, generatedItems-1)}
	d := newDay()
	for range generatedBaskets {
		b := Basket{Location: storeName(s.IntN(opt.Stores)), At: s.time(), File: "generated"}
		s.happen(&b)
		b.Kind = kindOf(&b)
		d.Rows += b.Lines()
		d.Baskets = append(d.Baskets, b)
	}
	slices.SortStableFunc(d.Baskets, func(a, b Basket) int { return a.At.Compare(b.At) })
	for i := range d.Baskets {
		b := &d.Baskets[i]
		b.Row = i + 1
		b.Receipt = fmt.Sprintf("R%06d", b.Row)
		b.Till = tillOf(b.Receipt)
	}
	if err := d.finish(opt); err != nil {
		return nil, err
	}
	return d, nil
}

func (s *shopper) happen(b *Basket) {
	left := s.IntN(1000)
	for _, h := range happenings {
		if left -= h.share; left < 0 {
			h.fill(s, b)
			return
		}
	}
	panic("the shares of the happenings sum to less than 1000")
}

// few draws a count around the mean, mostly small, never far above.
func (s *shopper) few(mean float64) int { return int(min(s.ExpFloat64()*mean, 30)) }

// time draws a moment of the trading day: around 12:45, around 17:45, or any.
func (s *shopper) time() time.Time {
	minutes := s.Float64() * tradingMinutes
	switch peak := s.Float64(); {
	case peak < 0.35:
		minutes = (12.75-openingHour)*60 + 35*s.NormFloat64()
	case peak < 0.70:
		minutes = (17.75-openingHour)*60 + 40*s.NormFloat64()
	}
	minutes = min(max(minutes, 0), tradingMinutes)
	return generatedDate.Add(openingHour*time.Hour + time.Duration(minutes*60)*time.Second)
}

func (s *shopper) lines(n int) []Line {
	lines := make([]Line, n)
	for i := range lines {
		lines[i] = s.line()
	}
	return lines
}

func (s *shopper) line() Line {
	rank := int(s.popular.Uint64())
	if rank%weighedEvery == weighedEvery/2 {
		return Line{fmt.Sprintf("W%04d", rank), int64(50 + 5*s.IntN(490))}
	}
	return Line{fmt.Sprintf("%05d", 20001+7*rank), 1000 * int64(1+s.few(1.5))}
}

func (s *shopper) adjusted(sign int64, reason string) []AdjustedLine {
	line := s.line()
	return []AdjustedLine{{line.Item, sign * line.Thousandths, reason}}
}
