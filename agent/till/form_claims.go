package till

import (
	"context"
	"errors"
	"net/http"

	"github.com/shelfsync/shelfsync/agent"
	"github.com/shelfsync/shelfsync/protocol"
	"github.com/shelfsync/shelfsync/protocol/api"
	"github.com/shelfsync/shelfsync/sync/serve"
)

// claimRow is one claimed line with what may be done about it.
type claimRow struct {
	api.StoreReservation
	Key                     string
	Stage, Unstage, CanPick bool
	First                   bool // the one that Enter is for
}

// stepWords say of a step that it was taken.
var stepWords = map[string]string{
	"stage": "Set aside", "unstage": "Back on the shelf", "pick": "Handed over", "cannot_pick": "Reported as not found",
}

// showCollect lists the claims on this store; what was scanned, an order, a
// reservation or an item, leaves only its own.
func (f *form) showCollect(a *agent.Agent) {
	wanted := f.Scan
	if item, _, known := a.View().Resolve(wanted); known {
		wanted = item.Code
	}
	for _, c := range storeReservations(a.View().Claims("")) {
		if f.Scan != "" && c.Order != f.Scan && c.ID != f.Scan && c.Item != wanted {
			continue
		}
		if len(f.Claims) == protocol.PageReservations {
			f.More++
			continue
		}
		f.newKey()
		f.Claims = append(f.Claims, claimRow{StoreReservation: c, Key: f.Key, Stage: c.State == "confirmed", Unstage: c.State == "staged",
			CanPick: c.State == "confirmed" || c.State == "staged", First: f.Scan != "" && len(f.Claims) == 0})
	}
	f.Focus = "scan"
	if f.Scan != "" && len(f.Claims) > 0 {
		f.Focus = "keep"
	}
}

func (t *till) keepCollect(ctx context.Context, f *form) error {
	word, id, line := f.values.Get("do"), f.values.Get("reservation"), f.values.Get("line")
	for _, step := range steps {
		if step.word != word {
			continue
		}
		body := api.Step{Line: line}
		received, err := checked(body)
		if err != nil {
			return err
		}
		if _, err := t.step(ctx, step.word, step.kind, &stepInput{Keyed{f.Key}, id, &stepBody{body, received}}); err != nil {
			return err
		}
		f.Done = append(f.Done, stepWords[word]+": "+id+" line "+line+".")
		f.clear()
		return nil
	}
	return api.Invalid(api.FieldError{Message: "The page asked for a step that there is not: load it again."})
}

// showInspect lists what came back and nobody has looked at; it reads every
// level of the store, so the page does not read it again by itself.
func (f *form) showInspect(a *agent.Agent) {
	wanted := f.Scan
	if item, _, known := a.View().Resolve(wanted); known {
		wanted = item.Code
	}
	f.Focus = "scan"
	for _, l := range a.View().Levels() {
		if l.Level.ReturnPending <= 0 || f.Scan != "" && l.Item != wanted {
			continue
		}
		if len(f.Returns) == protocol.PageReturns {
			f.More++
			continue
		}
		f.Returns = append(f.Returns, storeItem(a.View(), l.Item))
	}
	if f.Scan != "" && len(f.Returns) > 0 {
		f.Focus = "n0"
	}
}

func (t *till) keepInspect(ctx context.Context, f *form) error {
	numbers, err := f.numbers()
	if err != nil {
		return err
	}
	body := Inspection{Lines: []InspectionLine{{Item: f.Rows[0].Item, Quantity: numbers[0], Disposition: f.values.Get("do"), Reason: f.values.Get("reason")}}}
	received, err := checked(body)
	if err != nil {
		return err
	}
	if _, err := t.inspect(ctx, &inspectionInput{Keyed{f.Key}, inspectionBody{body, received}}); err != nil {
		return err
	}
	f.Done = append(f.Done, numbers[0].String()+" of "+f.Rows[0].Item+": "+dispositionWords[body.Lines[0].Disposition]+".")
	f.clear()
	return nil
}

var dispositionWords = map[string]string{
	"sellable": "back on the shelf", "damaged": "damaged", "scrap": "thrown away", "supplier": "back to the supplier",
}

// postDone records that a task is done and shows the store's page again.
func (t *till) postDone(w http.ResponseWriter, r *http.Request) {
	values, err := formValues(w, r)
	if err == nil {
		_, err = t.done(r.Context(), &doneInput{Keyed: Keyed{values.Get("key")}, ID: values.Get("id")})
	}
	var problem *api.Problem
	switch {
	case err == nil:
		http.Redirect(w, r, "/", http.StatusSeeOther)
	case errors.As(err, &problem) && problem.Code == api.CodeNotFound:
		http.Redirect(w, r, "/", http.StatusSeeOther) // done already, or taken back: the page shows what is left
	default:
		serve.Fail(w, r, err)
	}
}
