package api

import (
	"errors"

	"github.com/shelfsync/shelfsync/protocol/stock"
)

// Quantity is a decimal number of an item's unit as it stands in JSON. A
// literal that is no quantity does not stop the decoding of the body around
// it: it is kept as a fault, so that Validate can name its path together with
// every other fault. The zero value is zero.
type Quantity struct {
	value stock.Quantity
	fault string
}

// Of is the quantity of so many thousandths.
func Of(q stock.Quantity) Quantity { return Quantity{value: q} }

// ParseQuantity reads a decimal literal such as 2 or 0.125.
func ParseQuantity(literal string) (Quantity, error) {
	var q Quantity
	q.read(literal)
	if q.fault != "" {
		return Quantity{}, errors.New(q.fault)
	}
	return q, nil
}

// Stock is the quantity in thousandths, zero while Fault is not empty.
func (q Quantity) Stock() stock.Quantity { return q.value }

// Fault says why the literal was no quantity, or is empty.
func (q Quantity) Fault() string { return q.fault }

// String is the shortest decimal form.
func (q Quantity) String() string { return q.value.String() }

// IsZero lets json leave out a field marked omitzero.
func (q Quantity) IsZero() bool { return q == Quantity{} }

// MarshalJSON writes the shortest decimal: 2, 0.125.
func (q Quantity) MarshalJSON() ([]byte, error) { return []byte(q.value.String()), nil }

// UnmarshalJSON keeps a bad literal as a fault and returns no error.
func (q *Quantity) UnmarshalJSON(literal []byte) error {
	*q = Quantity{}
	if string(literal) != "null" {
		q.read(string(literal))
	}
	return nil
}

func (q *Quantity) read(literal string) {
	value, err := stock.ParseQuantity(literal)
	switch {
	case err == nil:
		q.value = value
	case errors.Is(err, stock.ErrPrecision):
		q.fault = "has more than three decimals"
	case errors.Is(err, stock.ErrRange):
		q.fault = "is larger than " + stock.MaxQuantity.String()
	default:
		q.fault = "must be a plain decimal number such as 2 or 0.125, without quotes and without an exponent"
	}
}
