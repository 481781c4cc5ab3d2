package session

import (
	"math"
	"testing"

	"github.com/shelfsync/shelfsync/protocol"
	"pgregory.net/rapid"
)

func TestBackoffGrowsToItsCeiling(t *testing.T) {
	for attempt, want := range []uint64{500, 1000, 2000, 4000, 8000, 16000, 32000, 60000, 60000} {
		if got := Backoff(attempt, want, 0); got != want {
			t.Errorf("attempt %d waits at most %d ms, want %d", attempt, got, want)
		}
		if got := Backoff(attempt, want+1, 0); got != 0 {
			t.Errorf("attempt %d waits %d ms past its ceiling of %d", attempt, got, want)
		}
	}
}

func TestBackoffKeepsItsBounds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		attempt := rapid.IntRange(-1, math.MaxInt).Draw(t, "attempt")
		retry := rapid.Uint64().Draw(t, "retry")
		wait := Backoff(attempt, rapid.Uint64().Draw(t, "random"), retry)
		if wait < min(retry, protocol.BackoffMostMS) || wait > 2*protocol.BackoffMostMS {
			t.Fatalf("a wait of %d ms where the hub asked for %d", wait, retry)
		}
	})
}
