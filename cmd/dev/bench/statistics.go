package bench

import (
	"fmt"
	"math"
	"slices"
	"time"
)

// median is the middle value, or the mean of the two in the middle; 0 of nothing.
func median(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	n := len(sorted)
	if n == 0 {
		return 0
	}
	return (sorted[(n-1)/2] + sorted[n/2]) / 2
}

// percentile is the nearest-rank percentile: p of 100 values are at or below it;
// 0 gives the least. 0 of nothing.
func percentile(values []float64, p float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	if len(sorted) == 0 {
		return 0
	}
	rank := int(math.Ceil(p / 100 * float64(len(sorted))))
	return sorted[max(rank, 1)-1]
}

// ratio divides round by round.
func ratio(a, b []float64) []float64 {
	out := make([]float64, len(a))
	for i := range a {
		out[i] = a[i] / b[i]
	}
	return out
}

// quiet is how much of its reference a peer reaches on a machine that does
// nothing else; below it the run says more of the neighbours than of the peer.
const quiet = 0.75

// reached says how far a peer came, and when that is too little to believe in.
func reached(rates []float64, reference float64) string {
	part := median(rates) / reference
	text := fmt.Sprintf("The peer reached %.0f %% of the %.0f a second it did on two quiet cores when the goals were set", 100*part, reference)
	if part < quiet {
		return text + ": something disturbed this run, repeat it."
	}
	return text + "."
}

func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
