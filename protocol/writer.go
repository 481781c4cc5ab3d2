package protocol

import (
	"bytes"

	"github.com/vmihailenco/msgpack/v5"
)

// writer builds msgpack maps with one-letter keys, leaving zero values out. It
// writes to memory, where the encoder cannot fail.
type writer struct {
	buf bytes.Buffer
	enc *msgpack.Encoder
}

func newWriter() *writer {
	w := &writer{}
	w.enc = msgpack.NewEncoder(&w.buf)
	return w
}

func (w *writer) bytes() []byte { return w.buf.Bytes() }

// object writes a map whose fields body writes; they are counted afterwards.
func (w *writer) object(body func(f *fields)) {
	at := w.buf.Len()
	must(w.enc.EncodeMapLen(1 << 15)) // the three-byte form, patched below
	f := &fields{w: w}
	body(f)
	head := w.buf.Bytes()[at:]
	head[1], head[2] = byte(f.n>>8), byte(f.n)
}

// fields writes the fields of one map.
type fields struct {
	w *writer
	n int
}

func (f *fields) key(key byte) *msgpack.Encoder {
	f.n++
	must(f.w.enc.EncodeString(string(key)))
	return f.w.enc
}

func (f *fields) uint(key byte, v uint64) {
	if v != 0 {
		must(f.key(key).EncodeUint(v))
	}
}

func (f *fields) int(key byte, v int64) {
	if v != 0 {
		must(f.key(key).EncodeInt(v))
	}
}

func (f *fields) str(key byte, v string) {
	if v != "" {
		must(f.key(key).EncodeString(v))
	}
}

func (f *fields) bool(key byte, v bool) {
	if v {
		must(f.key(key).EncodeBool(v))
	}
}

func (f *fields) bin(key byte, v []byte) {
	if len(v) > 0 {
		must(f.key(key).EncodeBytes(v))
	}
}

func (f *fields) chain(key byte, v [32]byte) {
	if v != [32]byte{} {
		must(f.key(key).EncodeBytes(v[:]))
	}
}

// object writes a nested map.
func (f *fields) object(key byte, body func(f *fields)) {
	f.key(key)
	f.w.object(body)
}

// objects writes an array of n maps.
func (f *fields) objects(key byte, n int, body func(i int, f *fields)) {
	if n == 0 {
		return
	}
	must(f.key(key).EncodeArrayLen(n))
	for i := range n {
		f.w.object(func(f *fields) { body(i, f) })
	}
}

// strs writes an array of texts.
func (f *fields) strs(key byte, list []string) {
	if len(list) == 0 {
		return
	}
	must(f.key(key).EncodeArrayLen(len(list)))
	for _, text := range list {
		must(f.w.enc.EncodeString(text))
	}
}

// prints writes an array of numbers that are as large as any.
func (f *fields) prints(key byte, list []uint64) {
	if len(list) == 0 {
		return
	}
	must(f.key(key).EncodeArrayLen(len(list)))
	for _, print := range list {
		must(f.w.enc.EncodeUint(print))
	}
}

// bins writes an array of byte strings.
func (f *fields) bins(key byte, list [][]byte) {
	if len(list) == 0 {
		return
	}
	must(f.key(key).EncodeArrayLen(len(list)))
	for _, b := range list {
		must(f.w.enc.EncodeBytesLen(len(b))) // EncodeBytes would write nil for none
		f.w.buf.Write(b)
	}
}

func must(err error) {
	if err != nil {
		panic("protocol: writing to memory failed: " + err.Error())
	}
}
