package bench

import (
	"fmt"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
)

// runAs is the account that a server runs as which refuses to be root: the one
// that Debian's package makes; nil if we are not root and may just start it.
func runAs(name string) (*syscall.SysProcAttr, error) {
	if os.Getuid() != 0 {
		return nil, nil
	}
	account, err := user.Lookup(name)
	if err != nil {
		return nil, fmt.Errorf("find the account that the server runs as: %w", err)
	}
	uid, err := strconv.ParseUint(account.Uid, 10, 32)
	if err != nil {
		return nil, fmt.Errorf("number of account %s: %w", name, err)
	}
	gid, err := strconv.ParseUint(account.Gid, 10, 32)
	if err != nil {
		return nil, fmt.Errorf("group of account %s: %w", name, err)
	}
	return &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}}, nil
}

// give makes a folder the account's, and lets the account reach it.
func give(dir string, to *syscall.SysProcAttr) error {
	if to == nil {
		return nil
	}
	if err := os.Chown(dir, int(to.Credential.Uid), int(to.Credential.Gid)); err != nil {
		return fmt.Errorf("give the server its folder: %w", err)
	}
	for above := range 2 { // the row's folder and the run's, which are ours
		dir = filepath.Dir(dir)
		if err := os.Chmod(dir, 0o711); err != nil {
			return fmt.Errorf("let the server reach its folder, %d above it: %w", above+1, err)
		}
	}
	return nil
}
