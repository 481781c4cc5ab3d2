package protocol

import (
	"errors"
	"fmt"

	"github.com/shelfsync/shelfsync/protocol/stock"
)

// A log entry is a header of four bytes, "SE", its version and the oldest
// version that may read it, and a map of the leader's wall clock and the merged
// commands. A command is a map of its kind and its body, encoded by the node
// that took it and never again.
const (
	entryVersion       = 1
	entryMinimumReader = 1
)

// Command kinds. Written into logs: add, never renumber.
const (
	commandFound uint64 = 1 + iota
	commandTick
	commandBatch
	commandDocument
	commandReserve
	commandStep
	commandItems
	commandLocations
	commandWriter
	commandEchoes
	commandEndTransfer
	commandOwn
	commandResolve
	commandMap
	commandAdmit
	commandSetPolicy
)

// Errors of DecodeEntry. Each stops the node: it never guesses.
var (
	ErrEntryMagic   = errors.New("not a log entry")
	ErrEntryVersion = errors.New("log entry needs a later version of this program")
	ErrCommandKind  = errors.New("unknown command kind")
)

// Command is one encoded command, ready to be merged into an entry.
type Command []byte

// BatchBytes is a batch whose operations keep the bytes their writer gave them.
type BatchBytes struct {
	Agent        string
	Installation string
	Epoch        string
	After, End   Position
	Operations   [][]byte
}

// BatchCommand encodes a batch; the operations are copied, not encoded again.
func BatchCommand(b *BatchBytes) Command {
	return command(commandBatch, func(f *fields) {
		f.str('a', b.Agent)
		f.str('i', b.Installation)
		f.str('e', b.Epoch)
		writePosition(f, 'f', b.After)
		writePosition(f, 't', b.End)
		f.bins('o', b.Operations)
	})
}

// EncodeCommand encodes any command but a batch.
func EncodeCommand(c stock.Command) Command {
	switch v := c.(type) {
	case *stock.Found:
		return command(commandFound, func(f *fields) {
			f.uint('n', v.Incarnation)
			f.bool('r', v.Restored)
		})
	case *stock.Tick:
		return command(commandTick, func(f *fields) { writeTick(f, v) })
	case *stock.Document:
		return command(commandDocument, func(f *fields) { writeDocument(f, v) })
	case *stock.Reserve:
		return command(commandReserve, func(f *fields) { writeReserve(f, v) })
	case *stock.Step:
		return command(commandStep, func(f *fields) { writeStep(f, v) })
	case *stock.PutItems:
		return command(commandItems, func(f *fields) {
			f.objects('i', len(v.Items), func(i int, f *fields) { writeItem(f, &v.Items[i]) })
		})
	case *stock.PutLocations:
		return command(commandLocations, func(f *fields) {
			f.objects('l', len(v.Locations), func(i int, f *fields) { writeFacts(f, &v.Locations[i]) })
		})
	case *stock.AssignWriter:
		return command(commandWriter, func(f *fields) {
			f.str('l', v.Location)
			f.str('i', v.Installation)
			f.bool('x', v.Replace)
		})
	case *stock.Echoes:
		return command(commandEchoes, func(f *fields) {
			f.uint('t', v.Term)
			writeEchoes(f, v.Echoes)
		})
	case *stock.EndTransfer:
		return command(commandEndTransfer, func(f *fields) {
			f.str('i', v.ID)
			f.str('w', v.Reason)
		})
	case *stock.Own:
		return command(commandOwn, func(f *fields) {
			f.uint('n', uint64(v.Exception))
			f.str('o', v.Owner)
			f.str('b', v.By)
		})
	case *stock.Resolve:
		return command(commandResolve, func(f *fields) {
			f.uint('n', uint64(v.Exception))
			f.str('b', v.By)
			f.str('t', v.Note)
		})
	case *stock.Map:
		return command(commandMap, func(f *fields) {
			f.str('c', v.Code)
			f.str('i', v.Item)
			f.int('f', v.Factor)
			f.str('b', v.By)
			f.uint('n', uint64(v.From))
		})
	case *stock.Admit:
		return command(commandAdmit, func(f *fields) { writeAdmit(f, v) })
	case *stock.SetPolicy:
		return command(commandSetPolicy, func(f *fields) { writeSetPolicy(f, v) })
	}
	panic(fmt.Sprintf("protocol: no bytes for command %T", c))
}

