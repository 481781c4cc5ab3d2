package bench

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"math"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/shelfsync/shelfsync/protocol"
	"github.com/shelfsync/shelfsync/protocol/api"
	"github.com/shelfsync/shelfsync/protocol/stock"
)

func golden(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestTheReportOfPgbenchIsRead(t *testing.T) {
	got, err := readSummary(golden(t, "pgbench.txt"))
	if err != nil || got != (summary{42443, 41413.703806}) {
		t.Errorf("got %+v, %v", got, err)
	}
	for _, name := range []string{"pgbench-failed.txt", "pgbench-nothing.txt"} {
		if got, err := readSummary(golden(t, name)); err == nil {
			t.Errorf("%s was taken for a good run: %+v", name, got)
		}
	}
}

func TestTheLogOfPgbenchIsRead(t *testing.T) {
	took, err := readLog(strings.NewReader(golden(t, "pgbench.log")), []float64{1})
	if err != nil || !slices.Equal(took, []float64{1, 8.867, 0.130, 0.181}) {
		t.Errorf("got %v, %v", took, err)
	}
	for _, text := range []string{"1 1 88", "0 199 failed 0 1795633326 999992"} {
		if took, err := readLog(strings.NewReader(text), nil); err == nil {
			t.Errorf("%q was read as %v", text, took)
		}
	}
}

// A pipelined sale is the same transaction as one by statements.
func TestTheLoadsOfThePeerDifferOnlyInThePipeline(t *testing.T) {
	pipelined, statements := saleLoad("a", true).script, saleLoad("a", false).script
	without := strings.NewReplacer("\\startpipeline\n", "", "\\endpipeline\n", "").Replace(pipelined)
	if without != statements || len(pipelined) == len(statements) {
		t.Errorf("pipelined:\n%s\nby statement:\n%s", pipelined, statements)
	}
}

func TestElectionsAreCountedByTheTerm(t *testing.T) {
	read := func(text string) (s standing) {
		if err := json.Unmarshal([]byte(text), &s); err != nil {
			t.Fatal(err)
		}
		return s
	}
	for _, c := range []struct {
		before, after string
		want          int
		told          string
	}{
		{`{"leader":"n1","term":3}`, `{"leader":"n1","term":3}`, 0, "No election: term 3"},
		{`{"leader":"n1","term":3}`, `{"leader":"n1","term":5}`, 2, "2 elections"},
		{`{"leader":"n1","nodes":[{"id":"n1","term":2},{"id":"n2","term":3}]}`, `{"leader":"n1","nodes":[{"id":"n1","term":4}]}`, 1, "1 elections"},
		{`{"leader":"n1"}`, `{"leader":"n2"}`, 1, "At least 1"},
		{`{"leader":"n1"}`, `{"leader":"n1"}`, 0, "does not tell its term"},
	} {
		before, after := read(c.before), read(c.after)
		if got, told := elections(&before, &after); got != c.want || !strings.Contains(told, c.told) {
			t.Errorf("%s, then %s: %d, %q", c.before, c.after, got, told)
		}
	}
}

func TestTheLeaderIsFoundByNameOrAddress(t *testing.T) {
	hub := nodes{[]*program{{name: "n1", address: "127.0.0.1:1"}, {name: "n2", address: "127.0.0.1:2"}}, []string{"127.0.0.1:11", "127.0.0.1:12"}}
	for text, want := range map[string]int{
		`{"leader":"n2"}`: 1, `{"leader":"127.0.0.1:1"}`: 0, `{"leader":"x","nodes":[{"id":"y","address":"127.0.0.1:1"},{"id":"x","address":"127.0.0.1:2"}]}`: 1,
		`{"leader":"x","nodes":[{"id":"x","address":"127.0.0.1:12"}]}`: 1,
	} {
		var s standing
		if err := json.Unmarshal([]byte(text), &s); err != nil {
			t.Fatal(err)
		}
		if p, found := hub.leads(&s); !found || p != hub.all[want] {
			t.Errorf("%s: %v, %v", text, p, found)
		}
	}
	var none standing
	if _, found := hub.leads(&none); found {
		t.Error("a hub without a leader has one")
	}
	hub.all = hub.all[:1]
	if _, found := hub.leads(&none); !found {
		t.Error("a single node does not lead itself")
	}
}

// What the lean callers write is what the API takes.
func TestCallersWriteWhatTheAPIReads(t *testing.T) {
	var bodies []string
	served := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		bodies = append(bodies, r.URL.Path+" "+string(body))
		w.WriteHeader([]int{http.StatusCreated, http.StatusConflict}[min(len(bodies)/4, 1)])
	}))
	defer served.Close()
	ctx, address := context.Background(), strings.TrimPrefix(served.URL, "http://")
	var c claims
	one, err := overHTTP(address, &c)(ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer one.close()
	for range 3 {
		if err := one.call(); err != nil {
			t.Fatal(err)
		}
	}
	if err := one.call(); err == nil || c.accepted.Load() != 3 {
		t.Errorf("a refusal is %v; %d were claimed", err, c.accepted.Load())
	}
	var asked api.ReservationRequest
	path, body, _ := strings.Cut(bodies[1], " ")
	if err := json.Unmarshal([]byte(body), &asked); err != nil || path != "/v1/reservations" || asked.ID != "web-2" || len(asked.Validate()) > 0 {
		t.Errorf("%s: %v, %v", bodies[1], err, asked.Validate())
	}
	var sale api.Sale
	till := newSeller(new(atomic.Int64), func(body []byte) error { return json.Unmarshal(body, &sale) }, func() {})
	if err := till.call(); err != nil || len(sale.Validate()) > 0 || len(sale.Lines) != basketLines || sale.Receipt != "R-1" {
		t.Errorf("%+v: %v, %v", sale, err, sale.Validate())
	}
}

