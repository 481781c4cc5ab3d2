package bench

import (
	"fmt"
	"time"
)

// stretch collects the steady store's latencies of one stretch of each round, ms.
type stretch struct {
	sales                       []float64 // how many
	sale99                      []float64 // the till's own answer
	near50, near99, nearMost    []float64 // until told to a reader of that store
	whole50, whole99, wholeMost []float64 // until told to a reader of all stores
}

// note takes the sales that were due between two moments.
func (t *stretch) note(sales []sold, from, to time.Time, at map[string]uint64, near, whole *feed) error {
	var sale, toNear, toWhole []float64
	for i := range sales {
		s := &sales[i]
		if s.due.Before(from) || s.due.After(to) {
			continue
		}
		index, applied := at[s.operation]
		nearAt, toldNear := near.told(index)
		wholeAt, toldWhole := whole.told(index)
		if !applied || !toldNear || !toldWhole {
			return fmt.Errorf("sale %s was answered and is not in the hub's journal and feed", s.operation)
		}
		sale = append(sale, milliseconds(s.answered.Sub(s.due)))
		toNear = append(toNear, milliseconds(nearAt.Sub(s.due)))
		toWhole = append(toWhole, milliseconds(wholeAt.Sub(s.due)))
	}
	t.sales = append(t.sales, float64(len(sale)))
	t.sale99 = append(t.sale99, percentile(sale, 99))
	t.near50, t.near99, t.nearMost = append(t.near50, percentile(toNear, 50)), append(t.near99, percentile(toNear, 99)), append(t.nearMost, percentile(toNear, 100))
	t.whole50, t.whole99, t.wholeMost = append(t.whole50, percentile(toWhole, 50)), append(t.whole99, percentile(toWhole, 99)), append(t.wholeMost, percentile(toWhole, 100))
	return nil
}

// lead is how long before the first of a drain is told a sale counts as during
// it: one that began in that time may have waited behind it.
const lead = 100 * time.Millisecond

// outcome is what all rounds came to.
type outcome struct {
	calm, during                        stretch
	reconnect, seconds, speed, perEntry []float64
	ledgers, own50, ownMost             []float64
}

// note adds one round.
func (o *outcome) note(round *drained, sales []sold, at map[string]uint64, near, whole *feed) error {
	count, first, last := entered(at, round.store, round.operations)
	if want := round.operations + len(round.own); count != want {
		return fmt.Errorf("%s recorded %d operations; %d are in the hub's journal", round.store, want, count)
	}
	begun, _ := whole.told(first)
	ended, told := whole.told(last)
	if !told {
		return fmt.Errorf("the feed was not told the last operation of %s", round.store)
	}
	var own []float64
	for _, sale := range round.own {
		own = append(own, milliseconds(sale.answered.Sub(sale.due)))
	}
	o.own50, o.ownMost = append(o.own50, percentile(own, 50)), append(o.ownMost, percentile(own, 100))
	o.reconnect = append(o.reconnect, begun.Sub(round.from).Seconds())
	o.seconds = append(o.seconds, ended.Sub(begun).Seconds())
	o.speed = append(o.speed, float64(round.operations)/max(ended.Sub(begun), time.Millisecond).Seconds())
	o.perEntry = append(o.perEntry, float64(round.operations)/float64(last-first+1))
	o.ledgers = append(o.ledgers, round.ledger)
	return o.during.note(sales, begun.Add(-lead), round.to, at, near, whole)
}

