package ledger_test

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// mutant is a rule of the ledger that is broken by edits of its source, laid over it
// at build time, and the test that must find that. An edit that no longer fits fails.
type mutant struct {
	name  string
	file  string
	edits []edit
	test  string // what go test runs
	says  string // in its output, which must be a failure's
}

type edit struct{ old, new string }

// oftenPlanted are the mutants that every run of the tests plants; make test-deep
// plants all.
var oftenPlanted = map[string]bool{"the log is not synced at a commit": true, "the chain is not proved at open": true}

const powerCuts = "TestAPowerCutLosesNothingAcknowledged/"

var mutants = []mutant{
	{"the log is not synced at a commit", "database.go", []edit{{"synchronous = EXTRA", "synchronous = NORMAL"}, {`"synchronous": "3"`, `"synchronous": "1"`}}, powerCuts + "sale", "power cut after"},
	{"settings are not read back", "database.go", []edit{{"if have != want {", "if have != want && name == \"\" {"}}, "TestASettingThatDidNotTakeIsRefused", "got <nil>"},
	{"a till is answered before the commit", "sqlite.go", []edit{{"err := l.transaction(func() error {\n		for i := range entries",
		"err := func(body func() error) error {\n		if !l.conn.AutoCommit() {\n			_ = l.exec(\"COMMIT\")\n		}\n		_ = l.exec(\"BEGIN IMMEDIATE\")\n		return body()\n	}(func() error {\n		for i := range entries"}},
		powerCuts + "sale", "power cut after"},
	{"a log is emptied before the file is synced", "database.go", []edit{{"	_, err := d.text(\"PRAGMA wal_checkpoint(TRUNCATE)\")\n",
		"	_, _ = d.text(\"PRAGMA synchronous = OFF\")\n	_, err := d.text(\"PRAGMA wal_checkpoint(TRUNCATE)\")\n	_, _ = d.text(\"PRAGMA synchronous = EXTRA\")\n"}},
		powerCuts + "after a kill", "power cut after"},
	{"an error of storage does not stick", "database.go", []edit{{"	if err != nil {\n		d.failed = err\n	}\n	return err\n}\n\n// checkpointPages", "	return err\n}\n\n// checkpointPages"}},
		"TestTheNthCallOfTheDiskFails/200 sales", "the ledger went on"},
	{"SQLite takes the log into the file by itself", "database.go", []edit{{"wal_autocheckpoint = 0", "wal_autocheckpoint = 20"}, {`"wal_autocheckpoint": "0"`, `"wal_autocheckpoint": "20"`},
		{"pages >= d.logPages", "pages > 1<<40"}}, "TestTheNthCallOfTheDiskFails/its own checkpoints", "says nothing of it"},
	{"the chain is not proved at open", "sqlite.go", []edit{{"	if err := prove(); err != nil {\n		return err\n	}\n", "	_ = prove\n"}}, "TestWhatIsNotOursOrDamagedIsRefused", "want an error that says"},
	{"sums are not compared", "prove.go", []edit{{"ok && have != sumOf(e, chain)", "ok && have != sumOf(e, chain) && sequence == 0"}}, "TestAFlippedBitIsFoundOrHarmless", "another operation is read"},
	{"a log that is damaged is taken for a short one", "wal.go", []edit{{"log.behind > 1", "log.behind > 1<<30"}}, "TestADamagedLogIsNotTakenForAShortOne", "got <nil>"},
	{"the high-water mark is not compared", "water.go", []edit{{"	why, doubt, err := l.doubt(w, unreadable, kept)\n", "	why, doubt, err := l.doubt(w, unreadable, kept)\n	doubt = false\n"}},
		"TestAFlippedBitIsFoundOrHarmless", "the last commits are gone"},
	{"the high-water mark is ahead of the ledger", "water.go", []edit{{"	e := l.present()\n	return highWater{l.installation, e.Name, e.Position, running}",
		"	e := l.present()\n	at := e.Position\n	at.Sequence++\n	return highWater{l.installation, e.Name, at, running}"}}, powerCuts + "start again", "power cut after"},
	{"the high-water file is written in place", "water.go", []edit{{"disk.write(path+\".new\", w.bytes())", "disk.write(path, w.bytes())"}, {"disk.rename(path+\".new\", path), ", ""}},
		powerCuts + "high water", "power cut after"},
	{"a ledger is created in place", "schema.go", []edit{{"	next := path + \".new\"", "	next := path"}, {"disk.rename(next, path), ", ""}}, powerCuts + "create", "power cut after"},
	{"a migration is not one commit", "schema.go", []edit{{"d.transaction(func() error { return d.take(steps[have:]) })", "d.take(steps[have:])"}}, powerCuts + "migrate", "power cut after"},
	{"a round is not one commit", "keep.go", []edit{{"err = l.transaction(func() error { return l.round(&k, through) })", "err = l.round(&k, through)"}}, powerCuts + "round", "power cut after"},
	{"a fork is not one commit", "again.go", []edit{{"err = l.transaction(func() error {\n			if err := l.exec(\"UPDATE epoch SET through",
		"err = func(body func() error) error { return body() }(func() error {\n			if err := l.exec(\"UPDATE epoch SET through"}}, powerCuts + "fork", "power cut after"},
	{"pruning is not one commit", "prune.go", []edit{{"err := l.transaction(func() error {", "err := func(body func() error) error { return body() }(func() error {"}}, powerCuts + "prune", "power cut after"},
	{"a copy is not synced", "copy.go", []edit{{"disk.sync(c.path), ", ""}}, powerCuts + "backup", "power cut after"},
	{"a restore that did not end is not seen", "database.go", []edit{{"err != nil || begun >= 0 {", "err != nil || begun > 1<<60 {"}}, powerCuts + "restore", "power cut after"},
}

