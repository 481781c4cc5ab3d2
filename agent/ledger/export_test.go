package ledger

import (
	"crypto/sha256"
	"database/sql/driver"
	"fmt"
	"os"
)

// Steps are the schemas, for the golden files.
var Steps = len(steps)

// ErrUnfinished is what a folder says in which a restore has not ended.
var ErrUnfinished = errUnfinished

// Watch lets somebody know what a ledger asks of its folder beside SQLite, once
// it is done, and fail it all the same; the function it returns ends that.
func Watch(done func(what, path, other string, b []byte) error) (stop func()) {
	before := disk
	told := func(what, path, other string, b []byte, err error) error {
		if err != nil {
			return err
		}
		return done(what, path, other, b)
	}
	disk = folder{
		write: func(path string, b []byte) error { return told("write", path, "", b, before.write(path, b)) },
		copy: func(from, to string) error {
			err := before.copy(from, to)
			b, _ := os.ReadFile(to) // empty where the copy failed
			return told("copy", to, "", b, err)
		},
		sync:   func(path string) error { return told("sync", path, "", nil, before.sync(path)) },
		rename: func(from, to string) error { return told("rename", from, to, nil, before.rename(from, to)) },
		link:   func(from, to string) error { return told("link", from, to, nil, before.link(from, to)) },
		remove: func(path string) error { return told("remove", path, "", nil, before.remove(path)) },
	}
	return func() { disk = before }
}

// Run gives the first column of what a statement returns, line by line.
func (l *SQLite) Run(text string) (lines []string, err error) {
	err = l.query(func(row []driver.Value) error { lines = append(lines, fmt.Sprint(row[0])); return nil }, text)
	return lines, err
}

// Promised reads the settings back once more.
func (l *SQLite) Promised() error { return l.verified() }

// CheckpointAt lets the log grow to so many pages.
func (l *SQLite) CheckpointAt(pages int64) { l.logPages = pages }

// Marked is the sequence in a folder's high-water file.
func Marked(dir string) uint64 {
	w, err := readWater(dir)
	if err != nil || w == nil {
		panic(fmt.Sprint("no mark in ", dir, ": ", err))
	}
	return w.position.Sequence
}

// FixedMark is the file of one fixed ledger.
func FixedMark() []byte {
	w := highWater{installation: "meqgyzlem5sxeidpmyqhmzlsom", epoch: "nfxw4idp", running: true}
	w.position.Sequence, w.position.Chain[0], w.position.Chain[31] = 1234, 0xab, 0x01
	return w.bytes()
}

// LaterMark is a whole file of a version that is not known yet.
func LaterMark() []byte {
	text := waterMagic + "2\nsomething else\n"
	return fmt.Appendf([]byte(text), "%x\n", sha256.Sum256([]byte(text)))
}

// SetAside is the first half of a restore.
func SetAside(dir string) (string, error) { return setAside(dir) }

// Unsafe is what a version of SQLite is refused with.
func Unsafe(number int) error { return unsafeVersion(number) }
