package stock

import "iter"

// pageRows is small, so that a change after a freeze copies little, and a power
// of two, so that finding a row is a shift and a mask.
const pageRows = 64

// page holds the rows of one stretch of numbers and when each last changed.
type page[T any] struct {
	generation uint64
	newest     uint64
	used       uint64 // one bit a row
	changed    [pageRows]uint64
	rows       [pageRows]T
}

// pages is a sparse array that is frozen by copying its header: a row edited
// under a later generation is copied with its page first. Each row remembers
// the log index of its last change, so "what changed since" costs what changed.
type pages[T any] struct {
	generation uint64
	newest     uint64
	list       []*page[T]
}

// get returns row n, or the zero row where nothing was ever written.
func (p *pages[T]) get(n uint32) (row T, ok bool) {
	at := int(n / pageRows)
	if at >= len(p.list) || p.list[at] == nil || p.list[at].used&(1<<(n%pageRows)) == 0 {
		return row, false
	}
	return p.list[at].rows[n%pageRows], true
}

// edit returns row n for writing and marks it changed at index.
func (p *pages[T]) edit(generation uint64, n uint32, index uint64) *T {
	pg := p.own(generation, int(n/pageRows))
	pg.used |= 1 << (n % pageRows)
	pg.changed[n%pageRows] = index
	pg.newest = max(pg.newest, index)
	p.newest = max(p.newest, index)
	return &pg.rows[n%pageRows]
}

// clear forgets row n; a page without rows is dropped.
func (p *pages[T]) clear(generation uint64, n uint32) {
	if _, ok := p.get(n); !ok {
		return
	}
	at := int(n / pageRows)
	pg := p.own(generation, at)
	var none T
	pg.rows[n%pageRows] = none
	pg.changed[n%pageRows] = 0
	pg.used &^= 1 << (n % pageRows)
	if pg.used == 0 {
		p.list[at] = nil
	}
}

func (p *pages[T]) own(generation uint64, at int) *page[T] {
	if p.generation != generation {
		p.list = append(make([]*page[T], 0, max(at+1, len(p.list))), p.list...)
		p.generation = generation
	}
	for at >= len(p.list) {
		p.list = append(p.list, nil)
	}
	switch pg := p.list[at]; {
	case pg == nil:
		p.list[at] = &page[T]{generation: generation}
	case pg.generation != generation:
		own := *pg
		own.generation = generation
		p.list[at] = &own
	}
	return p.list[at]
}

// since yields the rows that changed after index, by number. 0 yields all.
func (p *pages[T]) since(index uint64) iter.Seq2[uint32, *T] {
	return func(yield func(uint32, *T) bool) {
		if index > 0 && p.newest <= index {
			return
		}
		for at, pg := range p.list {
			if pg == nil || index > 0 && pg.newest <= index {
				continue
			}
			for i := range uint32(pageRows) {
				if pg.used&(1<<i) == 0 || index > 0 && pg.changed[i] <= index {
					continue
				}
				if !yield(uint32(at)*pageRows+i, &pg.rows[i]) {
					return
				}
			}
		}
	}
}

// from yields the rows from a number on.
func (p *pages[T]) from(first uint32) iter.Seq2[uint32, *T] {
	return func(yield func(uint32, *T) bool) {
		for at := int(first / pageRows); at < len(p.list); at++ {
			pg := p.list[at]
			if pg == nil {
				continue
			}
			for i := range uint32(pageRows) {
				n := uint32(at)*pageRows + i
				if n >= first && pg.used&(1<<i) != 0 && !yield(n, &pg.rows[i]) {
					return
				}
			}
		}
	}
}

// changedAt is the index of the last change of row n.
func (p *pages[T]) changedAt(n uint32) uint64 {
	if at := int(n / pageRows); at < len(p.list) && p.list[at] != nil {
		return p.list[at].changed[n%pageRows]
	}
	return 0
}
