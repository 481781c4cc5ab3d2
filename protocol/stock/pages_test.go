package stock

import (
	"maps"
	"strconv"
	"testing"

	"pgregory.net/rapid"
)

// TestPagesAgainstAMap: pages are a map from number to row that remembers when
// each row last changed; a copied header is that map as it was.
func TestPagesAgainstAMap(t *testing.T) {
	type row struct{ value, changed uint64 }
	rapid.Check(t, func(t *rapid.T) {
		var p pages[uint64]
		model := map[uint32]row{}
		type copyOf struct {
			p     pages[uint64]
			model map[uint32]row
		}
		var copies []copyOf
		same := func(p *pages[uint64], model map[uint32]row, since uint64) {
			seen := 0
			for n, v := range p.since(since) {
				if want, ok := model[n]; !ok || want.value != *v || want.changed != p.changedAt(n) || since > 0 && want.changed <= since {
					t.Fatalf("row %d is %d changed at %d, want %v", n, *v, p.changedAt(n), want)
				}
				seen++
			}
			for n, want := range model {
				if v, ok := p.get(n); !ok || v != want.value {
					t.Fatalf("row %d reads %d, %v, want %v", n, v, ok, want)
				}
				if since > 0 && want.changed <= since {
					seen++
				}
			}
			if seen != len(model) {
				t.Fatalf("since %d and before make %d rows of %d", since, seen, len(model))
			}
		}
		generation := uint64(0)
		steps := rapid.IntRange(1, 100).Draw(t, "steps")
		for index := uint64(1); index <= uint64(steps); index++ {
			n := rapid.SampledFrom([]uint32{0, 50_000, 1 << 31}).Draw(t, "shelf") + rapid.Uint32Range(0, 300).Draw(t, "n")
			switch rapid.IntRange(0, 9).Draw(t, "what") {
			case 0:
				copies = append(copies, copyOf{p, maps.Clone(model)})
				generation++
			case 1, 2:
				p.clear(generation, n)
				delete(model, n)
			default:
				*p.edit(generation, n, index) = index * 7
				model[n] = row{index * 7, index}
			}
			same(&p, model, rapid.Uint64Range(0, index).Draw(t, "since"))
		}
		for _, c := range copies {
			same(&c.p, c.model, 0)
		}
	})
}

// TestPagesFrom yields the rows from a number on, in order.
func TestPagesFrom(t *testing.T) {
	var p pages[int]
	for _, n := range []uint32{3, 64, 200} {
		*p.edit(0, n, 1) = int(n)
	}
	for first, want := range map[uint32]int{0: 3, 3: 3, 4: 2, 65: 1, 200: 1, 201: 0, 5000: 0} {
		got, last := 0, -1
		for n := range p.from(first) {
			if int(n) <= last || n < first {
				t.Errorf("from %d yields %d after %d", first, n, last)
			}
			got, last = got+1, int(n)
		}
		if got != want {
			t.Errorf("from %d yields %d rows, want %d", first, got, want)
		}
	}
}

// TestTrieAgainstAMap: a trie is a map from code to number; a copied header is
// that map as it was.
func TestTrieAgainstAMap(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var tr trie
		model := map[string]uint32{}
		type copyOf struct {
			trie  trie
			model map[string]uint32
		}
		var copies []copyOf
		same := func(tr *trie, model map[string]uint32) {
			entries := tr.entries()
			if len(entries) != len(model) || tr.size != len(model) {
				t.Fatalf("%d entries, size %d, want %d", len(entries), tr.size, len(model))
			}
			for i, e := range entries {
				if got, ok := tr.get(e.key); !ok || got != model[e.key] || e.value != got || i > 0 && entries[i-1].key >= e.key {
					t.Fatalf("%q is %d, %v, want %d", e.key, got, ok, model[e.key])
				}
			}
			if _, ok := tr.get("nobody"); ok {
				t.Fatal("found what was never put")
			}
		}
		generation := uint64(0)
		for i := range rapid.IntRange(1, 300).Draw(t, "steps") {
			key := strconv.Itoa(rapid.IntRange(0, 200).Draw(t, "key"))
			switch rapid.IntRange(0, 19).Draw(t, "what") {
			case 0:
				copies = append(copies, copyOf{tr, maps.Clone(model)})
				generation++
			case 1, 2, 3:
				tr.remove(generation, key)
				delete(model, key)
			default:
				tr.put(generation, key, uint32(i))
				model[key] = uint32(i)
			}
		}
		same(&tr, model)
		for _, c := range copies {
			same(&c.trie, c.model)
		}
	})
}
