package installer_test

import (
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/shelfsync/shelfsync/installer"
)

func TestWrongOptionsAreRefusedBeforeAnythingIsDone(t *testing.T) {
	for _, c := range []struct {
		name, want string
		spoil      func(o *installer.Options)
	}{
		{"no role", `role "": it is agent or hub`, func(o *installer.Options) { o.Role = "" }},
		{"no program", "no program given", func(o *installer.Options) { o.Program = "" }},
		{"a program that is not there", "no such file", func(o *installer.Options) { o.Program += "-gone" }},
		{"a program that is a folder", "not an executable file", func(o *installer.Options) { o.Program = filepath.Dir(o.Program) }},
		{"no location", "1 to 64 printable", func(o *installer.Options) { o.Location = "" }},
		{"a long location", "1 to 64 printable", func(o *installer.Options) { o.Location = strings.Repeat("Ø", 65) }},
		{"a location of two lines", "1 to 64 printable", func(o *installer.Options) { o.Location = "S014\nsingle = true" }},
		{"a location of broken bytes", "1 to 64 printable", func(o *installer.Options) { o.Location = "S\xff" }},
		{"no hub", "0 hub addresses", func(o *installer.Options) { o.Hubs = nil }},
		{"a hub without a port", "not host:port", func(o *installer.Options) { o.Hubs = []string{"hub.example"} }},
		{"a hub with a URL", "not host:port", func(o *installer.Options) { o.Hubs = []string{"https://hub.example:7420"} }},
		{"a hub at port 0", "1 to 65535", func(o *installer.Options) { o.Hubs = []string{"hub.example:0"} }},
		{"a hub at port 70000", "1 to 65535", func(o *installer.Options) { o.Hubs = []string{"hub.example:70000"} }},
		{"a hub with a quote", "neither a name nor", func(o *installer.Options) { o.Hubs = []string{`a"b:7420`} }},
		{"a hub without a host", "neither a name nor", func(o *installer.Options) { o.Hubs = []string{":7420"} }},
		{"the second of two hubs", `"b"`, func(o *installer.Options) { o.Hubs = []string{"a:1", "b"} }},
		{"a bad listen address", "listen", func(o *installer.Options) { o.Listen = "7410" }},
		{"relative data", "absolute path", func(o *installer.Options) { o.DataDir = "data" }},
		{"data in the unit's syntax", "absolute path", func(o *installer.Options) { o.DataDir = "/srv/%n" }},
		{"data above the root", "absolute path", func(o *installer.Options) { o.DataDir = "/srv/../../etc" }},
		{"data in a home", "cannot keep data in /home", func(o *installer.Options) { o.DataDir = "/home/till/data" }},
		{"a hub with a location", "a hub takes no location", func(o *installer.Options) { o.Role = installer.Hub }},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := agent(t)
			c.spoil(&o)
			err := installer.Run(t.Context(), o, false, io.Discard)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %q", err, c.want)
			}
			if _, err := os.Lstat(o.Prefix); !os.IsNotExist(err) {
				t.Errorf("something is half done: %v", err)
			}
		})
	}
}

func TestALocationOfSixtyFourLettersIsTaken(t *testing.T) {
	o := agent(t)
	o.Location = strings.Repeat("Ø", 64)
	install(t, o)
}

func TestALinkOutOfThePrefixIsNotFollowed(t *testing.T) {
	o, outside := agent(t), t.TempDir()
	if err := os.MkdirAll(o.Prefix, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(outside, filepath.Join(o.Prefix, "etc")); err != nil {
		t.Fatal(err)
	}
	err := installer.Run(t.Context(), o, false, io.Discard)
	if err == nil || !strings.Contains(err.Error(), "leads out of the prefix") {
		t.Errorf("got %v", err)
	}
	for _, dir := range []string{outside, filepath.Join(o.Prefix, "usr")} {
		if entries, err := os.ReadDir(dir); len(entries) > 0 {
			t.Errorf("%s was touched: %v, %v", dir, entries, err)
		}
	}
}

func TestAPrefixThatIsTheRootInDisguise(t *testing.T) {
	o := agent(t)
	if err := os.Symlink("/", o.Prefix); err != nil {
		t.Fatal(err)
	}
	err := installer.Run(t.Context(), o, false, io.Discard)
	if err == nil || !strings.Contains(err.Error(), "the machine's own root") {
		t.Errorf("got %v", err)
	}
}

func TestARelativePrefixIsBelowTheWorkingFolder(t *testing.T) {
	o := agent(t)
	t.Chdir(t.TempDir())
	o.Prefix = "root"
	install(t, o)
	if _, err := os.Lstat("root/usr/local/bin/shelfsync-agent"); err != nil {
		t.Error(err)
	}
}
