package bench

import (
	"context"
	"fmt"
	"os"
	"sync/atomic"
	"time"
)

const (
	commits    = "shelfsync_agent_commit_operations_count"
	committed  = "shelfsync_agent_commit_operations_sum"
	cpuSeconds = "process_cpu_seconds_total"
	bareBytes  = 4096
)

// phase is one measured stretch of a round.
type phase struct {
	rates, p50, p99 []float64 // a second; ms
	groups, cores   []float64 // operations for each commit; of the agent
}

func (p *phase) note(took []float64, elapsed time.Duration) {
	p.rates = append(p.rates, float64(len(took))/elapsed.Seconds())
	p.p50 = append(p.p50, percentile(took, 50))
	p.p99 = append(p.p99, percentile(took, 99))
}

// salesShared: many tills on one agent share its syncs.
func (b *Bench) salesShared(ctx context.Context) (Row, error) {
	rounds, each := pick(b, 7, 3), pick(b, 3*time.Second, 800*time.Millisecond)
	agent, err := b.start(ctx, "shelfsync-agent", "alone", "run", "--location", "S001")
	if err != nil {
		return Row{}, err
	}
	s := newStore(agent, new(atomic.Int64))
	if _, err := s.deliver(ctx); err != nil {
		return Row{}, err
	}
	var bare, one, many phase
	turns := []func() error{
		func() error { return b.bareSyncs(ctx, &bare, each) },
		func() error { return s.measure(ctx, &one, 1, each) },
		func() error { return s.measure(ctx, &many, tills, each) },
	}
	for round := range rounds {
		for turn := range turns {
			if err := turns[(round+turn)%len(turns)](); err != nil {
				return Row{}, err
			}
		}
		b.say("sales_shared round %d of %d: %s appends, %s sales with 1 caller, %s with %d, a second", round+1, rounds,
			short(bare.rates[round]), short(one.rates[round]), short(many.rates[round]), tills)
	}
	against := rival("sales/s", &many, &bare)
	return Row{
		Line: against.line(0, map[string]float64{
			"one_caller": median(one.rates), "one_caller_p50_ms": median(one.p50), "one_caller_p99_ms": median(one.p99),
			"ratio_one_caller": median(ratio(many.rates, one.rates)), "sales_a_commit": median(many.groups),
		}),
		Method: []string{
			fmt.Sprintf("%d rounds; in each, in rotating order, %s each: a bare %d-byte append with fdatasync in a loop, 1 caller, %d callers,", rounds, each, bareBytes, tills),
			fmt.Sprintf("on one agent without a hub and on one disk; baskets of %d lines over %d items, keep-alive HTTP, the next sale when the last is answered.", basketLines, assortment),
			"The callers run on the same CPUs as the agent. Ratios are formed round by round.",
		},
		Figures: []Figure{
			figure(fmt.Sprintf("sales, %d callers", tills), "1/s", many.rates),
			figure("sales, 1 caller", "1/s", one.rates),
			figure("bare append + fdatasync", "1/s", bare.rates),
			figure(fmt.Sprintf("%d callers : 1 caller", tills), "times", ratio(many.rates, one.rates)).compared(1),
			figure(fmt.Sprintf("%d callers : bare fdatasync", tills), "times", ratio(many.rates, bare.rates)).compared(1),
			figure("1 caller : bare fdatasync", "times", ratio(one.rates, bare.rates)).compared(1),
			figure(fmt.Sprintf("sales that share a commit, %d callers", tills), "sales", many.groups),
			figure("sales that share a commit, 1 caller", "sales", one.groups),
			figure(fmt.Sprintf("latency p50, %d callers", tills), "ms", many.p50),
			figure(fmt.Sprintf("latency p99, %d callers", tills), "ms", many.p99),
			figure("latency p50, 1 caller", "ms", one.p50),
			figure("latency p99, 1 caller", "ms", one.p99),
			figure("bare fdatasync p50", "ms", bare.p50),
			figure("bare fdatasync p99", "ms", bare.p99),
			figure(fmt.Sprintf("the agent's CPU, %d callers", tills), "cores", many.cores),
			figure("the agent's CPU, 1 caller", "cores", one.cores),
		},
	}, nil
}

// measure lets callers sell for a while and reads what the agent says of it.
func (s *store) measure(ctx context.Context, p *phase, callers int, each time.Duration) error {
	before, err := s.metrics(ctx, cpuSeconds)
	if err != nil {
		return err
	}
	began := time.Now()
	took, err := s.rush(ctx, callers, func() bool { return time.Since(began) < each })
	elapsed := time.Since(began)
	if err != nil {
		return err
	}
	after, err := s.metrics(ctx, commits, committed)
	if err != nil {
		return err
	}
	p.note(took, elapsed)
	p.groups = append(p.groups, (after[committed]-before[committed])/(after[commits]-before[commits]))
	p.cores = append(p.cores, (after[cpuSeconds]-before[cpuSeconds])/elapsed.Seconds())
	return nil
}

// bareSyncs is what the disk gives to one who only appends and waits.
func (b *Bench) bareSyncs(ctx context.Context, p *phase, each time.Duration) error {
	file, err := os.OpenFile(b.folder("bare"), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644)
	if err != nil {
		return fmt.Errorf("append to a bare file: %w", err)
	}
	defer file.Close()
	block := make([]byte, bareBytes)
	var took []float64
	began := time.Now()
	for time.Since(began) < each && ctx.Err() == nil {
		at := time.Now()
		if _, err := file.Write(block); err != nil {
			return fmt.Errorf("append to a bare file: %w", err)
		}
		if err := datasync(file); err != nil {
			return fmt.Errorf("sync a bare file: %w", err)
		}
		took = append(took, milliseconds(time.Since(at)))
	}
	p.note(took, time.Since(began))
	return ctx.Err()
}
