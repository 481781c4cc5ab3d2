package crashdisk

import (
	"maps"
	"math/rand/v2"
	"os"
	"path"
	"path/filepath"
	"slices"
)

// sector is what a disk writes whole or not at all.
const sector = 512

// page is what the machine's cache hands to the disk at once.
const page = 4096

// Way is how a power cut treats what was not synced.
type Way int

// The ways.
const (
	Kept      Way = iota // all of it is there, as after a kill
	Dropped              // nothing of it is there
	Torn                 // what came first is there, up to the middle of a write
	Reordered            // any part of it is there: some writes, some of their pages
	Shredded             // the same by sectors
	Garbage              // the same, and what a file grew by is garbage
	Ways                 // how many there are
)

func (w Way) String() string {
	return [...]string{"kept", "dropped", "torn", "reordered", "shredded", "garbage"}[w]
}

// change is one write to a file or a new size of it.
type change struct {
	at      int64 // offset; -1: the size becomes length
	data    []byte
	length  int64
	durable bool
	doubted bool // a sync that was to make it durable failed
}

// inode is a file apart from its names: what is durable, and what came after.
type inode struct {
	base    []byte
	changes []change
}

// settle takes into the base what is durable before the first change that is not.
func (f *inode) settle() {
	for len(f.changes) > 0 && f.changes[0].durable {
		f.base = apply(f.base, f.changes[0])
		f.changes = f.changes[1:]
	}
}

func apply(b []byte, c change) []byte {
	if c.at < 0 {
		return resize(b, c.length)
	}
	if end := c.at + int64(len(c.data)); end > int64(len(b)) {
		b = resize(b, end)
	}
	copy(b[c.at:], c.data)
	return b
}

func resize(b []byte, size int64) []byte {
	if size <= int64(len(b)) {
		return b[:size:size]
	}
	return append(b, make([]byte, size-int64(len(b)))...)
}

// renaming is a change of a folder's names that was not synced: name becomes
// of file, where file is nil it goes; from, if any, goes with it.
type renaming struct {
	name, from string
	file       *inode
}

func (r renaming) apply(names map[string]*inode) {
	if r.from != "" {
		delete(names, r.from)
	}
	if r.file == nil {
		delete(names, r.name)
	} else {
		names[r.name] = r.file
	}
}

// Player goes through a recording and makes images of what a power cut leaves.
type Player struct {
	recording *Recording
	next      int
	durable   map[string]*inode
	visible   map[string]*inode
	pending   []renaming
	marks     int
}

// Play begins at the beginning.
func (r *Recording) Play() *Player {
	p := &Player{recording: r, durable: map[string]*inode{}}
	for name, b := range r.Before {
		p.durable[name] = &inode{base: slices.Clone(b)}
	}
	p.visible = maps.Clone(p.durable)
	return p
}

// At is how many events have happened, Marks how many of them were marks.
func (p *Player) At() int { return p.next }

// Marks is how many marks have been passed.
func (p *Player) Marks() int { return p.marks }

// To lets events happen until there were so many.
func (p *Player) To(count int) {
	for ; p.next < min(count, len(p.recording.Events)); p.next++ {
		p.happen(&p.recording.Events[p.next])
	}
}

func (p *Player) happen(e *Event) {
	f := p.visible[e.Name]
	switch e.Kind {
	case Mark:
		p.marks++
	case Create:
		p.rename(renaming{name: e.Name, file: &inode{}})
	case Delete:
		p.rename(renaming{name: e.Name})
	case Rename:
		p.rename(renaming{name: e.Other, from: e.Name, file: f})
	case Link:
		p.rename(renaming{name: e.Other, file: f})
	case SyncDir:
		p.syncDir(path.Dir(e.Name))
	case Write:
		f = p.file(e.Name, f)
		f.changes = append(f.changes, change{at: e.At, data: e.Data})
	case Truncate:
		f = p.file(e.Name, f)
		f.changes = append(f.changes, change{at: -1, length: e.At})
	case Sync:
		p.file(e.Name, f).sync(e.Failed)
	}
}

// file is the one that an event names: one that nobody was seen to make counts as
// just made.
func (p *Player) file(name string, f *inode) *inode {
	if f == nil {
		f = &inode{}
		p.rename(renaming{name: name, file: f})
	}
	return f
}

