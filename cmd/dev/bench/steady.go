package bench

import (
	"context"
	"sync"
	"time"
)

// steady sells at an even rate without waiting for answers: a sale that is late
// delays no other, so that a stall counts for every till that meets it.
type steady struct {
	cancel context.CancelFunc
	done   chan struct{}
	sales  []sold
	err    error
}

// sold is one sale of a steady stream.
type sold struct {
	due       time.Time // when the till began, by plan
	answered  time.Time
	operation string
	err       error
}

// sellSteadily begins; end stops it, and only then are its sales read.
func (s *store) sellSteadily(ctx context.Context, every time.Duration) *steady {
	ctx, cancel := context.WithCancel(ctx)
	stream := &steady{cancel: cancel, done: make(chan struct{})}
	go stream.run(ctx, s, every) // end waits
	return stream
}

func (t *steady) end() ([]sold, error) {
	t.cancel()
	<-t.done
	return t.sales, t.err
}

func (t *steady) run(ctx context.Context, s *store, every time.Duration) {
	defer close(t.done)
	answers := make(chan sold, 64)
	var group sync.WaitGroup // waits for every sale
	go func() {              // ends when run has closed answers, which the loop below sees
		defer close(answers)
		for due := time.Now(); ; due = due.Add(every) {
			select {
			case <-ctx.Done():
				group.Wait()
				return
			case <-time.After(time.Until(due)):
			}
			group.Go(func() {
				operation, err := s.sell(context.WithoutCancel(ctx))
				answers <- sold{due, time.Now(), operation, err}
			})
		}
	}()
	for sale := range answers {
		if sale.err != nil && t.err == nil {
			t.err = sale.err
		}
		t.sales = append(t.sales, sale)
	}
}
