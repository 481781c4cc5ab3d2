// Package api is the hub's HTTP surface: what channels, business systems and
// central IT call.
//
// Promise. A write is answered with a committed decision, or with a problem that
// says whether the outcome is known. A read is answered from one applied state
// and names its position; a client that sends the highest position it has seen
// never goes backwards.
//
// Owner. Routes hold no state: they read the board and hand commands to the
// hub's loop.
//
// Flow. serve decodes and validates a body; a route turns it into commands of
// protocol/stock; Hub.Do waits for their results; the answer is built from them
// or from the frozen state on the board.
package api

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"time"

	"github.com/shelfsync/shelfsync/hub"
	"github.com/shelfsync/shelfsync/hub/cluster"
	"github.com/shelfsync/shelfsync/hub/journal"
	shapes "github.com/shelfsync/shelfsync/protocol/api"
	"github.com/shelfsync/shelfsync/protocol/stock"
	"github.com/shelfsync/shelfsync/sync/serve"
)

// Hub is what the routes need of a running hub; *hub.Server is one.
type Hub interface {
	// Do puts commands into the log and waits for their results.
	Do(ctx context.Context, commands ...stock.Command) ([]stock.Result, uint64, error)
	// Barrier returns once everything committed before the call is on the board.
	Barrier(ctx context.Context) error
	Board() *hub.Board
	// Peers are the connected agents of these locations, on any node.
	Peers(ctx context.Context, codes []string) (map[string]hub.Peer, error)
	Status() cluster.Status
	// Members are the nodes of the hub; false where there can be only one.
	Members() (cluster.Members, bool)
	TickAge() time.Duration
	Journal() *journal.Journal
	// StateAt is the state as of an index of the past.
	StateAt(ctx context.Context, index uint64) (*stock.State, error)
	// Explain takes one level apart.
	Explain(ctx context.Context, question hub.Explained) (*hub.Explanation, error)
	// DryRun tries a policy against what happened.
	DryRun(ctx context.Context, question hub.Tried) (*hub.Trial, error)
}

// Register adds every route of the hub to a server.
func Register(s *serve.Server, h Hub) {
	r := routes{h}
	r.catalogue(s)
	r.locations(s)
	r.availability(s)
	r.reservations(s)
	r.conflicts(s)
	r.tasks(s)
	r.movements(s)
	r.levels(s)
	r.journal(s)
	r.explain(s)
	r.transfers(s)
	r.fleet(s)
	r.exceptions(s)
	r.policy(s)
	r.clusters(s)
	r.feed(s)
}

type routes struct{ hub Hub }

// Reading is embedded in the input of every read. It is exported because only
// exported embedded fields are filled from a request.
type Reading struct {
	MinPosition string `query:"min_position" doc:"Wait up to 2 s until this node has reached the position" example:"7.918273"`
	Consistency string `query:"consistency" enum:"local,linearizable" default:"local" doc:"linearizable: everything committed before the call is in the answer"`
}

const (
	minPositionWait = 2 * time.Second
	// maxStale is how long a node may have applied no tick before it refuses
	// local reads.
	maxStale = 30 * time.Second
)

// state is the frozen state a read may be answered from.
func (r routes) state(ctx context.Context, in Reading) (*stock.State, error) {
	if in.Consistency == "linearizable" {
		if err := r.hub.Barrier(ctx); err != nil {
			return nil, shapes.NewProblem(shapes.CodeUnavailable, "no leader confirmed that this node is up to date: "+err.Error())
		}
	} else if r.hub.TickAge() > maxStale {
		return nil, shapes.NewProblem(shapes.CodeBehind, "this node has applied nothing for 30 s: ask another")
	}
	state := r.hub.Board().State()
	if state.Incarnation() == 0 {
		return nil, unread()
	}
	if in.MinPosition == "" {
		return state, nil
	}
	index, err := indexIn(state, "query.min_position", in.MinPosition)
	if err != nil {
		return nil, err
	}
	return r.reach(ctx, index)
}

