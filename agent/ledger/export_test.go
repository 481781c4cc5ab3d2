package ledger

import (
	"database/sql/driver"
	"fmt"
)

// Steps are the schemas, for the golden files.
var Steps = len(steps)

// Run gives the first column of what a statement returns, line by line.
func (l *SQLite) Run(text string) (lines []string, err error) {
	err = l.query(func(row []driver.Value) error { lines = append(lines, fmt.Sprint(row[0])); return nil }, text)
	return lines, err
}

// Promised reads the settings back once more.
func (l *SQLite) Promised() error { return l.verified() }
