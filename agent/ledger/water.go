package ledger

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/shelfsync/shelfsync/protocol"
)

// waterName is the high-water file, beside the ledger: how far it had come. It is
// written behind the ledger, never ahead of it, so a ledger that ends before it has
// lost what tills were answered.
const waterName = "high-water"

// highWater is what the file says.
type highWater struct {
	installation string
	epoch        string
	position     protocol.Position
	running      bool // a program has the ledger open, or ended without closing it
}

// waterMagic begins the file and names its version; one that cannot be read by a
// program of this version has another number.
const (
	waterMagic   = "shelfsync high-water "
	waterVersion = "1"
)

var waterStates = map[bool]string{true: "running", false: "closed"}

// bytes are lines of text, the last of them the sum of those before.
func (w *highWater) bytes() []byte {
	text := fmt.Sprintf("%s%s\n%s\n%s\n%d\n%x\n%s\n", waterMagic, waterVersion, w.installation, w.epoch, w.position.Sequence, w.position.Chain, waterStates[w.running])
	return fmt.Appendf([]byte(text), "%x\n", sha256.Sum256([]byte(text)))
}

var errWater = errors.New("the high-water file is damaged")

func parseWater(b []byte) (w highWater, err error) {
	lines := strings.SplitAfter(string(b), "\n")
	if len(lines) < 3 {
		return w, errWater
	}
	text, sum := strings.Join(lines[:len(lines)-2], ""), lines[len(lines)-2]
	if lines[len(lines)-1] != "" || sum != fmt.Sprintf("%x\n", sha256.Sum256([]byte(text))) {
		return w, errWater
	}
	if first := fmt.Sprintf("%s%s\n", waterMagic, waterVersion); lines[0] != first {
		return w, fmt.Errorf("the high-water file begins with %q, not %q: install the later program again", lines[0], first)
	}
	fields := strings.Split(text, "\n")
	if len(fields) != 7 {
		return w, errWater
	}
	w.installation, w.epoch, w.running = fields[1], fields[2], fields[5] != waterStates[false]
	chain, _ := hex.DecodeString(fields[4])
	if w.position.Sequence, err = strconv.ParseUint(fields[3], 10, 64); err != nil || len(chain) != len(w.position.Chain) {
		return w, errWater
	}
	copy(w.position.Chain[:], chain)
	return w, nil
}

// readWater reads the file of a folder; nil where there is none.
func readWater(dir string) (*highWater, error) {
	b, err := os.ReadFile(filepath.Join(dir, waterName))
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read high-water file: %w", err)
	}
	w, err := parseWater(b)
	return &w, err
}

// writeWater replaces the file: whoever reads it finds the old one or the new one.
func writeWater(dir string, w *highWater) error {
	path := filepath.Join(dir, waterName)
	err := disk.write(path+".new", w.bytes())
	if err == nil {
		err = errors.Join(disk.rename(path+".new", path), disk.sync(dir))
	}
	if err != nil {
		return fmt.Errorf("write high-water file: %w", err)
	}
	return nil
}

func writeSynced(path string, b []byte) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o640)
	if err != nil {
		return err
	}
	_, err = f.Write(b)
	return errors.Join(err, f.Sync(), f.Close())
}

// stands is what the file should say now.
func (l *SQLite) stands(running bool) highWater {
	e := l.present()
	return highWater{l.installation, e.Name, e.Position, running}
}

// Mark is the write of the high-water file for where the ledger stands, nil where
// it says so already. It may run on another goroutine, one after the other, and
// its error is one of storage.
func (l *SQLite) Mark() func() error {
	w, dir := l.stands(true), l.dir
	if l.failed != nil || w == l.marked {
		return nil
	}
	l.marked = w
	return func() error { return writeWater(dir, &w) }
}

// guard compares the ledger with its high-water file, begins a new epoch where it
// cannot vouch for its end, and says in the file that it runs.
func (l *SQLite) guard(w *highWater, unreadable error) error {
	kept, err := l.text("SELECT value FROM about WHERE name = 'high_water'")
	if err != nil {
		return err
	}
	why, doubt, err := l.doubt(w, unreadable, kept)
	if err != nil {
		return err
	}
	if doubt {
		name, err := drawName(l.random, epochBytes)
		if err == nil {
			err = l.NewEpoch(name, why)
		}
		if err != nil {
			return err
		}
	}
	if err := l.Mark()(); err != nil {
		return err
	}
	if kept == waterKept {
		return nil
	}
	return l.transaction(func() error { return l.exec("UPDATE about SET value = ?1 WHERE name = 'high_water'", waterKept) })
}

// waterKept is what the ledger says of its file once it has one: then none is no
// beginning, but a loss.
const waterKept = "kept"

// doubt is why the end of the present epoch is not what it was.
func (l *SQLite) doubt(w *highWater, unreadable error, kept string) (why Notice, doubt bool, err error) {
	e := l.present()
	why = Notice{Epoch: e.Name, After: e.Position.Sequence}
	switch {
	case unreadable != nil:
		why.Kind = NoticeMark
		return why, true, nil
	case w == nil:
		why.Kind = NoticeMark
		return why, kept == waterKept, nil
	}
	number := l.numberOf(w.epoch)
	if w.installation != l.installation || number == 0 {
		why.Kind = NoticeOther
		return why, true, nil
	}
	if end := l.epochs[number-1].Position.Sequence; w.position.Sequence > end {
		why.Kind, why.Epoch, why.After, why.UpTo = NoticeLost, w.epoch, end, w.position.Sequence
		return why, true, nil
	}
	held, err := l.holds(number, w.position)
	why.Kind = NoticeOther
	return why, !held, err
}
