package day

import (
	"bufio"
	"errors"
	"io"
	"strings"
)

// records cuts a stream into rows. encoding/csv is not used because a quote
// that is never closed makes it swallow the rest of the file; here such a row is
// one bad row and reading goes on with the next line. On well-formed files both
// agree (a test compares them).
type records struct {
	in    *bufio.Reader
	sep   byte
	read  int        // physical lines read
	ahead []textLine // lines read but not yet taken
	cells []string   // reused between rows
}

type textLine struct {
	text   string
	number int
	long   bool
}

// A record is one row: its line number, its cells (valid until the next one),
// and the reason when it could not be cut into cells.
type record struct {
	row   int
	cells []string
	bad   string
	text  string
}

const (
	badLong  = "row is longer than 64 KiB"
	badQuote = "a quote is opened and never closed"
)

func newRecords(in io.Reader) *records {
	return &records{in: bufio.NewReaderSize(in, maxRowBytes)}
}

// next returns the next row that is not an empty line, or io.EOF.
func (r *records) next() (record, error) {
	first, err := r.peek(0)
	for err == nil && first.text == "" && !first.long {
		r.ahead = r.ahead[1:]
		first, err = r.peek(0)
	}
	if err != nil {
		return record{}, err
	}
	r.ahead = r.ahead[1:]
	if first.long {
		return record{row: first.number, bad: badLong, text: first.text}, nil
	}
	text, open := first.text, r.split(first.text)
	joined := 0
	for open && joined < maxRowLines {
		more, err := r.peek(joined)
		if err != nil && !errors.Is(err, io.EOF) {
			return record{}, err
		}
		if err != nil || more.long || len(text)+len(more.text) > maxRowBytes {
			break
		}
		joined++
		text += "\n" + more.text
		open = r.split(text)
	}
	if open {
		return record{row: first.number, bad: badQuote, text: first.text}, nil
	}
	r.ahead = r.ahead[joined:]
	return record{row: first.number, cells: r.cells, text: first.text}, nil
}

// peek returns the line that is i lines ahead without taking it.
func (r *records) peek(i int) (textLine, error) {
	for len(r.ahead) <= i {
		line, err := r.line()
		if err != nil {
			return textLine{}, err
		}
		r.ahead = append(r.ahead, line)
	}
	return r.ahead[i], nil
}

func (r *records) line() (textLine, error) {
	bytes, err := r.in.ReadSlice('\n')
	if len(bytes) == 0 && err != nil {
		return textLine{}, err
	}
	r.read++
	line := textLine{number: r.read, long: errors.Is(err, bufio.ErrBufferFull)}
	if line.long {
		line.text = string(bytes[:maxShown])
	} else {
		line.text = strings.TrimSuffix(strings.TrimSuffix(string(bytes), "\n"), "\r")
	}
	for errors.Is(err, bufio.ErrBufferFull) {
		_, err = r.in.ReadSlice('\n')
	}
	if err != nil && !errors.Is(err, io.EOF) {
		return textLine{}, err
	}
	return line, nil
}

// split cuts text into r.cells and reports whether a quote is still open. A
// quote opens only at the start of a cell, so the inch sign of 12" RULER is
// text; inside quotes, a quote before anything but a separator is text too.
func (r *records) split(text string) (open bool) {
	r.cells = r.cells[:0]
	for {
		cell, rest, more, open := cutCell(text, r.sep)
		r.cells = append(r.cells, cell)
		if open || !more {
			return open
		}
		text = rest
	}
}

// cutCell takes the first cell off text; more says that another one follows.
func cutCell(text string, sep byte) (cell, rest string, more, open bool) {
	if !strings.HasPrefix(text, `"`) {
		end := strings.IndexByte(text, sep)
		if end < 0 {
			return text, "", false, false
		}
		return text[:end], text[end+1:], true, false
	}
	var quoted strings.Builder
	for i := 1; i < len(text); i++ {
		switch {
		case text[i] != '"':
			quoted.WriteByte(text[i])
		case i+1 == len(text):
			return quoted.String(), "", false, false
		case text[i+1] == sep:
			return quoted.String(), text[i+2:], true, false
		case text[i+1] == '"':
			quoted.WriteByte('"')
			i++
		default:
			quoted.WriteByte('"')
		}
	}
	return "", "", false, true
}
