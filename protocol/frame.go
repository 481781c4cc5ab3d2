package protocol

import (
	"errors"
	"fmt"

	"github.com/shelfsync/shelfsync/protocol/stock"
)

// Subprotocol is the WebSocket sub-protocol of the sync link.
const Subprotocol = "shelfsync.v1"

// FrameVersion is the version of the frames that this build speaks.
const FrameVersion = 1

// FeatureLevel is the highest replicated feature level this build understands;
// level 1 has the operation kinds from sale to cannot_pick, level 2 adds done,
// count, dispatch, arrive and close_transfer and settles conflicts, level 3 lets
// an operation say what it was before a fork and by which policy it was resolved,
// has a policy that is set, and candidate groups in reservations.
const FeatureLevel = 3

// Frame is one of *Hello, *Welcome, *Append, *Ack, *Round, *Bye: six, and no more.
// On the wire a frame is one byte for its type and a msgpack map.
type Frame interface{ frameType() byte }

// HubPosition is a place in the hub's log. Places do not compare across
// incarnations.
type HubPosition struct {
	Incarnation uint64
	Index       uint64
}

// Role is who says Hello.
type Role uint8

// Roles. Written into frames: add, never renumber.
const RoleAgent Role = 1

// Question asks for the chain of a history at one of its operations. The zero
// Question asks nothing.
type Question struct {
	Epoch    string
	Sequence uint64
}

// Answer says how a hub answers a Question. Written into frames: add, never
// renumber.
type Answer uint64

// Answers.
const (
	AnswerChain   Answer = 1 + iota // Welcome.Chain is the chain at that operation
	AnswerUnknown                   // the journal of this node no longer tells, or the epoch is not that short
)

// Hello opens a connection: who I am, where my log stands, where my base stands.
// With a question it opens nothing: the Welcome answers, and another Hello
// follows on the same connection.
type Hello struct {
	Version      uint64 // newest frame version the agent speaks
	Role         Role
	Agent        string // its location's code
	Installation string // which PC, until identities exist
	Epoch        string
	Position     Position // last operation in the ledger
	Base         HubPosition
	Feature      uint64
	Backlog      uint64 // operations not yet known to be applied
	OldestMS     uint64 // age of the oldest of them, ms by the agent's monotonic clock
	Replace      bool   // take over from another installation
	Program      string // program version, for the fleet page
	Ask          Question
}

// Welcome answers Hello: where the hub stands with this epoch. Forked, or with an
// answer, it opens nothing.
type Welcome struct {
	Version  uint64
	Hub      HubPosition
	Through  Position // watermark of the epoch; sending resumes after it
	Forked   bool     // the hub knows another history of this epoch at the agent's place
	Feature  uint64
	Now      int64  // hub time, ms
	Window   uint64 // operations that may be sent ahead of the acknowledgement
	Program  string
	BeatMS   uint64 // how often each side gives a sign of life
	NodeName string
	Answer   Answer
	Chain    [32]byte
	Asked    uint64 // sequence of the question that it answers; 0: none was asked
}

// Append carries operations that follow After and end in End. Empty, it is the
// agent's heartbeat.
type Append struct {
	After      Position
	Operations [][]byte
	End        Position
	Echo       int64  // hub time last read, ms
	Base       uint64 // index of the base the agent has stored
	Backlog    uint64
	OldestMS   uint64
}

// Ack is the watermark of applied state: durable up to here.
type Ack struct{ Through Position }

// Round brings every changed key of the location up to Hub. Its parts are
// stored together, when the last has come. Empty, it is the hub's heartbeat, and Since
// is the index of the last round that was sent whole on this connection.
type Round struct {
	Hub      HubPosition
	Since    uint64 // hub index it continues: what changed up to there was told before
	Part     uint64 // from 0
	Last     bool
	Restart  bool // claims start over: drop those that are not in this round
	Renew    bool // tasks and transfers start over: drop those that are not in this round
	Now      int64
	Through  Position // this agent's watermark at Hub
	Items    []stock.Item
	Levels   []stock.StoreLevel
	Claims   []stock.StoreClaim
	Outcomes []stock.Outcome
	Tasks    []stock.StoreTask

	// Transfers are lines of open transfers; all of a transfer's come together
	// and replace what was known of it.
	Transfers []stock.StoreTransfer

	// Policy is what a store needs of the policy; version 0: it has not changed.
	Policy stock.StorePolicy
}

