package rehearse

import (
	"io"
	"path/filepath"
	"testing"

	"github.com/shelfsync/shelfsync/cmd/shelfsync/rehearse/day"
)

// readDay reads and plans a day without playing it.
func readDay(t *testing.T, options Options) *Run {
	t.Helper()
	r := &Run{options: options, planned: planFor, screen: newScreen(io.Discard, false)}
	if err := r.read(t.Context()); err != nil {
		t.Fatal(err)
	}
	return r
}

// TestOrdersAreContested reads days and checks what shape.go promises of the
// orders it chooses.
func TestOrdersAreContested(t *testing.T) {
	days := [][]string{nil}
	real, _ := filepath.Glob(filepath.FromSlash("../../../../shared/data/online-retail/*.csv"))
	if len(real) == 0 {
		t.Log("the real days are not here: only the generated one is read")
	}
	for _, file := range real {
		days = append(days, []string{file})
	}
	for _, files := range days {
		for _, faults := range []string{"standard", "harsh"} {
			r := readDay(t, Options{Files: files, Day: day.Options{Stores: 8, Seed: 1}, Hubs: 3, Opening: 0.8, OnlineShare: 0.15, Faults: faults, Seed: 1})
			if len(r.plan.contests) == 0 {
				t.Errorf("%v %s: no order is contested", files, faults)
			}
			if got := len(r.stores) + len(r.online); got != len(r.day.Baskets) {
				t.Errorf("%v: %d baskets are played, the day has %d", files, got, len(r.day.Baskets))
			}
			for i := range r.online {
				w := r.web(&r.online[i], 0)
				if r.plan.contested[w.id] && (w.mode != "partial" || w.fate != collected) {
					t.Errorf("%v: contested order %s is %s with fate %d", files, w.id, w.mode, w.fate)
				}
			}
			t.Logf("%v %s: %d cuts, %d contests, %d orders", files, faults, len(r.plan.cuts), len(r.plan.contests), len(r.online))
		}
	}
}
