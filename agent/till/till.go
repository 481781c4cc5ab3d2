package till

import (
	"context"
	"crypto/tls"
	"log/slog"
	"strconv"
	"strings"
	"time"

	"github.com/shelfsync/shelfsync/agent"
	"github.com/shelfsync/shelfsync/protocol/api"
	"github.com/shelfsync/shelfsync/sync/serve"
)

// Store is the running agent as its tills reach it; agent.Server is one.
type Store interface {
	// Record waits for the durable commit. What a till got wrong is in the
	// answer; the error is a ledger that failed or an agent that is ending.
	Record(ctx context.Context, r *agent.Request) (agent.Answer, error)
	// Ask runs read on the owner's goroutine.
	Ask(ctx context.Context, read func(*agent.Agent)) error
	// Backup copies the ledger, as ledger.CopyName beside it.
	Backup(ctx context.Context) error
	// Stopping is closed when the agent ends.
	Stopping() <-chan struct{}
}

// Config is what a program hands in. Every field without another word is required.
type Config struct {
	Store    Store
	Location string // code of the store's location
	Version  api.Version
	Log      *slog.Logger
	Metrics  *serve.Metrics
	Now      func() time.Time
	Disk     func() (api.Disk, error) // the room left where the ledger is
	Hosts    []string                 // names clients may use besides localhost and addresses; may be empty
	TLS      *tls.Config              // nil: plain HTTP
}

type till struct {
	Config
	run      string // names this run of the program in event ids
	recorded func(labels ...string)
	replayed func(labels ...string)
	reused   func(labels ...string)
}

// New is the agent's HTTP surface, ready to be served.
func New(config Config) *serve.Server {
	t := &till{Config: config, run: strconv.FormatInt(config.Now().UnixMilli(), 36)}
	s := serve.New(serve.Config{
		Title:   "Shelfsync agent",
		Version: config.Version,
		Log:     config.Log,
		Metrics: config.Metrics,
		Hosts:   config.Hosts,
		TLS:     config.TLS,
		Now:     config.Now,
		Checks:  []serve.Check{{Name: "ledger", Run: t.ledgerWorks}, {Name: "disk", Run: t.diskAnswers}},
	})
	t.measure()
	t.routeOperations(s)
	t.routeReservations(s)
	t.routeTasks(s)
	t.routeTransfers(s)
	t.routeCounts(s)
	t.routeReads(s)
	t.routeCare(s)
	t.routePage(s)
	t.routeForms(s)
	return s
}

// ledgerWorks is the readiness of the ledger: the loop answers, and no storage
// error has stopped it.
func (t *till) ledgerWorks(ctx context.Context) error {
	return t.ask(ctx, func(a *agent.Agent) error { return a.Failed() })
}

func (t *till) diskAnswers(context.Context) error {
	_, err := t.Disk()
	return err
}

// ask runs read on the owner's goroutine and gives its error, or that of an
// agent that is ending.
func (t *till) ask(ctx context.Context, read func(*agent.Agent) error) error {
	var failed error
	if err := t.Store.Ask(ctx, func(a *agent.Agent) { failed = read(a) }); err != nil {
		return ending(err)
	}
	return failed
}

// ending is the problem of an agent that answers no more.
func ending(error) *api.Problem {
	return api.NewProblem(api.CodeUnavailable, "the agent is starting or ending; repeat in a moment")
}

// ownOperation reports whether an id names an operation of this store's ledger.
func (t *till) ownOperation(id string) bool {
	_, _, ok := cutOperation(t.Location, id)
	return ok
}

// cutOperation splits S014.k3f9.123 of location S014 into epoch and sequence.
func cutOperation(location, id string) (epoch string, sequence uint64, ok bool) {
	rest, ours := strings.CutPrefix(id, location+".")
	epoch, number, cut := strings.Cut(rest, ".")
	sequence, err := strconv.ParseUint(number, 10, 64)
	return epoch, sequence, ours && cut && epoch != "" && err == nil
}
