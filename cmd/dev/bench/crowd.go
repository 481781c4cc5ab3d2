package bench

import (
	"context"
	"fmt"
	"sync"
	"time"
)

// caller is one of many that ask the same of a service at the same time, each
// its next question when the last is answered. One goroutine calls it.
type caller interface {
	call() error
	close()
}

// crowd makes callers: of each turn its own, for a server closes what is idle.
type crowd func(ctx context.Context) (caller, error)

// press connects n callers, lets all call for a while and notes rate and
// latencies. Connecting is not measured. It answers how many calls were answered.
func (c crowd) press(ctx context.Context, n int, p *phase, each time.Duration) (answered int, err error) {
	var callers []caller
	defer func() {
		for _, one := range callers {
			one.close()
		}
	}()
	for i := range n {
		next, err := c(ctx)
		if err != nil {
			return 0, fmt.Errorf("caller %d of %d: %w", i+1, n, err)
		}
		callers = append(callers, next)
	}
	return press(ctx, callers, p, each)
}

func press(ctx context.Context, callers []caller, p *phase, each time.Duration) (answered int, err error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	times := make([][]float64, len(callers))
	began := time.Now()
	var group sync.WaitGroup
	for i := range callers {
		group.Go(func() {
			for ctx.Err() == nil {
				at := time.Now()
				if at.Sub(began) >= each {
					return
				}
				if err := callers[i].call(); err != nil {
					cancel(err)
					return
				}
				times[i] = append(times[i], milliseconds(time.Since(at)))
			}
		})
	}
	group.Wait()
	elapsed := time.Since(began)
	var took []float64
	for _, t := range times {
		took = append(took, t...)
	}
	p.note(took, elapsed)
	return len(took), context.Cause(ctx)
}
