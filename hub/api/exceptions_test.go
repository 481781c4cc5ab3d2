package api_test

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"

	"github.com/shelfsync/shelfsync/hub"
	"github.com/shelfsync/shelfsync/hub/api"
	"github.com/shelfsync/shelfsync/protocol"
	"github.com/shelfsync/shelfsync/protocol/stock"
	"github.com/shelfsync/shelfsync/sync/serve"
)

func TestAParkedLineIsMapped(t *testing.T) {
	inShop(t, func(c *client) {
		for _, document := range []string{"G1", "G2"} {
			c.post(201, "/v1/movements", `{"document":"`+document+`","location":"DC","lines":[{"movement":"delivery","item":"A","quantity":1},{"movement":"delivery","item":"crate","quantity":2}]}`)
		}
		first := c.get("/v1/exceptions?kind=parked").list("data")[0]
		id := first["id"].(string)
		if first["state"] != "open" || first["movement"] != "delivery" || quantity(c.t, first, "quantity") != "2" {
			c.t.Errorf("parked %v", first)
		}
		if owned := c.post(200, "/v1/exceptions/"+id+"/owner", `{"owner":"anna","by":"ben"}`); owned["owner"] != "anna" {
			c.t.Errorf("owned %v", owned)
		}
		if mine := c.get("/v1/exceptions?owner=anna").list("data"); len(mine) != 1 || mine[0]["id"] != id {
			c.t.Errorf("anna's are %v", mine)
		}
		c.post(422, "/v1/exceptions/"+id+"/map", `{"item":"nothing"}`)
		c.post(422, "/v1/exceptions/"+id+"/map", `{}`)
		mapped := c.post(200, "/v1/exceptions/"+id+"/map", `{"item":"B","factor":6,"by":"anna"}`)
		if mapped["code"] != "crate" || fmt.Sprint(mapped["applied"]) != "2" || mapped["position"] != c.position() {
			c.t.Errorf("mapped %v", mapped)
		}
		if line := c.get("/v1/availability?item=B&location=DC").list("data")[0]; quantity(c.t, line, "quantity") != "29" {
			c.t.Errorf("5 and four crates of 6 are %v", line)
		}
		if open := c.get("/v1/exceptions").list("data"); len(open) != 0 {
			c.t.Errorf("still open %v", open)
		}
		one := c.get("/v1/exceptions/" + id)
		var actions []string
		for _, done := range one.list("history") {
			actions = append(actions, fmt.Sprint(done["action"], " ", done["by"]))
		}
		if one["state"] != "ended" || !slices.Equal(actions, []string{"owned ben", "mapped anna"}) {
			c.t.Errorf("ended %v", one)
		}
		if ended := c.get("/v1/exceptions?state=ended").list("data"); len(ended) != 2 {
			c.t.Errorf("ended are %v", ended)
		}
		c.post(409, "/v1/exceptions/"+id+"/owner", `{"owner":"carl"}`)
		c.post(409, "/v1/exceptions/"+id+"/admit", `{}`)
		c.post(404, "/v1/exceptions/77/map", `{"item":"B"}`)
		c.post(404, "/v1/exceptions/0/resolve", `{"note":"none"}`)
	})
}

// applying is a hub whose log is one state.
type applying struct {
	shown
	state *stock.State
}

// Do applies the commands as one entry.
func (a applying) Do(_ context.Context, commands ...stock.Command) ([]stock.Result, uint64, error) {
	index := a.state.Index() + 1
	for i, command := range commands {
		if _, is := command.(*stock.Batch); is {
			continue // keeps the bytes of its operations as they are here
		}
		entry, err := protocol.DecodeEntry(protocol.EncodeEntry(0, []protocol.Command{protocol.EncodeCommand(command)}))
		if err != nil {
			return nil, 0, err
		}
		commands[i] = entry.Commands[0] // as every node reads it
	}
	results := a.state.Apply(index, &stock.Entry{Commands: commands})
	a.board.Post(a.state.Freeze())
	return results, index, nil
}

// Barrier finds everything applied at once.
func (a applying) Barrier(context.Context) error { return nil }

func TestQuarantineIsAdmittedOrGivenUp(t *testing.T) {
	log := applying{shown{board: hub.NewBoard()}, stock.NewState()}
	c := &client{t: t, web: serve.New(serve.Config{Title: "Shelfsync hub", Metrics: serve.NewMetrics("test"), Log: slog.New(slog.DiscardHandler)})}
	api.Register(c.web, log)
	unread := batch(0, stock.Line{}, stock.Line{})
	for i := range unread.Operations {
		unread.Operations[i] = stock.Operation{Fault: "byte 1: value has another type", Raw: []byte{0xc1}}
	}
	_, _, _ = log.Do(t.Context(), &stock.Found{Incarnation: 7}, &stock.PutLocations{Locations: []stock.LocationFacts{{Code: "S1", State: stock.Open}}}, opening("S1"),
		&stock.AssignWriter{Location: "S1", Installation: "pc"}, unread)

	if one := c.get("/v1/exceptions/1"); one["bytes"] != "wQ==" || one["operation"] != "S1.e.1" || one["kind"] != "quarantined" {
		t.Errorf("kept %v", one)
	}
	if problem := c.post(409, "/v1/exceptions/1/admit", `{}`); !strings.Contains(problem["detail"].(string), "byte 1") {
		t.Errorf("as it was kept it is refused with %v", problem)
	}
	c.post(422, "/v1/exceptions/1/admit", `{"lines":[{"movement":"stage","item":"A","quantity":1}]}`)
	for range 2 { // the second finds it done
		if admitted := c.post(200, "/v1/exceptions/1/admit", `{"by":"anna","lines":[{"movement":"sale","item":"A","quantity":2}]}`); admitted["state"] != "ended" {
			t.Errorf("admitted %v", admitted)
		}
	}
	if line := c.get("/v1/levels?location=S1").list("data")[0]; quantity(t, line, "sellable") != "1" {
		t.Errorf("3 less 2 are %v", line)
	}
	c.post(422, "/v1/exceptions/2/resolve", `{}`)
	for range 2 {
		if given := c.post(200, "/v1/exceptions/2/resolve", `{"note":"a test","by":"anna"}`); given["state"] != "ended" {
			t.Errorf("given up %v", given)
		}
	}
	c.post(409, "/v1/exceptions/2/admit", `{"lines":[{"movement":"sale","item":"A","quantity":1}]}`)
	c.post(409, "/v1/exceptions/1/resolve", `{"note":"too late"}`)
}
