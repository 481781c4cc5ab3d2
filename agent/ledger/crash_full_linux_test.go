package ledger_test

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/shelfsync/shelfsync/agent/ledger"
)

const fullEnv = "SHELFSYNC_LEDGER_FULL"

// TestADiskThatIsFullLosesNothing sells on disks of every size, in steps of 64 KiB,
// until each is full: the till is told, the ledger opens again once there is room,
// and holds all that was acknowledged. The disks are file systems in memory, in a mount
// namespace of a child.
func TestADiskThatIsFullLosesNothing(t *testing.T) {
	if dir := os.Getenv(fullEnv); dir != "" {
		for kib := 64; kib <= 4096; kib += 64 {
			fills(t, dir, kib)
		}
		fmt.Println("every disk was filled")
		return
	}
	child := exec.Command(os.Args[0], "-test.run", "^"+t.Name()+"$", "-test.v")
	child.Env = append(os.Environ(), fullEnv+"="+t.TempDir())
	child.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNS}
	if uid := os.Getuid(); uid != 0 {
		child.SysProcAttr.Cloneflags |= syscall.CLONE_NEWUSER
		child.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: uid, Size: 1}}
		child.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}}
	}
	out, err := child.CombinedOutput()
	switch {
	case strings.Contains(string(out), cannotMount), errors.Is(err, syscall.EPERM), errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EINVAL):
		t.Skipf("this machine does not let a test mount a file system of its own (%v): %.300s", err, out)
	case err != nil || !strings.Contains(string(out), "every disk was filled"):
		t.Fatalf("%v\n%s", err, out)
	}
	t.Logf("%s", out)
}

const cannotMount = "cannot mount"

// fills sells on a disk of a size until that is full, makes room and looks.
func fills(t *testing.T, dir string, kib int) {
	t.Helper()
	if err := errors.Join(syscall.Mount("", "/", "", syscall.MS_REC|syscall.MS_PRIVATE, ""), syscall.Mount("tmpfs", dir, "tmpfs", 0, fmt.Sprintf("size=%dk", kib))); err != nil {
		t.Fatalf("%s: %v", cannotMount, err)
	}
	defer func() {
		if err := syscall.Unmount(dir, 0); err != nil {
			t.Error(err)
		}
	}()
	s := &store{dir: filepath.Join(dir, "ledger"), random: rand.New(rand.NewPCG(1, uint64(kib)))}
	failed, count := starts.do(s), 0
	for failed == nil && count < 3000 {
		if failed = sells(1+s.random.IntN(4), large).do(s); failed == nil {
			count = len(s.entries)
		}
	}
	if failed == nil {
		t.Fatalf("%d KiB: %d operations, and the disk is not full", kib, count)
	}
	if s.l != nil {
		if _, err := s.l.Append([]ledger.Entry{saleOf(1_000_000, 80)}); err == nil {
			t.Fatalf("%d KiB: after %v the ledger went on", kib, failed)
		}
		_ = s.l.Close() // there is no room to end in
	}
	if l, err := ledger.Open(s.dir, names(2)); err == nil { // nor may there be to begin
		_ = l.Close()
	}
	if err := syscall.Mount("tmpfs", dir, "tmpfs", syscall.MS_REMOUNT, "size=64m"); err != nil {
		t.Fatalf("%s: %v", cannotMount, err)
	}
	if kib%512 == 0 {
		fmt.Printf("%d KiB: %d operations, then %v\n", kib, count, failed)
	}
	l, err := ledger.Open(s.dir, names(2))
	if err != nil {
		t.Fatalf("%d KiB: with room again: %v", kib, err)
	}
	defer l.Close()
	for i := range s.entries[:count] {
		e := &s.entries[i]
		r, ok, err := l.ByKey(e.Key)
		if err != nil || !ok || r.Sequence != uint64(i)+1 || !bytes.Equal(r.Bytes, e.Bytes) || !bytes.Equal(r.Answer, e.Answer) || r.Fingerprint != e.Fingerprint {
			t.Fatalf("%d KiB: operation %d of %d was acknowledged, and is %t, %+v, %v", kib, i+1, count, ok, r, err)
		}
	}
	if _, err := l.Append([]ledger.Entry{saleOf(1_000_001, 80)}); err != nil {
		t.Fatalf("%d KiB: with room again it does not go on: %v", kib, err)
	}
}
