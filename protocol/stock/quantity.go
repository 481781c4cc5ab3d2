package stock

import (
	"errors"
	"strconv"
	"strings"
)

// Quantity counts thousandths of an item's unit, so weighed goods need no float.
type Quantity int64

const (
	// Unit is one whole unit of an item.
	Unit Quantity = 1000
	// MaxQuantity bounds the quantity of one line: 10^12 thousandths.
	MaxQuantity Quantity = 1_000_000_000_000
	// MaxLevel bounds every account of a level. It leaves room for one whole
	// operation (1,000 lines of MaxQuantity) below the overflow of an int64.
	MaxLevel Quantity = 1 << 62
)

// Errors of ParseQuantity.
var (
	ErrQuantity  = errors.New("quantity is not a decimal number")
	ErrPrecision = errors.New("quantity has more than three decimals")
	ErrRange     = errors.New("quantity is beyond 1000000000")
)

// ParseQuantity reads a decimal literal with at most three decimals, exactly.
func ParseQuantity(literal string) (Quantity, error) {
	digits, negative := strings.CutPrefix(literal, "-")
	whole, fraction, point := strings.Cut(digits, ".")
	if !allDigits(whole) || point && !allDigits(fraction) {
		return 0, ErrQuantity
	}
	if len(fraction) > 3 {
		return 0, ErrPrecision
	}
	n, err := strconv.ParseInt(whole+(fraction + "000")[:3], 10, 64)
	if err != nil || Quantity(n) > MaxQuantity {
		return 0, ErrRange
	}
	if negative {
		n = -n
	}
	return Quantity(n), nil
}

func allDigits(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return s != ""
}

// String is the shortest decimal form: 2, 0.125, -3.5.
func (q Quantity) String() string {
	sign, n := "", uint64(q)
	if q < 0 {
		sign, n = "-", -n
	}
	text := sign + strconv.FormatUint(n/1000, 10)
	rest := n % 1000
	if rest == 0 {
		return text
	}
	return text + "." + strings.TrimRight(strconv.FormatUint(1000+rest, 10)[1:], "0")
}
