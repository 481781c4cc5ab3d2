package session

import (
	"fmt"
	"strings"

	"github.com/shelfsync/shelfsync/protocol"
)

// stage is how far a connection has come.
type stage uint8

const (
	closed    stage = iota // no connection, or its end was asked for
	greeting               // agent: Hello sent; hub: waiting for Hello
	judging                // hub: the owner looks at Hello
	searching              // agent: its owner looks for where a fork began
	open                   // Welcome was said
)

// talk is what both roles share: the stage, what to ask of the owner, and the
// signs of life in both directions.
type talk struct {
	stage   stage
	actions []Action
	quiet   int  // beats since the peer's last frame
	spoke   bool // a frame was sent since the last beat
}

// Next is the next thing the owner has to do; ok is false if there is none.
func (t *talk) Next() (action Action, ok bool) {
	if len(t.actions) == 0 {
		return nil, false
	}
	action = t.actions[0]
	t.actions[0] = nil // the queue must not keep the frame alive
	t.actions = t.actions[1:]
	return action, true
}

func (t *talk) ask(a Action) { t.actions = append(t.actions, a) }

func (t *talk) send(frame protocol.Frame) {
	t.spoke = true
	t.ask(Send{frame})
}

func (t *talk) end(c Close) {
	t.stage = closed
	t.ask(c)
}

// fail ends the connection with a sentence that says what and where.
func (t *talk) fail(code protocol.ByeCode, format string, args ...any) {
	t.end(Close{Bye: protocol.Bye{Code: code, Text: fmt.Sprintf(format, args...)}})
}

// silent counts a beat and ends the connection at the last of most.
func (t *talk) silent(most int) bool {
	t.quiet++
	if t.quiet < most {
		return false
	}
	t.fail(protocol.ByeSilent, "nothing was heard for %d s", most*protocol.BeatMS/1000)
	return true
}

// place names a position for people: its sequence, and enough of its chain to
// tell two histories apart.
func place(p protocol.Position) string {
	return fmt.Sprintf("%d (chain %x)", p.Sequence, p.Chain[:4])
}

// chained extends a position by operations.
func chained(p protocol.Position, operations [][]byte) protocol.Position {
	for _, operation := range operations {
		p.Sequence++
		p.Chain = protocol.NextChain(p.Chain, operation)
	}
	return p
}

func size(operations [][]byte) (bytes int) {
	for _, operation := range operations {
		bytes += len(operation)
	}
	return bytes
}

// when words a stage for the text of a Bye.
var when = map[stage]string{greeting: "at the start", judging: "before Welcome", searching: "after it asked to wait", open: "after Welcome"}

// name is a frame's type as the design calls it.
func name(frame protocol.Frame) string {
	return strings.TrimPrefix(fmt.Sprintf("%T", frame), "*protocol.")
}
