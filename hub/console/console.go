// Package console is the hub's pages for central IT.
//
// Promise. One look says whether anybody must act: the cluster, every store's
// link and age, what waits for a person. It works without script and reads as a
// table.
//
// Owner. A page holds no state: it is drawn from the board and the hub's peers.
//
// Flow. GET / -> state and peers -> template -> HTML. GET /exceptions -> forms ->
// POST -> a command of the log -> back to the page with what became of it.
package console

import (
	"context"
	_ "embed"
	"fmt"
	"html/template"
	"net/http"
	"time"

	"github.com/shelfsync/shelfsync/hub"
	"github.com/shelfsync/shelfsync/hub/cluster"
	"github.com/shelfsync/shelfsync/protocol/stock"
	"github.com/shelfsync/shelfsync/sync/serve"
)

//go:embed status.html
var statusHTML string

//go:embed status.css
var statusCSS []byte

var statusPage = template.Must(template.New("status").Parse(statusHTML))

// Hub is what the pages need of a running hub; *hub.Server is one.
type Hub interface {
	Board() *hub.Board
	Peers(ctx context.Context, codes []string) (map[string]hub.Peer, error)
	Members() (cluster.Members, bool)
	Status() cluster.Status
	TickAge() time.Duration
	Ready() bool
	Now() time.Time // wall clock
	hub.Doer
}

// pages draws from a hub.
type pages struct{ hub Hub }

// Register adds the pages to a server.
func Register(s *serve.Server, h Hub) {
	s.Page("GET /status.css", http.HandlerFunc(style))
	p := pages{h}
	s.Page("GET /{$}", http.HandlerFunc(p.status))
	s.Page("GET /exceptions", http.HandlerFunc(p.exceptions))
	s.Page("POST /exceptions/{id}/{action}", http.HandlerFunc(p.looksAfter))
}

// style is a file of its own: the pages' content policy allows no inline style.
func style(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/css; charset=utf-8")
	_, _ = w.Write(statusCSS) // a reader that left needs no answer
}

// mark is a state with its word and its sign; colour never stands alone.
type mark struct{ Class, Sign, Word string }

var (
	fresh   = mark{"fresh", "●", "fresh"}
	ageing  = mark{"ageing", "◐", "ageing"}
	late    = mark{"late", "▲", "late"}
	unknown = mark{"unknown", "▨", "not heard yet"}
	up      = mark{"fresh", "●", "up"}
	silent  = mark{"failing", "■", "silent"}
)

// nodeSilent is how long a node of the hub may say nothing before it is shown as
// silent: they tell each other every second.
const nodeSilent = 5 * time.Second

// Ages at which a store is no longer fresh, and at which it is late.
const (
	ageingAfter = 20 * time.Second
	lateAfter   = 15 * time.Minute
)

func markOf(age time.Duration, ever bool) mark {
	switch {
	case !ever:
		return unknown
	case age >= lateAfter:
		return late
	case age >= ageingAfter:
		return ageing
	}
	return fresh
}

// row is one store on the page.
type row struct {
	Code, Name, State, Age, Program string
	Mark                            mark
	Backlog                         uint64
	Through                         uint64
}

// page is what the template shows.
type page struct {
	Node, Address, Role, Position, Hash, HubTime string
	Ready                                        bool
	TickAge                                      string
	Sizes                                        stock.Sizes
	Fresh, Stores                                int
	Totals                                       stock.Totals
	Nodes                                        []node
	Up                                           int // nodes that are
	Rows                                         []row
	More                                         int
	Policy                                       uint64 // its version; 1 is built in
	Exceptions                                   []waiting
	At                                           string
}

// maxRows bounds the stores on the page; the API lists the rest.
const maxRows = 500

// maxShown bounds the exceptions on the page.
const maxShown = 50

