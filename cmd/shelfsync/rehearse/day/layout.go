package day

import (
	"fmt"
	"strings"
)

const byteOrderMark = "\ufeff"

// A layout says which cell of a row holds which field.
type layout struct {
	column      [fieldCount]int // -1: the file does not have it
	width       int
	creditNotes bool // receipts are invoice numbers, where C and digits is a credit note
}

// readHeader takes the header row, finds the separator, and leaves it in the records.
func readHeader(name string, in *records, columns map[string]string) (layout, error) {
	first, err := in.peek(0)
	for err == nil && strings.Trim(first.text, byteOrderMark) == "" && !first.long {
		in.ahead = in.ahead[1:]
		first, err = in.peek(0)
	}
	if err != nil {
		return layout{}, fmt.Errorf("%s has no header row: %w", name, err)
	}
	if strings.HasPrefix(first.text, "\xff\xfe") || strings.HasPrefix(first.text, "\xfe\xff") {
		return layout{}, fmt.Errorf("%s is UTF-16: save it as UTF-8", name)
	}
	in.ahead[0].text = strings.TrimPrefix(first.text, byteOrderMark)
	text := in.ahead[0].text
	if first.long {
		return layout{}, fmt.Errorf("%s: the header row is longer than %d bytes", name, maxRowBytes)
	}
	// The separator is the one under which the columns are found; if none, the
	// error is about the one that cuts the most cells.
	var fault error
	most := 0
	for _, sep := range []byte(",;\t|") {
		in.sep = sep
		in.split(text)
		found, err := findColumns(in.cells, columns)
		if err == nil {
			_, err = in.next()
			return found, err
		}
		if len(in.cells) > most {
			most, fault = len(in.cells), err
		}
	}
	return layout{}, fmt.Errorf("%s: %w", name, fault)
}

func findColumns(header []string, columns map[string]string) (layout, error) {
	l := layout{width: len(header)}
	for f, spec := range fields {
		wanted := spec.headers
		told := columns[spec.name]
		if told != "" {
			wanted = []string{told}
		}
		at, err := findHeader(header, wanted)
		if err != nil {
			return l, err
		}
		if at < 0 && (spec.required || told != "") {
			return l, fmt.Errorf("no column %q for the %s in the header %s: name it with --columns %s=…",
				wanted[0], spec.name, shown(strings.Join(header, " ")), spec.name)
		}
		l.column[f] = at
	}
	receipt := strings.ToLower(strings.TrimSpace(header[l.column[receiptField]]))
	l.creditNotes = receipt == "invoiceno" || receipt == "invoice"
	return l, nil
}

// findHeader returns the place of the first wanted name that the header has,
// exactly or but for case and spaces around it; -1 when it has none.
func findHeader(header, wanted []string) (int, error) {
	for _, name := range wanted {
		for _, same := range []func(cell string) bool{
			func(cell string) bool { return cell == name },
			func(cell string) bool { return strings.EqualFold(strings.TrimSpace(cell), name) },
		} {
			at := -1
			for i, cell := range header {
				if !same(cell) {
					continue
				}
				if at >= 0 {
					return -1, fmt.Errorf("the header has the column %q twice: rename one", name)
				}
				at = i
			}
			if at >= 0 {
				return at, nil
			}
		}
	}
	return -1, nil
}

// cell returns a field of a row, blank where the row or the file lacks it.
func (l *layout) cell(cells []string, f field) string {
	at := l.column[f]
	if at < 0 || at >= len(cells) {
		return ""
	}
	return cells[at]
}
