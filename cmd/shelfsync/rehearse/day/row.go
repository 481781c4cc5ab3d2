package day

import (
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// A row is one understood line of a file.
type row struct {
	receipt     string
	item        string
	thousandths int64
	at          time.Time
	location    string
	customer    string
	free        bool // the price is there and is zero
	damaged     bool // the description says so
}

// A fault is why a row was not understood, and the cell that shows it.
type fault struct{ reason, cell string }

const (
	badWidth     = "row has more cells than the header"
	badReceipt   = "receipt is not 1 to 40 printable characters:"
	badItem      = "item is not 1 to 64 printable characters:"
	badLocation  = "location is not 1 to 64 printable characters:"
	badNumber    = "quantity is not a decimal number:"
	badPrecision = "quantity has more than three decimal places:"
	badSize      = "quantity is beyond a thousand million:"
	badZero      = "quantity is zero, so nothing moved:"
	badTime      = "time is not 2006-01-02T15:04:05Z, 2006-01-02 15:04:05 or 1/2/06 15:04, from 1970 to 2199:"
)

// understand reads the cells of a row; the reason is blank when it succeeds.
// Item codes are compared exactly, so their spaces stay.
func (l *layout) understand(cells []string) (row, fault) {
	trimmed := func(f field) string { return strings.TrimSpace(l.cell(cells, f)) }
	r := row{
		receipt:  trimmed(receiptField),
		item:     l.cell(cells, itemField),
		location: trimmed(locationField),
		customer: trimmed(customerField),
		free:     isZero(trimmed(priceField)),
		damaged:  strings.Contains(strings.ToLower(l.cell(cells, descriptionField)), "damag"),
	}
	for _, extra := range cells[min(len(cells), l.width):] {
		if strings.TrimSpace(extra) != "" {
			return r, fault{badWidth, extra}
		}
	}
	if !printable(r.receipt, maxReceiptLength) {
		return r, fault{badReceipt, r.receipt}
	}
	if !printable(r.item, maxCodeLength) || strings.TrimSpace(r.item) == "" {
		return r, fault{badItem, r.item}
	}
	if l.column[locationField] >= 0 && !printable(r.location, maxCodeLength) {
		return r, fault{badLocation, r.location}
	}
	var bad string
	if r.thousandths, bad = parseThousandths(trimmed(quantityField)); bad != "" {
		return r, fault{bad, trimmed(quantityField)}
	}
	var ok bool
	if r.at, ok = parseTime(trimmed(timeField)); !ok {
		return r, fault{badTime, trimmed(timeField)}
	}
	return r, fault{}
}

// timeForms are tried in turn; a time without a zone is UTC.
var timeForms = []string{time.RFC3339, time.DateTime, "1/2/06 15:04", "1/2/2006 15:04"}

func parseTime(text string) (time.Time, bool) {
	for _, form := range timeForms {
		if at, err := time.Parse(form, text); err == nil {
			return at, at.Year() >= 1970 && at.Year() < 2200
		}
	}
	return time.Time{}, false
}

// parseThousandths reads a decimal literal of at most three places, such as 6,
// -12.0 or 0.375, and never rounds.
func parseThousandths(text string) (thousandths int64, bad string) {
	digits := strings.TrimLeft(text, "+-")
	if len(text)-len(digits) > 1 {
		return 0, badNumber
	}
	whole, part, dotted := strings.Cut(digits, ".")
	if !allDigits(whole) || dotted && !allDigits(part) {
		return 0, badNumber
	}
	if len(part) > 3 {
		return 0, badPrecision
	}
	for _, digit := range []byte(whole + (part + "000")[:3]) {
		thousandths = thousandths*10 + int64(digit-'0')
		if thousandths > maxThousandths {
			return 0, badSize
		}
	}
	if thousandths == 0 {
		return 0, badZero
	}
	if text[0] == '-' {
		thousandths = -thousandths
	}
	return thousandths, ""
}

func allDigits(text string) bool {
	for i := range len(text) {
		if text[i] < '0' || text[i] > '9' {
			return false
		}
	}
	return text != ""
}

// isZero reports a price of nothing, such as 0, 0.0 or 0,00. A blank price is
// unknown, not zero.
func isZero(price string) bool {
	return strings.Contains(price, "0") && strings.Trim(price, "+-0.,") == ""
}

func printable(text string, most int) bool {
	if !utf8.ValidString(text) {
		return false
	}
	n := 0
	for _, c := range text {
		if n++; n > most || !unicode.IsPrint(c) {
			return false
		}
	}
	return n > 0
}

// shown quotes a cell for a person, cut short and harmless on a terminal.
func shown(cell string) string {
	cell = strings.ToValidUTF8(cell[:min(len(cell), 4*maxShown)], "\uFFFD")
	if c := []rune(cell); len(c) > maxShown {
		cell = string(c[:maxShown]) + "…"
	}
	return strconv.QuoteToGraphic(cell)
}

// serviceCodes and servicePrefixes are the codes of the real data that are not
// stock: postage, carriage, manual entries, discounts, samples, fees, charity,
// bank charges, bad debt, vouchers and the web shop's own party bags.
var (
	serviceCodes = map[string]bool{
		"POST": true, "DOT": true, "M": true, "m": true, "D": true, "C2": true, "C3": true, "S": true, "B": true,
		"BANK CHARGES": true, "AMAZONFEE": true, "CRUK": true, "PADS": true, "ADJUST": true, "ADJUST2": true,
	}
	servicePrefixes = []string{"gift_", "DCGS"}
)

func isService(item string) bool {
	for _, prefix := range servicePrefixes {
		if strings.HasPrefix(item, prefix) {
			return true
		}
	}
	return serviceCodes[item]
}
