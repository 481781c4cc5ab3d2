package till

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/shelfsync/shelfsync/agent"
	"github.com/shelfsync/shelfsync/protocol"
	"github.com/shelfsync/shelfsync/protocol/api"
	"github.com/shelfsync/shelfsync/protocol/stock"
	"github.com/shelfsync/shelfsync/sync/serve"
)

// showSend lists what leaves, with what is then left.
func (f *form) showSend(a *agent.Agent) {
	scanned := f.Scan != ""
	f.add(a.View())
	for i := range f.Rows {
		r := &f.Rows[i]
		if q, ok := r.quantity(); ok && r.Note == "" {
			l := a.View().Level(r.Item)
			r.Note = (l.Sellable - q).String() + " left"
			if l.Claims > 0 {
				r.Note += ", " + l.Claims.String() + " reserved"
			}
		}
	}
	f.focus(scanned)
	if f.To == "" && f.Slip == "" {
		f.Focus = "to"
	}
}

func (t *till) keepSend(ctx context.Context, f *form) error {
	numbers, err := f.numbers()
	if err != nil {
		return err
	}
	if f.To == "" {
		return api.Invalid(api.FieldError{Message: "Say where the goods go to."})
	}
	body := api.Dispatch{To: f.To}
	for i, r := range f.Rows {
		body.Lines = append(body.Lines, api.TransferLine{Item: r.Item, Quantity: numbers[i]})
	}
	received, err := checked(body)
	if err != nil {
		return err
	}
	out, err := t.dispatch(ctx, &dispatchInput{Keyed{f.Key}, dispatchBody{body, received}})
	if err != nil {
		return err
	}
	answer, err := told[api.Recorded](out.Body.text)
	if err != nil {
		return err
	}
	f.Slip = answer.Operation
	f.Done = append(f.Done, fmt.Sprintf("%d rows left for %s.", len(f.Rows), f.To))
	f.To = ""
	f.clear()
	return nil
}

// showReceive lists the open transfers; of the one that is chosen, what should
// come: scanned piece by piece, typed, or all at once. Its slip may also be
// scanned, or typed where the papers are late.
func (f *form) showReceive(a *agent.Agent) {
	scanned := f.Scan != ""
	f.openTransfers(a.View())
	chosen := !f.posted
	if f.Transfer == "" && f.Scan != "" {
		chosen, f.Transfer, f.Scan = true, f.Scan, ""
		f.From = senderOf(f.Transfer)
	}
	if one := f.transfer(f.Transfer); one != nil && len(f.Rows) == 0 && chosen {
		f.From = one.From
		for _, line := range one.Lines {
			if line.At == f.location && line.Quantity.Stock() > 0 {
				f.Rows = append(f.Rows, row{Item: line.Item, Quantity: "0", Expected: line.Quantity.String(), As: line.Disposition})
			}
		}
	}
	if f.Transfer != "" {
		f.add(a.View())
	}
	for i := range f.Rows {
		r := &f.Rows[i]
		if r.Expected != "" && f.values.Get("do") == "all" {
			r.Quantity = r.Expected
		}
		if q, ok := r.quantity(); ok && r.Note == "" {
			r.Note = arrivalNote(q, r.Expected)
		}
	}
	f.focus(scanned)
}

// senderOf is the location that an operation's id begins with, where it is one:
// goods may come before their papers.
func senderOf(transfer string) string {
	if cut := strings.LastIndexByte(transfer, '.'); cut > 0 {
		if cut = strings.LastIndexByte(transfer[:cut], '.'); cut > 0 {
			return transfer[:cut]
		}
	}
	return ""
}

func arrivalNote(q stock.Quantity, expected string) string {
	want, err := stock.ParseQuantity(expected)
	switch {
	case expected == "" || err != nil:
		return "not on the papers"
	case q < want:
		return (want - q).String() + " short"
	case q > want:
		return (q - want).String() + " over"
	}
	return "as sent"
}

// openTransfers are those that the store knows of, a transfer with all its lines.
func (f *form) openTransfers(v *stock.View) {
	for _, l := range v.Transfers() {
		n := len(f.Transfers)
		if n == 0 || f.Transfers[n-1].ID != l.ID {
			if n == protocol.PageTransfers {
				f.More++
				continue
			}
			f.Transfers = append(f.Transfers, api.Transfer{ID: l.ID, From: l.From, Dispatched: l.Dispatched, SinceMS: l.Since})
			n++
		}
		one := &f.Transfers[n-1]
		one.Lines = append(one.Lines, api.TransitLine{At: l.At, Item: l.Item, Disposition: l.Account.String(), Quantity: api.Of(l.Quantity)})
	}
}

func (f *form) transfer(id string) *api.Transfer {
	for i := range f.Transfers {
		if f.Transfers[i].ID == id {
			return &f.Transfers[i]
		}
	}
	return nil
}

// keepReceive records what has come; rows of which nothing came are left out.
func (t *till) keepReceive(ctx context.Context, f *form) error {
	numbers, err := f.numbers()
	if err != nil {
		return err
	}
	body := api.Arrival{Transfer: f.Transfer, From: f.From}
	for i, r := range f.Rows {
		if numbers[i].Stock() != 0 {
			body.Lines = append(body.Lines, api.TransferLine{Item: r.Item, Quantity: numbers[i], Disposition: r.As})
		}
	}
	if len(body.Lines) == 0 {
		return api.Invalid(api.FieldError{Message: "Nothing has come by this list: scan what came, or press All as sent."})
	}
	received, err := checked(body)
	if err != nil {
		return err
	}
	if _, err = t.arrive(ctx, &arrivalInput{Keyed{f.Key}, arrivalBody{body, received}}); err != nil {
		return err
	}
	f.Done = append(f.Done, fmt.Sprintf("%d rows of %s are here. What is still to come stays open below.", len(body.Lines), f.Transfer))
	f.Transfer, f.From = "", ""
	f.clear()
	return nil
}

func (t *till) keepClose(ctx context.Context, f *form) error {
	body := api.TransferClosing{Reason: f.values.Get("reason")}
	received, err := checked(body)
	if err != nil {
		return err
	}
	if _, err = t.closeTransfer(ctx, &closingInput{Keyed{f.Key}, f.Transfer, closingBody{body, received}}); err != nil {
		return err
	}
	f.Done = append(f.Done, "Nothing more is to come of "+f.Transfer+".")
	f.Transfer = ""
	f.clear()
	return nil
}

// slipPage goes with the goods: the other end scans or types its id.
type slipPage struct {
	api.OperationRecord
	Location, To, Date string
}

func (t *till) slip(w http.ResponseWriter, r *http.Request) {
	found, err := t.operation(r.Context(), &oneInput{ID: r.URL.Query().Get("id")})
	if err == nil && found.Body.Kind != "dispatch" {
		err = api.NewProblem(api.CodeNotFound, "that operation sent nothing: it is a "+found.Body.Kind)
	}
	if err != nil {
		serve.Fail(w, r, err)
		return
	}
	page := slipPage{OperationRecord: found.Body, Location: t.Location, Date: found.Body.At.In(t.Now().Location()).Format(time.DateTime)}
	for _, line := range page.Lines {
		page.To = line.Location
	}
	writePage(w, r, http.StatusOK, "slip.html", page)
}
