package till_test

import (
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/shelfsync/shelfsync/agent"
	"github.com/shelfsync/shelfsync/agent/ledger"
	"github.com/shelfsync/shelfsync/agent/volume"
	"github.com/shelfsync/shelfsync/protocol/api"
)

// A notice is on the store's page and in its status until somebody says that they
// have seen it.
func TestANoticeIsShownUntilItIsSeen(t *testing.T) {
	s := open(t)
	s.sold("R1", "22423")
	old := s.epoch()
	s.look(func(a *agent.Agent) {
		for kind, upTo := range map[string]uint64{ledger.NoticeLost: 4, ledger.NoticeMark: 0, ledger.NoticeOther: 0, ledger.NoticeRestored: 0} {
			if err := a.Ledger().NewEpoch("after-"+kind, ledger.Notice{Kind: kind, Epoch: old, After: 1, UpTo: upTo}); err != nil {
				t.Error(err)
			}
		}
	})
	var status api.Status
	s.get("/v1/status", &status)
	if len(status.Notices) != 4 {
		t.Fatalf("told are %+v", status.Notices)
	}
	page := s.words("/")
	for _, n := range status.Notices {
		if n.Epoch != old || n.After != 1 || n.Last.IsZero() || !strings.Contains(page, n.Text) || !strings.HasSuffix(n.Text, "that is here is S014."+old+".1.") {
			t.Errorf("%+v", n)
		}
		if n.Kind == ledger.NoticeLost && !strings.Contains(n.Text, "operations 2 to 4 of S014."+old+" were recorded, and are not here") {
			t.Error(n.Text)
		}
	}
	first := status.Notices[0]
	form := url.Values{"id": {"1"}}
	r := httptest.NewRequest("POST", "/seen", strings.NewReader(form.Encode()))
	r.Host = "localhost"
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	w := httptest.NewRecorder()
	s.web.ServeHTTP(w, r)
	if w.Code != 303 || strings.Contains(s.words("/"), first.Text) {
		t.Errorf("answered %d, and it is still shown", w.Code)
	}
	for range 2 {
		if w := s.post("/v1/notices/2/seen", "", ""); w.Code != 200 || strings.Contains(w.Body.String(), `"id":2`) {
			t.Errorf("answered %d %s", w.Code, w.Body)
		}
	}
	s.get("/v1/status", &status)
	if len(status.Notices) != 2 {
		t.Errorf("told are %+v", status.Notices)
	}
}

// The copy is whole, while sales go on beside it.
func TestABackupIsMadeWhileTheStoreSells(t *testing.T) {
	s := open(t)
	sales := 0
	for ; sales < 50; sales++ {
		s.sold("R"+string(rune('A'+sales%26))+strings.Repeat("x", sales/26), "22423")
	}
	w := s.post("/v1/backups", "", "")
	if w.Code != 201 || !strings.Contains(w.Body.String(), `"file":"`+ledger.CopyName+`"`) {
		t.Fatalf("answered %d %s", w.Code, w.Body)
	}
	proved, err := ledger.Verify(filepath.Join(s.folder, ledger.CopyName))
	if err != nil || proved.Operations != uint64(sales) {
		t.Errorf("the copy has %d operations, %v", proved.Operations, err)
	}
}

// As room runs out people are told, then copies are refused, then operations: in
// words that say what to do, and until there is room again.
func TestAFullDiskIsSaidAndRefusesCleanly(t *testing.T) {
	var stage atomic.Int64
	s := openWith(t, func(c *agent.Config) { c.Room = func() volume.Stage { return volume.Stage(stage.Load()) } })
	body := func(receipt string) string {
		return `{"receipt":"` + receipt + `","till":"T1","lines":[{"item":"22423","quantity":1}]}`
	}
	now := func(at volume.Stage) {
		stage.Store(int64(at))
		s.look(func(a *agent.Agent) {
			if err := a.Beat(); err != nil {
				t.Error(err)
			}
		})
		var status api.Status
		if s.get("/v1/status", &status); status.Disk.State != at.String() {
			t.Errorf("the status says %s, not %s", status.Disk.State, at)
		}
		if page := s.words("/"); at.Sentence() != "" && !strings.Contains(page, at.Sentence()) {
			t.Errorf("the page does not say %q", at.Sentence())
		}
	}
	s.record("/v1/sales", "", body("R0"))
	for _, at := range []volume.Stage{volume.Low, volume.Short, volume.Scarce} {
		now(at)
		s.record("/v1/sales", "", body("R"+at.String()))
		if w := s.post("/v1/backups", "", ""); at == volume.Low && w.Code != 201 || at > volume.Low && w.Code != 409 {
			t.Errorf("%s: a backup is answered %d %s", at, w.Code, w.Body)
		}
	}
	now(volume.Full)
	before := s.head()
	p := s.problem(s.post("/v1/sales", "", body("R1")), api.CodeStorage)
	if !strings.Contains(p.Detail, "not recorded") || !strings.Contains(p.Detail, "same key") || s.head() != before {
		t.Errorf("%s", p.Detail)
	}
	if again := s.record("/v1/sales", "", body("R0")); again.Operation == "" { // its first answer needs no room
		t.Error("a sale that is recorded is not answered again")
	}
	now(volume.Plenty)
	s.record("/v1/sales", "", body("R1"))
}