// unread is the answer of a node that has just started: an empty state would
// pass for empty shelves.
func unread() error {
	problem := shapes.NewProblem(shapes.CodeBehind, "this node has not read its log yet")
	problem.RetryAfterS = retrySeconds
	return problem
}

// indexIn reads a position, which must be of the state's incarnation.
func indexIn(state *stock.State, path, text string) (uint64, error) {
	incarnation, index, err := parsePosition(text)
	switch {
	case err != nil:
		return 0, shapes.Invalid(shapes.FieldError{Path: path, Message: err.Error()})
	case state.Incarnation() == 0:
		return 0, unread()
	case incarnation != state.Incarnation():
		return 0, shapes.NewProblem(shapes.CodeOtherIncarnation, "this hub is incarnation "+strconv.FormatUint(state.Incarnation(), 10))
	}
	return index, nil
}

// reach waits a moment for the board to show index.
func (r routes) reach(ctx context.Context, index uint64) (*stock.State, error) {
	ctx, cancel := context.WithTimeout(ctx, minPositionWait)
	defer cancel()
	state, err := r.hub.Board().Wait(ctx, index)
	if err != nil {
		problem := shapes.NewProblem(shapes.CodeBehind, "this node stands at "+position(state))
		problem.RetryAfterS = retrySeconds
		return nil, problem
	}
	return state, nil
}

var errPosition = errors.New("a position is written incarnation.index, such as 7.918273")

func parsePosition(text string) (incarnation, index uint64, err error) {
	before, after, ok := strings.Cut(text, ".")
	incarnation, err1 := strconv.ParseUint(before, 10, 64)
	index, err2 := strconv.ParseUint(after, 10, 64)
	if !ok || err1 != nil || err2 != nil {
		return 0, 0, errPosition
	}
	return incarnation, index, nil
}

func position(state *stock.State) string { return positionAt(state.Incarnation(), state.Index()) }

func positionAt(incarnation, index uint64) string {
	return strconv.FormatUint(incarnation, 10) + "." + strconv.FormatUint(index, 10)
}

// do runs one command and turns a failure of the log into a problem.
func (r routes) do(ctx context.Context, command stock.Command) (stock.Result, uint64, error) {
	results, index, err := r.hub.Do(ctx, command)
	if err != nil {
		return stock.Result{}, 0, logProblem(err)
	}
	if results[0].Code == stock.Invalid {
		return stock.Result{}, 0, shapes.Invalid(shapes.FieldError{Path: "body", Message: results[0].Text})
	}
	return results[0], index, nil
}

// retrySeconds is when a caller who met a log without a leader or without room
// may find it mended: an election takes about as long.
const retrySeconds = 1

func logProblem(err error) *shapes.Problem {
	problem := shapes.NewProblem(shapes.CodeUnavailable, "the outcome is unknown: repeat with the same id")
	switch {
	case errors.Is(err, hub.ErrBusy):
		problem = shapes.NewProblem(shapes.CodeBusy, "too much waits for the log; nothing was done")
	case errors.Is(err, hub.ErrNotLeader):
		problem = shapes.NewProblem(shapes.CodeUnavailable, "the hub has no leader now; nothing was done")
	}
	problem.RetryAfterS = retrySeconds
	return problem
}

// pageAfter reads the cursor of a list whose rows the state has numbered.
func pageAfter(cursor string) (uint64, error) { return readCursor(cursor, 32) }

func readCursor(cursor string, bits int) (uint64, error) {
	if cursor == "" {
		return 0, nil
	}
	n, err := strconv.ParseUint(cursor, 36, bits)
	if err != nil {
		return 0, shapes.Invalid(shapes.FieldError{Path: "query.cursor", Message: "is not a cursor this server gave"})
	}
	return n, nil
}

func cursorAt(n uint64) string { return strconv.FormatUint(n, 36) }
