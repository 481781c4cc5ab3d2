package bench

import (
	"fmt"
	"io"
	"strconv"
	"text/tabwriter"
)

// Report is all that was measured.
type Report struct {
	Machine Machine
	Commit  string
	Quick   bool
	Seconds float64
	Rows    []Row
	Losing  []Losing
}

// Machine is where it was measured; others may have been using it.
type Machine struct {
	CPUs       int
	Platform   string
	Go         string
	Filesystem string
}

// Row is one measurement.
type Row struct {
	Name    string
	Method  []string
	Figures []Figure
	Line    Line // the same for programs; Name and Notes are filled in when it is printed
}

// Figure is one quantity, with its value in each round.
type Figure struct {
	Name    string
	Unit    string
	Rounds  []float64
	Median  float64
	Min     float64
	Max     float64
	Target  string // what it is held against
	Verdict string // pass or miss of a promise, wins or loses of a comparison
}

// Losing names a figure that misses a promise or loses a comparison.
type Losing struct {
	Row     string
	Figure  string
	Median  float64
	Worst   float64
	Unit    string
	Target  string
	Verdict string
}

// figure is a quantity measured once in each round.
func figure(name, unit string, rounds []float64) Figure {
	return Figure{Name: name, Unit: unit, Rounds: rounds, Median: median(rounds), Min: percentile(rounds, 0), Max: percentile(rounds, 100)}
}

// promised holds the worst round against a bound that the product promises.
func (f Figure) promised(below float64) Figure {
	f.Target, f.Verdict = "promise: below "+short(below), "pass"
	if !(f.Max < below) {
		f.Verdict = "miss"
	}
	return f
}

// compared holds the median against what it is better to be above.
func (f Figure) compared(above float64) Figure {
	f.Target, f.Verdict = "above "+short(above), "wins"
	if !(f.Median > above) {
		f.Verdict = "loses"
	}
	return f
}

func (r *Report) add(row Row) {
	r.Rows = append(r.Rows, row)
	for _, f := range row.Figures {
		switch f.Verdict {
		case "miss":
			r.Losing = append(r.Losing, Losing{row.Name, f.Name, f.Median, f.Max, f.Unit, f.Target, f.Verdict})
		case "loses":
			r.Losing = append(r.Losing, Losing{row.Name, f.Name, f.Median, f.Min, f.Unit, f.Target, f.Verdict})
		}
	}
}

// where says on what it was measured.
func (r *Report) where() string {
	where := fmt.Sprintf("%d CPUs, %s, %s, %s; commit %s.", r.Machine.CPUs, r.Machine.Platform, r.Machine.Go, r.Machine.Filesystem, r.Commit)
	if r.Quick {
		where += " Quick: the shape, not the figures."
	}
	return where
}

// Table is the report for people.
func (r *Report) Table(out io.Writer) error {
	fmt.Fprintf(out, "\n%s %.0f s in all.\n", r.where(), r.Seconds)
	for _, row := range r.Rows {
		fmt.Fprintf(out, "\n%s\n", row.Name)
		for _, line := range row.Method {
			fmt.Fprintln(out, "  "+line)
		}
		fmt.Fprintln(out)
		table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
		fmt.Fprintln(table, "  figure\tmedian\tunit\tmin..max\trounds\ttarget\t")
		for _, f := range row.Figures {
			fmt.Fprintf(table, "  %s\t%s\t%s\t%s..%s\t%d\t%s\t%s\n", f.Name, short(f.Median), f.Unit, short(f.Min), short(f.Max), len(f.Rounds), f.Target, f.Verdict)
		}
		if err := table.Flush(); err != nil {
			return fmt.Errorf("print the table: %w", err)
		}
	}
	fmt.Fprintln(out)
	for _, l := range r.Losing {
		fmt.Fprintf(out, "%s: %s %s: median %s, worst %s %s, %s\n", l.Verdict, l.Row, l.Figure, short(l.Median), short(l.Worst), l.Unit, l.Target)
	}
	if len(r.Losing) == 0 {
		fmt.Fprintln(out, "no row loses")
	}
	return nil
}

// short writes a figure with as many decimals as mean something.
func short(v float64) string {
	switch {
	case v >= 100 || v <= -100:
		return strconv.FormatFloat(v, 'f', 0, 64)
	case v >= 10 || v <= -10:
		return strconv.FormatFloat(v, 'f', 1, 64)
	}
	return strconv.FormatFloat(v, 'f', 2, 64)
}
