package attack

import (
	"encoding/json"
	"fmt"
	"io"
	"text/tabwriter"
	"time"
)

// Result is how one attack ended.
type Result struct {
	Name      string   `json:"name"`
	Target    string   `json:"target"`
	Expected  string   `json:"expected"`
	Got       string   `json:"got"`
	OK        bool     `json:"ok"`
	RSSPeak   uint64   `json:"rss_peak_bytes"` // the larger of hub and attacked agent, during the attack
	Growth    uint64   `json:"rss_growth_bytes"`
	Left      int      `json:"left"` // records in the journal and the store's ledger
	MS        int64    `json:"ms"`
	SlowestMS int64    `json:"neighbour_slowest_ms"` // of the neighbour's requests that were answered meanwhile
	Faults    []string `json:"faults,omitempty"`
}

func (r *Result) fail(why string) { r.Faults = append(r.Faults, why) }

// Report is a whole run.
type Report struct {
	Attacks   []Result  `json:"attacks"`
	Neighbour Neighbour `json:"neighbour"`
	MaxGrowth uint64    `json:"rss_growth_limit_bytes"`
	Seconds   float64   `json:"seconds"`
	Failed    int       `json:"failed"` // attacks not held off, and one for a neighbour that lost something
}

func (r *Report) close(took time.Duration) {
	r.MaxGrowth, r.Seconds, r.Failed = maxGrowth, took.Seconds(), 0
	for i := range r.Attacks {
		a := &r.Attacks[i]
		if a.OK = len(a.Faults) == 0; !a.OK {
			r.Failed++
		}
	}
	if r.Neighbour.faulty() {
		r.Failed++
	}
}

// tell prints a line for each attack as it ends.
func (w *world) tell(results []Result) {
	if w.options.Progress == nil {
		return
	}
	for _, r := range results {
		verdict := "held"
		if len(r.Faults) > 0 {
			verdict = fmt.Sprintf("FAILED %q", r.Faults)
		}
		fmt.Fprintf(w.options.Progress, "%-10s %s: %s (%d ms) %s\n", r.Target, r.Name, r.Got, r.MS, verdict)
	}
}

// JSON writes the report as one object.
func (r *Report) JSON(out io.Writer) error {
	encoder := json.NewEncoder(out)
	encoder.SetIndent("", "  ")
	return encoder.Encode(r)
}

// Table writes the report for people.
func (r *Report) Table(out io.Writer) error {
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "target\tattack\tanswer\tMiB\tmore\tms\tneighbour\t")
	for _, a := range r.Attacks {
		verdict := ""
		if !a.OK {
			verdict = "FAILED, want " + a.Expected
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%d\t%d\t%d\t%d\t%s\n", a.Target, a.Name, a.Got, a.RSSPeak>>20, a.Growth>>20, a.MS, a.SlowestMS, verdict)
	}
	if err := table.Flush(); err != nil {
		return fmt.Errorf("print the table: %w", err)
	}
	fmt.Fprintln(out)
	table = tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "the neighbour during\tsales\tp50 ms\tp99 ms\treservations\tp50 ms\tp99 ms\t")
	for _, n := range r.Neighbour.Rounds {
		fmt.Fprintf(table, "%s\t%d\t%.1f\t%.1f\t%d\t%.1f\t%.1f\t\n", n.Name, n.Sales, n.SaleP50, n.SaleP99, n.Reservations, n.ReservationP50, n.ReservationP99)
	}
	if err := table.Flush(); err != nil {
		return fmt.Errorf("print the table: %w", err)
	}
	fmt.Fprintf(out, "it sold %d, of which the hub has %d; %d requests failed; p99 against the quiet round: sales %.1f times, reservations %.1f times\n",
		r.Neighbour.Sold, r.Neighbour.InHub, r.Neighbour.Refused, r.Neighbour.SaleRatio, r.Neighbour.ReservationRatio)
	for _, a := range r.Attacks {
		for _, fault := range a.Faults {
			fmt.Fprintf(out, "failed: %s, %s: %s\n", a.Target, a.Name, fault)
		}
	}
	for _, fault := range r.Neighbour.Faults {
		fmt.Fprintln(out, "failed: the neighbour: "+fault)
	}
	fmt.Fprintf(out, "%d attacks, %d failed, %.0f s\n", len(r.Attacks), r.Failed, r.Seconds)
	return nil
}
