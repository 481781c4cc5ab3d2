package protocol

import "fmt"

// PeerKind is what one hub node says to another. Written on the wire: add, never
// renumber.
type PeerKind uint8

// Kinds of peer messages. Each but PeerAnswer asks, and is answered once.
const (
	PeerMarked  PeerKind = 1 + iota // where the asking node stands; answered with the same
	PeerPropose                     // an entry for the log, from a node that does not lead
	PeerBarrier                     // which index holds all that is committed now?
	PeerAdmit                       // make the asking node a member
	PeerRemove                      // take a member out for ever
	PeerAdd                         // make the node at an address a member
	PeerAnswer
	PeerAsk // a question of the hub itself: Entry holds it, and its answer
)

// PeerCode is how a question ended. Written on the wire: add, never renumber.
type PeerCode uint8

// Codes of answers.
const (
	PeerDone      PeerCode = 1 + iota
	PeerNotLeader          // nothing was done: ask Leader
	PeerUnknown            // it may or may not be done
	PeerBusy               // nothing was done: come back
	PeerTooLarge           // nothing was done, and never will be
	PeerRefused            // nothing was done, Text says why
)

// PeerMessage is one message on the connection between two hub nodes. An answer
// has the ID of its question.
type PeerMessage struct {
	Kind    PeerKind
	ID      uint64
	Entry   []byte   // propose; ask, and its answer
	Server  string   // admit, remove: the server id
	Address string   // admit, add: where the other nodes reach it
	Index   uint64   // admit: applied there; answers: where it took effect
	Code    PeerCode // answer
	Text    string   // answer
	Leader  string   // answer of a node that does not lead: who does, by address
	Mark    PeerMark // marked, and its answer
}

// PeerMark is where a node stands. Two nodes whose state was the same at Index
// have the same Hash.
type PeerMark struct {
	ID       string // server id, random, of the node's folder
	Address  string
	API      string // where it serves HTTP
	Program  string // its version
	Role     string
	New      bool // its folder has never been in a cluster
	Stranger bool // answer: the node that asked is no member, says the leader
	Applied  uint64
	Snapshot uint64
	Index    uint64 // of the last applied tick
	Hash     uint64 // of the state right after it
	Horizon  uint64 // oldest entry of its journal
}

// EncodePeer gives a message its bytes: a map.
func EncodePeer(m *PeerMessage) []byte {
	w := newWriter()
	w.object(func(f *fields) {
		f.uint('k', uint64(m.Kind))
		f.uint('n', m.ID)
		f.bin('e', m.Entry)
		f.str('s', m.Server)
		f.str('a', m.Address)
		f.uint('i', m.Index)
		f.uint('c', uint64(m.Code))
		f.str('t', m.Text)
		f.str('l', m.Leader)
		if m.Mark != (PeerMark{}) {
			f.object('m', func(f *fields) { writeMark(f, &m.Mark) })
		}
	})
	return w.bytes()
}

func writeMark(f *fields, m *PeerMark) {
	f.str('d', m.ID)
	f.str('a', m.Address)
	f.str('u', m.API)
	f.str('v', m.Program)
	f.str('r', m.Role)
	f.bool('n', m.New)
	f.bool('s', m.Stranger)
	f.uint('p', m.Applied)
	f.uint('o', m.Snapshot)
	f.uint('i', m.Index)
	f.uint('h', m.Hash)
	f.uint('j', m.Horizon)
}

// DecodePeer walks the bytes of a message; what a later version added is skipped.
func DecodePeer(b []byte) (*PeerMessage, error) {
	r := newReader(b)
	r.lenient = true
	m := &PeerMessage{}
	r.fields(func(key byte) {
		switch key {
		case 'k':
			m.Kind = PeerKind(r.uintMax(255))
		case 'n':
			m.ID = r.uint()
		case 'e':
			m.Entry = r.bin(MaxEntryBytes)
		case 's':
			m.Server = r.str(MaxText)
		case 'a':
			m.Address = r.str(MaxText)
		case 'i':
			m.Index = r.uint()
		case 'c':
			m.Code = PeerCode(r.uintMax(255))
		case 't':
			m.Text = r.str(MaxPeerText)
		case 'l':
			m.Leader = r.str(MaxText)
		case 'm':
			m.Mark = readMark(r)
		default:
			r.unknown()
		}
	})
	if err := r.finish(); err != nil {
		return nil, fmt.Errorf("decode message of a hub node: %w", err)
	}
	return m, nil
}

