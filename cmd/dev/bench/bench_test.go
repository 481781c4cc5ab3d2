package bench

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestPercentilesAreNearestRanks(t *testing.T) {
	hundred := make([]float64, 100)
	for i := range hundred {
		hundred[i] = float64(i + 1)
	}
	rand.Shuffle(len(hundred), func(i, k int) { hundred[i], hundred[k] = hundred[k], hundred[i] })
	before := slices.Clone(hundred)
	for _, c := range []struct {
		values []float64
		p      float64
		want   float64
	}{
		{hundred, 0, 1}, {hundred, 1, 1}, {hundred, 50, 50}, {hundred, 99, 99}, {hundred, 99.5, 100}, {hundred, 100, 100},
		{[]float64{7}, 99, 7}, {[]float64{3, 1, 2}, 50, 2}, {nil, 99, 0},
	} {
		if got := percentile(c.values, c.p); got != c.want {
			t.Errorf("p%g of %d values is %g, want %g", c.p, len(c.values), got, c.want)
		}
	}
	if !slices.Equal(before, hundred) {
		t.Error("the values were put in another order: rounds must stay in theirs")
	}
}

func TestTheMedianIsInTheMiddle(t *testing.T) {
	for _, c := range []struct {
		values []float64
		want   float64
	}{{nil, 0}, {[]float64{5}, 5}, {[]float64{9, 1}, 5}, {[]float64{3, 100, 1}, 3}, {[]float64{4, 1, 3, 2}, 2.5}} {
		if got := median(c.values); got != c.want {
			t.Errorf("median of %v is %g, want %g", c.values, got, c.want)
		}
	}
}

func TestAPromiseIsJudgedOnItsWorstRoundAndAComparisonOnItsMedian(t *testing.T) {
	for _, c := range []struct {
		figure Figure
		want   string
	}{
		{figure("p99", "ms", []float64{10, 20, 249}).promised(250), "pass"},
		{figure("p99", "ms", []float64{10, 20, 250}).promised(250), "miss"},
		{figure("ratio", "times", []float64{0.5, 2, 3}).compared(1), "wins"},
		{figure("ratio", "times", []float64{0.5, 1, 3}).compared(1), "loses"},
		{figure("ratio", "times", ratio([]float64{0}, []float64{0})).compared(1), "loses"}, // nothing was measured
	} {
		if c.figure.Verdict != c.want {
			t.Errorf("%s of %v, %s: %s, want %s", c.figure.Name, c.figure.Rounds, c.figure.Target, c.figure.Verdict, c.want)
		}
	}
}

func sample() *Report {
	r := &Report{Machine: Machine{2, "linux/amd64", "go1.26", "ext4"}, Commit: "abc", Seconds: 9, Losing: []Losing{}}
	r.add(Row{Name: "drain_line", Method: []string{"three rounds."}, Figures: []Figure{
		figure("visible p99 during", "ms", []float64{30, 400, 20}).promised(250),
		figure("visible p50 during", "ms", []float64{10, 11, 12}),
	}})
	v := rival("sales/s", &phase{rates: []float64{5000, 6000, 7200}, p50: []float64{1, 2, 3}, p99: []float64{9, 7, 5}},
		&phase{rates: []float64{1000, 1000, 600}, p99: []float64{0.9, 0.8, 1}})
	r.add(Row{Name: "sales_shared", Method: []string{"two rounds."}, Line: v.line(1, map[string]float64{"http": 4}), Figures: []Figure{figure("64 callers : 1 caller", "times", []float64{6.5}).compared(1)}})
	return r
}

func TestTheTableEndsWithWhatLoses(t *testing.T) {
	var out bytes.Buffer
	if err := sample().Table(&out); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	if last := lines[len(lines)-1]; last != "miss: drain_line visible p99 during: median 30.0, worst 400 ms, promise: below 250" {
		t.Errorf("the last line is %q", last)
	}
	if !strings.Contains(out.String(), "three rounds.") || !strings.Contains(out.String(), "20.0..400") {
		t.Errorf("method or spread is missing:\n%s", &out)
	}
}

