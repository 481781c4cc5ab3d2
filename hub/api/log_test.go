package api_test

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/shelfsync/shelfsync/hub"
	"github.com/shelfsync/shelfsync/hub/api"
	shapes "github.com/shelfsync/shelfsync/protocol/api"
	"github.com/shelfsync/shelfsync/protocol/stock"
	"github.com/shelfsync/shelfsync/sync/serve"
)

// failing is a hub whose log takes so many commands more, then fails.
type failing struct {
	*hub.Server
	takes int
	why   error
}

func (f *failing) Do(ctx context.Context, commands ...stock.Command) ([]stock.Result, uint64, error) {
	if f.takes--; f.takes < 0 {
		return nil, 0, f.why
	}
	return f.Server.Do(ctx, commands...)
}

func (f *failing) Barrier(context.Context) error { return f.why }

// through is the client with another hub behind its routes.
func (c *client) through(h api.Hub) *client {
	web := serve.New(serve.Config{Title: "hub", Version: shapes.Version{Program: "hub"}, Log: slog.New(slog.NewTextHandler(io.Discard, nil)), Metrics: serve.NewMetrics("other")})
	api.Register(web, h)
	return &client{c.t, c.hub, web}
}

// A client has to know whether anything was done, and when to come back.
func TestAFailureOfTheLogSaysWhatWasDone(t *testing.T) {
	inShop(t, func(c *client) {
		for _, failure := range []struct {
			why    error
			status int
			code   string
			says   string
		}{
			{hub.ErrBusy, 429, "busy", "nothing was done"},
			{hub.ErrNotLeader, 503, "unavailable", "nothing was done"},
			{hub.ErrUnknown, 503, "unavailable", "repeat with the same id"},
			{context.Canceled, 503, "unavailable", "repeat with the same id"},
		} {
			f := c.through(&failing{c.hub, 0, failure.why})
			for _, call := range [][2]string{
				{"/v1/reservations", `{"id":"r","channel":"web","lines":[{"item":"A","quantity":1,"candidates":["S1"]}]}`},
				{"/v1/reservations/r/confirm", `{}`},
				{"/v1/movements", `{"document":"d","location":"DC","lines":[]}`},
			} {
				w := f.call("POST", call[0], asJSON, call[1])
				problem := f.decoded(w)
				if w.Code != failure.status || problem["code"] != failure.code || !strings.Contains(problem["detail"].(string), failure.says) || w.Header().Get("Retry-After") != "1" {
					t.Errorf("%s, %v: %d %s", call[0], failure.why, w.Code, w.Body)
				}
			}
			if w := f.call("GET", "/v1/items?consistency=linearizable", "", ""); w.Code != 503 {
				t.Errorf("a read that nobody confirmed: %d", w.Code)
			}
		}
		var rows strings.Builder
		for i := range 2500 {
			fmt.Fprintf(&rows, `{"code":"I%d"}`+"\n", i)
		}
		f := c.through(&failing{c.hub, 1, hub.ErrBusy})
		w := f.call("PUT", "/v1/items", asNDJSON, rows.String())
		taken := c.state().Sizes().Items - 3
		if says := f.decoded(w)["detail"].(string); w.Code != 429 || taken == 0 || !strings.Contains(says, fmt.Sprintf("the first %d good lines were taken", taken)) {
			t.Errorf("after %d rows: %d %s", taken, w.Code, w.Body)
		}
	})
}

func TestANodeThatIsFarBehindRefusesLocalReads(t *testing.T) {
	inShop(t, func(c *client) {
		s := c.through(staleHub{c.hub})
		if w := s.call("GET", "/v1/items", "", ""); w.Code != 503 || s.decoded(w)["code"] != "behind" {
			t.Errorf("a local read: %d %s", w.Code, w.Body)
		}
		if w := s.call("GET", "/v1/items?consistency=linearizable", "", ""); w.Code != 200 {
			t.Errorf("a confirmed read: %d %s", w.Code, w.Body)
		}
	})
}

// staleHub has applied no tick for a minute.
type staleHub struct{ *hub.Server }

func (staleHub) TickAge() time.Duration { return time.Minute }
