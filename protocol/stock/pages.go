package stock

import "iter"

const (
	// pageRows is small, so that a change after a freeze copies little, and a power
	// of two, so that finding a row is a shift and a mask.
	pageRows = 64
	// shelfPages keeps small what a change copies on the way to its page.
	shelfPages = 64
	shelfRows  = pageRows * shelfPages
)

// page holds the rows of one stretch of numbers and when each last changed.
type page[T any] struct {
	generation uint64
	newest     uint64
	used       uint64 // one bit a row
	changed    [pageRows]uint64
	rows       [pageRows]T
}

// shelf holds the pages of a longer stretch.
type shelf[T any] struct {
	generation uint64
	newest     uint64
	pages      [shelfPages]*page[T]
}

// pages is a sparse array that is frozen by copying its header: a row edited
// under a later generation is copied with its page and shelf first. Each row
// remembers the log index of its last change, so "what changed since" costs what
// changed. Numbers that are given once and forgotten in turn cost what is
// remembered, not what there ever was: shelves without rows leave the list at
// both of its ends.
type pages[T any] struct {
	generation uint64
	newest     uint64
	first      int // number of the shelf that list begins with
	list       []*shelf[T]
}

// page finds the page of row n, or nil.
func (p *pages[T]) page(n uint32) *page[T] {
	at := int(n/shelfRows) - p.first
	if at < 0 || at >= len(p.list) || p.list[at] == nil {
		return nil
	}
	return p.list[at].pages[n/pageRows%shelfPages]
}

// get returns row n, or the zero row where nothing was ever written.
func (p *pages[T]) get(n uint32) (row T, ok bool) {
	pg := p.page(n)
	if pg == nil || pg.used&(1<<(n%pageRows)) == 0 {
		return row, false
	}
	return pg.rows[n%pageRows], true
}

// edit returns row n for writing and marks it changed at index.
func (p *pages[T]) edit(generation uint64, n uint32, index uint64) *T {
	sh := p.ownShelf(generation, int(n/shelfRows))
	pg := sh.own(generation, n/pageRows%shelfPages)
	pg.used |= 1 << (n % pageRows)
	pg.changed[n%pageRows] = index
	pg.newest = max(pg.newest, index)
	sh.newest = max(sh.newest, index)
	p.newest = max(p.newest, index)
	return &pg.rows[n%pageRows]
}

// clear forgets row n; a page and a shelf without rows are dropped.
func (p *pages[T]) clear(generation uint64, n uint32) {
	if _, ok := p.get(n); !ok {
		return
	}
	sh := p.ownShelf(generation, int(n/shelfRows))
	at := n / pageRows % shelfPages
	pg := sh.own(generation, at)
	var none T
	pg.rows[n%pageRows] = none
	pg.changed[n%pageRows] = 0
	pg.used &^= 1 << (n % pageRows)
	if pg.used > 0 {
		return
	}
	sh.pages[at] = nil
	if sh.pages == [shelfPages]*page[T]{} {
		p.list[int(n/shelfRows)-p.first] = nil
		p.trim()
	}
}

func (p *pages[T]) trim() {
	for len(p.list) > 0 && p.list[0] == nil {
		p.list, p.first = p.list[1:], p.first+1
	}
	for len(p.list) > 0 && p.list[len(p.list)-1] == nil {
		p.list = p.list[:len(p.list)-1]
	}
}

// ownShelf returns a shelf for writing, and makes room for it in the list.
func (p *pages[T]) ownShelf(generation uint64, number int) *shelf[T] {
	if len(p.list) == 0 {
		p.first = number
	}
	if before := p.first - number; before > 0 {
		p.list, p.first, p.generation = append(make([]*shelf[T], before), p.list...), number, generation
	}
	at := number - p.first
	if p.generation != generation {
		p.list = append(make([]*shelf[T], 0, max(at+1, len(p.list))), p.list...)
		p.generation = generation
	}
	for at >= len(p.list) {
		p.list = append(p.list, nil)
	}
	switch sh := p.list[at]; {
	case sh == nil:
		p.list[at] = &shelf[T]{generation: generation}
	case sh.generation != generation:
		own := *sh
		own.generation = generation
		p.list[at] = &own
	}
	return p.list[at]
}

func (sh *shelf[T]) own(generation uint64, at uint32) *page[T] {
	switch pg := sh.pages[at]; {
	case pg == nil:
		sh.pages[at] = &page[T]{generation: generation}
	case pg.generation != generation:
		own := *pg
		own.generation = generation
		sh.pages[at] = &own
	}
	return sh.pages[at]
}

// since yields the rows that changed after index, by number. 0 yields all.
func (p *pages[T]) since(index uint64) iter.Seq2[uint32, *T] { return p.walk(0, index) }

// from yields the rows from a number on.
func (p *pages[T]) from(first uint32) iter.Seq2[uint32, *T] { return p.walk(first, 0) }

// walk yields the rows from a number on that changed after index, by number; what
// was written while it walks may be missing.
func (p *pages[T]) walk(first uint32, index uint64) iter.Seq2[uint32, *T] {
	return func(yield func(uint32, *T) bool) {
		list, base := p.list, p.first
		for at := max(0, int(first/shelfRows)-base); at < len(list); at++ {
			sh := list[at]
			if sh == nil || index > 0 && sh.newest <= index {
				continue
			}
			for k, pg := range &sh.pages {
				if pg != nil && !pg.walk(uint32((base+at)*shelfRows+k*pageRows), first, index, yield) {
					return
				}
			}
		}
	}
}

func (pg *page[T]) walk(number, first uint32, index uint64, yield func(uint32, *T) bool) bool {
	if index > 0 && pg.newest <= index {
		return true
	}
	for i := range uint32(pageRows) {
		if n := number + i; n >= first && pg.used&(1<<i) != 0 && (index == 0 || pg.changed[i] > index) && !yield(n, &pg.rows[i]) {
			return false
		}
	}
	return true
}

// changedAt is the index of the last change of row n.
func (p *pages[T]) changedAt(n uint32) uint64 {
	if pg := p.page(n); pg != nil {
		return pg.changed[n%pageRows]
	}
	return 0
}
