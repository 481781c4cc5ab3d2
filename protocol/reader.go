package protocol

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// Errors of the bounded walk. They arrive wrapped with the place in the input.
var (
	ErrTruncated = errors.New("input ends early")
	ErrType      = errors.New("value has another type")
	ErrTooLong   = errors.New("value is longer than its limit")
	ErrDuplicate = errors.New("key appears twice")
	ErrUnknown   = errors.New("unknown key")
	ErrTrailing  = errors.New("bytes follow the value")
	ErrDepth     = errors.New("nested too deeply")
	ErrRange     = errors.New("number out of range")
)

// maxSkipDepth bounds how deep an unknown value may nest before it is refused.
const maxSkipDepth = 8

// reader walks msgpack bytes. The first error sticks and every later read gives
// a zero value, so that a walk is written without a branch after each read.
type reader struct {
	all, left []byte
	err       error
	lenient   bool // unknown keys are skipped: a later version may say more
}

func newReader(b []byte) *reader { return &reader{all: b, left: b} }

func (r *reader) fail(err error) {
	if r.err == nil {
		r.err = fmt.Errorf("byte %d: %w", len(r.all)-len(r.left), err)
	}
	r.left = nil
}

// finish is the walk's error; anything left over is one.
func (r *reader) finish() error {
	if r.err == nil && len(r.left) > 0 {
		r.fail(ErrTrailing)
	}
	return r.err
}

func (r *reader) take(n int) []byte {
	if n < 0 || n > len(r.left) {
		r.fail(ErrTruncated)
		return nil
	}
	taken := r.left[:n:n]
	r.left = r.left[n:]
	return taken
}

func (r *reader) code() byte {
	b := r.take(1)
	if b == nil {
		return 0xc1 // never used by msgpack
	}
	return b[0]
}

func (r *reader) big(width int) uint64 {
	b := r.take(width)
	if b == nil {
		return 0
	}
	var wide [8]byte
	copy(wide[8-width:], b)
	return binary.BigEndian.Uint64(wide[:])
}

func (r *reader) number() (value uint64, negative bool) {
	switch c := r.code(); {
	case c <= 0x7f:
		return uint64(c), false
	case c >= 0xe0:
		return uint64(int64(int8(c))), true
	case c >= 0xcc && c <= 0xcf:
		return r.big(1 << (c - 0xcc)), false
	case c >= 0xd0 && c <= 0xd3:
		width := 1 << (c - 0xd0)
		v := int64(r.big(width)<<(64-8*width)) >> (64 - 8*width)
		return uint64(v), v < 0
	default:
		r.fail(ErrType)
		return 0, false
	}
}

func (r *reader) uint() uint64 {
	v, negative := r.number()
	if negative {
		r.fail(ErrRange)
		return 0
	}
	return v
}

func (r *reader) uintMax(limit uint64) uint64 {
	v := r.uint()
	if v > limit {
		r.fail(ErrRange)
		return 0
	}
	return v
}

func (r *reader) int() int64 {
	v, negative := r.number()
	if !negative && v > 1<<63-1 {
		r.fail(ErrRange)
		return 0
	}
	return int64(v)
}

func (r *reader) bool() bool {
	switch r.code() {
	case 0xc2:
		return false
	case 0xc3:
		return true
	}
	r.fail(ErrType)
	return false
}

// sized reads the length of a value whose short form has its own code range and
// whose long forms follow each other from code first on.
func (r *reader) sized(short, mask, first, widths byte) int {
	c := r.code()
	if mask != 0 && c&^mask == short {
		return int(c & mask)
	}
	if c < first || c >= first+widths {
		r.fail(ErrType)
		return 0
	}
	width := 1 << (c - first)
	if widths == 2 {
		width *= 2 // arrays and maps have no one-byte length
	}
	n := r.big(width)
	if n > uint64(len(r.left)) {
		r.fail(ErrTruncated)
		return 0
	}
	return int(n)
}

func (r *reader) str(limit int) string {
	n := r.sized(0xa0, 0x1f, 0xd9, 3)
	if n > limit {
		r.fail(ErrTooLong)
		return ""
	}
	return string(r.take(n))
}

// bin returns a slice of the input itself.
func (r *reader) bin(limit int) []byte {
	n := r.sized(0, 0, 0xc4, 3)
	if n > limit {
		r.fail(ErrTooLong)
		return nil
	}
	return r.take(n)
}

func (r *reader) chain() (chain [32]byte) {
	b := r.bin(len(chain))
	if r.err == nil && len(b) != len(chain) {
		r.fail(ErrRange)
	}
	copy(chain[:], b)
	return chain
}

// list walks an array of at most limit elements.
func (r *reader) list(limit int, element func()) {
	n := r.sized(0x90, 0x0f, 0xdc, 2)
	if n > limit {
		r.fail(ErrTooLong)
	}
	for i := 0; i < n && r.err == nil; i++ {
		element()
	}
}

// fields walks a map with one-letter keys; field reads the value of each.
func (r *reader) fields(field func(key byte)) {
	n := r.sized(0x80, 0x0f, 0xde, 2)
	var seen [4]uint64
	for i := 0; i < n && r.err == nil; i++ {
		length := r.sized(0xa0, 0x1f, 0xd9, 3)
		name := r.take(length)
		if r.err != nil {
			return
		}
		if length != 1 {
			r.unknown()
			continue
		}
		key := name[0]
		if seen[key/64]&(1<<(key%64)) != 0 {
			r.fail(ErrDuplicate)
			return
		}
		seen[key/64] |= 1 << (key % 64)
		field(key)
	}
}

// unknown is the walk's answer to a key it does not know.
func (r *reader) unknown() {
	if !r.lenient {
		r.fail(ErrUnknown)
		return
	}
	r.skip(0)
}

func (r *reader) skip(depth int) {
	if r.err != nil || depth > maxSkipDepth {
		r.fail(ErrDepth)
		return
	}
	if len(r.left) == 0 {
		r.fail(ErrTruncated)
		return
	}
	switch c := r.left[0]; {
	case c == 0xc0 || c == 0xc2 || c == 0xc3:
		r.take(1)
	case c <= 0x7f, c >= 0xe0, c >= 0xcc && c <= 0xd3:
		r.number()
	case c >= 0xa0 && c <= 0xbf, c >= 0xd9 && c <= 0xdb:
		r.str(len(r.left))
	case c >= 0xc4 && c <= 0xc6:
		r.bin(len(r.left))
	case c >= 0x90 && c <= 0x9f, c == 0xdc, c == 0xdd:
		r.list(len(r.left), func() { r.skip(depth + 1) })
	case c >= 0x80 && c <= 0x8f, c == 0xde, c == 0xdf:
		for n := r.sized(0x80, 0x0f, 0xde, 2); n > 0 && r.err == nil; n-- {
			r.skip(depth + 1)
			r.skip(depth + 1)
		}
	default:
		r.fail(ErrType)
	}
}
