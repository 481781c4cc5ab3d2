package volume

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// foreign are file systems on which no sale is safe, by their number in statfs(2):
// on a network, locks and syncs are promises of another machine; those of sticks and
// cards keep no journal.
var foreign = map[uint32]string{
	0x6969: "NFS", 0x517b: "SMB", 0xff534d42: "CIFS", 0xfe534d42: "SMB2", 0x5346414f: "AFS", 0x73757245: "Coda", 0x00c36400: "Ceph",
	0x01021997: "9P", 0x65735546: "FUSE", 0x4d44: "FAT", 0x2011bab0: "exFAT", 0x7461636f: "OCFS2", 0x01161970: "GFS2",
}

// Refuse says why a ledger must not be kept in a folder that exists; nil where it may.
func Refuse(dir string) error {
	var stat syscall.Statfs_t
	if err := syscall.Statfs(dir, &stat); err != nil {
		return fmt.Errorf("look at the volume of %s: %w", dir, err)
	}
	if name := foreign[uint32(stat.Type)]; name != "" {
		return fmt.Errorf("%s is on %s: %w", dir, name, ErrVolume)
	}
	var file syscall.Stat_t
	if err := syscall.Stat(dir, &file); err != nil {
		return fmt.Errorf("look at the volume of %s: %w", dir, err)
	}
	dev := uint64(file.Dev)
	major, minor := dev>>8&0xfff|dev>>32&^0xfff, dev&0xff|dev>>12&^0xff
	if removable(fmt.Sprintf("/sys/dev/block/%d:%d", major, minor)) {
		return fmt.Errorf("%s is on a disk that can be taken out: %w", dir, ErrVolume)
	}
	return nil
}

// removable looks a block device up in the kernel's tree; where that has no answer,
// as in a container, it is not.
func removable(entry string) bool {
	device, err := filepath.EvalSymlinks(entry)
	if err != nil {
		return false
	}
	for _, at := range []string{device, filepath.Dir(device)} { // a partition lies below its disk
		if b, err := os.ReadFile(filepath.Join(at, "removable")); err == nil && strings.TrimSpace(string(b)) == "1" {
			return true
		}
	}
	return strings.Contains(device, "/usb")
}

// reserve takes so many bytes of the disk without writing them.
func reserve(path string, bytes int64) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o640)
	if err != nil {
		return err
	}
	err = syscall.Fallocate(int(f.Fd()), 0, 0, bytes)
	if errors.Is(err, syscall.EOPNOTSUPP) {
		err = errors.Join(errors.ErrUnsupported, os.Remove(path))
	}
	return errors.Join(err, f.Close())
}
