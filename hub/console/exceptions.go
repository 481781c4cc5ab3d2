package console

import (
	_ "embed"
	"fmt"
	"html/template"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/shelfsync/shelfsync/hub"
	"github.com/shelfsync/shelfsync/protocol"
	shapes "github.com/shelfsync/shelfsync/protocol/api"
	"github.com/shelfsync/shelfsync/protocol/stock"
	"github.com/shelfsync/shelfsync/sync/serve"
)

//go:embed exceptions.html
var exceptionsHTML string

var exceptionsPage = template.Must(template.New("exceptions").Parse(exceptionsHTML))

// waiting is one exception on its page.
type waiting struct {
	ID                uint32
	Kind, Text, Owner string
	Code              string // parked: what to map
	Admits            bool   // quarantined
	History           []string
}

func (p pages) exceptions(w http.ResponseWriter, r *http.Request) {
	state := p.hub.Board().State()
	shown := struct {
		Open, Page int
		Said       string
		Rows       []waiting
		More       uint32
	}{Open: state.Sizes().Exceptions, Page: maxShown, Said: r.URL.Query().Get("said")}
	from, _ := strconv.ParseUint(r.URL.Query().Get("from"), 10, 32) // anything else begins at the first
	for no, e := range state.ExceptionsFrom(uint32(from)) {
		if !e.Open() {
			continue
		}
		if len(shown.Rows) == maxShown {
			shown.More = no
			break
		}
		row := waiting{ID: no + 1, Kind: e.Code.String(), Text: sentence(state, e), Owner: e.Owner, Admits: e.Code == stock.Quarantined}
		if e.Code == stock.Parked {
			row.Code = e.Line.Code()
		}
		for _, c := range e.History {
			row.History = append(row.History, strings.TrimSpace(fmt.Sprintf("%s %s, says %s", c.Action, c.Text, c.By)))
		}
		shown.Rows = append(shown.Rows, row)
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	if err := exceptionsPage.Execute(w, shown); err != nil {
		serve.Log(r.Context()).Warn("draw exceptions page", "err", err)
	}
}

// looksAfter takes a form about one exception, and goes back to the page with what
// became of it. It asks for what the API asks for, in the same words.
func (p pages) looksAfter(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, protocol.MaxBodyBytes)
	said := "Nothing was done: the form could not be read."
	if err := r.ParseForm(); err == nil {
		said = p.care(r)
	}
	http.Redirect(w, r, "/exceptions?said="+url.QueryEscape(said), http.StatusSeeOther)
}

// care carries out what a form says and words what came of it.
func (p pages) care(r *http.Request) (said string) {
	n, err := strconv.ParseUint(r.PathValue("id"), 10, 32)
	e, ok := p.hub.Board().State().Exception(uint32(n) - 1)
	if err != nil || n == 0 || !ok {
		return "Nothing was done: there is no exception " + r.PathValue("id") + " any more."
	}
	no, form := uint32(n)-1, r.PostForm
	var command stock.Command
	var faults []shapes.FieldError
	switch r.PathValue("action") {
	case "owner":
		o := shapes.Owning{Owner: form.Get("owner"), By: form.Get("by")}
		command, faults = &stock.Own{Exception: no, Owner: o.Owner, By: o.By}, o.Validate()
	case "resolve":
		o := shapes.Resolution{Note: form.Get("note"), By: form.Get("by")}
		command, faults = &stock.Resolve{Exception: no, Note: o.Note, By: o.By}, o.Validate()
	case "map":
		factor, err := strconv.ParseInt(form.Get("factor"), 10, 64)
		o := shapes.Mapping{Item: form.Get("item"), Factor: factor, By: form.Get("by")}
		if faults = o.Validate(); err != nil || factor < 1 {
			faults = append(faults, shapes.FieldError{Path: "factor", Message: "must be a number of units, at least 1"})
		}
		command = &stock.Map{Code: e.Line.Code(), Item: o.Item, Factor: factor, By: o.By}
	case "admit":
		o := shapes.Admission{Counted: form.Get("counted") == "yes", By: form.Get("by")}
		command, faults = &stock.Admit{Exception: no, By: o.By, Counted: o.Counted, Operation: stock.Operation{Raw: e.Raw}}, o.Validate()
	default:
		return "Nothing was done: a page has no form of that name."
	}
	if len(faults) > 0 {
		return "Nothing was done: " + faults[0].Path + " " + faults[0].Message + "."
	}
	return p.do(r, e, command)
}

func (p pages) do(r *http.Request, e *stock.Exception, command stock.Command) (said string) {
	var result stock.Result
	var err error
	if m, is := command.(*stock.Map); is {
		if e.Code != stock.Parked {
			return "Nothing was done: only a parked line has a code to map."
		}
		result, _, err = hub.MapCode(r.Context(), p.hub, *m)
	} else {
		var results []stock.Result
		if results, _, err = p.hub.Do(r.Context(), command); err == nil {
			result = results[0]
		}
	}
	switch {
	case err != nil:
		return "Nobody knows whether it was done: " + err.Error() + "."
	case result.Code == stock.Repeated:
		return "It had been done, or had ended, before."
	case result.Code != stock.Accepted:
		return strings.TrimSuffix("Nothing was done: "+result.Code.String()+", "+result.Text, ", ") + "."
	case result.Lines > 0:
		return fmt.Sprintf("Done: %d lines have taken effect.", result.Lines)
	}
	return "Done."
}