func TestEachRowIsOneLineOfJSONWithTheSameKeys(t *testing.T) {
	var out bytes.Buffer
	if err := sample().JSON(&out); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSuffix(out.String(), "\n"), "\n")
	if len(lines) != 2 {
		t.Fatalf("%d lines for 2 rows:\n%s", len(lines), &out)
	}
	want := []string{"elections", "name", "notes", "others", "p50_ms", "p99_ms", "peer", "peer_p99_ms", "product", "ratio", "ratio_max", "ratio_min", "unit"}
	for i, name := range []string{"drain_line", "sales_shared"} {
		var decoded map[string]any
		if err := json.Unmarshal([]byte(lines[i]), &decoded); err != nil {
			t.Fatal(err)
		}
		if keys := slices.Sorted(maps.Keys(decoded)); !slices.Equal(keys, want) {
			t.Errorf("keys are %v, want %v", keys, want)
		}
		if _, object := decoded["others"].(map[string]any); decoded["name"] != name || !object {
			t.Errorf("line %d is %s", i, lines[i])
		}
	}
	for _, part := range []string{`"product":6000,"peer":1000,"ratio":6,"ratio_min":5,"ratio_max":12,"unit":"sales/s","p50_ms":2,"p99_ms":7,"peer_p99_ms":0.9,"elections":1,"others":{"http":4}`,
		`"notes":"two rounds. 2 CPUs, linux/amd64, go1.26, ext4; commit abc."`} {
		if !strings.Contains(lines[1], part) {
			t.Errorf("%s has no %s", lines[1], part)
		}
	}
}

func TestAnUnknownRowIsNamedWithThoseThereAre(t *testing.T) {
	_, err := Run(context.Background(), Options{Names: []string{"drian"}})
	if err == nil || !strings.Contains(err.Error(), "drian") || !strings.Contains(err.Error(), "sales_shared") {
		t.Errorf("got %v", err)
	}
}

// A sale is visible only with the through line that covers its position: level
// lines before it do not count, and a page may cover several positions.
func TestTheFeedToldAPositionWithItsThroughLine(t *testing.T) {
	served := make(chan struct{})
	hub := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintln(w, `{"kind":"through","position":"7.4"}`)
		fmt.Fprintln(w, `{"kind":"level","position":"7.9","level":{"location":"S001","item":"B0001"}}`)
		fmt.Fprintln(w, `{"kind":"through","position":"7.9"}`)
		w.(http.Flusher).Flush()
		close(served)
		<-r.Context().Done()
	}))
	defer hub.Close()
	defer http.DefaultClient.CloseIdleConnections()
	f := &feed{}
	ctx, cancel := context.WithCancel(context.Background())
	go func() { <-served; time.AfterFunc(100*time.Millisecond, cancel) }()
	_ = f.read(ctx, hub.URL)
	if len(f.pages) != 2 {
		t.Fatalf("%d pages, want 2", len(f.pages))
	}
	for index, page := range map[uint64]int{1: 0, 4: 0, 5: 1, 9: 1} {
		if at, ok := f.told(index); !ok || !at.Equal(f.pages[page].at) {
			t.Errorf("position %d was told with another page than %d", index, page)
		}
	}
	if _, ok := f.told(10); ok {
		t.Error("position 10 was told, and nobody told it")
	}
}

func TestOperationsOfAStoreAreCountedInTheJournal(t *testing.T) {
	at := map[string]uint64{"S002.k3f9.1": 8, "S002.k3f9.2": 8, "S002.k3f9.12": 11, "S001.aaaa.2": 3, "S0022.bbbb.12": 99}
	if count, first, last := entered(at, "S002", 12); count != 3 || first != 8 || last != 11 {
		t.Errorf("%d operations from %d to %d, want 3 from 8 to 11", count, first, last)
	}
}

func TestMetricsAndMemoryAreReadAsTheProgramsWriteThem(t *testing.T) {
	values, err := samples("# HELP x y\nshelfsync_agent_commit_operations_sum 42\nshelfsync_agent_commit_operations_bucket{le=\"1\"} 7\n", committed)
	if err != nil || values[committed] != 42 {
		t.Errorf("got %v, %v", values, err)
	}
	if _, err := samples("a 1\n", commits); err == nil {
		t.Error("a metric that is not there was found")
	}
	if mib, err := peakOf("VmPeak:\t 9 kB\nVmHWM:\t   31744 kB\n"); err != nil || mib != 31 {
		t.Errorf("got %g MiB, %v", mib, err)
	}
	if _, err := peakOf("VmPeak:\t 9 kB\n"); err == nil {
		t.Error("a peak that is not there was found")
	}
}
