package api

import (
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/shelfsync/shelfsync/protocol"
	"github.com/shelfsync/shelfsync/protocol/stock"
)

// faults collects what is wrong with one body. Its methods take the path of a
// field inside the body and add a line when the field is at fault.
type faults []FieldError

func (f *faults) add(path, message string) {
	*f = append(*f, FieldError{Path: path, Message: message})
}

// code checks an item, location or channel code.
func (f *faults) code(path, value string) {
	if !stock.ValidCode(value) {
		f.add(path, "must have 1 to "+strconv.Itoa(stock.MaxCode)+" printable characters")
	}
}

// name checks a required receipt, till, order, document, id, name or reason.
func (f *faults) name(path, value string) {
	if n := utf8.RuneCountInString(value); n < 1 || n > protocol.MaxNameLength || !printable(value) {
		f.add(path, "must have 1 to "+strconv.Itoa(protocol.MaxNameLength)+" printable characters")
	}
}

func (f *faults) optional(check func(path, value string), path, value string) {
	if value != "" {
		check(path, value)
	}
}

// oneOf checks a value of a closed set; an empty value passes only if it is in the set.
func (f *faults) oneOf(path, value string, set ...string) {
	var known []string
	for _, s := range set {
		if s == value {
			return
		}
		if s != "" {
			known = append(known, s)
		}
	}
	f.add(path, "must be one of "+strings.Join(known, ", "))
}

// between checks a whole number.
func (f *faults) between(path string, value, least, most int64) {
	if value < least || value > most {
		f.add(path, "must be between "+strconv.FormatInt(least, 10)+" and "+strconv.FormatInt(most, 10))
	}
}

// positive checks a quantity that must be greater than zero.
func (f *faults) positive(path string, q Quantity) {
	switch {
	case q.Fault() != "":
		f.add(path, q.Fault())
	case q.Stock() <= 0:
		f.add(path, "must be greater than zero")
	}
}

// signed checks a quantity whose sign is its direction.
func (f *faults) signed(path string, q Quantity) {
	switch {
	case q.Fault() != "":
		f.add(path, q.Fault())
	case q.Stock() == 0:
		f.add(path, "must not be zero")
	}
}

// part checks an optional quantity: zero means the whole.
func (f *faults) part(path string, q Quantity) {
	switch {
	case q.Fault() != "":
		f.add(path, q.Fault())
	case q.Stock() < 0:
		f.add(path, "must not be negative")
	}
}

// count checks how many lines a body has.
func (f *faults) count(path string, n, least, most int) {
	switch {
	case n < least:
		f.add(path, "must not be empty")
	case n > most:
		f.add(path, "has "+strconv.Itoa(n)+" entries, more than the "+strconv.Itoa(most)+" allowed")
	}
}

func at(list string, i int, field string) string {
	path := list + "[" + strconv.Itoa(i) + "]"
	if field != "" {
		path += "." + field
	}
	return path
}

func printable(s string) bool {
	if !utf8.ValidString(s) {
		return false
	}
	for _, r := range s {
		if !unicode.IsPrint(r) {
			return false
		}
	}
	return true
}