func (of pages) status(w http.ResponseWriter, r *http.Request) {
	h := of.hub
	state, log := h.Board().State(), h.Status()
	p := page{Node: log.ID, Address: log.Address, Role: log.Role, Totals: state.Totals(), Position: fmt.Sprintf("%d.%d", state.Incarnation(), state.Index()),
		Hash: fmt.Sprintf("%016x", state.Hash()), HubTime: span(time.Duration(state.Now()) * time.Millisecond), Ready: h.Ready(),
		TickAge: span(h.TickAge()), Sizes: state.Sizes(), Policy: state.PolicyVersion(), At: h.Now().Format(time.RFC1123Z)}
	for l := range state.Locations() {
		if l.Installation == "" {
			continue
		}
		p.Stores++
		one := rowOf(state, l, h.TickAge())
		if one.Mark == fresh {
			p.Fresh++
		}
		if len(p.Rows) < maxRows {
			p.Rows = append(p.Rows, one)
		}
	}
	p.More = p.Stores - len(p.Rows)
	if err := linked(r.Context(), h, p.Rows); err != nil {
		serve.Fail(w, r, err)
		return
	}
	p.Nodes = nodesOf(h, state, log)
	for _, n := range p.Nodes {
		if n.Mark == up {
			p.Up++
		}
	}
	for _, e := range state.ExceptionsFrom(0) {
		if len(p.Exceptions) == maxShown {
			break
		}
		if !e.Open() {
			continue
		}
		p.Exceptions = append(p.Exceptions, waiting{Text: sentence(state, e), Owner: e.Owner})
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	if err := statusPage.Execute(w, p); err != nil {
		serve.Log(r.Context()).Warn("draw status page", "err", err)
	}
}

// linked says which of the stores are connected, to whichever node.
func linked(ctx context.Context, h Hub, rows []row) error {
	codes := make([]string, len(rows))
	for i := range rows {
		codes[i] = rows[i].Code
	}
	peers, err := h.Peers(ctx, codes)
	if err != nil {
		return err
	}
	for i := range rows {
		if peer, ok := peers[rows[i].Code]; ok {
			rows[i].State, rows[i].Backlog, rows[i].Program = "online", peer.Backlog, peer.Program
		}
	}
	return nil
}

// node is one node of the hub on the page.
type node struct {
	Address, Role, Position, Hash, Heard, Program string
	Mark                                          mark
}

// nodesOf lists the hub's nodes; none where there can be only one.
func nodesOf(h Hub, state *stock.State, here cluster.Status) (rows []node) {
	members, ok := h.Members()
	if !ok {
		return nil
	}
	for _, n := range members.Nodes() {
		one := node{Address: n.Address, Role: n.Mark.Role, Program: n.Mark.Program, Position: fmt.Sprintf("%d.%d", state.Incarnation(), n.Mark.Index),
			Hash: fmt.Sprintf("%016x", n.Mark.Hash), Heard: span(h.Now().Sub(n.Heard)), Mark: up}
		switch {
		case n.ID == here.ID:
			one.Heard = "this node"
		case n.Heard.IsZero():
			one = node{Address: n.Address, Role: "unknown", Heard: "never", Mark: unknown}
		case h.Now().Sub(n.Heard) > nodeSilent:
			one.Role, one.Mark = "was "+one.Role, silent
		case !n.Votes:
			one.Role += ", no vote yet"
		}
		rows = append(rows, one)
	}
	return rows
}

func rowOf(state *stock.State, l *stock.Location, lag time.Duration) row {
	age := time.Duration(state.Age(l))*time.Millisecond + lag
	one := row{Code: l.Code, Name: l.Name, State: "offline", Age: span(age), Mark: markOf(age, l.CaughtUp > 0)}
	if n := len(l.Epochs); n > 0 {
		one.Through = l.Epochs[n-1].Through.Sequence
	}
	return one
}

func sentence(state *stock.State, e *stock.Exception) string {
	at := state.LocationAt(e.Location).Code
	if e.Code == stock.Parked {
		return fmt.Sprintf("Parked at %s: %s of %s %s. Nobody knows this code yet.", at, e.Line.Kind, e.Line.Quantity, e.Line.Code())
	}
	switch e.Code {
	case stock.NegativeStock:
		return fmt.Sprintf("Below zero at %s: %s %s more have left than were there. Count it, or find what was never booked in.", at, e.Line.Quantity, e.Line.Item)
	case stock.DuplicateReceipt:
		return fmt.Sprintf("Sold twice at %s? %s: %s.", at, e.Operation, e.Text)
	case stock.Fork:
		return fmt.Sprintf("Written again at %s: %s. Nothing is lost; was a disk restored or a PC cloned?", at, e.Text)
	case stock.SetAsideMissing:
		return fmt.Sprintf("Missing at %s: %s %s of what is set aside (%s). Orders cannot be handed over.", at, e.Line.Quantity, e.Line.Item, e.Text)
	case stock.AgedClaim:
		return fmt.Sprintf("Not collected at %s: %s %s of reservation %s, %s.", at, e.Line.Quantity, e.Line.Item, e.Line.Reservation, e.Text)
	case stock.AgedTransfer:
		return fmt.Sprintf("Still under way to %s: %s %s, %s. Find the goods, or close the transfer.", at, e.Line.Quantity, e.Line.Item, e.Text)
	case stock.DuplicateArrival:
		return fmt.Sprintf("Arrived again at %s: %s %s, %s. They are booked as found.", at, e.Line.Quantity, e.Line.Code(), e.Text)
	}
	what := e.Operation.String()
	if e.Operation.Sequence == 0 {
		what = "document " + e.Document
	}
	return fmt.Sprintf("Quarantined at %s: %s. %s", at, what, e.Text)
}

// span is a duration as people say it.
func span(d time.Duration) string {
	switch {
	case d < time.Second:
		return "now"
	case d < 2*time.Minute:
		return fmt.Sprintf("%d s", int(d.Seconds()))
	case d < 2*time.Hour:
		return fmt.Sprintf("%d min", int(d.Minutes()))
	case d < 48*time.Hour:
		return fmt.Sprintf("%d h", int(d.Hours()))
	}
	return fmt.Sprintf("%d days", int(d.Hours()/24))
}