func (p *Player) rename(r renaming) {
	r.apply(p.visible)
	p.pending = append(p.pending, r)
}

func (p *Player) syncDir(folder string) {
	p.pending = slices.DeleteFunc(p.pending, func(r renaming) bool {
		in := path.Dir(r.name) == folder
		if in {
			r.apply(p.durable)
		}
		return in
	})
}

func (f *inode) sync(failed bool) {
	for i := range f.changes {
		c := &f.changes[i]
		if failed {
			c.doubted = c.doubted || !c.durable
		} else if !c.doubted {
			c.durable = true
		}
	}
	f.settle()
}

// Image is a folder that a power cut now may leave, and what of it is garbage is
// random.
func (p *Player) Image(way Way, random *rand.Rand) map[string][]byte {
	names := maps.Clone(p.durable)
	keep := len(p.pending)
	if way == Torn {
		keep = random.IntN(len(p.pending) + 1)
	}
	for i, r := range p.pending {
		if way == Kept || way == Torn && i < keep || way > Torn && random.IntN(2) == 0 {
			r.apply(names)
		}
	}
	image := map[string][]byte{}
	for _, name := range slices.Sorted(maps.Keys(names)) { // sorted, so that a seed is a seed
		image[name] = names[name].after(way, random)
	}
	return image
}

// after is what a file holds after a power cut.
func (f *inode) after(way Way, random *rand.Rand) []byte {
	b := slices.Clone(f.base)
	loose := 0
	for _, c := range f.changes {
		if !c.durable {
			loose++
		}
	}
	torn, size := random.IntN(loose+1), int64(len(b))
	for _, c := range f.changes {
		switch {
		case c.durable || way == Kept:
			b = apply(b, c)
		case way == Torn && torn > 0:
			if torn--; torn > 0 || c.at < 0 {
				b = apply(b, c)
			} else {
				b = f.tear(b, c, random)
			}
		case way > Torn && random.IntN(2) == 0:
			b = f.scatter(b, c, way, random)
		}
		if c.durable {
			size = max(size, c.at+int64(len(c.data)))
		}
	}
	if way == Garbage {
		b = f.garbage(b, size, random)
	}
	return b
}

// tear keeps the beginning of a write, to the end of some sector or page.
func (f *inode) tear(b []byte, c change, random *rand.Rand) []byte {
	unit := int64(sector)
	if random.IntN(2) == 0 {
		unit = page
	}
	first := c.at / unit
	end := (first + random.Int64N(int64(len(c.data))/unit+2)) * unit
	if kept := end - c.at; kept > 0 {
		c.data = c.data[:min(kept, int64(len(c.data)))]
		b = apply(b, c)
	}
	return b
}

// scatter keeps some pages or sectors of a write.
func (f *inode) scatter(b []byte, c change, way Way, random *rand.Rand) []byte {
	if c.at < 0 {
		return apply(b, c)
	}
	unit := int64(page)
	if way > Reordered {
		unit = sector
	}
	for at, end := c.at, c.at+int64(len(c.data)); at < end; {
		next := min(end, (at/unit+1)*unit)
		if random.IntN(4) > 0 {
			b = apply(b, change{at: at, data: c.data[at-c.at : next-c.at]})
		}
		at = next
	}
	return b
}

// garbage lets a file end in what never was written to it, where it grew without a
// sync.
func (f *inode) garbage(b []byte, durable int64, random *rand.Rand) []byte {
	grown := int64(len(f.base))
	for _, c := range f.changes {
		grown = max(grown, c.at+int64(len(c.data)))
	}
	if grown <= durable || int64(len(b)) < durable {
		return b
	}
	from := durable + random.Int64N(grown-durable)
	b = resize(b, max(int64(len(b)), from+random.Int64N(grown-from)+1))
	for i := from; i < int64(len(b)); i++ {
		b[i] = byte(random.Uint32())
	}
	return b
}

// WriteImage puts an image into a folder, which is emptied.
func WriteImage(dir string, image map[string][]byte) error {
	if err := os.RemoveAll(dir); err != nil {
		return err
	}
	for name, b := range image {
		file := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o750); err != nil {
			return err
		}
		if err := os.WriteFile(file, b, 0o600); err != nil {
			return err
		}
	}
	return os.MkdirAll(dir, 0o750)
}
