package installer

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// A folder is a directory with a mode and, on the machine itself, an owner.
type folder struct {
	path  string
	mode  fs.FileMode
	owner string // empty: whoever installs
	exec  Exec
}

func (s folder) place() string { return s.path }

func (s folder) String() string {
	owner := ""
	if s.owner != "" {
		owner = ", owned by " + s.owner
	}
	return fmt.Sprintf("folder %s, mode %04o%s", s.path, s.mode, owner)
}

func (s folder) check(ctx context.Context) (bool, string) {
	info, err := os.Stat(s.path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return false, "missing"
	case err != nil:
		return false, err.Error()
	case !info.IsDir():
		return false, "not a folder"
	case info.Mode().Perm() != s.mode:
		return false, fmt.Sprintf("mode is %04o", info.Mode().Perm())
	case s.owner == "":
		return true, "as planned"
	}
	owner, err := s.exec(ctx, "stat", "-c", "%U", s.path)
	if err != nil {
		return false, err.Error()
	}
	if owner != s.owner {
		return false, "owned by " + owner
	}
	return true, "as planned"
}

func (s folder) apply(ctx context.Context) (string, error) {
	if info, err := os.Stat(s.path); err == nil && !info.IsDir() {
		return "", errors.New("a file stands there: move it away")
	}
	if err := os.MkdirAll(s.path, 0o755); err != nil {
		return "", err
	}
	if err := os.Chmod(s.path, s.mode); err != nil {
		return "", err
	}
	if s.owner != "" {
		if _, err := s.exec(ctx, "chown", s.owner+":", s.path); err != nil {
			return "", err
		}
	}
	return "made so", syncFolder(filepath.Dir(s.path))
}

// A program is an executable that is copied to its place.
type program struct{ source, path string }

const programMode = 0o755

func (s program) place() string { return s.path }

func (s program) String() string {
	return fmt.Sprintf("program %s, mode %04o, from %s", s.path, programMode, s.source)
}

// ready refuses a source that is not an executable file.
func (s program) ready() error {
	info, err := os.Stat(s.source)
	if err != nil {
		return fmt.Errorf("the program to install: %w", err)
	}
	if !info.Mode().IsRegular() || info.Mode()&0o111 == 0 {
		return fmt.Errorf("the program to install, %s, is not an executable file", s.source)
	}
	return nil
}

func (s program) check(ctx context.Context) (bool, string) {
	content, err := os.ReadFile(s.source)
	if err != nil {
		return false, "the program to install: " + err.Error()
	}
	return file{path: s.path, mode: programMode, content: content}.check(ctx)
}

func (s program) apply(ctx context.Context) (string, error) {
	content, err := os.ReadFile(s.source)
	if err != nil {
		return "", err
	}
	return file{path: s.path, mode: programMode, content: content}.apply(ctx)
}

// A file is replaced whenever it differs: nobody edits it in place.
type file struct {
	kind    string
	path    string
	mode    fs.FileMode
	content []byte
}

func (s file) place() string { return s.path }

func (s file) String() string {
	return fmt.Sprintf("%s %s, mode %04o%s", s.kind, s.path, s.mode, quoted(s.content))
}

func (s file) check(context.Context) (bool, string) {
	info, err := os.Lstat(s.path)
	if errors.Is(err, fs.ErrNotExist) {
		return false, "missing"
	}
	if err != nil {
		return false, err.Error()
	}
	if !info.Mode().IsRegular() {
		return false, "not a regular file"
	}
	content, err := os.ReadFile(s.path)
	switch {
	case err != nil:
		return false, err.Error()
	case !bytes.Equal(content, s.content):
		return false, "another content"
	case info.Mode().Perm() != s.mode:
		return false, fmt.Sprintf("mode is %04o", info.Mode().Perm())
	}
	return true, "as planned"
}

func (s file) apply(context.Context) (string, error) {
	return "written", writeWhole(s.path, s.content, s.mode)
}

// The settings are the configuration. People edit it, so one that differs is
// kept, with the planned one beside it to compare.
type settings struct {
	path    string
	content []byte
}

const settingsMode = 0o644

func (s settings) place() string { return s.path }
func (s settings) fresh() string { return s.path + ".new" }

func (s settings) String() string {
	return fmt.Sprintf("configuration %s, mode %04o; an edited one is kept%s", s.path, settingsMode, quoted(s.content))
}

func (s settings) check(context.Context) (bool, string) {
	content, err := os.ReadFile(s.path)
	if errors.Is(err, fs.ErrNotExist) {
		return false, "missing"
	}
	if err != nil {
		return false, err.Error()
	}
	if bytes.Equal(content, s.content) {
		return true, "as planned"
	}
	if fresh, err := os.ReadFile(s.fresh()); err == nil && bytes.Equal(fresh, s.content) {
		return true, "edited, and kept; the planned one is in " + s.fresh()
	}
	return false, "edited, and the planned one is not yet in " + s.fresh()
}

func (s settings) apply(context.Context) (string, error) {
	if _, err := os.Lstat(s.path); errors.Is(err, fs.ErrNotExist) {
		return "written", writeWhole(s.path, s.content, settingsMode)
	}
	return "edited, and kept; wrote the planned one to " + s.fresh(), writeWhole(s.fresh(), s.content, settingsMode)
}

// A removal deletes a file that an installation wrote.
type removal struct{ path string }

func (s removal) place() string  { return s.path }
func (s removal) String() string { return "remove " + s.path }

func (s removal) check(context.Context) (bool, string) {
	if _, err := os.Lstat(s.path); errors.Is(err, fs.ErrNotExist) {
		return true, "not there"
	}
	return false, "still there"
}

func (s removal) apply(context.Context) (string, error) {
	if err := os.Remove(s.path); err != nil {
		return "", err
	}
	return "removed", syncFolder(filepath.Dir(s.path))
}

// kept says what a removal leaves, so that nobody believes it gone.
type kept struct{ what, path string }

func (s kept) place() string                         { return "" }
func (s kept) String() string                        { return fmt.Sprintf("keep the %s: %s", s.what, s.path) }
func (s kept) apply(context.Context) (string, error) { return "kept", nil }

func (s kept) check(context.Context) (bool, string) {
	return true, "kept; delete it by hand when nobody needs it"
}

// quoted sets a file's text below its line in the plan.
func quoted(content []byte) string {
	var text strings.Builder
	for line := range strings.Lines(string(content)) {
		text.WriteString("\n    " + strings.TrimRight("| "+strings.TrimRight(line, "\n"), " "))
	}
	return text.String()
}

// writeWhole leaves the old file or the new one, also when it is interrupted. The
// name it writes under is fixed, so what an interruption left is used again.
func writeWhole(path string, content []byte, mode fs.FileMode) error {
	part := filepath.Join(filepath.Dir(path), "."+filepath.Base(path)+".part")
	if err := writeSynced(part, content, mode); err != nil {
		return err
	}
	if err := os.Rename(part, path); err != nil {
		return err
	}
	return syncFolder(filepath.Dir(path))
}

func writeSynced(path string, content []byte, mode fs.FileMode) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(content)
	// The mode is set apart from the opening, which the umask would narrow.
	return errors.Join(err, f.Chmod(mode), f.Sync(), f.Close())
}

// syncFolder makes a rename or a removal survive a power cut.
func syncFolder(path string) error {
	dir, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}
