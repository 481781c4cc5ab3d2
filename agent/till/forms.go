package till

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"html/template"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"

	"github.com/shelfsync/shelfsync/agent"
	"github.com/shelfsync/shelfsync/protocol"
	"github.com/shelfsync/shelfsync/protocol/api"
	"github.com/shelfsync/shelfsync/protocol/stock"
	"github.com/shelfsync/shelfsync/sync/serve"
)

// formKind is one form of the store's page: where it is, what it shows, and what
// it records. Forms need no script: each Enter is a page, and all that was typed
// travels in it. A form carries a key of its own, so that a button pressed twice
// records once.
type formKind struct {
	path, file, title string
	show              func(*form, *agent.Agent)                 // on the owner's goroutine: from the view to the page
	keep              func(*till, context.Context, *form) error // what was posted, into the ledger
}

var formKinds = []formKind{
	{"/count", "count.html", "Count", (*form).showCount, (*till).keepCount},
	{"/send", "send.html", "Send to another location", (*form).showSend, (*till).keepSend},
	{"/receive", "receive.html", "Receive", (*form).showReceive, (*till).keepReceive},
	{"/close", "receive.html", "Close a transfer", (*form).showReceive, (*till).keepClose},
	{"/collect", "collect.html", "Set aside and hand over", (*form).showCollect, (*till).keepCollect},
	{"/inspect", "inspect.html", "Inspect returns", (*form).showInspect, (*till).keepInspect},
}

// form is a form on its way to the page.
type form struct {
	Location, Path, Title, Sentence string
	State                           state

	Key    string
	Scan   string // what was scanned last, where it is shown again
	Focus  string // where the next key stroke goes: scan, keep, or a row's number
	Done   []string
	Faults []string
	Rows   []row

	Todo      []pageTask      // count: what the hub asks to be counted
	To        string          // send
	Slip      string          // send: the transfer that was opened
	Transfer  string          // receive
	From      string          // receive
	Transfers []api.Transfer  // receive: those to come here, and those sent from here
	Claims    []claimRow      // collect
	Returns   []api.StoreItem // inspect
	More      int             // rows that the page leaves out

	posted   bool
	values   url.Values
	location string
}

// row is one item of a form.
type row struct {
	N            int
	Item         string // its code, or the one as scanned that nobody knows
	Quantity     string // as typed; empty: not yet
	Was, At, Had string // count: the number as it was read; the last operation, and the record, then
	As           string // receive: the disposition it was sent as
	Expected     string // receive: how many are on their way
	Note         string // what the number would do, or what is wrong with it
	Ask, Sure    bool   // count: more than there was while goods are on their way; somebody looked
}

// pages are all pages of the store, with the parts that they share.
var pages = template.Must(template.New("").Funcs(template.FuncMap{"state": func(name string) string { return stateWords[name] }}).ParseFS(pageFiles, "page/*.html"))

// showing are the buttons that only show the form again, as a stray Enter does.
var showing = map[string]bool{"": true, "add": true, "all": true}

func (t *till) routeForms(s *serve.Server) {
	for _, kind := range formKinds {
		serveForm := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { t.form(w, r, kind) })
		s.Page("GET "+kind.path, serveForm)
		s.Page("POST "+kind.path, serveForm)
	}
	s.Page("GET /slip", http.HandlerFunc(t.slip))
	s.Page("POST /done", http.HandlerFunc(t.postDone))
	s.Page("POST /decide", http.HandlerFunc(t.postDecide))
	s.Page("POST /seen", http.HandlerFunc(t.postSeen))
}

// form answers one page: what was posted is kept first, then the view is shown.
func (t *till) form(w http.ResponseWriter, r *http.Request, kind formKind) {
	f := &form{Location: t.Location, Path: kind.path, Title: kind.title, posted: r.Method == http.MethodPost, location: t.Location}
	status := http.StatusOK
	var err error
	if f.values, err = formValues(w, r); err != nil {
		serve.Fail(w, r, err)
		return
	}
	f.read()
	if do := f.values.Get("do"); f.posted && !showing[do] {
		if err := kind.keep(t, r.Context(), f); err != nil {
			var problem *api.Problem
			if !errors.As(err, &problem) {
				serve.Fail(w, r, err)
				return
			}
			status = problem.Status
			f.Faults = append(f.Faults, f.say(problem)...)
		}
	}
	err = t.ask(r.Context(), func(a *agent.Agent) error {
		backlog, oldest := a.Backlog()
		f.State, f.Sentence = linkWords(a.Link(), backlog, oldest)
		kind.show(f, a)
		return nil
	})
	if err != nil {
		serve.Fail(w, r, err)
		return
	}
	for i := range f.Rows {
		f.Rows[i].N = i
	}
	writePage(w, r, status, kind.file, f)
}

// formValues reads the query, or a form's body.
func formValues(w http.ResponseWriter, r *http.Request) (url.Values, error) {
	r.Body = http.MaxBytesReader(w, r.Body, protocol.MaxBodyBytes)
	if err := r.ParseForm(); err != nil {
		var large *http.MaxBytesError
		if errors.As(err, &large) {
			return nil, api.NewProblem(api.CodeTooLarge, "the form has too many rows: record what is there, then go on")
		}
		return nil, api.NewProblem(api.CodeMalformed, "the form could not be read: "+err.Error())
	}
	return r.Form, nil
}

