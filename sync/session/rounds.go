package session

import (
	"fmt"

	"github.com/shelfsync/shelfsync/protocol"
)

// rounds gathers the parts of a round until it is whole.
type rounds struct {
	taken  uint64          // hub index of the base, or of the last whole round
	whole  *protocol.Round // what has come so far; nil between rounds
	next   uint64          // the part that must follow
	values int
}

// gather adds a part and returns the round when it was the last. Parts of a
// round that is not newer than the base are dropped; a round that continues one
// which never came would leave a gap that nobody fills.
func (r *rounds) gather(part *protocol.Round) (*protocol.Round, error) {
	if r.whole == nil && part.Hub.Index <= r.taken {
		return nil, nil
	}
	if r.whole == nil {
		if part.Since > r.taken {
			return nil, fmt.Errorf("the round at %d continues one at %d, and the last that came was at %d", part.Hub.Index, part.Since, r.taken)
		}
		r.begin(part)
	}
	if part.Part != r.next || part.Hub != r.whole.Hub || part.Through != r.whole.Through || part.Restart != r.whole.Restart || part.Renew != r.whole.Renew {
		return nil, fmt.Errorf("part %d of the round at %d came where part %d of the round at %d was due",
			part.Part, part.Hub.Index, r.next, r.whole.Hub.Index)
	}
	r.next++
	r.values += count(part)
	if r.values > protocol.MaxRoundTotal {
		return nil, fmt.Errorf("the round at %d has more than %d values", part.Hub.Index, protocol.MaxRoundTotal)
	}
	r.whole.Now = part.Now
	if part.Policy.Version > 0 {
		r.whole.Policy = part.Policy
	}
	r.whole.Items = append(r.whole.Items, part.Items...)
	r.whole.Levels = append(r.whole.Levels, part.Levels...)
	r.whole.Claims = append(r.whole.Claims, part.Claims...)
	r.whole.Outcomes = append(r.whole.Outcomes, part.Outcomes...)
	r.whole.Tasks = append(r.whole.Tasks, part.Tasks...)
	r.whole.Transfers = append(r.whole.Transfers, part.Transfers...)
	if !part.Last {
		return nil, nil
	}
	whole := r.whole
	r.taken, r.whole = whole.Hub.Index, nil
	return whole, nil
}

func (r *rounds) begin(part *protocol.Round) {
	r.whole = &protocol.Round{Hub: part.Hub, Last: true, Restart: part.Restart, Renew: part.Renew, Through: part.Through}
	r.next, r.values = 0, 0
}

func count(r *protocol.Round) int {
	return len(r.Items) + len(r.Levels) + len(r.Claims) + len(r.Outcomes) + len(r.Tasks) + len(r.Transfers)
}
