package till

import (
	"context"
	"crypto/sha256"
	"errors"
	"io"
	"regexp"
	"strconv"
	"strings"

	"github.com/shelfsync/shelfsync/agent"
	"github.com/shelfsync/shelfsync/protocol"
	"github.com/shelfsync/shelfsync/protocol/api"
	"github.com/shelfsync/shelfsync/protocol/stock"
	"github.com/shelfsync/shelfsync/sync/serve"
)

// Keyed is what every POST carries beside its body.
type Keyed struct {
	Key string `header:"Idempotency-Key" doc:"At most 255 printable ASCII characters, chosen by the till; required except for sales" example:"5f0c7a9e"`
}

// Validate lists the faults of the key.
func (k Keyed) Validate() []api.FieldError {
	printable := strings.IndexFunc(k.Key, func(r rune) bool { return r < ' ' || r > '~' }) < 0
	if printable && len(k.Key) <= protocol.MaxIdempotencyKey {
		return nil
	}
	return []api.FieldError{{Path: "header." + api.HeaderIdempotencyKey,
		Message: "must have at most " + strconv.Itoa(protocol.MaxIdempotencyKey) + " printable ASCII characters"}}
}

// recordedOutput answers every POST.
type recordedOutput struct {
	Replayed string `header:"Idempotency-Replayed" doc:"true where the key was answered before"`
	Body     recorded
}

// act is one POST on its way into the ledger.
type act struct {
	kind      string // what the till called, as the ledger keeps it
	path      string
	key       string // the header's
	otherwise string // the key where there is no header; empty: one is required
	received  []byte
	operation stock.Operation
	refers    []string
	claim     *agent.ClaimStep
	task      string
	transfer  string // to close
	count     *agent.Count
	answer    func(agent.Recorded) []byte // nil: api.Recorded
	field     func(line int) string       // path in the body of a line of the operation
}

// record keeps one operation and answers with what the ledger holds for its key.
func (t *till) record(ctx context.Context, a act) (*recordedOutput, error) {
	key := a.otherwise
	if a.key != "" {
		key = "key/" + a.key
	}
	if key == "" {
		return nil, api.NewProblem(api.CodeKeyMissing, "send a new "+api.HeaderIdempotencyKey+" for each operation, and the same one when you repeat it")
	}
	a.operation.Correlation = serve.TraceID(ctx)
	if a.answer == nil {
		a.answer = answerOf
	}
	answer, err := t.Store.Record(ctx, &agent.Request{
		Kind: a.kind, Key: key, Fingerprint: fingerprint(a.path, a.received),
		Operation: a.operation, Refers: a.refers, Claim: a.claim, Task: a.task,
		Close: a.transfer, Count: a.count, Answer: a.answer,
	})
	if err != nil {
		return nil, t.notRecorded(ctx, err)
	}
	if answer.Err != nil {
		return nil, t.refusal(ctx, a, answer.Err)
	}
	out := &recordedOutput{Body: recorded{text: answer.Body}}
	if answer.Replayed {
		out.Replayed = "true"
		t.replayed()
	} else {
		t.recorded(a.kind)
	}
	return out, nil
}

// fingerprint is SHA-256 over method, path and body as received.
func fingerprint(path string, received []byte) [32]byte {
	h := sha256.New()
	_, _ = io.WriteString(h, "POST "+path+"\n") // a hash takes everything
	h.Write(received)
	return [32]byte(h.Sum(nil))
}

// receiptKey is the key of a sale that sends none. The separator is escaped in
// its parts, so that no two slips share a key.
func receiptKey(till, receipt string) string {
	escape := strings.NewReplacer("%", "%25", "/", "%2F")
	return "sale/" + escape.Replace(till) + "/" + escape.Replace(receipt)
}

// refusals says what a till got wrong: the code, and the field where one is at fault.
var refusals = []struct {
	err   error
	code  api.Code
	field string
}{
	{agent.ErrKeyReused, api.CodeKeyReused, ""},
	{agent.ErrNotFound, api.CodeNotFound, ""},
	{agent.ErrNoTask, api.CodeNotFound, ""},
	{agent.ErrNoTransfer, api.CodeNotFound, ""},
	{agent.ErrToItself, api.CodeInvalid, "body.to"},
	{agent.ErrCountedTwice, api.CodeInvalid, "item"},
	{agent.ErrNotAfter, api.CodeInvalid, "body.at_operation"},
	{agent.ErrCountedSince, api.CodeNotAllowed, ""},
	{agent.ErrArrived, api.CodeNotAllowed, ""},
	{agent.ErrNotUndone, api.CodeNotAllowed, ""},
	{agent.ErrQuarantined, api.CodeNotAllowed, ""},
	{agent.ErrReversed, api.CodeNotAllowed, ""},
	{agent.ErrReferred, api.CodeNotAllowed, ""},
	{agent.ErrNotReversible, api.CodeNotAllowed, ""},
	{agent.ErrAmbiguous, api.CodeInvalid, "body.line"},
	{agent.ErrTooMuch, api.CodeInvalid, "body.quantity"},
	{agent.ErrNoRoom, api.CodeStorage, ""},
	{agent.ErrBeyondLimit, api.CodeInvalid, "quantity"}, // of the line that the error names
	{protocol.ErrOperationTooLarge, api.CodeTooLarge, ""},
}

func (t *till) refusal(ctx context.Context, a act, err error) error {
	var fault *agent.Fault
	if errors.As(err, &fault) {
		return api.Invalid(api.FieldError{Path: a.fieldIn(fault.Text, ""), Message: withoutLine(fault.Text)})
	}
	for _, row := range refusals {
		switch {
		case !errors.Is(err, row.err):
			continue
		case row.field == "quantity" || row.field == "item":
			return api.Invalid(api.FieldError{Path: a.fieldIn(err.Error(), "."+row.field), Message: withoutLine(err.Error())})
		case row.field != "":
			return api.Invalid(api.FieldError{Path: row.field, Message: err.Error()})
		case row.code == api.CodeNotFound && a.claim != nil:
			return t.noClaim(ctx, a.claim)
		case row.code == api.CodeKeyReused:
			t.reused()
			serve.Log(ctx).Warn("an idempotency key came with another body", "kind", a.kind, "till", a.operation.Till, "receipt", a.operation.Receipt)
		}
		return api.NewProblem(row.code, err.Error())
	}
	return t.notRecorded(ctx, err)
}

// notRecorded answers a ledger that failed, or an agent that is ending. The
// till may repeat: with the same key it is recorded once, whatever happened.
func (t *till) notRecorded(ctx context.Context, err error) error {
	if errors.Is(err, agent.ErrStopped) || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return api.NewProblem(api.CodeUnavailable, "the request ended before its record was known to be durable; repeat it with the same key")
	}
	serve.Log(ctx).Error("an operation was not recorded", "err", err)
	return api.NewProblem(api.CodeStorage, "the operation is not recorded; write it down, and repeat it with the same key when the agent answers again")
}

var numbered = regexp.MustCompile(`^line (\d+): `)

// fieldIn is the path of the line that a message of the agent begins with.
func (a act) fieldIn(message, below string) string {
	m := numbered.FindStringSubmatch(message)
	if m == nil || a.field == nil {
		return "body"
	}
	n, err := strconv.Atoi(m[1])
	if err != nil {
		return "body"
	}
	return a.field(n-1) + below
}

func withoutLine(message string) string { return numbered.ReplaceAllString(message, "") }
