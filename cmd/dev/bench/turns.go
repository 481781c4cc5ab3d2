package bench

import (
	"context"
	"fmt"
	"time"
)

// turn is how long one leg of a round lasts beside a peer: long enough for some
// thousand calls, short enough that a neighbour on the machine who comes and goes
// meets product and peer alike.
const turn = 2 * time.Second

// leg is one thing that is measured in every round, for about as long as every
// other one.
type leg struct {
	name  string
	phase *phase
	run   func(ctx context.Context, round int) error // adds one value to the phase
}

// inTurns measures every leg in every round, always in the same order: what the
// machine does meanwhile hits all of them, and a ratio is formed within a round.
func (b *Bench) inTurns(ctx context.Context, row string, rounds int, legs []leg) error {
	for round := range rounds {
		for i := range legs {
			if err := ctx.Err(); err != nil {
				return err
			}
			l := &legs[i]
			if err := l.run(ctx, round); err != nil {
				return fmt.Errorf("round %d, %s: %w", round+1, l.name, err)
			}
			b.say("%s round %d of %d: %s %s a second, p50 %s, p99 %s ms", row, round+1, rounds, l.name,
				short(l.phase.rates[round]), short(l.phase.p50[round]), short(l.phase.p99[round]))
		}
	}
	return nil
}

// figures are what a table shows of a leg.
func (l *leg) figures() []Figure {
	return []Figure{figure(l.name, "1/s", l.phase.rates), figure(l.name+", p50", "ms", l.phase.p50), figure(l.name+", p99", "ms", l.phase.p99)}
}