func readMark(r *reader) (m PeerMark) {
	r.fields(func(key byte) {
		switch key {
		case 'd':
			m.ID = r.str(MaxText)
		case 'a':
			m.Address = r.str(MaxText)
		case 'u':
			m.API = r.str(MaxText)
		case 'v':
			m.Program = r.str(MaxText)
		case 'r':
			m.Role = r.str(MaxText)
		case 'n':
			m.New = r.bool()
		case 's':
			m.Stranger = r.bool()
		case 'p':
			m.Applied = r.uint()
		case 'o':
			m.Snapshot = r.uint()
		case 'i':
			m.Index = r.uint()
		case 'h':
			m.Hash = r.uint()
		case 'j':
			m.Horizon = r.uint()
		default:
			r.unknown()
		}
	})
	return m
}

// AgentLink is what a hub node knows of an agent that is connected to it. Times
// are ages, for the clocks of two nodes differ.
type AgentLink struct {
	Location     string
	Installation string
	Epoch        string
	Program      string
	Remote       string
	Backlog      uint64
	OldestMS     uint64
	ConnectedMS  uint64 // how long ago it connected
	HeardMS      uint64 // how long ago it last said anything
	Position     Position
}

// EncodeCodes asks a node for the agents of these locations.
func EncodeCodes(codes []string) []byte {
	w := newWriter()
	w.object(func(f *fields) {
		f.objects('c', len(codes), func(i int, f *fields) { f.str('c', codes[i]) })
	})
	return w.bytes()
}

// DecodeCodes walks the question.
func DecodeCodes(b []byte) (codes []string, err error) {
	r := newReader(b)
	r.lenient = true
	r.fields(func(key byte) {
		if key != 'c' {
			r.unknown()
			return
		}
		r.list(MaxPage, func() {
			code := ""
			r.fields(func(key byte) {
				if key != 'c' {
					r.unknown()
					return
				}
				code = r.str(MaxText)
			})
			codes = append(codes, code)
		})
	})
	return codes, r.finish()
}

// EncodeAgentLinks answers it.
func EncodeAgentLinks(links []AgentLink) []byte {
	w := newWriter()
	w.object(func(f *fields) {
		f.objects('a', len(links), func(i int, f *fields) {
			l := &links[i]
			f.str('l', l.Location)
			f.str('i', l.Installation)
			f.str('e', l.Epoch)
			f.str('v', l.Program)
			f.str('r', l.Remote)
			f.uint('b', l.Backlog)
			f.uint('o', l.OldestMS)
			f.uint('c', l.ConnectedMS)
			f.uint('h', l.HeardMS)
			writePosition(f, 'p', l.Position)
		})
	})
	return w.bytes()
}

// DecodeAgentLinks walks the answer.
func DecodeAgentLinks(b []byte) (links []AgentLink, err error) {
	r := newReader(b)
	r.lenient = true
	r.fields(func(key byte) {
		if key != 'a' {
			r.unknown()
			return
		}
		r.list(MaxPage, func() { links = append(links, readAgentLink(r)) })
	})
	return links, r.finish()
}

func readAgentLink(r *reader) (l AgentLink) {
	r.fields(func(key byte) {
		switch key {
		case 'l':
			l.Location = r.str(MaxText)
		case 'i':
			l.Installation = r.str(MaxText)
		case 'e':
			l.Epoch = r.str(MaxText)
		case 'v':
			l.Program = r.str(MaxText)
		case 'r':
			l.Remote = r.str(MaxText)
		case 'b':
			l.Backlog = r.uint()
		case 'o':
			l.OldestMS = r.uint()
		case 'c':
			l.ConnectedMS = r.uint()
		case 'h':
			l.HeardMS = r.uint()
		case 'p':
			l.Position = readPosition(r)
		default:
			r.unknown()
		}
	})
	return l
}
