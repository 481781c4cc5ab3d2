package hub

import (
	"github.com/shelfsync/shelfsync/protocol"
	"github.com/shelfsync/shelfsync/protocol/stock"
)

// roundSince gathers every value of a location that changed after base, at the
// state's position. A base of another incarnation counts as none.
func roundSince(state *stock.State, l *stock.Location, epoch string, base protocol.HubPosition) *protocol.Round {
	round := &protocol.Round{Hub: protocol.HubPosition{Incarnation: state.Incarnation(), Index: state.Index()}, Now: state.Now()}
	since := base.Index
	if base.Incarnation != state.Incarnation() {
		since = 0
	}
	round.Since = since
	if e, ok := l.Epoch(epoch); ok {
		round.Through = e.Through
	}
	for _, item := range state.ItemsSince(since) {
		round.Items = append(round.Items, *item)
	}
	round.Policy = state.PolicySince(since)
	for no, level := range l.LevelsSince(since) {
		round.Levels = append(round.Levels, stock.StoreLevel{Item: state.Item(no).Code, Level: level})
	}
	claimsSince := since
	if since < l.ClaimsHorizon() {
		claimsSince, round.Restart = 0, true
	}
	for r, at := range state.ClaimsSince(l, claimsSince) {
		if claimsSince == 0 && (at.Gone || !at.State.Open()) {
			continue // a reader that starts over never knew it
		}
		round.Claims = append(round.Claims, stock.StoreClaim{Reservation: r.ID, Line: at.Line, Channel: r.Channel, Order: r.Order,
			Item: state.Item(at.Item).Code, Quantity: at.Quantity, State: at.State, Gone: at.Gone})
	}
	renewSince := since
	if since < max(l.TasksHorizon(), l.TransfersHorizon()) {
		renewSince, round.Renew = 0, true
	}
	for task := range l.TasksSince(renewSince) {
		round.Tasks = append(round.Tasks, task)
	}
	for t := range state.TransfersSince(l, renewSince) {
		round.Transfers = append(round.Transfers, state.StoreTransfers(t)...)
	}
	for _, o := range l.Outcomes {
		if o.Index > since {
			round.Outcomes = append(round.Outcomes, o)
		}
	}
	return round
}