// slow is a caller that counts, and fails when told.
type slow struct {
	calls *atomic.Int64
	fails int64
}

func (s slow) call() error {
	if s.calls.Add(1) == s.fails {
		return errors.New("the service is gone")
	}
	return nil
}

func (s slow) close() {}

func TestACrowdCountsWhatWasAnsweredAndStopsAtAFailure(t *testing.T) {
	var calls atomic.Int64
	var p phase
	of := func(fails int64) crowd {
		return func(context.Context) (caller, error) { return slow{&calls, fails}, nil }
	}
	answered, err := of(0).press(context.Background(), 2, &p, 5*time.Millisecond)
	if err != nil || int64(answered) != calls.Load() || len(p.rates) != 1 || !(p.rates[0] > 0) {
		t.Errorf("%d answered of %d, %v, %v", answered, calls.Load(), p.rates, err)
	}
	if _, err := of(calls.Load()+3).press(context.Background(), 1, &p, time.Hour); err == nil || !strings.Contains(err.Error(), "gone") {
		t.Errorf("got %v", err)
	}
}

func TestAPeerThatIsFarBelowItsReferenceIsSaidSo(t *testing.T) {
	for rate, disturbed := range map[float64]bool{740: true, 760: false, 2000: false} {
		if text := reached([]float64{rate}, 1000); strings.Contains(text, "repeat it") != disturbed {
			t.Errorf("%g of 1000: %s", rate, text)
		}
	}
}

func TestAFigureThatIsNoNumberIsNamed(t *testing.T) {
	v := rival("x/s", &phase{rates: []float64{1}, p50: []float64{1}, p99: []float64{1}}, &phase{rates: []float64{0}, p99: []float64{1}})
	line := v.line(0, map[string]float64{"bare": math.NaN(), "fine": 2})
	if err := line.fault(); err == nil || err.Error() != "nothing was measured for others.bare, ratio, ratio_max, ratio_min" {
		t.Errorf("got %v", err)
	}
}

// The log that apply plays is taken by the state machine without a word, and the
// peer makes the same levels of the same bytes.
func TestBothSidesPlayTheSameLog(t *testing.T) {
	programs := t.TempDir()
	build := exec.Command("go", "build", "-C", "reflection", "-o", programs+string(filepath.Separator), ".")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build the peer: %v: %s", err, out)
	}
	b := &Bench{options: Options{Programs: programs}, dir: t.TempDir()}
	defer b.stop()
	peer, err := b.startReflection()
	if err != nil {
		t.Fatal(err)
	}
	defer peer.end()
	r := &applyRun{Bench: b, log: newLogWriter(), state: stock.NewState(), peer: peer}
	if err := r.take(r.log.catalogue()); err != nil {
		t.Fatal(err)
	}
	if err := r.prepare(3); err != nil {
		t.Fatal(err)
	}
	if err := play(&r.product, r.plain, r.take); err != nil {
		t.Fatal(err)
	}
	told, err := peer.play(context.Background(), r.plain)
	if err != nil {
		t.Fatal(err)
	}
	if told.Operations != 3*entrySales || len(told.EntryMS) != 3 {
		t.Errorf("the peer played %d operations in %d entries", told.Operations, len(told.EntryMS))
	}
	if err := r.agree(&told); err != nil {
		t.Error(err)
	}
	r.log = newLogWriter() // begins where the log began, which both must refuse
	repeated, err := r.log.round(1)
	if err != nil {
		t.Fatal(err)
	}
	if err := r.take(repeated[0]); err == nil {
		t.Error("the state machine took a batch twice")
	}
	if _, err := peer.play(context.Background(), repeated); err == nil {
		t.Error("the peer took a batch twice")
	}
	if len(repeated[0]) > protocol.MaxEntryBytes {
		t.Errorf("an entry has %d bytes, more than a log takes", len(repeated[0]))
	}
}