// row turns what was recorded into figures.
func (r *drainRun) row(sales []sold, at map[string]uint64, near, whole *feed) (Row, error) {
	var o outcome
	for i := range r.rounds {
		from := r.rounds[i].from
		if err := o.calm.note(sales, from.Add(-r.calm()/2), from, at, near, whole); err != nil {
			return Row{}, err
		}
		if err := o.note(&r.rounds[i], sales, at, near, whole); err != nil {
			return Row{}, err
		}
	}
	figures := []Figure{
		figure("until the first is visible", "s", o.reconnect), figure("drain, first to last visible", "s", o.seconds), figure("drain, operations", "1/s", o.speed),
		figure("operations for each log entry", "ops", o.perEntry), figure("the store's ledger", "MiB", o.ledgers),
		figure("sales watched before", "sales", o.calm.sales), figure("sales watched during", "sales", o.during.sales),
		figure("visible p50 before", "ms", o.calm.near50), figure("visible p99 before", "ms", o.calm.near99).promised(visibleWithin), figure("visible, longest before", "ms", o.calm.nearMost),
		figure("visible p50 during", "ms", o.during.near50), figure("visible p99 during", "ms", o.during.near99).promised(visibleWithin), figure("visible, longest during", "ms", o.during.nearMost),
		figure("visible p50 during, feed of all stores", "ms", o.during.whole50), figure("visible p99 during, feed of all stores", "ms", o.during.whole99).promised(visibleWithin),
		figure("visible, longest during, feed of all stores", "ms", o.during.wholeMost),
		figure("selling store's till p99 before", "ms", o.calm.sale99), figure("selling store's till p99 during", "ms", o.during.sale99),
		figure("draining store's own till p50", "ms", o.own50), figure("draining store's own till, longest", "ms", o.ownMost),
	}
	for i, name := range []string{"hub", "selling store", "draining store"} {
		figures = append(figures, r.memory(i, name)...)
	}
	return Row{Method: r.method(), Figures: figures, Line: r.against(&o)}, nil
}

// against holds the neighbour of a draining store against the same one before: less
// is better, so the ratio is how many times longer it took before.
func (r *drainRun) against(o *outcome) Line {
	quiet := versus{unit: "ms until visible, p99", product: o.during.near99, peer: o.calm.near99, ratio: ratio(o.calm.near99, o.during.near99),
		p50: o.during.near50, p99: o.during.near99, peerP99: o.calm.near99}
	count, _ := elections(&r.standings[0], &r.standings[1])
	return quiet.line(count, map[string]float64{
		"drained_operations": median(o.speed), "drain_s": median(o.seconds), "visible_p99_ms_feed_of_all": median(o.during.whole99),
		"till_p99_ms": median(o.during.sale99),
	})
}

func (r *drainRun) method() []string {
	how := "is stopped, and starts again with an address of the hub."
	if r.line {
		how = "runs on, and its line to the hub comes back; it dials again when its backoff says so."
	}
	return []string{
		fmt.Sprintf("%d rounds on one hub; in each, a new store records %d operations with %d callers and no hub,", len(r.rounds), r.rounds[0].operations, tills),
		how + fmt.Sprintf(" Its own tills then sell a basket every %s.", ownEvery),
		fmt.Sprintf("Meanwhile %s sells a basket of %d lines every %s, on time whether or not the last is answered: before (%s), and during the drain,", storeCode(0), basketLines, sellEvery, r.calm()/2),
		fmt.Sprintf("which is from %s before the first drained operation is visible until the store says that nothing is unsent.", lead),
		"Visible: from the moment the till begins, its store's own sync included, until a reader of GET /v1/feed has read the `through` line of the position",
		"that the hub's journal gives the sale. One reader asks for that store, another for all. Complete: the journal has every operation, once.",
		"Peaks: VmHWM of /proc/PID/status. All programs, readers and callers share the machine's CPUs.",
	}
}

// memory is the peak of one process before and after each drain, and what the
// drain added.
func (r *drainRun) memory(process int, name string) []Figure {
	var before, after, grown []float64
	for i := range r.rounds {
		before, after = append(before, r.rounds[i].before[process]), append(after, r.rounds[i].after[process])
		grown = append(grown, after[i]-before[i])
	}
	return []Figure{figure("peak memory before, "+name, "MiB", before), figure("peak memory after, "+name, "MiB", after),
		figure("peak memory added by the drain, "+name, "MiB", grown).promised(grownWithin)}
}
