package journal

import (
	"encoding/binary"
	"hash/crc32"
	"hash/fnv"
	"io"
	"os"
	"sync/atomic"
)

// filter says of a key that a segment surely has no record with it, or that it
// may have one. All bits of a key are in one page, so a question reads one page
// of the file, whose sum it checks; nothing is kept in memory.
type filter struct {
	path    string
	at      int64 // offset of the first page
	pages   uint32
	built   []byte      // while it is built
	damaged atomic.Bool // a page could not be read: build it anew
}

const (
	pageBytes = 4096 // its last four bytes are the CRC-32C of the others
	pageBits  = (pageBytes - 4) * 8
	// keyBits is how many bits a key sets: with 16 bits of filter for 3 keys, one
	// question in twelve is answered "maybe" in vain.
	keyBits = 3
)

func newFilter(path string, segment int64) filter {
	pages := uint32(filterBytes(segment)/pageBytes) + 1
	return filter{path: path, pages: pages, built: make([]byte, int(pages)*pageBytes)}
}

// places are the page of a key and its bits in it.
func (f *filter) places(key string) (page uint32, bits [keyBits]uint32) {
	sum := fnv.New64a()
	_, _ = sum.Write([]byte(key)) // never fails
	h := mixed(sum.Sum64())
	page = uint32(h % uint64(f.pages))
	for i := range bits {
		h = mixed(h)
		bits[i] = uint32(h % pageBits)
	}
	return page, bits
}

// mixed spreads every bit over all the others (the end of splitmix64).
func mixed(h uint64) uint64 {
	h += 0x9e3779b97f4a7c15
	h = (h ^ h>>30) * 0xbf58476d1ce4e5b9
	h = (h ^ h>>27) * 0x94d049bb133111eb
	return h ^ h>>31
}

func (f *filter) add(key string) {
	page, bits := f.places(key)
	for _, bit := range bits {
		f.built[int(page)*pageBytes+int(bit/8)] |= 1 << (bit % 8)
	}
}

// write ends every page with its sum.
func (f *filter) write(out io.Writer) error {
	for page := f.built; len(page) > 0; page = page[pageBytes:] {
		body := page[:pageBytes-4]
		binary.BigEndian.PutUint32(page[pageBytes-4:pageBytes], crc32.Checksum(body, castagnoli))
	}
	_, err := out.Write(f.built)
	return err
}

func (f *filter) mayHave(key string) bool {
	page, bits := f.places(key)
	var b [pageBytes]byte
	if !f.read(page, b[:]) {
		f.damaged.Store(true)
		return true
	}
	for _, bit := range bits {
		if b[bit/8]&(1<<(bit%8)) == 0 {
			return false
		}
	}
	return true
}

func (f *filter) read(page uint32, b []byte) bool {
	file, err := os.Open(f.path)
	if err != nil {
		return false
	}
	defer file.Close() // only read
	_, err = file.ReadAt(b, f.at+int64(page)*pageBytes)
	return err == nil && crc32.Checksum(b[:pageBytes-4], castagnoli) == binary.BigEndian.Uint32(b[pageBytes-4:])
}
