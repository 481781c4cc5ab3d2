package volume

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/shelfsync/shelfsync/protocol"
)

const gib = 1 << 30

func TestRoomRunsOutInStages(t *testing.T) {
	for _, c := range []struct {
		free, ballast, size uint64
		want                Stage
	}{
		{100 * gib, 0, 200 * gib, Plenty},
		{6 * gib, 0, 2000 * gib, Plenty}, // a tenth of a large disk is no shortage
		{5*gib - 1, 0, 2000 * gib, Low},
		{2*gib - 1, 0, 2000 * gib, Short},
		{gib/2 - 1, 0, 2000 * gib, Scarce},
		{gib/2 - 1, 64 << 20, 2000 * gib, Short}, // the ballast is room too
		{protocol.DiskFullBytes - 1, 64 << 20, 2000 * gib, Full},
		{2 * gib, 0, 8 * gib, Plenty}, // and so is a quarter of a small one
		{8*gib/10 - 1<<20, 0, 8 * gib, Low},
		{8*gib/20 - 1<<20, 0, 8 * gib, Short},
		{8*gib/50 - 1<<20, 0, 8 * gib, Scarce},
		{0, 0, 8 * gib, Full},
	} {
		if have := stageOf(c.free, c.ballast, c.size); have != c.want {
			t.Errorf("%d free and %d of ballast of %d is %s, want %s", c.free, c.ballast, c.size, have, c.want)
		}
	}
	for stage := Low; stage <= Full; stage++ {
		if stage.Sentence() == "" || stage.String() == "plenty" {
			t.Errorf("stage %d has no words", stage)
		}
	}
}

// The ballast is taken where there is plenty, and given back when room is scarce.
func TestTheBallastIsGivenBack(t *testing.T) {
	dir := t.TempDir()
	w := NewWatch(dir)
	stage, err := w.Look()
	if err != nil {
		t.Fatal(err)
	}
	free, size, err := Room(dir)
	if err != nil {
		t.Fatal(err)
	}
	if stage != stageOf(free, w.held(), size) {
		t.Errorf("stage %s with %d of %d free", stage, free, size)
	}
	if stage != Plenty {
		t.Skipf("the ballast is not seen being taken: %s of room on this disk", stage)
	}
	if held := w.held(); held != 0 && held != protocol.BallastBytes {
		t.Errorf("the ballast has %d bytes", held)
	}
	if err := os.WriteFile(w.ballast, make([]byte, 4096), 0o600); err != nil {
		t.Fatal(err)
	}
	w.room = func(string) (uint64, uint64, error) { return 1 << 20, size, nil }
	if stage, err := w.Look(); err != nil || stage != Full || w.held() != 0 {
		t.Errorf("stage %s, %v, %d of ballast", stage, err, w.held())
	}
	if _, err := w.Look(); err != nil || w.held() != 0 {
		t.Errorf("%v, %d of ballast", err, w.held())
	}
}

func TestADiskThatCanBeTakenOutIsFound(t *testing.T) {
	sys := t.TempDir()
	for path, flag := range map[string]string{"devices/pci/ata1/block/sda": "0", "devices/pci/ata2/block/sdb": "1", "devices/pci/usb1/block/sdc": "0"} {
		if err := os.MkdirAll(filepath.Join(sys, path, "part1"), 0o750); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(sys, path, "removable"), []byte(flag+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(filepath.Join(sys, path, "part1"), filepath.Join(sys, filepath.Base(path))); err != nil {
			t.Fatal(err)
		}
	}
	for name, want := range map[string]bool{"sda": false, "sdb": true, "sdc": true, "none": false} {
		if have := removable(filepath.Join(sys, name)); have != want {
			t.Errorf("%s can be taken out: %t", name, have)
		}
	}
}

func TestAFolderOfTheSystemItselfIsNoNetworkVolume(t *testing.T) {
	err := Refuse("/proc") // of a kind that every Linux has, and that is neither
	if err != nil {
		t.Error(err)
	}
	foreign[0x9fa0] = "a network" // as if it were
	defer delete(foreign, 0x9fa0)
	if err := Refuse("/proc"); !errors.Is(err, ErrVolume) || !strings.Contains(err.Error(), "a network") {
		t.Errorf("got %v", err)
	}
}
