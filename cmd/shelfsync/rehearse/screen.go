package rehearse

import (
	"fmt"
	"io"
	"time"
)

// screen tells a person how far the rehearsal is. On a terminal the progress
// line is written in place.
type screen struct {
	out      io.Writer
	terminal bool
}

func newScreen(out io.Writer, terminal bool) *screen {
	if out == nil {
		out = io.Discard
	}
	return &screen{out, terminal}
}

func (s *screen) say(text string) { fmt.Fprintln(s.out, text) }

// progress shows a line until the function it returns is called.
func (s *screen) progress(line func() string) (stop func()) {
	if !s.terminal {
		return func() { s.say(line()) }
	}
	end, ended := make(chan struct{}), make(chan struct{})
	go func() { // stop waits
		defer close(ended)
		for {
			fmt.Fprintf(s.out, "\r%s\x1b[K", line())
			select {
			case <-end:
				fmt.Fprintln(s.out)
				return
			case <-time.After(200 * time.Millisecond):
			}
		}
	}()
	return func() { close(end); <-ended }
}

// Table is the report for people.
func (r *Report) Table(out io.Writer) {
	row := func(name string, k Kept) {
		fmt.Fprintf(out, "  %-10s %12d %10d %6d %8d\n", name, k.Acknowledged, k.InHub, k.Lost, k.Doubled)
	}
	fmt.Fprintf(out, "\n%d baskets, %d lines, %d locations, %d items (%d baskets not played, %d rows not understood)\n\n",
		r.Data.Baskets, r.Data.Lines, r.Data.Locations, r.Data.Items, r.Data.NotPlayed, r.Data.NotUnderstood)
	fmt.Fprintf(out, "  %-10s %12s %10s %6s %8s\n", "", "acknowledged", "in the hub", "lost", "doubled")
	row("sales", r.Sales)
	row("lines", r.Lines)
	row("returns", r.Returns)
	row("goods", r.Goods)
	v := r.Reservations
	fmt.Fprintf(out, "\n  reservations  %d asked, %d accepted, %d short, %d fulfilled, %d expired, %d conflicts, %d moved, %d picked late, %d leaked\n",
		v.Requested, v.Accepted, v.Short, v.Fulfilled, v.Expired, v.Conflicts, v.Moved, v.LatePicks, v.Leaked)
	t, c, b := &r.Transfers, &r.Counts, &r.Backroom
	fmt.Fprintf(out, "  transfers     %d sent, %d lines arrived (%d ahead of papers, %d elsewhere, %d home, %d over, %d twice), closed: %d by stores, %d by the hub, %d open\n",
		t.Sent, t.Arrived, t.AheadOfPapers, t.Elsewhere, t.Home, t.Over, t.Duplicates, t.ClosedByStore, t.ClosedByHub, t.Open)
	fmt.Fprintf(out, "  counts        %d booked, %d of them exact; %g units found, %g missed; counted again: %d by the store itself, %d by the hub\n",
		c.Booked, c.Exact, c.FoundUnits, c.MissedUnits, c.AgainAtStore, c.Again)
	fmt.Fprintf(out, "  backroom      %d lines inspected, %d slips undone, %d claims set aside, %d too late, %d not found, %d put back; %d parked lines mapped; %d lines closed by a count\n",
		b.Inspected, b.Undone, b.SetAside, b.TooLate, b.NotFound, b.PutBack, b.Mapped, b.ClosedByCount)
	o := &r.Operators
	fmt.Fprintf(out, "  policies      %d set: %d orders short by them, %d lines back to the shelf, %d claims compared in the order of yielding\n",
		o.Policies, o.ShortByPolicy, o.ReturnsByPolicy, o.Compared)
	fmt.Fprintf(out, "  operators     claims: %d moved by the channel, %d could not be; stores: %d paused, %d closed, %d claims let go; items: %d loaded late, %d with aliases; exceptions: %d handed on, %d closed\n",
		o.ClaimsMoved, o.MovesRefused, o.Paused, o.Closed, o.LetGo, o.Loaded, o.Aliases, o.Owned, o.Resolved)
	fmt.Fprintf(out, "  at the end    %g units oversold, %d levels below zero\n", r.OversoldUnits, r.NegativeLevels)
	f := r.Faults
	fmt.Fprintf(out, "  faults        %d stores cut off, kills: %d hub (%d leader), %d agents\n", f.StoresCut, f.HubKills, f.LeaderKills, f.AgentKills)
	if f.PCsReplaced > 0 {
		fmt.Fprintf(out, "                %d PCs replaced, %d operations brought from the old disks\n", f.PCsReplaced, f.OperationsImported)
	}
	if f.PCsRestored+f.PCsCloned > 0 {
		fmt.Fprintf(out, "                %d PCs restored from an older copy, %d ran beside their copy: %d forks, %d operations written again\n", f.PCsRestored, f.PCsCloned, f.Forks, f.WrittenAgain)
	}
	if f.BadFrames+f.NodesWiped+f.HungDisks+f.AgentsMoved > 0 {
		fmt.Fprintf(out, "                %d nodes wiped, %d hanging disks, %d agents moved; frames: %d bad, %d twice, %d late, %d out of order\n",
			f.NodesWiped, f.HungDisks, f.AgentsMoved, f.BadFrames, f.FramesDuplicated, f.FramesDelayed, f.FramesReordered)
	}
	if len(r.ResumedMS) > 0 {
		fmt.Fprintf(out, "                writes resumed %.0f ms after a leader was killed (median of %d, most %.0f)\n", percentile(r.ResumedMS, 50), len(r.ResumedMS), percentile(r.ResumedMS, 100))
	}
	together := r.Convergence
	fmt.Fprintf(out, "  convergence   %.1f s; hub hashes equal %t, agents equal hub %t, movements sum to zero %t\n", together.Seconds, together.HubHashesEqual, together.AgentsEqualHub, together.MovementsSumToZero)
	if h := r.Linearizability; h != nil {
		fmt.Fprintf(out, "  hot items     %d calls on %d items, %d with a known outcome, linearizable %t\n", h.Operations, h.Items, h.Known, h.OK)
	}
	l := r.LatencyMS
	fmt.Fprintf(out, "  latency, ms   sale %.1f / %.1f, reservation %.1f / %.1f, sale to feed %.1f / %.1f (p50 / p99)\n",
		l.SaleP50, l.SaleP99, l.ReservationP50, l.ReservationP99, l.SaleToFeedP50, l.SaleToFeedP99)
	fmt.Fprintf(out, "\n%s in %.1f s\n", r.Verdict, r.Seconds)
	for _, failure := range r.Failures {
		fmt.Fprintln(out, "  - "+failure)
	}
}
