package ledger_test

import (
	"maps"
	"slices"
	"testing"
)

// TestCarelessHandsAreSeen does to a folder what people and their tools do: they
// delete, cut and mix its files. No sale is lost without a word.
func TestCarelessHandsAreSeen(t *testing.T) {
	const db, log, water = "ledger.db", "ledger.db-wal", "high-water"
	f, dir := holds(t, false), memoryFolder(t)
	with := func(changes map[string][]byte) map[string][]byte {
		files := maps.Clone(f.files)
		for name, b := range changes {
			if files[name] = b; b == nil {
				delete(files, name)
			}
		}
		return files
	}
	counts := map[finding]int{}
	try := func(what string, files map[string][]byte) {
		t.Helper()
		found, why := f.open(dir, files)
		if slices.Contains(silent, found) {
			t.Errorf("%s: %s: %v", what, found, why)
		}
		counts[found]++
	}
	try("the log deleted", with(map[string][]byte{log: nil}))
	try("the log emptied", with(map[string][]byte{log: {}}))
	try("the file deleted", with(map[string][]byte{db: nil}))
	try("the file emptied", with(map[string][]byte{db: {}}))
	try("the file and its log deleted", with(map[string][]byte{db: nil, log: nil}))
	try("the mark deleted", with(map[string][]byte{water: nil}))
	try("the mark emptied", with(map[string][]byte{water: {}}))
	for end := range len(f.files[log]) / 4096 {
		try("the log cut", with(map[string][]byte{log: f.files[log][:end*4096]}))
	}
	for end := range len(f.files[db]) / 4096 {
		try("the file cut", with(map[string][]byte{db: f.files[db][:end*4096]}))
	}
	last := len(f.earlier) - 1
	for n, old := range f.earlier[:last] {
		try("an older file and its log", with(map[string][]byte{db: old[db], log: old[log]}))
		try("an older file without its log", with(map[string][]byte{db: old[db], log: nil}))
		try("an older file with the newest log", with(map[string][]byte{db: old[db]}))
		try("the newest file with an older log", with(map[string][]byte{log: old[log]}))
		if n > 0 {
			try("a copy while it was written", with(map[string][]byte{db: f.earlier[n-1][db], log: old[log]}))
		}
	}
	for _, found := range slices.Sorted(maps.Keys(counts)) {
		t.Logf("%4d %s", counts[found], found)
	}
}
