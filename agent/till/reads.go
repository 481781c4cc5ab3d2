package till

import (
	"context"
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

type availabilityInput struct {
	Item []string `query:"item,explode" doc:"A code as scanned; repeat for more" example:"85123A"`
}

// Validate lists every fault.
func (in availabilityInput) Validate() (faults []api.FieldError) {
	if n := len(in.Item); n < 1 || n > protocol.MaxQueryLines {
		return []api.FieldError{{Path: "query.item", Message: "must be given 1 to " + strconv.Itoa(protocol.MaxQueryLines) + " times: /v1/availability?item=85123A&item=22423"}}
	}
	for i, code := range in.Item {
		if !stock.ValidCode(code) {
			faults = append(faults, api.FieldError{Path: fmt.Sprintf("query.item[%d]", i), Message: "must have 1 to " + strconv.Itoa(stock.MaxCode) + " printable characters"})
		}
	}
	return faults
}

type (
	availabilityOutput struct{ Body api.AgentAvailability }
	statusOutput       struct{ Body api.Status }
	listInput          struct{ api.Paging }
	listOutput         struct {
		Body api.Page[api.OperationRecord]
	}
	operationOutput struct{ Body api.OperationRecord }
	admitInput      struct {
		ID   string `path:"id" maxLength:"256" doc:"A quarantined operation" example:"S014.k3f9.123"`
		Body struct {
			Decision string `json:"decision" enum:"send,drop" doc:"send: the hub does not have it; drop: it does"`
		}
	}
)

func (t *till) routeReads(s *serve.Server) {
	read := func(path, tag, summary string, problems ...api.Code) serve.Route {
		return serve.Route{Method: http.MethodGet, Path: path, Summary: summary, Tag: tag, Problems: append(problems, api.CodeUnavailable)}
	}
	serve.Handle(s, read("/v1/availability", "stock", "What the store has and may sell"), t.availability)
	serve.Handle(s, read("/v1/status", "store", "Link, backlog, disk, versions"), t.status)
	serve.Handle(s, read("/v1/operations", "operations", "The store's ledger, newest first"), t.operations)
	serve.Handle(s, read("/v1/operations/{id}", "operations", "One operation and what became of it", api.CodeNotFound), t.operation)
	serve.Handle(s, serve.Route{Method: http.MethodPost, Path: "/v1/operations/{id}/admit", Tag: "operations", Summary: "Decide about a quarantined operation",
		Detail:   "After a fork whose beginning lies before every journal, nobody can tell whether the hub has some operations. Somebody looks at the hub's levels or slips, and says.",
		Problems: []api.Code{api.CodeNotFound, api.CodeNotAllowed, api.CodeStorage, api.CodeUnavailable}}, t.admit)
	events := read("/v1/events", "store", "What changes, as it changes")
	events.Detail = "Server-sent events: stock, status, outcome. Send Last-Event-ID to go on; reset means that some were missed: read again what you show."
	s.Describe(events, "", "text/event-stream", Event{})
	s.Raw("GET /v1/events", http.HandlerFunc(t.events))
}

func (t *till) availability(ctx context.Context, in *availabilityInput) (*availabilityOutput, error) {
	out := &availabilityOutput{}
	err := t.ask(ctx, func(a *agent.Agent) error {
		out.Body = api.AgentAvailability{Online: a.Link().Online, AsOf: t.Now().UTC(), Position: position(a.Base()), Data: make([]api.StoreItem, len(in.Item))}
		if at, ever := a.AsOf(); ever {
			out.Body.ReservedAsOf = at.UTC()
		}
		for i, code := range in.Item {
			out.Body.Data[i] = storeItem(a.View(), code)
		}
		return nil
	})
	return out, err
}

// storeItem is what the store has of the item that a scanned code means.
func storeItem(v *stock.View, scanned string) api.StoreItem {
	code := scanned
	item, _, known := v.Resolve(scanned)
	if known {
		code = item.Code
	}
	l := v.Level(code)
	return api.StoreItem{Item: code, Known: known || v.Known(code), OnHand: api.Of(l.OnHand()), Sellable: api.Of(l.Sellable),
		Reserved: api.Of(l.Claims), Staged: api.Of(l.Staged), Damaged: api.Of(l.Damaged), ReturnPending: api.Of(l.ReturnPending),
		InTransit: api.Of(l.InTransit), AvailableToSell: api.Of(available(l))}
}

// position is written incarnation.index; empty where no hub was ever heard.
func position(p protocol.HubPosition) string {
	if p == (protocol.HubPosition{}) {
		return ""
	}
	return strconv.FormatUint(p.Incarnation, 10) + "." + strconv.FormatUint(p.Index, 10)
}

func (t *till) status(ctx context.Context, _ *struct{}) (*statusOutput, error) {
	disk, err := t.Disk()
	if err != nil {
		return nil, fmt.Errorf("look at the disk: %w", err)
	}
	out := &statusOutput{}
	err = t.ask(ctx, func(a *agent.Agent) error {
		out.Body = t.statusOf(a)
		out.Body.Disk = disk
		out.Body.Disk.State = a.Room().String()
		return nil
	})
	return out, err
}

// statusOf reads the status on the owner's goroutine, without the disk.
func (t *till) statusOf(a *agent.Agent) api.Status {
	head, link, today := a.Ledger().Head(), a.Link(), a.Today()
	backlog, oldest := a.Backlog()
	return api.Status{
		Location: t.Location, Installation: head.Installation, Epoch: head.Epoch, Sequence: head.Position.Sequence, Time: t.Now().UTC(),
		Link:        api.Link{State: linkState(link), Since: utc(link.Since), Hub: link.Hub, LastError: link.LastError},
		Backlog:     api.Backlog{Operations: int64(backlog), OldestUnsentMS: oldest.Milliseconds()},
		Position:    position(a.Base()),
		Versions:    api.Versions{Agent: t.Version.Version},
		Notices:     t.notices(a),
		Quarantined: t.quarantined(a),
		Today:       api.Today{Sales: int64(today.Sales), Returns: int64(today.Returns), Picks: int64(today.Picks)},
	}
}

// quarantined counts up to a page of what waits for a person after a fork.
func (t *till) quarantined(a *agent.Agent) int64 {
	waiting, err := a.Quarantined(protocol.MaxPage)
	if err != nil {
		return 0 // the error has stopped the agent
	}
	return int64(len(waiting))
}

func linkState(l agent.Link) string {
	switch {
	case l.Online:
		return "online"
	case l.Refused:
		return "refused"
	case l.Since.IsZero() && l.Hub != "":
		return "connecting"
	}
	return "offline"
}

func utc(at time.Time) time.Time {
	if at.IsZero() {
		return at
	}
	return at.UTC()
}
