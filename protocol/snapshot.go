package protocol

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"io"

	"github.com/shelfsync/shelfsync/protocol/stock"
)

// A snapshot is a header of eight bytes ("SSNP", version, minimum reader, two
// zero bytes), the rows of
// stock.State.Rows, each as kind, length and msgpack map, and an end row whose
// body is the SHA-256 of every byte before it.
const (
	snapshotVersion       = 2 // 2: conflicts, tasks, transfers, counts, the policy, places that claims have left
	snapshotMinimumReader = 2
	snapshotMagic         = "SSNP"
)

// Row kinds. Written into snapshots: add, never renumber.
const (
	rowEnd byte = iota
	rowHeader
	rowItem
	rowAlias
	rowLocation
	rowLevel
	rowReservation
	rowClaim
	rowDocument
	rowException
	rowTask
	rowConflict
	rowTransfer
	rowCount
	rowPolicy
)

// Errors of ReadSnapshot.
var (
	ErrSnapshotMagic   = errors.New("not a Shelfsync snapshot")
	ErrSnapshotVersion = errors.New("snapshot needs a later version of this program")
	ErrSnapshotRow     = errors.New("unknown row in snapshot")
	ErrSnapshotSum     = errors.New("snapshot is damaged: its checksum does not match")
)

// WriteSnapshot streams a frozen state.
func WriteSnapshot(out io.Writer, s *stock.State) error {
	sum := sha256.New()
	buffered := bufio.NewWriterSize(io.MultiWriter(out, sum), 64<<10)
	if _, err := buffered.Write(append([]byte(snapshotMagic), snapshotVersion, snapshotMinimumReader, 0, 0)); err != nil {
		return fmt.Errorf("write snapshot: %w", err)
	}
	w := newWriter()
	for row := range s.Rows() {
		w.buf.Reset()
		kind := writeRow(w, row)
		if err := writeFramed(buffered, kind, w.bytes()); err != nil {
			return fmt.Errorf("write snapshot: %w", err)
		}
	}
	if err := buffered.Flush(); err != nil {
		return fmt.Errorf("write snapshot: %w", err)
	}
	if err := writeFramed(out, rowEnd, sum.Sum(nil)); err != nil {
		return fmt.Errorf("write snapshot: %w", err)
	}
	return nil
}

func writeFramed(out io.Writer, kind byte, body []byte) error {
	head := binary.BigEndian.AppendUint32([]byte{kind}, uint32(len(body)))
	_, err := out.Write(append(head, body...))
	return err
}

// ReadSnapshot builds a state aside and returns it once the checksum and every
// invariant have been checked.
func ReadSnapshot(in io.Reader) (*stock.State, error) {
	source := &summed{in: bufio.NewReaderSize(in, 64<<10), sum: sha256.New()}
	head, err := source.take(8)
	switch {
	case err != nil:
		return nil, fmt.Errorf("read snapshot: %w", err)
	case string(head[:4]) != snapshotMagic:
		return nil, ErrSnapshotMagic
	case head[5] > snapshotVersion:
		return nil, fmt.Errorf("%w (reader %d, have %d)", ErrSnapshotVersion, head[5], snapshotVersion)
	}
	loader := &stock.Loader{}
	for n := 1; ; n++ {
		done, err := source.row(loader)
		if err != nil {
			return nil, fmt.Errorf("read snapshot row %d: %w", n, err)
		}
		if done {
			break
		}
	}
	state, err := loader.Finish()
	if err != nil {
		return nil, fmt.Errorf("read snapshot: %w", err)
	}
	return state, nil
}

// summed reads a snapshot and keeps the checksum of what it has read.
type summed struct {
	in  io.Reader
	sum hash.Hash
	buf bytes.Buffer
}

// take reads n bytes, for use until the next take. Memory grows with what has
// arrived, not with what a damaged length says.
func (s *summed) take(n int) ([]byte, error) {
	s.buf.Reset()
	switch _, err := io.CopyN(&s.buf, s.in, int64(n)); {
	case err == io.EOF:
		return nil, ErrTruncated
	case err != nil:
		return nil, err
	}
	s.sum.Write(s.buf.Bytes())
	return s.buf.Bytes(), nil
}

func (s *summed) row(loader *stock.Loader) (done bool, err error) {
	want := s.sum.Sum(nil)
	head, err := s.take(5)
	if err != nil {
		return false, err
	}
	kind, length := head[0], binary.BigEndian.Uint32(head[1:])
	if length > MaxSnapshotRow {
		return false, ErrTooLong
	}
	body, err := s.take(int(length))
	if err != nil {
		return false, err
	}
	if kind == rowEnd {
		if !bytes.Equal(body, want) {
			return false, ErrSnapshotSum
		}
		return true, nil
	}
	row, err := readRow(kind, body)
	if err != nil {
		return false, err
	}
	return false, loader.Add(row)
}
