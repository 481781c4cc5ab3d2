package till_test

import (
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"

	"github.com/shelfsync/shelfsync/agent"
	"github.com/shelfsync/shelfsync/protocol"
	"github.com/shelfsync/shelfsync/protocol/stock"
)

var tags = regexp.MustCompile(`<[^>]*>|\s+`)

// words is a page as a person reads it.
func (s *store) words(path string) string {
	s.Helper()
	return strings.Join(strings.Fields(tags.ReplaceAllString(s.get(path, nil), " ")), " ")
}

func (s *store) reads(page string, all ...string) {
	s.Helper()
	for _, want := range all {
		if !strings.Contains(page, want) {
			s.Errorf("the page does not say %q:\n%s", want, page)
		}
	}
}

func TestTheStoresPage(t *testing.T) {
	s := open(t)
	s.reads(s.words("/"), "▲ Offline", "Offline since ", "Nothing is waiting. Keep selling.", "No hub heard yet", "Sales today 0",
		"What the tills record appears here", "Orders to set aside and hand over appear here", "scan its barcode")

	s.hear(stocked())
	s.record("/v1/sales", "", `{"receipt":"<b>R1","till":"T1","lines":[{"item":"85123A","quantity":1},{"item":"who?","quantity":1}]}`)
	s.reads(s.words("/"), "● Linked, sending", "1 operation is waiting, for 0 s.", "Hub position 7.1, heard just now", "Sales today 1",
		"O-1 web-1 1 85123A 2 to set aside", "web-2 1 85123A 1 set aside", "just now sale &lt;b&gt;R1 2 waiting S014.")
	s.reads(s.words("/?item=5012345678900"), "85123A 1 4 3 1 0 0 0")
	s.reads(s.words("/?item=nobody"), "This store has no record of that code.")
	s.reads(s.words("/?item=%07"), "Scan it again.")

	var epoch string
	s.look(func(a *agent.Agent) { epoch = a.Ledger().Head().Epoch })
	s.settle(protocol.Round{Outcomes: []stock.Outcome{{Epoch: epoch, Sequence: 1, Line: 2, Code: stock.Parked, Text: "who?"}}})
	s.reads(s.words("/"), "● Linked, everything sent", "has it line 2: parked (who?)")

	s.record("/v1/sales", "", basket(`{"item":"85123A","quantity":1}`))
	s.record("/v1/sales", "2", basket(`{"item":"85123A","quantity":1}`))
	s.look(func(a *agent.Agent) { a.Disconnected(nil) })
	s.reads(s.words("/"), "▲ Offline", "2 operations are waiting, the oldest for 0 s. Keep selling.")
}

func TestThePageNeedsNothingFromElsewhere(t *testing.T) {
	s := open(t)
	for _, path := range []string{"/", "/count?item=A", "/send", "/receive?transfer=A", "/collect", "/inspect", "/assets/style.css", "/assets/page.js"} {
		w := httptest.NewRecorder()
		s.web.ServeHTTP(w, httptest.NewRequest("GET", "http://localhost"+path, nil))
		policy := w.Header().Get("Content-Security-Policy")
		if w.Code != 200 || !strings.Contains(policy, "default-src 'none'") || strings.Contains(policy, "unsafe") {
			t.Errorf("%s: %d %s", path, w.Code, policy)
		}
		text := w.Body.String()
		for _, outside := range []string{"http://", "https://", "//cdn", " style=", " onclick=", "@import"} {
			if strings.Contains(text, outside) {
				t.Errorf("%s has %s, which the policy forbids", path, outside)
			}
		}
	}
}
