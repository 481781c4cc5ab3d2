package rehearse

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/url"
	"strings"
	"time"

	"github.com/shelfsync/shelfsync/protocol/api"
)

const (
	// explained is how many levels each node has to take apart at the end of a day.
	explained = 10
	// sayings is how many of the feed's words each node has to say again.
	sayings = 10
	// pastWithin bounds how long a node that began anew may fetch the past from the others.
	pastWithin = 60 * time.Second
)

// past asks every node for what was: ten levels taken apart since the log began
// have to sum to what they are, and what the feed once said is what the node
// says now of that position.
func (a *auditor) past(ctx context.Context) error {
	chance := rand.New(rand.NewPCG(a.run.options.Seed, 11))
	for range explained {
		if len(a.hub) == 0 {
			break
		}
		level := a.hub[chance.IntN(len(a.hub))]
		for _, n := range a.run.nodes {
			wrong, err := a.explains(ctx, n, &level)
			if err != nil {
				return err
			}
			if wrong != "" {
				a.report.fail(fmt.Sprintf("%s explains %s of %s: %s", n.Name, level.Item, level.Location, wrong))
			}
		}
		a.report.Past.Explained++
	}
	for range sayings {
		if len(a.run.feed.said) == 0 {
			break
		}
		said := a.run.feed.said[chance.IntN(len(a.run.feed.said))]
		for _, n := range a.run.nodes {
			wrong, err := a.saysAgain(ctx, n, &said)
			if err != nil {
				return err
			}
			if wrong != "" {
				a.report.fail(fmt.Sprintf("%s says of %s of %s at %s: %s", n.Name, said.Level.Item, said.Level.Location, said.Position, wrong))
			}
		}
		a.report.Past.SaidAgain++
	}
	return nil
}

// recalls reads something of the past. A node that was taken past the beginning
// has to fetch it from the others first.
func (a *auditor) recalls(ctx context.Context, at target, out any) error {
	ctx, cancel := context.WithTimeout(ctx, pastWithin)
	defer cancel()
	for {
		_, err := a.run.client.get(ctx, at, out)
		if err == nil || !strings.Contains(err.Error(), `"beyond_horizon"`) {
			return err
		}
		select {
		case <-time.After(100 * time.Millisecond):
		case <-ctx.Done():
			return err
		}
	}
}

// explains takes one level apart at a node, and says what does not add up.
func (a *auditor) explains(ctx context.Context, n *node, level *api.Level) (wrong string, err error) {
	query := url.Values{"location": {level.Location}, "item": {level.Item}, "from": {a.beginning()}, "limit": {"1000"}}
	var sum, now [balanceParts]int64
	for first := true; ; first = false {
		var page api.Explanation
		if err := a.recalls(ctx, n.one("/v1/explain?"+query.Encode()), &page); err != nil {
			return "", err
		}
		if first {
			sum = partsOf(&page.Opening.Balance)
		}
		for i := range page.Data {
			for k, change := range partsOf(&page.Data[i].Change) {
				sum[k] += change
			}
		}
		if now = partsOf(&page.Closing); page.NextCursor == "" {
			break
		}
		query.Set("cursor", page.NextCursor)
	}
	is := partsOf(&api.Balance{Sellable: level.Sellable, Damaged: level.Damaged, ReturnPending: level.ReturnPending, InTransit: level.InTransit,
		Claims: level.Reserved, Staged: level.Staged})
	switch {
	case sum != now:
		return fmt.Sprintf("opening and changes sum to %v, closing is %v", sum, now), nil
	case now != is:
		return fmt.Sprintf("closing is %v, the level %v", now, is), nil
	}
	return "", nil
}

const balanceParts = 6

func partsOf(b *api.Balance) [balanceParts]int64 {
	return [...]int64{int64(b.Sellable.Stock()), int64(b.Damaged.Stock()), int64(b.ReturnPending.Stock()), int64(b.InTransit.Stock()), int64(b.Claims.Stock()), int64(b.Staged.Stock())}
}

// beginning is the first position of the log.
func (a *auditor) beginning() string {
	incarnation, _, _ := strings.Cut(a.journal[0].Position, ".")
	return incarnation + ".1"
}

// saysAgain compares what the feed said of a level at a position with what a node
// says of that position now.
func (a *auditor) saysAgain(ctx context.Context, n *node, said *api.FeedLine) (wrong string, err error) {
	query := url.Values{"location": {said.Level.Location}, "item": {said.Level.Item}, "as_of": {said.Position}}
	var answer api.Availability
	if err := a.recalls(ctx, n.one("/v1/availability?"+query.Encode()), &answer); err != nil {
		return "", err
	}
	if len(answer.Data) != 1 || answer.Position != said.Position {
		return fmt.Sprintf("it answers %d lines of %s", len(answer.Data), answer.Position), nil
	}
	if parts := answer.Data[0].Parts; parts.Sellable != said.Level.Sellable || parts.Claims != said.Level.Reserved {
		return fmt.Sprintf("%s sellable and %s claimed, the feed said %s and %s", parts.Sellable, parts.Claims, said.Level.Sellable, said.Level.Reserved), nil
	}
	return "", nil
}
