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

// crowd is callers that stay connected over all rounds.
type crowd []caller

// gather connects n callers.
func gather(n int, connect func(i int) (caller, error)) (crowd, error) {
	var c crowd
	for i := range n {
		next, err := connect(i)
		if err != nil {
			c.close()
			return nil, fmt.Errorf("caller %d of %d: %w", i+1, n, err)
		}
		c = append(c, next)
	}
	return c, nil
}

func (c crowd) close() {
	for _, one := range c {
		one.close()
	}
}

// press lets all call for a while and notes rate and latencies. It answers how
// many calls were answered.
func (c crowd) press(ctx context.Context, p *phase, each time.Duration) (answered int, err error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	times := make([][]float64, len(c))
	began := time.Now()
	var group sync.WaitGroup
	for i := range c {
		group.Go(func() {
			for ctx.Err() == nil {
				at := time.Now()
				if at.Sub(began) >= each {
					return
				}
				if err := c[i].call(); err != nil {
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
