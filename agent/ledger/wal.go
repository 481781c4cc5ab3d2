package ledger

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
)

// SQLite's own format of its log: https://sqlite.org/fileformat2.html#walformat
const (
	logHeader   = 32
	frameHeader = 24
	pageSize    = 4096       // of every ledger
	logMagic    = 0x377f0682 // the lowest bit says which order of bytes is summed
)

// proveLog finds what SQLite passes over in silence. At the first frame with a
// wrong checksum it ends the log, as after a power cut; were the frame damaged
// later, every commit behind it would be gone. A power cut spoils one commit at
// most, the one that nobody was answered: two behind a bad frame prove damage.
func proveLog(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	in := bufio.NewReaderSize(f, 1<<20)
	var header [logHeader]byte
	if _, err := io.ReadFull(in, header[:]); err != nil {
		return ended(err)
	}
	log := logReader{order: binary.LittleEndian, frame: make([]byte, frameHeader+pageSize)}
	if header[3]&1 == 1 {
		log.order = binary.BigEndian
	}
	log.sum(header[:24])
	log.good = binary.BigEndian.Uint32(header[0:])&^1 == logMagic && log.sums(header[24:])
	copy(log.salt[:], header[16:24])
	if first, err := in.Peek(frameHeader); !log.good && err == nil { // then the frames tell
		copy(log.salt[:], first[8:16])
	}
	for {
		if _, err := io.ReadFull(in, log.frame); err != nil {
			return ended(err)
		}
		if log.next(); log.behind > 1 {
			return fmt.Errorf("its log is damaged at frame %d, and later commits stand behind it: %w", log.frames+1, ErrDamaged)
		}
	}
}

// ended: the log may end anywhere.
func ended(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return nil
	}
	return err
}

type logReader struct {
	order  binary.ByteOrder
	frame  []byte
	salt   [8]byte // of this round of the log; older frames have another
	s0, s1 uint32
	good   bool
	frames int // that are good
	behind int // commits behind the first that is not
}

func (l *logReader) next() {
	if [8]byte(l.frame[8:16]) != l.salt {
		l.good = false
		return
	}
	if l.good {
		l.sum(l.frame[:8])
		l.sum(l.frame[frameHeader:])
		if l.good = l.sums(l.frame[16:]); l.good {
			l.frames++
			return
		}
	}
	if binary.BigEndian.Uint32(l.frame[4:]) != 0 {
		l.behind++
	}
}

func (l *logReader) sum(b []byte) {
	for ; len(b) >= 8; b = b[8:] {
		l.s0 += l.order.Uint32(b) + l.s1
		l.s1 += l.order.Uint32(b[4:]) + l.s0
	}
}

func (l *logReader) sums(b []byte) bool {
	return binary.BigEndian.Uint32(b) == l.s0 && binary.BigEndian.Uint32(b[4:]) == l.s1
}
