package agent

import (
	"errors"
	"fmt"
	"slices"

	"github.com/shelfsync/shelfsync/agent/ledger"
	"github.com/shelfsync/shelfsync/agent/volume"
	"github.com/shelfsync/shelfsync/protocol"
	"github.com/shelfsync/shelfsync/protocol/stock"
)

// Request asks the agent to record one operation. Lines carry the code as
// scanned; the agent resolves what depends on the store's catalogue.
type Request struct {
	Kind        string   // what the till called: sale, return, delivery, stage…
	Key         string   // idempotency key
	Fingerprint [32]byte // of the request's body
	Operation   stock.Operation
	Refers      []string // ids of operations of this ledger it refers to
	Claim       *ClaimStep
	Task        string                // id of the task that is done
	Count       *Count                // what somebody counted
	Close       string                // id of the transfer of which nothing more is to come
	Answer      func(Recorded) []byte // the body to give the till, kept with the operation

	counted []Counted // what became of the lines of Count
}

// ClaimStep asks for stage, unstage, pick or cannot_pick of a reservation.
type ClaimStep struct {
	Kind        stock.Kind
	Reservation string
	Line        string         // empty: every line here
	Quantity    stock.Quantity // 0: all of the line
}

// Recorded is what a till learns of its operation.
type Recorded struct {
	Operation stock.OperationID
	Lines     []RecordedLine
	Counted   []Counted // of a count; where none of them was recorded there is no operation
}

// RecordedLine is one line and the level of its item after the operation.
type RecordedLine struct {
	Line     stock.Line
	Parked   bool // neither side can say what it is: kept, without effect
	Level    stock.Level
	Warnings []string
}

// Answer is the body for the till; Replayed if the key was answered before.
type Answer struct {
	Body     []byte
	Replayed bool
	Err      error
}

// What a till may have got wrong. A physical sale is never among them.
var (
	ErrKeyReused      = errors.New("this idempotency key was used with another body")
	ErrNotFound       = errors.New("no such reservation or operation here")
	ErrNoTask         = errors.New("no such task is open here; it may be done already, or the hub has not told of it yet")
	ErrAmbiguous      = errors.New("a part of a reservation names one of its lines")
	ErrTooMuch        = errors.New("the reservation line has fewer units than that")
	ErrNotQuarantined = errors.New("the operation waits for nobody's decision")
	ErrQuarantined    = errors.New("after a fork nobody can tell whether the hub has the operation: decide that first")
	ErrReversed       = errors.New("the operation was reversed before")
	ErrReferred       = errors.New("something refers to the operation: correct it with a return or an adjustment")
	ErrNotReversible  = errors.New("an operation that touched a reservation, or is itself a reversal, cannot be reversed: use a return or an adjustment")
	ErrCountedSince   = errors.New("an item of the operation was counted later: what it changed is in that count; count again")
	ErrArrived        = errors.New("goods of the transfer have arrived, or it is closed: send them back")
	ErrNotUndone      = errors.New("a count, an arrival or the end of a transfer is not undone: count again, or send the goods back")
	ErrNoTransfer     = errors.New("no such transfer is open here; it may be over already, or the hub has not told of it yet")
	ErrToItself       = errors.New("a transfer goes to another location")
	ErrNoRoom         = errors.New("the disk of the store's PC is full: the operation is not recorded; write it down, make room, and repeat it with the same key")
	ErrBeyondLimit    = errors.New("an alias multiplies the quantity beyond its limit")
)

// Record writes all requests in one durable commit and answers each. A storage
// error answers all of them and everything after.
func (a *Agent) Record(requests []*Request) []Answer {
	answers := make([]Answer, len(requests))
	clear(a.since.counted)
	group := group{agent: a, next: a.ledger.Head().Position.Sequence + 1, keys: map[string]int{}}
	for i, request := range requests {
		if a.failed != nil {
			answers[i].Err = a.failed
			continue
		}
		answers[i] = group.take(i, request)
	}
	if len(group.entries) > 0 && a.failed == nil {
		if _, err := a.ledger.Append(group.entries); err != nil {
			_ = a.fail("append to ledger", err) // every answer below is this error
		} else {
			a.ages.add(a.ledger.Head().Position.Sequence, a.config.Now())
			a.session.Grew(a.ledger.Head().Position)
			for i := range group.recorded {
				a.events.add(recordedEvent(&group.recorded[i]), a.config.Now())
			}
		}
	}
	for i := range answers {
		if first, replay := group.repeats[i]; replay {
			answers[i] = Answer{Body: answers[first].Body, Replayed: true, Err: answers[first].Err}
		}
		if a.failed != nil {
			answers[i] = Answer{Err: a.failed}
		}
	}
	return answers
}

// Failed is the storage error after which the agent must end, or nil.
func (a *Agent) Failed() error { return a.failed }

// fail notes a storage error.
func (a *Agent) fail(doing string, err error) error {
	a.failed = fmt.Errorf("%s: %w", doing, err)
	return a.failed
}

// recordedEvent names the items whose level an operation may have changed.
func recordedEvent(r *Recorded) Event {
	event := Event{Type: "recorded", Operation: r.Operation.String()}
	for i := range r.Lines {
		if code := r.Lines[i].Line.Code(); !r.Lines[i].Parked && len(event.Items) < maxEventItems && !slices.Contains(event.Items, code) {
			event.Items = append(event.Items, code)
		}
	}
	return event
}

