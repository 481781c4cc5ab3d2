package volume

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"

	"github.com/shelfsync/shelfsync/protocol"
)

// Stage is how much room is left, worst last.
type Stage int

// The stages. Each keeps the restrictions of those before it.
const (
	Plenty Stage = iota
	Low          // people are told
	Short        // no copies of the ledger are made
	Scarce       // the ballast is given back; what is left is for operations
	Full         // nothing is recorded
)

// stages say when each begins: below a share of the disk, but never earlier than
// below so many bytes.
var stages = []struct {
	stage   Stage
	percent uint64
	bytes   uint64
	name    string
	says    string
}{
	{Full, 100, protocol.DiskFullBytes, "full", "The disk is full. Nothing is recorded any more: make room, and selling goes on by itself."},
	{Scarce, 2, protocol.DiskScarceBytes, "scarce", "The disk is nearly full. Sales are still recorded, on what was kept back for them: make room now."},
	{Short, 5, protocol.DiskShortBytes, "short", "Little room is left on the disk: backups are refused. Make room."},
	{Low, 10, protocol.DiskLowBytes, "low", "The disk is filling up. Make room before it is full."},
}

// String is its name in an answer.
func (s Stage) String() string {
	for _, row := range stages {
		if row.stage == s {
			return row.name
		}
	}
	return "plenty"
}

// Sentence is what people are told; empty where there is plenty.
func (s Stage) Sentence() string {
	for _, row := range stages {
		if row.stage == s {
			return row.says
		}
	}
	return ""
}

// stageOf judges the room. The ballast is room as well, but not for the last stage:
// by then it was given back.
func stageOf(free, ballast, size uint64) Stage {
	for _, row := range stages {
		room := free + ballast
		if row.stage == Full {
			room = free
		}
		if room < min(row.bytes, size/100*row.percent) {
			return row.stage
		}
	}
	return Plenty
}

// Watch looks after the room of one folder.
type Watch struct {
	ballast string
	dir     string
	stage   Stage
	room    func(dir string) (free, size uint64, err error)
}

// NewWatch begins to watch a folder that exists.
func NewWatch(dir string) *Watch {
	return &Watch{dir: dir, ballast: filepath.Join(dir, "ballast"), room: Room}
}

// Look judges the room now, and gives the ballast back or takes it.
func (w *Watch) Look() (Stage, error) {
	free, size, err := w.room(w.dir)
	if err != nil {
		return w.stage, err
	}
	ballast := w.held()
	w.stage = stageOf(free, ballast, size)
	switch {
	case w.stage >= Scarce && ballast > 0:
		if err := os.Remove(w.ballast); err != nil {
			return w.stage, fmt.Errorf("give the ballast back: %w", err)
		}
	case ballast == 0 && free > protocol.BallastBytes && stageOf(free-protocol.BallastBytes, 0, size) == Plenty:
		if err := reserve(w.ballast, protocol.BallastBytes); err != nil && !errors.Is(err, errors.ErrUnsupported) {
			return w.stage, fmt.Errorf("take a ballast: %w", errors.Join(err, os.Remove(w.ballast)))
		}
	}
	return w.stage, nil
}

func (w *Watch) held() uint64 {
	info, err := os.Stat(w.ballast)
	if err != nil {
		return 0
	}
	return uint64(info.Size())
}

// Room is what is left on the disk of a folder, and how large the disk is, in bytes.
func Room(dir string) (free, size uint64, err error) {
	var stat syscall.Statfs_t
	if err := syscall.Statfs(dir, &stat); err != nil {
		return 0, 0, fmt.Errorf("ask for free space: %w", err)
	}
	return stat.Bavail * uint64(stat.Bsize), stat.Blocks * uint64(stat.Bsize), nil
}

// ErrVolume is a place where no sale is safe.
var ErrVolume = errors.New("a ledger belongs on this PC's own disk, where a sale that was answered stays; name another folder with --data")