// read takes what every form has: its key, its rows, where goods go or come from.
func (f *form) read() {
	one := f.values.Get
	f.Key, f.Scan, f.To, f.From, f.Transfer = one("key"), strings.TrimSpace(one("scan")), strings.TrimSpace(one("to")), strings.TrimSpace(one("from")), strings.TrimSpace(one("transfer"))
	if f.Key == "" || len((Keyed{f.Key}).Validate()) > 0 {
		f.newKey()
	}
	at := func(name string, i int) string {
		if all := f.values[name]; i < len(all) {
			return strings.TrimSpace(all[i])
		}
		return ""
	}
	for i, item := range f.values["item"] {
		if i == protocol.MaxBasketLines {
			f.Faults = append(f.Faults, fmt.Sprintf("A form holds %d rows: record these, then go on.", protocol.MaxBasketLines))
			break
		}
		r := row{Item: item, Quantity: at("n", i), Was: at("was", i), At: at("at", i), Had: at("had", i), As: at("as", i), Expected: at("expected", i)}
		for _, sure := range f.values["sure"] {
			r.Sure = r.Sure || sure == item
		}
		f.Rows = append(f.Rows, r)
	}
}

// newKey begins another form. What is recorded under a key stays.
func (f *form) newKey() { f.Key = "page/" + rand.Text() }

// clear empties the form after everything in it was recorded.
func (f *form) clear() {
	f.Rows, f.Scan = nil, ""
	f.newKey()
}

// times is 12*CODE, as it is typed at a till. Six digits of the largest factor
// still are a number.
var times = regexp.MustCompile(`^(\d{1,6})\*(.+)$`)

// add counts what was scanned into its row: one more of it, or as many as its
// barcode means.
func (f *form) add(v *stock.View) {
	if f.Scan == "" {
		return
	}
	code, each := f.Scan, stock.Quantity(1)
	if found := times.FindStringSubmatch(code); found != nil && !v.Known(code) {
		n, err := strconv.ParseInt(found[1], 10, 32)
		if err == nil {
			code, each = found[2], stock.Quantity(n)
		}
	}
	if !stock.ValidCode(code) {
		f.Faults = append(f.Faults, fmt.Sprintf("An item code has 1 to %d printable characters. Scan it again.", stock.MaxCode))
		return
	}
	if item, factor, known := v.Resolve(code); known {
		code, each = item.Code, each*stock.Quantity(factor)
	}
	f.Scan = ""
	for i := range f.Rows {
		if r := &f.Rows[i]; r.Item == code {
			have, err := stock.ParseQuantity(r.Quantity)
			if r.Quantity == "" || err == nil {
				r.Quantity = (have + each*stock.Unit).String()
			}
			return
		}
	}
	f.Rows = append(f.Rows, row{Item: code, Quantity: (each * stock.Unit).String()})
}

// focus says where the next key stroke goes: to a number that is missing; after
// an Enter on an empty field, to the button that records; else to the scan field.
func (f *form) focus(scanned bool) {
	f.Focus = "scan"
	if !scanned && f.posted && len(f.Rows) > 0 {
		f.Focus = "keep"
	}
	for i := range f.Rows {
		if f.Rows[i].Quantity == "" {
			f.Focus = "n" + strconv.Itoa(i)
			return
		}
	}
}

// quantity reads a row's number; a fault is kept for the person to see.
func (r *row) quantity() (q stock.Quantity, ok bool) {
	parsed, err := api.ParseQuantity(r.Quantity)
	if r.Quantity == "" {
		r.Note = "How many?"
		return 0, false
	}
	if err != nil {
		r.Note = "The number " + err.Error() + "."
		return 0, false
	}
	return parsed.Stock(), true
}

// numbers are the rows' numbers, or the problem that one has none.
func (f *form) numbers() (all []api.Quantity, err error) {
	for i := range f.Rows {
		q, ok := f.Rows[i].quantity()
		if !ok {
			return nil, api.Invalid(api.FieldError{Path: lineField(i), Message: f.Rows[i].Note})
		}
		all = append(all, api.Of(q))
	}
	if len(all) == 0 {
		return nil, api.Invalid(api.FieldError{Path: "", Message: "Nothing is listed yet: scan an item."})
	}
	return all, nil
}

var pathLine = regexp.MustCompile(`lines\[(\d+)\]\.?`)

// say words a problem with the items that it is about.
func (f *form) say(p *api.Problem) (all []string) {
	for _, fault := range p.Errors {
		where := strings.TrimPrefix(fault.Path, "body.")
		if found := pathLine.FindStringSubmatch(where); found != nil {
			if n, err := strconv.Atoi(found[1]); err == nil && n < len(f.Rows) {
				where = strings.TrimSpace(f.Rows[n].Item + " " + strings.TrimPrefix(where, found[0]))
			}
		}
		all = append(all, strings.TrimPrefix(where+": "+fault.Message, ": "))
	}
	switch {
	case len(all) > 0:
		return all
	case p.Code == api.CodeKeyReused:
		return []string{"This form was recorded before with other numbers. Begin a new one: what was recorded stays."}
	}
	return []string{p.Title + ": " + p.Detail}
}

// checked is a body as its call would have received it, or what is wrong with it.
func checked(body interface{ Validate() []api.FieldError }) ([]byte, error) {
	if faults := body.Validate(); len(faults) > 0 {
		return nil, api.Invalid(faults...)
	}
	return json.Marshal(body)
}

// told reads the answer of a call of the tills' surface.
func told[T any](text []byte) (answer T, err error) {
	if err := json.Unmarshal(text, &answer); err != nil {
		return answer, fmt.Errorf("read our own answer: %w", err)
	}
	return answer, nil
}

func writePage(w http.ResponseWriter, r *http.Request, status int, name string, data any) {
	var out bytes.Buffer // so that a fault of the template is a whole problem, not half a page
	if err := pages.ExecuteTemplate(&out, name, data); err != nil {
		serve.Fail(w, r, fmt.Errorf("write the page: %w", err))
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	_, _ = out.WriteTo(w) // a reader that has gone is no failure of ours
}
