package api

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/shelfsync/shelfsync/protocol"
	shapes "github.com/shelfsync/shelfsync/protocol/api"
	"github.com/shelfsync/shelfsync/protocol/stock"
	"github.com/shelfsync/shelfsync/sync/serve"
)

// maxLineFaults bounds the refused lines that a bulk answer lists.
const maxLineFaults = protocol.MaxFieldErrors

// bulkBytes bounds the rows of one command, so that it shares a log entry.
const bulkBytes = protocol.MaxEntryBytes / 4

func (r routes) catalogue(s *serve.Server) {
	s.Raw("PUT /v1/items", http.HandlerFunc(r.putItems))
	s.Describe(serve.Route{Method: "PUT", Path: "/v1/items", Tag: "catalogue", Summary: "Load catalogue rows in bulk"},
		serve.NDJSON, "application/json", shapes.Item{})
	serve.Handle(s, serve.Route{Method: "GET", Path: "/v1/items", Tag: "catalogue", Summary: "The catalogue, a page at a time"}, r.listItems)
}

func (r routes) putItems(w http.ResponseWriter, req *http.Request) {
	bulk(r, w, req, func(rows []shapes.Item) stock.Command {
		items := make([]stock.Item, len(rows))
		for i, row := range rows {
			items[i] = stockItem(row)
		}
		return &stock.PutItems{Items: items}
	}, func(row shapes.Item) int { return 200 + 4*stock.MaxCode*(3+len(row.Aliases)) })
}

func stockItem(row shapes.Item) stock.Item {
	item := stock.Item{Code: row.Code, Unit: row.Unit, Decimals: uint8(row.Decimals), Class: row.Class, Stocked: row.IsStocked()}
	if item.Class == "" {
		item.Class = "default"
	}
	item.GTIN, _ = stock.ParseGTIN(row.GTIN)
	for _, alias := range row.Aliases {
		item.Aliases = append(item.Aliases, stock.Alias{Code: alias.Code, Factor: alias.Factor})
	}
	return item
}

func itemShape(item *stock.Item) shapes.Item {
	stocked := item.Stocked
	row := shapes.Item{Code: item.Code, Unit: item.Unit, Decimals: int64(item.Decimals), Class: item.Class, Stocked: &stocked, GTIN: item.GTIN}
	for _, alias := range item.Aliases {
		row.Aliases = append(row.Aliases, shapes.Alias{Code: alias.Code, Factor: alias.Factor})
	}
	return row
}

// bulk reads rows line by line, in memory for one command only, and puts them
// into the log as they come. Lines with a fault are left out and listed; a body
// with nothing else is a problem.
func bulk[T any](r routes, w http.ResponseWriter, req *http.Request, command func([]T) stock.Command, size func(T) int) {
	if err := serve.RequireContentType(req, serve.NDJSON); err != nil {
		serve.Fail(w, req, err)
		return
	}
	var answer shapes.Loaded
	var rows []T
	bytes := 0
	flush := func() error {
		if len(rows) == 0 {
			return nil
		}
		_, index, err := r.do(req.Context(), command(rows))
		if err != nil {
			return soFar(err, answer.Taken)
		}
		answer.Taken += int64(len(rows))
		answer.Position = positionAt(r.hub.Board().State().Incarnation(), index)
		rows, bytes = nil, 0
		return nil
	}
	err := serve.EachLine(req.Body, func(line int64, row T, faults []shapes.FieldError) error {
		if len(faults) > 0 {
			answer.Refused++
			if len(answer.Faults) < maxLineFaults {
				answer.Faults = append(answer.Faults, shapes.Lined(line, faults))
			}
			return nil
		}
		rows, bytes = append(rows, row), bytes+size(row)
		if len(rows) == protocol.MaxBulk || bytes > bulkBytes {
			return flush()
		}
		return nil
	})
	if err == nil {
		err = flush()
	}
	if err != nil {
		serve.Fail(w, req, err)
		return
	}
	if answer.Refused > 0 && answer.Taken == 0 {
		serve.Fail(w, req, noneTaken(answer))
		return
	}
	if answer.Position == "" {
		answer.Position = position(r.hub.Board().State())
	}
	serve.WriteJSON(w, http.StatusOK, answer)
}

// soFar says of a failure within a bulk body that rows before it are in the log.
func soFar(err error, taken int64) error {
	var problem *shapes.Problem
	if taken == 0 || !errors.As(err, &problem) {
		return err
	}
	told := *problem
	told.Detail = fmt.Sprintf("the first %d good lines were taken, then it failed: %s. Send the whole body again: a row that is there is only set again", taken, problem.Detail)
	return &told
}

func noneTaken(answer shapes.Loaded) error {
	var faults []shapes.FieldError
	for _, line := range answer.Faults {
		faults = append(faults, line.Errors...)
	}
	problem := shapes.Invalid(faults[:min(len(faults), protocol.MaxFieldErrors)]...)
	problem.Detail = fmt.Sprintf("none of %d lines could be taken", answer.Refused)
	return problem
}

type listItemsInput struct {
	Reading
	shapes.Paging
}

type itemsOutput struct {
	Body struct {
		shapes.Page[shapes.Item]
		Position string `json:"position"`
	}
}

func (r routes) listItems(ctx context.Context, in *listItemsInput) (*itemsOutput, error) {
	state, err := r.state(ctx, in.Reading)
	if err != nil {
		return nil, err
	}
	after, err := pageAfter(in.Cursor)
	if err != nil {
		return nil, err
	}
	out := &itemsOutput{}
	out.Body.Position = position(state)
	out.Body.Data = []shapes.Item{}
	for n := after; n < uint64(state.Sizes().Items); n++ {
		if len(out.Body.Data) == in.Limit {
			out.Body.NextCursor = cursorAt(n)
			break
		}
		item := state.Item(stock.ItemNo(n))
		out.Body.Data = append(out.Body.Data, itemShape(&item))
	}
	return out, nil
}
