package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// recordFile is the table of what was run, and the only memory of which seeds
// were: the next is one above the highest that stands there.
const recordFile = "docs/campaigns.md"

const recordHeader = `# Campaigns

Long seeded runs: ` + "`make campaign MINUTES=30`" + ` appends a row and goes on with the seed after the highest here.
The command runs the last seed of its row again.

| date | campaign | command | commit | seeds | seconds | result |
|---|---|---|---|---|---|---|
`

// A row is one line of the table: the seeds from first to last, run in one go.
type row struct {
	date                      time.Time
	campaign, command, commit string
	first, last               int
	took                      time.Duration
	result                    string
}

func (r row) line() string {
	return fmt.Sprintf("| %s | %s | `%s` | %s | %d-%d | %.0f | %s |\n", r.date.UTC().Format(time.DateOnly),
		r.campaign, r.command, r.commit, r.first, r.last, r.took.Seconds(), r.result)
}

// nextSeed reads the table for the highest seed that the campaign has run.
func nextSeed(text, campaign string) int {
	highest := 0
	for line := range strings.Lines(text) {
		cells := strings.Split(line, "|")
		if len(cells) < 8 || strings.TrimSpace(cells[2]) != campaign {
			continue
		}
		_, last, _ := strings.Cut(strings.TrimSpace(cells[5]), "-")
		if seed, err := strconv.Atoi(last); err == nil {
			highest = max(highest, seed)
		}
	}
	return highest + 1
}

func readRecord(file string) (string, error) {
	text, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return recordHeader, nil
	}
	if err != nil {
		return "", fmt.Errorf("read the campaigns: %w", err)
	}
	return string(text), nil
}

// writeRecord replaces the table in one step: a kill leaves the old or the new.
func writeRecord(file, text string) error {
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return fmt.Errorf("write the campaigns: %w", err)
	}
	part := file + ".part"
	if err := os.WriteFile(part, []byte(text), 0o644); err != nil {
		return fmt.Errorf("write the campaigns: %w", err)
	}
	if err := os.Rename(part, file); err != nil {
		return fmt.Errorf("write the campaigns: %w", err)
	}
	return nil
}
