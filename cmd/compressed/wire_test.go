package compressed

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"net"
	"sync"
	"time"
)

// Kinds of requests between the nodes of the log, by their first byte.
const (
	appendEntries   = 0
	requestVote     = 1
	installSnapshot = 2
	timeoutNow      = 3
	requestPreVote  = 4
	ownMessage      = 5 // a message of ours to another node: counted only
	requestKinds    = 6

	ownStream = 'S' // with which a connection of ours begins
)

// wire sees every request between the nodes of the log as bytes on a
// connection. It keeps some to send them again, and it holds the nodes to what
// the algorithm promises: one leader a term, one vote a term.
type wire struct {
	fault func(string)

	mu       sync.Mutex // guards what follows
	kept     [requestKinds][]request
	seen     [requestKinds]int
	leaders  map[uint64]string            // term -> host
	votes    map[string]map[uint64]string // voter's life of a folder -> term -> candidate's host
	folders  map[string]string            // host -> life of its folder
	repeated [requestKinds]int
}

// request is one request as it went over a connection.
type request struct {
	from, to string // a host and an address
	kind     byte
	bytes    []byte
}

func newWire(fault func(string)) *wire {
	return &wire{fault: fault, leaders: map[uint64]string{}, votes: map[string]map[uint64]string{}, folders: map[string]string{}}
}

// founded says that a host has a new folder, and so is another voter.
func (w *wire) founded(host, folder string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.folders[host] = folder
}

const keptRequests = 48

// began notes a request.
func (w *wire) began(r request) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.seen[r.kind]++
	if r.kind == appendEntries {
		term, ok := number(r.bytes, "Term", true)
		if !ok {
			w.fault("an AppendEntries whose term cannot be read")
			return
		}
		if other := w.leaders[term]; other != "" && other != r.from {
			w.fault(fmt.Sprintf("%s and %s both lead term %d", other, r.from, term))
		}
		w.leaders[term] = r.from
	}
}

// keep remembers a whole request, instead of an older one of its kind.
func (w *wire) keep(r request) {
	w.mu.Lock()
	defer w.mu.Unlock()
	kept := w.kept[r.kind]
	if len(kept) < keptRequests {
		w.kept[r.kind] = append(kept, r)
		return
	}
	kept[w.seen[r.kind]%keptRequests] = r
}

// pick gives a request of a kind that was seen before.
func (w *wire) pick(kind byte, n int) (request, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	kept := w.kept[kind]
	if len(kept) == 0 {
		return request{}, false
	}
	return kept[n%len(kept)], true
}

// answered notes the answer to a request for a vote.
func (w *wire) answered(r request, answer []byte) {
	at := bytes.Index(answer, []byte("\xa7Granted"))
	if r.kind != requestVote || at < 0 || at+8 >= len(answer) || answer[at+8] != 0xc3 {
		return
	}
	term, ok := number(r.bytes, "Term", false)
	w.mu.Lock()
	defer w.mu.Unlock()
	voter := w.folders[hostOf(r.to)]
	if !ok {
		w.fault("a RequestVote whose term cannot be read")
	}
	if w.votes[voter] == nil {
		w.votes[voter] = map[uint64]string{}
	}
	if other := w.votes[voter][term]; other != "" && other != r.from {
		w.fault(fmt.Sprintf("%s voted for %s and for %s in term %d", voter, other, r.from, term))
	}
	w.votes[voter][term] = r.from
}

// number reads an unsigned number behind its name in msgpack. The last one is
// meant where entries with names of their own may stand before it.
func number(b []byte, name string, last bool) (uint64, bool) {
	key := append([]byte{0xa0 | byte(len(name))}, name...)
	at := bytes.Index(b, key)
	if last {
		at = bytes.LastIndex(b, key)
	}
	if at < 0 || at+len(key) >= len(b) {
		return 0, false
	}
	b = b[at+len(key):]
	for tag, size := range map[byte]int{0xcc: 1, 0xcd: 2, 0xce: 4, 0xcf: 8, 0xd0: 1, 0xd1: 2, 0xd2: 4, 0xd3: 8} {
		if b[0] == tag && len(b) > size {
			return binary.BigEndian.Uint64(append(make([]byte, 8-size), b[1:1+size]...)), true
		}
	}
	return uint64(b[0]), b[0] < 0x80
}

// tap is a connection of a node to another, seen by the wire.
type tap struct {
	net.Conn
	wire     *wire
	from, to string

	mu     sync.Mutex // guards what follows
	own    bool
	open   *request // what was written since the last answer, of a request that comes in pieces
	asked  request
	answer []byte
}

func (t *tap) Write(b []byte) (int, error) {
	t.mu.Lock()
	switch {
	case t.open != nil:
		t.open.bytes = append(t.open.bytes, b...)
	case t.own:
		t.wire.began(request{t.from, t.to, ownMessage, nil})
	case len(b) == 1 && b[0] == ownStream:
		t.own = true
	case len(b) > 0 && b[0] < ownMessage:
		r := request{t.from, t.to, b[0], append([]byte(nil), b...)}
		t.wire.began(r)
		t.asked, t.answer = r, nil
		if r.kind == installSnapshot {
			t.open = &r
		} else {
			t.wire.keep(r)
		}
	default:
		t.wire.fault(fmt.Sprintf("a request of kind %d", b[0]))
	}
	t.mu.Unlock()
	return t.Conn.Write(b)
}

func (t *tap) Read(b []byte) (int, error) {
	n, err := t.Conn.Read(b)
	if n > 0 {
		t.mu.Lock()
		if t.open != nil { // it is whole: half of one would hold its reader up, and nobody sends that twice
			t.wire.keep(*t.open)
			t.open = nil
		}
		if t.asked.kind == requestVote {
			t.answer = append(t.answer, b[:n]...)
			t.wire.answered(t.asked, t.answer)
		}
		t.mu.Unlock()
	}
	return n, err
}

// repeatPatience bounds the wait for the answer to a request sent again.
const repeatPatience = 5 * time.Second

// repeat sends a request again on a connection of its own, and tells whether it
// was answered.
func (w *wire) repeat(n *network, r request) bool {
	ctx, cancel := context.WithTimeout(context.Background(), repeatPatience)
	defer cancel()
	conn, err := n.place(r.from).Dial(ctx, r.to)
	if err != nil {
		return false
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(repeatPatience))
	if _, err := conn.Write(r.bytes); err != nil {
		return false
	}
	var answer []byte
	b := make([]byte, 4096)
	for len(answer) == 0 || !bytes.Contains(answer, []byte("Term")) && r.kind != timeoutNow {
		k, err := conn.Read(b)
		if answer = append(answer, b[:k]...); err != nil {
			break
		}
	}
	if len(answer) == 0 {
		return false
	}
	w.answered(r, answer)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.repeated[r.kind]++
	return true
}
