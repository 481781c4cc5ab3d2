// Package day is the trading day that a rehearsal plays.
//
// Promise: from any CSV files, or from a seed, it makes baskets in time order,
// each one call that a till or a clerk would make, and it accounts for every
// row: played, service, not played or not understood, exactly once.
//
// Owner: a Day belongs to whoever read it and is not changed afterwards.
//
// Flow: records (physical rows) -> layout (which cell is what) -> receipts
// (rows of one receipt on one calendar day at one place) -> baskets (cut to
// what one call may carry) -> limit -> repeat. Nothing here touches the network,
// and no quantity ever passes through a float.
//
// How a row is read:
//   - rows with one receipt number on one calendar day are one receipt, in file order;
//   - under the header InvoiceNo or Invoice, a number that is C and digits is a
//     credit note: everything on it comes back, whatever the sign;
//   - a negative quantity at price 0 is stock written off, or damaged where the
//     description says so; a negative quantity otherwise comes back;
//   - a positive quantity at price 0 is found stock when its whole receipt has
//     neither a price nor a customer (a clerk's correction), else a gift: goods out;
//   - without a price column nothing is a correction;
//   - postage, fees, discounts and vouchers are services: kept, never stock.
package day

import (
	"fmt"
	"os"
	"time"
)

// Kind says which call a basket becomes. A basket has one kind only; a receipt
// that mixes goods and corrections becomes several baskets.
type Kind uint8

// The kinds of basket.
const (
	Sale       Kind = iota // goods out
	Return                 // goods back
	Exchange               // goods out and back on one receipt
	Damage                 // sellable goods found damaged: Adjusted, all negative
	Adjustment             // goods found or written off: Adjusted
	Service                // only postage, fees and the like: no stock moves
)

var kindNames = [...]string{"sale", "return", "exchange", "damage", "adjustment", "service"}

func (k Kind) String() string { return kindNames[k] }

// Reasons of an adjustment.
const (
	ReasonDamaged    = "damaged"
	ReasonWrittenOff = "written_off"
	ReasonFound      = "found"
)

// Line is one line of goods; Thousandths of the item's unit, above zero
// (signed in Basket.Services, where a refund of postage is negative).
type Line struct {
	Item        string
	Thousandths int64
}

// AdjustedLine is one line of stock found (above zero) or lost (below).
type AdjustedLine struct {
	Item        string
	Thousandths int64
	Reason      string
}

// Basket is one call of one till. Receipt is unique at its location, so also at
// its till. File and Row are where its receipt was first seen, for a person.
type Basket struct {
	Receipt  string
	Location string
	Till     string
	At       time.Time
	Kind     Kind
	Sold     []Line
	Returned []Line
	Adjusted []AdjustedLine
	Services []Line
	File     string
	Row      int
}

// Lines counts the lines that move stock.
func (b *Basket) Lines() int { return len(b.Sold) + len(b.Returned) + len(b.Adjusted) }

// Problem is a row that was not understood. Shown is the faulty cell, quoted and cut short.
type Problem struct {
	File   string
	Row    int
	Reason string
	Shown  string
}

func (p Problem) String() string {
	return fmt.Sprintf("%s row %d: %s %s", p.File, p.Row, p.Reason, p.Shown)
}

// Day is a readable, playable day. The counts are of rows of the files, once,
// however often the day is repeated, and always
//
//	Rows = PlayedLines + ServiceLines + NotPlayedLines + NotUnderstood
type Day struct {
	Baskets   []Basket        // in time order, equal times in file order
	Locations []string        // sorted; every one is played
	Items     []string        // stock codes in Baskets, sorted
	Weighed   map[string]bool // items seen with a part of a unit
	Services  []string        // codes in Baskets that are not stock, sorted

	Rows           int
	PlayedLines    int
	ServiceLines   int
	NotPlayed      int // baskets left out by Stores or Limit
	NotPlayedLines int
	NotUnderstood  int
	Problems       []Problem      // the first of them
	Reasons        map[string]int // all of them, by reason
}

// Read makes a day of CSV files; of no files, the generated day. An error means
// that a file could not be opened, read, or has no usable header, or that the
// day is larger than the bounds of this package.
func Read(files []string, opt Options) (*Day, error) {
	if len(files) == 0 {
		return Generate(opt)
	}
	opt, err := opt.checked()
	if err != nil {
		return nil, err
	}
	r := newReading(opt)
	for _, name := range files {
		if err := r.open(name); err != nil {
			return nil, err
		}
	}
	return r.day()
}

func (r *reading) open(name string) error {
	f, err := os.Open(name)
	if err != nil {
		return fmt.Errorf("open the day's data: %w", err)
	}
	defer f.Close()
	return r.file(name, f)
}