// Bye ends a connection with a reason, and when to come back.
type Bye struct {
	Code    ByeCode
	Text    string
	RetryMS uint64
}

// ByeCode is why a connection ends. Written into frames: add, never renumber.
type ByeCode uint64

// Reasons to end a connection.
const (
	ByeShutdown   ByeCode = 1 + iota // the node stops: try another
	ByeNotReady                      // the node has no leader or lags: try another
	ByeBusy                          // too many connections
	ByeProtocol                      // a frame that breaks the rules
	ByeVersion                       // no common frame version
	ByeUpgradeHub                    // the agent needs a later feature level
	ByeWriter                        // another installation writes this location
	ByeForked                        // same sequence, another history
	ByeReplaced                      // a newer connection of the same agent took over
	ByeSilent                        // no sign of life before the deadline
	ByeEpochs                        // too many epochs of this location began today
)

var byeNames = [...]string{"", "shutdown", "not_ready", "busy", "protocol", "version", "upgrade_hub", "writer", "forked", "replaced", "silent", "epochs"}

func (c ByeCode) String() string {
	if int(c) < len(byeNames) && c > 0 {
		return byeNames[c]
	}
	return "unknown"
}

func (*Hello) frameType() byte   { return 1 }
func (*Welcome) frameType() byte { return 2 }
func (*Append) frameType() byte  { return 3 }
func (*Ack) frameType() byte     { return 4 }
func (*Round) frameType() byte   { return 5 }
func (*Bye) frameType() byte     { return 6 }

// Errors of DecodeFrame, besides those of the walk.
var (
	ErrFrameType     = errors.New("unknown frame type")
	ErrFrameTooLarge = errors.New("frame is larger than 256 KiB")
)

// EncodeFrame gives a frame its bytes. A frame over its limit is a broken
// invariant of whoever built it.
func EncodeFrame(frame Frame) []byte {
	w := newWriter()
	w.buf.WriteByte(frame.frameType())
	w.object(func(f *fields) {
		switch v := frame.(type) {
		case *Hello:
			writeHello(f, v)
		case *Welcome:
			writeWelcome(f, v)
		case *Append:
			writeAppend(f, v)
		case *Ack:
			writePosition(f, 't', v.Through)
		case *Round:
			writeRound(f, v)
		case *Bye:
			f.uint('c', uint64(v.Code))
			f.str('t', v.Text)
			f.uint('r', v.RetryMS)
		}
	})
	if len(w.bytes()) > MaxFrameBytes {
		panic(fmt.Sprintf("protocol: a %T of %d bytes is over the frame limit", frame, len(w.bytes())))
	}
	return w.bytes()
}

// DecodeFrame walks the bytes of one frame. Keys of later versions are skipped.
func DecodeFrame(b []byte) (Frame, error) {
	if len(b) == 0 {
		return nil, ErrTruncated
	}
	if len(b) > MaxFrameBytes {
		return nil, ErrFrameTooLarge
	}
	r := newReader(b[1:])
	r.lenient = true
	var frame Frame
	switch b[0] {
	case 1:
		frame = readHello(r)
	case 2:
		frame = readWelcome(r)
	case 3:
		frame = readAppend(r)
	case 4:
		frame = readAck(r)
	case 5:
		frame = readRound(r)
	case 6:
		frame = readBye(r)
	default:
		return nil, fmt.Errorf("%w %d", ErrFrameType, b[0])
	}
	if err := r.finish(); err != nil {
		return nil, fmt.Errorf("decode %T: %w", frame, err)
	}
	return frame, nil
}