// TestTheProofsFindMutants breaks one rule of the ledger after the other.
func TestTheProofsFindMutants(t *testing.T) {
	for _, m := range mutants {
		t.Run(m.name, func(t *testing.T) {
			overlay := m.overlay(t) // an edit that fits no longer is seen at once
			if os.Getenv("SHELFSYNC_DEEP") == "" && !oftenPlanted[m.name] {
				t.Skip("one of many: all are planted with SHELFSYNC_DEEP=1 (make test-deep)")
			}
			command := exec.CommandContext(t.Context(), "go", "test", "-count=1", "-overlay", overlay, "-run", "^"+m.test, ".")
			deep := "" // they are found without looking long; of one story all power cuts take a second
			if strings.HasPrefix(m.test, powerCuts) {
				deep = "1"
			}
			command.Env = append(os.Environ(), "SHELFSYNC_DEEP="+deep, "SHELFSYNC_SEED=")
			out, err := command.CombinedOutput()
			if err == nil || !bytes.Contains(out, []byte(m.says)) {
				t.Fatalf("%s ends with %v and does not say %q:\n%.3000s", m.test, err, m.says, out)
			}
		})
	}
}

// overlay writes the edited file and the list that the go command reads.
func (m mutant) overlay(t *testing.T) string {
	t.Helper()
	path, err := filepath.Abs(m.file)
	if err != nil {
		t.Fatal(err)
	}
	source, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range m.edits {
		if n := bytes.Count(source, []byte(e.old)); n != 1 {
			t.Fatalf("the edit %q fits %d places of %s, not one: write it anew", e.old, n, m.file)
		}
		source = bytes.Replace(source, []byte(e.old), []byte(e.new), 1)
	}
	dir := t.TempDir()
	edited, list := filepath.Join(dir, "edited.go"), filepath.Join(dir, "overlay.json")
	replace, err := json.Marshal(map[string]any{"Replace": map[string]string{path: edited}})
	if err != nil {
		t.Fatal(err)
	}
	for file, content := range map[string][]byte{edited: source, list: replace} {
		if err := os.WriteFile(file, content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return list
}