// CheckCommand walks an encoded command as every node will. What it refuses must
// not be proposed: an entry that cannot be read stops them all.
func CheckCommand(c Command) error {
	if len(c) > MaxCommandBytes {
		return ErrTooLong
	}
	r := newReader(c)
	readCommand(r)
	return r.finish()
}

func command(kind uint64, body func(f *fields)) Command {
	w := newWriter()
	w.object(func(f *fields) {
		f.uint('k', kind)
		f.object('b', body)
	})
	return w.bytes()
}

// EncodeEntry merges encoded commands into one log entry.
func EncodeEntry(wall int64, commands []Command) []byte {
	w := newWriter()
	w.buf.Write([]byte{'S', 'E', entryVersion, entryMinimumReader})
	w.object(func(f *fields) {
		f.int('w', wall)
		must(f.key('c').EncodeArrayLen(len(commands)))
		for _, c := range commands {
			w.buf.Write(c)
		}
	})
	return w.bytes()
}

// DecodeEntry walks a log entry. An operation that cannot be understood does not
// fail it: it comes back with its Fault and its bytes.
func DecodeEntry(b []byte) (*stock.Entry, error) {
	if len(b) < 4 || b[0] != 'S' || b[1] != 'E' {
		return nil, ErrEntryMagic
	}
	if b[3] > entryVersion {
		return nil, fmt.Errorf("%w (reader %d, have %d)", ErrEntryVersion, b[3], entryVersion)
	}
	r := newReader(b[4:])
	entry := &stock.Entry{}
	r.fields(func(key byte) {
		switch key {
		case 'w':
			entry.Wall = r.int()
		case 'c':
			r.list(MaxCommands, func() { entry.Commands = append(entry.Commands, readCommand(r)) })
		default:
			r.unknown()
		}
	})
	if err := r.finish(); err != nil {
		return nil, fmt.Errorf("decode log entry: %w", err)
	}
	return entry, nil
}

func readCommand(r *reader) stock.Command {
	var kind uint64
	var c stock.Command
	r.fields(func(key byte) {
		switch key {
		case 'k':
			kind = r.uint()
		case 'b':
			c = readBody(r, kind)
		default:
			r.unknown()
		}
	})
	if c == nil && r.err == nil {
		r.fail(ErrCommandKind)
	}
	return c
}

func readBody(r *reader, kind uint64) stock.Command {
	switch kind {
	case commandFound:
		c := &stock.Found{}
		r.fields(func(key byte) {
			switch key {
			case 'n':
				c.Incarnation = r.uint()
			case 'r':
				c.Restored = r.bool()
			default:
				r.unknown()
			}
		})
		return c
	case commandTick:
		return readTick(r)
	case commandBatch:
		return readBatch(r)
	case commandDocument:
		return readDocument(r)
	case commandReserve:
		return readReserve(r)
	case commandStep:
		return readStep(r)
	case commandItems:
		c := &stock.PutItems{}
		r.fields(func(key byte) {
			if key == 'i' {
				r.list(MaxBulk, func() { c.Items = append(c.Items, readItem(r)) })
			} else {
				r.unknown()
			}
		})
		return c
	case commandLocations:
		return readLocations(r)
	case commandWriter:
		return readWriter(r)
	case commandEchoes:
		return readEchoes(r)
	case commandEndTransfer:
		return readEndTransfer(r)
	case commandOwn:
		return readOwn(r)
	case commandResolve:
		return readResolve(r)
	case commandMap:
		return readMap(r)
	case commandAdmit:
		return readAdmit(r)
	case commandSetPolicy:
		return readSetPolicy(r)
	}
	r.fail(ErrCommandKind)
	return nil
}
