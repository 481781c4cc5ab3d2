package till

import (
	"bytes"
	"context"
	"encoding/base64"
	"fmt"
	"net/http"
	"strconv"

	"github.com/shelfsync/shelfsync/agent"
	"github.com/shelfsync/shelfsync/protocol/api"
	"github.com/shelfsync/shelfsync/protocol/stock"
	"github.com/shelfsync/shelfsync/sync/serve"
)

type (
	tasksInput struct {
		api.Paging
	}
	tasksOutput struct{ Body api.Page[api.Task] }
	doneInput   struct {
		Keyed
		ID   string `path:"id" maxLength:"20" doc:"The task" example:"17"`
		Body *doneBody
	}
)

// doneBody has nothing to say; its bytes are part of what the key was used for.
type doneBody struct{ received []byte }

func (b *doneBody) UnmarshalJSON(raw []byte) error {
	b.received = bytes.Clone(raw) // the decoder owns raw
	return nil
}

func (t *till) routeTasks(s *serve.Server) {
	serve.Handle(s, serve.Route{Method: http.MethodGet, Path: "/v1/tasks", Summary: "What the store should do",
		Detail: "Recounts and goods to put back, until the store says done; then confirmed claims, until they are set aside.", Tag: "tasks",
		Problems: []api.Code{api.CodeUnavailable}}, t.tasks)
	done := posting("/v1/tasks/{id}/done", "Say that a task is done", "Goods do not move by it: what a recount finds is a count.", api.CodeNotFound)
	done.Tag = "tasks"
	serve.Handle(s, done, t.done)
}

func (t *till) done(ctx context.Context, in *doneInput) (*recordedOutput, error) {
	a := act{kind: "done", path: "/v1/tasks/" + in.ID + "/done", key: in.Key, task: in.ID}
	if in.Body != nil {
		a.received = in.Body.received
	}
	return t.record(ctx, a)
}

// todo is one task with its place in the list.
type todo struct {
	place string
	task  api.Task
}

// todos are all tasks of the store in order: what the hub asks, oldest first,
// then claims to set aside.
func todos(v *stock.View) (list []todo) {
	for _, t := range v.Tasks() {
		list = append(list, todo{fmt.Sprintf("a%010d", t.ID), api.Task{ID: strconv.FormatUint(uint64(t.ID), 10), Kind: t.Kind.String(), Item: t.Item,
			Quantity: api.Of(t.Quantity), Reservation: t.Reservation, Line: t.Line, Order: t.Order}})
	}
	for _, c := range v.Claims("") {
		if c.State == stock.Confirmed {
			list = append(list, todo{"b" + c.Reservation + "\n" + c.Line, api.Task{Kind: "stage", Item: c.Item, Quantity: api.Of(c.Quantity),
				Reservation: c.Reservation, Line: c.Line, Order: c.Order, Channel: c.Channel}})
		}
	}
	return list
}

// tasks lists a page. The cursor names the last task of the page before, so
// tasks that come and go shift nothing.
func (t *till) tasks(ctx context.Context, in *tasksInput) (*tasksOutput, error) {
	last, err := base64.RawURLEncoding.DecodeString(in.Cursor)
	if err != nil {
		return nil, badCursor()
	}
	var all []todo
	if err := t.ask(ctx, func(a *agent.Agent) error {
		all = todos(a.View())
		return nil
	}); err != nil {
		return nil, err
	}
	page := api.Page[api.Task]{Data: []api.Task{}}
	at := ""
	for _, one := range all {
		if one.place <= string(last) {
			continue
		}
		if len(page.Data) == in.Limit {
			page.NextCursor = base64.RawURLEncoding.EncodeToString([]byte(at))
			break
		}
		page.Data, at = append(page.Data, one.task), one.place
	}
	return &tasksOutput{page}, nil
}
