package serve_test

import (
	"errors"
	"fmt"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/shelfsync/shelfsync/protocol"
	"github.com/shelfsync/shelfsync/protocol/api"
	"github.com/shelfsync/shelfsync/sync/serve"
)

func TestEvents(t *testing.T) {
	w := httptest.NewRecorder()
	e, err := serve.StartEvents(w, 2*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	if err := e.Send(serve.ServerEvent{ID: "7.12", Event: "stock", Data: []byte("{\n\"items\":[]}")}); err != nil {
		t.Fatal(err)
	}
	if err := e.Send(serve.ServerEvent{ID: "7.13\nevent: forged"}); err == nil {
		t.Error("an id with a line break went out")
	}
	want := "retry: 2000\n\nid: 7.12\nevent: stock\ndata: {\ndata: \"items\":[]}\n\n"
	if got := w.Body.String(); got != want || !w.Flushed || w.Header().Get("Content-Type") != "text/event-stream" {
		t.Errorf("%q", got)
	}
}

func TestASilentStreamBeats(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := httptest.NewRecorder()
		events := make(chan serve.ServerEvent, 1)
		ended := make(chan error, 1)
		go func() { // ended is received below
			ended <- serve.Stream(w, httptest.NewRequest("GET", "/v1/events", nil), time.Second, events)
		}()
		time.Sleep(2*serve.Heartbeat + time.Second) // virtual time
		events <- serve.ServerEvent{Data: []byte("x")}
		close(events)
		if err := <-ended; err != nil {
			t.Error(err)
		}
		if want := "retry: 1000\n\n: beat\n\n: beat\n\ndata: x\n\n"; w.Body.String() != want {
			t.Errorf("%q", w.Body)
		}
	})
}

func TestEachLine(t *testing.T) {
	body := `{"code":"A"}` + "\r\n\n" + `{"code":"","gtin":"1"}` + "\n" + `{"code":7}` + "\n" + `not json` + "\n" + `{"code":"B"}`
	var got []string
	err := serve.EachLine(strings.NewReader(body), func(line int64, item api.Item, faults []api.FieldError) error {
		var paths []string
		for _, f := range faults {
			paths = append(paths, f.Path)
		}
		got = append(got, fmt.Sprintf("%d %s %s", line, item.Code, strings.Join(paths, ",")))
		return nil
	})
	want := "1 A |3  code,gtin|4  line|5  line|6 B "
	if err != nil || strings.Join(got, "|") != want {
		t.Errorf("%s, %v", strings.Join(got, "|"), err)
	}
}

func TestEachLineIsBounded(t *testing.T) {
	none := func(int64, api.Item, []api.FieldError) error { return nil }
	fits := `{"code":"A"}` + strings.Repeat(" ", protocol.MaxNDJSONLine-13) + "\n"
	if err := serve.EachLine(strings.NewReader(fits+fits), none); err != nil {
		t.Error(err)
	}
	var p *api.Problem
	err := serve.EachLine(strings.NewReader(fits+" "+fits), none)
	if !errors.As(err, &p) || p.Code != api.CodeTooLarge || !strings.HasPrefix(p.Detail, "line 2 ") {
		t.Errorf("%v", err)
	}
	stop := errors.New("enough")
	if err := serve.EachLine(strings.NewReader(fits+fits), func(int64, api.Item, []api.FieldError) error { return stop }); err != stop {
		t.Error(err)
	}
}
