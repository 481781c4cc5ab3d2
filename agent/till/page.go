package till

import (
	"embed"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/shelfsync/shelfsync/agent"
	"github.com/shelfsync/shelfsync/protocol"
	"github.com/shelfsync/shelfsync/protocol/api"
	"github.com/shelfsync/shelfsync/protocol/stock"
	"github.com/shelfsync/shelfsync/sync/serve"
)

//go:embed page
var pageFiles embed.FS

// stateWords are claim states as people at the counter say them.
var stateWords = map[string]string{"held": "in a cart", "confirmed": "to set aside", "staged": "set aside"}

// page is everything the store's page shows.
type page struct {
	Location, Version, Position, Sentence, LastError string

	State      state
	Heard      when
	Today      agent.Today
	Last       *when
	Asked      string
	Fault      string
	Found      *api.StoreItem
	Claims     []api.StoreReservation
	MoreClaims int
	Tasks      []pageTask
	MoreTasks  int
	Operations []pageOperation
	RefreshMS  int

	Notices       []api.Notice
	Room          string // what people are told of the disk
	Undecided     []undecided
	MoreUndecided bool
}

// pageTask is a task in a sentence. Its number belongs to one incarnation of the
// hub, and so does the key of its button.
type pageTask struct{ ID, Key, Kind, Item, Reservation, Order, Text string }

// taskWords say what to do, with how many of what.
var taskWords = map[string]string{
	"recount":  "Count %[2]s: %[1]s could not be found.",
	"put_back": "Put %[1]s of %[2]s back on the shelf: the order is over.",
	"stage":    "Set %[1]s of %[2]s aside.",
}

// state is said by a colour, a mark and a word together.
type state struct{ Colour, Mark, Word string }

// when is a time as people say it, and exactly.
type when struct{ Ago, Exact string }

type pageOperation struct {
	ID, Kind, Receipt, State string

	At       when
	Lines    int
	Outcomes []string
}

func (t *till) routePage(s *serve.Server) {
	s.Page("GET /{$}", http.HandlerFunc(t.page))
	for name, media := range map[string]string{"style.css": "text/css; charset=utf-8", "page.js": "text/javascript; charset=utf-8"} {
		file, err := pageFiles.ReadFile("page/" + name)
		if err != nil {
			panic("the program was built without page/" + name)
		}
		s.Page("GET /assets/"+name, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", media)
			_, _ = w.Write(file) // a reader that has gone is no failure of ours
		}))
	}
}

func (t *till) page(w http.ResponseWriter, r *http.Request) {
	p := page{Location: t.Location, Version: t.Version.Version, Asked: r.URL.Query().Get("item"), RefreshMS: protocol.PageRefreshMS}
	if p.Asked != "" && !stock.ValidCode(p.Asked) {
		p.Fault = "An item code has 1 to " + strconv.Itoa(stock.MaxCode) + " printable characters. Scan it again."
	}
	var listed api.Page[api.OperationRecord]
	err := t.ask(r.Context(), func(a *agent.Agent) (err error) {
		p.read(t, a)
		if err := p.readUndecided(t, a); err != nil {
			return err
		}
		listed, err = t.listed(a, protocol.PageOperations, "")
		return err
	})
	if err != nil {
		serve.Fail(w, r, err)
		return
	}
	for i := range listed.Data {
		p.Operations = append(p.Operations, t.pageOperation(&listed.Data[i]))
	}
	writePage(w, r, http.StatusOK, "index.html", p)
}

// read copies what the page shows, on the owner's goroutine.
func (p *page) read(t *till, a *agent.Agent) {
	link := a.Link()
	backlog, oldest := a.Backlog()
	p.State, p.Sentence = linkWords(link, backlog, oldest)
	p.LastError = link.LastError
	p.Notices, p.Room = t.notices(a), a.Room().Sentence()
	p.Position = position(a.Base())
	if at, ever := a.AsOf(); ever {
		p.Heard = t.when(at)
	} else {
		p.Heard = when{Ago: "before this program started"}
	}
	if p.Today = a.Today(); !p.Today.Last.IsZero() {
		last := t.when(p.Today.Last)
		p.Last = &last
	}
	if p.Asked != "" && p.Fault == "" {
		item := storeItem(a.View(), p.Asked)
		p.Found = &item
	}
	claims := a.View().Claims("")
	p.MoreClaims = max(0, len(claims)-protocol.PageReservations)
	list := todos(a.View())
	p.MoreTasks = max(0, len(list)-protocol.PageTasks)
	for _, one := range list[:len(list)-p.MoreTasks] {
		p.Tasks = append(p.Tasks, pageTask{ID: one.task.ID, Key: fmt.Sprintf("page/%d/%s", a.Base().Incarnation, one.task.ID), Kind: one.task.Kind, Item: one.task.Item,
			Reservation: one.task.Reservation, Order: one.task.Order, Text: fmt.Sprintf(taskWords[one.task.Kind], one.task.Quantity, one.task.Item)})
	}
	p.Claims = storeReservations(claims[:len(claims)-p.MoreClaims])
}

const everythingSent = "The hub has everything this store recorded."

// linkWords says how the store stands with the hub. Being offline is no error:
// the store keeps selling.
func linkWords(l agent.Link, backlog uint64, oldest time.Duration) (state, string) {
	waiting := "Nothing is waiting."
	switch {
	case backlog == 1:
		waiting = "1 operation is waiting, for " + span(oldest) + "."
	case backlog > 1:
		waiting = strconv.FormatUint(backlog, 10) + " operations are waiting, the oldest for " + span(oldest) + "."
	}
	switch {
	case l.Online && backlog == 0:
		return state{"fresh", "●", "Linked, everything sent"}, everythingSent
	case l.Online:
		return state{"fresh", "●", "Linked, sending"}, waiting + " They are on their way to the hub."
	case l.Refused:
		return state{"failing", "■", "The hub does not accept this store"}, waiting + " Keep selling: everything is kept here. Tell your IT what the hub said, below."
	}
	return state{"late", "▲", "Offline"}, "Offline since " + l.Since.Format("15:04") + ". " + waiting + " Keep selling."
}

// span is a length of time as people say it.
func span(d time.Duration) string {
	for _, step := range []struct {
		unit time.Duration
		word string
	}{{24 * time.Hour, "d"}, {time.Hour, "h"}, {time.Minute, "min"}} {
		if d >= step.unit {
			return strconv.FormatInt(int64(d/step.unit), 10) + " " + step.word
		}
	}
	return strconv.FormatInt(int64(max(0, d)/time.Second), 10) + " s"
}

func (t *till) when(at time.Time) when {
	now := t.Now()
	exact := at.In(now.Location()).Format(time.RFC3339)
	if d := now.Sub(at); d >= 0 && d < 5*time.Second {
		return when{"just now", exact}
	}
	return when{span(now.Sub(at)) + " ago", exact}
}

// settledWords are the states of an operation as people say them.
var settledWords = map[string]string{"settled": "has it", "pending": "waiting", "quarantined": "nobody knows"}

func (t *till) pageOperation(r *api.OperationRecord) pageOperation {
	p := pageOperation{ID: r.ID, Kind: r.Kind, Receipt: r.Receipt, State: settledWords[r.State], At: t.when(r.At), Lines: len(r.Lines)}
	for _, o := range r.Outcomes {
		text := o.Effect
		if o.Line > 0 {
			text = "line " + strconv.FormatInt(o.Line, 10) + ": " + text
		}
		if o.Detail != "" {
			text += " (" + o.Detail + ")"
		}
		p.Outcomes = append(p.Outcomes, text)
	}
	return p
}
