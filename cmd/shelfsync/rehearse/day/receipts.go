package day

import (
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"regexp"
	"strings"
	"time"
)

// A receiptKey makes rows one receipt. The calendar day, as written in the
// file, is in it because tills restart their numbers; the location is blank in
// a file that has none.
type receiptKey struct {
	receipt, location string
	day               int64
}

// A receipt gathers the rows of one key, wherever in the files they stand.
type receipt struct {
	number   string
	location string
	customer string // the first one named: a receipt belongs to one place
	at       time.Time
	credit   bool // a credit note
	priced   bool // at least one line has a price that is not zero, or no price at all
	file     string
	row      int
	lines    []receiptLine
}

type receiptLine struct {
	item          string
	thousandths   int64
	free, damaged bool
}

// A reading gathers receipts over files. Memory grows with the receipts and
// lines it holds, which are bounded, never with the length of the files.
type reading struct {
	opt      Options
	result   *Day
	texts    map[string]string // one copy of every code and number
	byKey    map[receiptKey]*receipt
	receipts []*receipt // in the order first seen
	lines    int
	located  bool // the files have a location column
	opened   int
}

func newReading(opt Options) *reading {
	return &reading{
		opt: opt, result: newDay(),
		texts: map[string]string{}, byKey: map[receiptKey]*receipt{},
	}
}

// file reads one file to its end.
func (r *reading) file(name string, in io.Reader) error {
	rows := newRecords(in)
	l, err := readHeader(name, rows, r.opt.Columns)
	if err != nil {
		return fmt.Errorf("read the day's data: %w", err)
	}
	located := l.column[locationField] >= 0
	if r.opened > 0 && located != r.located {
		return fmt.Errorf("read the day's data: %s and the files before it differ: either all or none have a location column", name)
	}
	r.located = located
	r.opened++
	for {
		next, err := rows.next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read the day's data: %s after row %d: %w", name, rows.read, err)
		}
		if err := r.take(filepath.Base(name), &l, next); err != nil {
			return fmt.Errorf("read the day's data: %s row %d: %w", name, next.row, err)
		}
	}
}

// take puts one row where it belongs: into its receipt or among the problems.
func (r *reading) take(file string, l *layout, next record) error {
	r.result.Rows++
	if next.bad != "" {
		r.result.refuse(Problem{file, next.row, next.bad, shown(next.text)})
		return nil
	}
	understood, why := l.understand(next.cells)
	if why.reason != "" {
		r.result.refuse(Problem{file, next.row, why.reason, shown(why.cell)})
		return nil
	}
	year, month, date := understood.at.Date()
	key := receiptKey{
		receipt: r.one(understood.receipt), location: r.one(understood.location),
		day: time.Date(year, month, date, 0, 0, 0, 0, time.UTC).Unix(),
	}
	found := r.byKey[key]
	if found == nil {
		found = &receipt{
			number: key.receipt, location: key.location, at: understood.at, file: file, row: next.row,
			credit: l.creditNotes && creditNote.MatchString(key.receipt),
		}
		r.byKey[key] = found
		r.receipts = append(r.receipts, found)
	}
	found.add(understood, r.one)
	r.lines++
	if len(r.receipts) > maxReceipts || r.lines > maxLines {
		return fmt.Errorf("the day is larger than %d receipts or %d lines: split the files and rehearse a part", maxReceipts, maxLines)
	}
	return nil
}

var creditNote = regexp.MustCompile(`^C[0-9]+$`)

func (c *receipt) add(understood row, one func(string) string) {
	if understood.at.Before(c.at) {
		c.at = understood.at
	}
	if c.customer == "" {
		c.customer = one(understood.customer)
	}
	c.priced = c.priced || !understood.free
	c.lines = append(c.lines, receiptLine{
		item: one(understood.item), thousandths: understood.thousandths,
		free: understood.free, damaged: understood.damaged,
	})
}

// one returns the one kept copy of text, so that a row's memory can go.
func (r *reading) one(text string) string {
	kept, found := r.texts[text]
	if !found {
		kept = strings.Clone(text)
		r.texts[kept] = kept
	}
	return kept
}

func newDay() *Day { return &Day{Reasons: map[string]int{}, Weighed: map[string]bool{}} }

// refuse counts a row that was not understood and keeps the first ones to show.
func (d *Day) refuse(p Problem) {
	d.NotUnderstood++
	d.Reasons[strings.TrimSuffix(p.Reason, ":")]++
	if len(d.Problems) < maxProblems {
		d.Problems = append(d.Problems, p)
	}
}
