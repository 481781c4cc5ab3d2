package hub

import (
	"context"

	"github.com/shelfsync/shelfsync/protocol/stock"
)

// Doer runs commands; a Server is one.
type Doer interface {
	Do(ctx context.Context, commands ...stock.Command) ([]stock.Result, uint64, error)
}

// MapCode maps a code until no line is parked for it: one command applies a bounded
// number. It returns the last result, with the lines that took effect in all, and
// the index of the last command; what a failure leaves is mapped by the next call.
func MapCode(ctx context.Context, log Doer, command stock.Map) (result stock.Result, index uint64, err error) {
	for lines := 0; ; {
		page := command
		results, at, err := log.Do(ctx, &page)
		if err != nil {
			return stock.Result{}, 0, err
		}
		result, lines = results[0], lines+results[0].Lines
		if result.Lines = lines; result.Code != stock.Accepted || result.Next == 0 {
			return result, at, nil
		}
		command.From = result.Next
	}
}