// group is one commit in the making.
type group struct {
	agent    *Agent
	next     uint64
	entries  []ledger.Entry
	recorded []Recorded
	keys     map[string]int // key -> index of the request that brings it
	prints   map[string][32]byte
	repeats  map[int]int      // request -> the earlier one of this group it repeats
	referred map[string]error // operation referred to -> why it cannot be reversed
}

func (g *group) take(i int, request *Request) Answer {
	if request.Key != "" {
		if answer, done := g.replay(i, request); done {
			return answer
		}
	}
	if g.agent.room == volume.Full { // nothing has failed: asked again when there is room, it is recorded
		return Answer{Err: ErrNoRoom}
	}
	if err := g.agent.presented(request); err != nil {
		return Answer{Err: err}
	}
	if err := g.referred[request.Operation.Reverses]; err != nil {
		return Answer{Err: err}
	}
	entry, recorded, err := g.agent.write(request, g.next)
	if err != nil {
		return Answer{Err: err}
	}
	if len(entry.Bytes) == 0 {
		return Answer{Body: entry.Answer} // nothing stands that could be recorded: asked again, it is judged anew
	}
	g.entries, g.recorded = append(g.entries, entry), append(g.recorded, recorded)
	g.refer(request)
	g.next++
	if request.Key != "" {
		g.keys[request.Key] = i
		if g.prints == nil {
			g.prints = map[string][32]byte{}
		}
		g.prints[request.Key] = request.Fingerprint
	}
	return Answer{Body: entry.Answer}
}

// refer remembers what the ledger cannot tell before the commit.
func (g *group) refer(request *Request) {
	if g.referred == nil {
		g.referred = map[string]error{}
	}
	for _, id := range request.Refers {
		g.referred[id] = ErrReferred
	}
	if id := request.Operation.Reverses; id != "" {
		g.referred[id] = ErrReversed
	}
}

// replay answers a key that is in the ledger, or earlier in this group.
func (g *group) replay(i int, request *Request) (Answer, bool) {
	if first, ok := g.keys[request.Key]; ok {
		if g.prints[request.Key] != request.Fingerprint {
			return Answer{Err: ErrKeyReused}, true
		}
		if g.repeats == nil {
			g.repeats = map[int]int{}
		}
		g.repeats[i] = first
		return Answer{}, true
	}
	record, ok, err := g.agent.ledger.ByKey(request.Key)
	switch {
	case err != nil:
		return Answer{Err: g.agent.fail("look up idempotency key", err)}, true
	case !ok:
		return Answer{}, false
	case record.Fingerprint != request.Fingerprint:
		return Answer{Err: ErrKeyReused}, true
	}
	return Answer{Body: record.Answer, Replayed: true}, true
}

// write resolves a request into an operation, folds it into the view and gives
// the ledger's entry. Nothing has changed if it returns an error.
func (a *Agent) write(request *Request, sequence uint64) (ledger.Entry, Recorded, error) {
	op := request.Operation
	op.Incarnation, op.Seen = a.base.Incarnation, a.base.Index
	if op.At == 0 { // the till did not say
		op.At = a.config.Now().UnixMilli()
	}
	if err := a.resolve(request, &op, sequence); err != nil {
		return ledger.Entry{}, Recorded{}, err
	}
	if request.Count != nil && len(op.Lines) == 0 {
		return ledger.Entry{Answer: request.Answer(Recorded{Counted: request.counted})}, Recorded{}, nil
	}
	if fault := op.FaultOf(); fault != "" {
		return ledger.Entry{}, Recorded{}, &Fault{fault}
	}
	bytes, err := protocol.EncodeOperation(&op)
	if err != nil {
		return ledger.Entry{}, Recorded{}, err
	}
	a.view.Fold(&op)
	a.since.wrote(sequence, &op)
	a.days.count(&op, a.config.Now())
	head := a.ledger.Head()
	id := stock.OperationID{Agent: a.config.Location, Epoch: head.Epoch, Sequence: sequence}
	a.sent.wrote(a.config.Location, id, &op)
	recorded := Recorded{Operation: id,
		Lines: a.lines(&op), Counted: request.counted}
	return ledger.Entry{Bytes: bytes, Kind: request.Kind, Receipt: op.Receipt, Till: op.Till, At: a.config.Now().UnixMilli(), Key: request.Key,
		Fingerprint: request.Fingerprint, Answer: request.Answer(recorded), Refers: request.Refers}, recorded, nil
}

// Fault is an operation that breaks the stock model's own rules.
type Fault struct{ Text string }

func (f *Fault) Error() string { return f.Text }

// lines tells the till what each line left behind.
func (a *Agent) lines(op *stock.Operation) []RecordedLine {
	lines := make([]RecordedLine, len(op.Lines))
	for i := range op.Lines {
		line := op.Lines[i]
		level := a.view.Level(line.Code())
		lines[i] = RecordedLine{Line: line, Level: level, Parked: line.Item == "" && line.Kind != stock.Delivery}
		if line.Kind.Moves() && !lines[i].Parked {
			lines[i].Warnings = warnings(&line, op.Reverses != "", level)
		}
	}
	return lines
}

// warnings says what a line that takes goods has taken, judged by what is left.
func warnings(line *stock.Line, undone bool, left stock.Level) (words []string) {
	if from, _, _ := line.Legs(undone); from != stock.Sellable {
		return nil
	}
	if left.Claims > 0 && left.Sellable < left.Claims {
		words = append(words, "takes_reserved")
	}
	if left.Staged > 0 && left.Sellable < left.Staged {
		words = append(words, "takes_set_aside")
	}
	if left.Sellable < 0 {
		words = append(words, "below_zero")
	}
	return words
}
