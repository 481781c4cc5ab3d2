package bench

import (
	"encoding/json"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
)

// Line is one row for programs: one line of JSON, with the same keys for every
// row. Product and Peer are medians in Unit; Ratio is the median of the rounds'
// own ratios, the larger the better for the product, whatever Unit is.
type Line struct {
	Name      string             `json:"name"`
	Product   float64            `json:"product"`
	Peer      float64            `json:"peer"`
	Ratio     float64            `json:"ratio"`
	RatioMin  float64            `json:"ratio_min"`
	RatioMax  float64            `json:"ratio_max"`
	Unit      string             `json:"unit"`
	P50       float64            `json:"p50_ms"`      // of the product
	P99       float64            `json:"p99_ms"`      // of the product
	PeerP99   float64            `json:"peer_p99_ms"` // of the peer
	Elections int                `json:"elections"`   // while the row was measured; 0 where no hub takes part
	Others    map[string]float64 `json:"others"`
	Notes     string             `json:"notes"`
}

// versus is a product and a peer that were measured in the same rounds.
type versus struct {
	unit          string
	product, peer []float64 // one value a round
	ratio         []float64 // product over peer, or the other way round where less is better
	p50, p99      []float64 // of the product, ms
	peerP99       []float64
}

// rival compares two phases by what they did in a second.
func rival(unit string, product, peer *phase) versus {
	return versus{unit: unit, product: product.rates, peer: peer.rates, ratio: ratio(product.rates, peer.rates),
		p50: product.p50, p99: product.p99, peerP99: peer.p99}
}

// line gives a comparison its machine-readable form; others are medians already.
func (v *versus) line(elections int, others map[string]float64) Line {
	return Line{Product: median(v.product), Peer: median(v.peer), Ratio: median(v.ratio), RatioMin: percentile(v.ratio, 0), RatioMax: percentile(v.ratio, 100),
		Unit: v.unit, P50: median(v.p50), P99: median(v.p99), PeerP99: median(v.peerP99), Elections: elections, Others: others}
}

// fault says why a line must not be printed: a figure that is no number was
// never measured, and JSON has no word for it.
func (l *Line) fault() error {
	figures := map[string]float64{"product": l.Product, "peer": l.Peer, "ratio": l.Ratio, "ratio_min": l.RatioMin, "ratio_max": l.RatioMax,
		"p50_ms": l.P50, "p99_ms": l.P99, "peer_p99_ms": l.PeerP99}
	for name, value := range l.Others {
		figures["others."+name] = value
	}
	var names []string
	for name, value := range figures {
		if math.IsNaN(value) || math.IsInf(value, 0) {
			names = append(names, name)
		}
	}
	if len(names) == 0 {
		return nil
	}
	slices.Sort(names)
	return fmt.Errorf("nothing was measured for %s", strings.Join(names, ", "))
}

// JSON prints one line for each row.
func (r *Report) JSON(out io.Writer) error {
	lines := json.NewEncoder(out)
	lines.SetEscapeHTML(false)
	for i := range r.Rows {
		line := r.Rows[i].Line
		line.Name = r.Rows[i].Name
		if line.Others == nil {
			line.Others = map[string]float64{}
		}
		line.Notes = strings.Join(append(slices.Clone(r.Rows[i].Method), r.where()), " ")
		if err := lines.Encode(line); err != nil {
			return fmt.Errorf("print row %s: %w", line.Name, err)
		}
	}
	return nil
}
