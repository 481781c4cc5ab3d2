package stock

import "unicode/utf8"

// ItemNo and LocationNo are the dense numbers that the log gives to codes in
// order of first mention; levels are arrays indexed by them.
type (
	ItemNo     uint32
	LocationNo uint32
)

// NoItem stands where a request named an item that nobody knows.
const NoItem = ^ItemNo(0)

// MaxCode bounds item, location and channel codes, in characters.
const MaxCode = 64

// Item is one row of the catalogue.
type Item struct {
	Code     string
	GTIN     string // 14 digits, or empty
	Unit     string
	Decimals uint8
	Class    string
	Stocked  bool // false for postage, fees, gift cards: recorded, without effect
	Aliases  []Alias
}

// Alias is another code that means a whole number of an item.
type Alias struct {
	Code   string
	Factor int64
}

// ValidCode reports whether code has 1 to MaxCode printable characters. What is
// printable is written out here and never changes: the tables of package unicode
// grow with each release, and two builds must judge a logged code alike.
func ValidCode(code string) bool {
	n := 0
	for _, r := range code {
		switch {
		case r < 0x20, r >= 0x7f && r < 0xa0, r == 0x2028, r == 0x2029, r == utf8.RuneError:
			return false // controls, line separators, bytes that are not UTF-8
		case r >= 0x200b && r <= 0x200f, r >= 0x202a && r <= 0x202e, r >= 0x2060 && r <= 0x206f, r == 0xfeff:
			return false // what is not seen, and what turns the writing: two codes would look alike
		}
		n++
	}
	return n >= 1 && n <= MaxCode
}

// ParseGTIN checks a GTIN of 8, 12, 13 or 14 digits and returns its 14-digit
// form. Check digit: GS1 General Specifications, section 7.9.1.
func ParseGTIN(digits string) (gtin string, ok bool) {
	switch len(digits) {
	case 8, 12, 13, 14:
	default:
		return "", false
	}
	gtin = "00000000000000"[len(digits):] + digits
	return gtin, checkDigit(gtin)
}

// ValidGLN reports whether digits are a 13-digit GLN with a right check digit.
func ValidGLN(digits string) bool { return len(digits) == 13 && checkDigit(digits) }

// checkDigit weighs the digits 3, 1, 3… from the right, the check digit itself 1.
func checkDigit(digits string) bool {
	sum, weight := 0, 1
	for i := len(digits) - 1; i >= 0; i-- {
		if digits[i] < '0' || digits[i] > '9' {
			return false
		}
		sum += weight * int(digits[i]-'0')
		weight = 4 - weight
	}
	return sum%10 == 0
}
