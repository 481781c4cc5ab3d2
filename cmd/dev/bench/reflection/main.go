// Command reflection is what the state machine is measured against: the bytes of
// the same log, decoded by msgpack's reflection into structs and applied to Go
// maps, as a program would that was written without a thought for speed.
//
// On standard input come rounds: a line with the number of entries, then each
// entry after its length in four bytes. A round is read first and then applied
// and timed; its answer is one line of JSON. It keeps levels and watermarks only:
// no catalogue, no outside accounts, no hash, no outcomes, which is in its favour.
package main

import (
	"bufio"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/vmihailenco/msgpack/v5"
)

// The shapes of a log entry, of the kinds that the measured log has.
type (
	entry struct {
		Wall     int64     `msgpack:"w"`
		Commands []command `msgpack:"c"`
	}
	command struct {
		Kind uint64 `msgpack:"k"`
		Body batch  `msgpack:"b"`
	}
	batch struct {
		Agent        string   `msgpack:"a"`
		Installation string   `msgpack:"i"`
		Epoch        string   `msgpack:"e"`
		After        position `msgpack:"f"`
		End          position `msgpack:"t"`
		Operations   [][]byte `msgpack:"o"`
	}
	position struct {
		Sequence uint64 `msgpack:"s"`
		Chain    []byte `msgpack:"c"`
	}
	operation struct {
		Incarnation uint64 `msgpack:"i"`
		Seen        uint64 `msgpack:"s"`
		At          int64  `msgpack:"a"`
		Receipt     string `msgpack:"r"`
		Till        string `msgpack:"t"`
		Document    string `msgpack:"d"`
		Correlation string `msgpack:"c"`
		Reverses    string `msgpack:"u"`
		Lines       []line `msgpack:"l"`
	}
	line struct {
		Kind     uint64 `msgpack:"k"`
		Scanned  string `msgpack:"c"`
		Item     string `msgpack:"i"`
		Quantity int64  `msgpack:"q"`
		Account  uint64 `msgpack:"a"`
	}
)

// The kinds of movements in the log.
const (
	sale     = 1
	delivery = 3
)

type level struct{ sellable, damaged, returnPending, inTransit int64 }

type location struct {
	through map[string]position // by epoch
	levels  map[string]*level   // by item
}

type state map[string]*location

// answer is what one round gave.
type answer struct {
	Operations int       `json:"operations"`
	Seconds    float64   `json:"seconds"`
	EntryMS    []float64 `json:"entry_ms"`
	Levels     int       `json:"levels"`   // that there are now
	Sellable   int64     `json:"sellable"` // of all of them
}

func main() {
	if err := run(os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "reflection:", err)
		os.Exit(1)
	}
}

func run(from io.Reader, to io.Writer) error {
	s, in, out := state{}, bufio.NewReaderSize(from, 1<<20), json.NewEncoder(to)
	for {
		round, err := read(in)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		a, err := s.play(round)
		if err != nil {
			return err
		}
		if err := out.Encode(&a); err != nil {
			return err
		}
	}
}

// read takes one round; io.EOF where there is none.
func read(in *bufio.Reader) ([][]byte, error) {
	text, err := in.ReadString('\n')
	if err != nil {
		return nil, err
	}
	n, err := strconv.Atoi(strings.TrimSpace(text))
	if err != nil {
		return nil, err
	}
	round := make([][]byte, n)
	for i := range round {
		var size [4]byte
		if _, err := io.ReadFull(in, size[:]); err != nil {
			return nil, fmt.Errorf("length of entry %d: %w", i, err)
		}
		round[i] = make([]byte, binary.BigEndian.Uint32(size[:]))
		if _, err := io.ReadFull(in, round[i]); err != nil {
			return nil, fmt.Errorf("entry %d: %w", i, err)
		}
	}
	return round, nil
}

func (s state) play(round [][]byte) (a answer, err error) {
	began := time.Now()
	for _, bytes := range round {
		at := time.Now()
		operations, err := s.apply(bytes)
		if err != nil {
			return a, err
		}
		a.EntryMS = append(a.EntryMS, float64(time.Since(at).Microseconds())/1000)
		a.Operations += operations
	}
	a.Seconds = time.Since(began).Seconds()
	for _, l := range s {
		a.Levels += len(l.levels)
		for _, have := range l.levels {
			a.Sellable += have.sellable
		}
	}
	return a, nil
}

const header = 4 // magic, version, minimum reader

func (s state) apply(bytes []byte) (operations int, err error) {
	var e entry
	if err := msgpack.Unmarshal(bytes[header:], &e); err != nil {
		return 0, err
	}
	for i := range e.Commands {
		b := &e.Commands[i].Body
		if err := s.batch(b); err != nil {
			return 0, err
		}
		operations += len(b.Operations)
	}
	return operations, nil
}

func (s state) batch(b *batch) error {
	l, known := s[b.Agent]
	if !known {
		l = &location{map[string]position{}, map[string]*level{}}
		s[b.Agent] = l
	}
	through := l.through[b.Epoch]
	if through.Sequence != b.After.Sequence || string(through.Chain) != string(b.After.Chain) {
		return fmt.Errorf("batch of %s after %d does not follow %d", b.Agent, b.After.Sequence, through.Sequence)
	}
	for _, bytes := range b.Operations {
		var op operation
		if err := msgpack.Unmarshal(bytes, &op); err != nil {
			return err
		}
		for i := range op.Lines {
			if err := l.move(&op.Lines[i]); err != nil {
				return err
			}
		}
	}
	l.through[b.Epoch] = b.End
	return nil
}

func (l *location) move(of *line) error {
	code := of.Item
	if code == "" {
		code = of.Scanned
	}
	have, known := l.levels[code]
	if !known {
		have = &level{}
		l.levels[code] = have
	}
	switch of.Kind {
	case sale:
		have.sellable -= of.Quantity
	case delivery:
		have.sellable += of.Quantity
	default:
		return fmt.Errorf("the log has a movement of kind %d", of.Kind)
	}
	return nil
}
