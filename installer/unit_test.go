package installer_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/shelfsync/shelfsync/installer"
)

// systemd itself reads the units: below a root in which the program is there.
func TestSystemdTakesTheUnits(t *testing.T) {
	analyze, err := exec.LookPath("systemd-analyze")
	if err != nil {
		t.Skip("systemd-analyze is not on this machine, so only the golden plan checks the unit")
	}
	for _, role := range []installer.Role{installer.Agent, installer.Hub} {
		for _, data := range []string{"", "/srv/stock"} {
			o := agent(t)
			o.Role, o.DataDir = role, data
			if role == installer.Hub {
				o.Location, o.Hubs = "", nil
			}
			install(t, o)
			unit := runnable(t, filepath.Join(o.Prefix, "etc/systemd/system/shelfsync-"+string(role)+".service"), o.Program)
			out, err := exec.Command(analyze, "verify", "--man=no", unit).CombinedOutput()
			if err != nil || strings.Contains(string(out), filepath.Base(unit)) {
				t.Errorf("%s with data in %q: %v\n%s", role, data, err, out)
			}
		}
	}
}

// runnable is a copy of the unit whose program exists on the machine that checks.
func runnable(t *testing.T, unit, program string) string {
	t.Helper()
	var lines []string
	for line := range strings.Lines(read(t, unit)) {
		if strings.HasPrefix(line, "ExecStart=") {
			_, arguments, _ := strings.Cut(line, " ")
			line = "ExecStart=" + program + " " + arguments
		}
		lines = append(lines, line)
	}
	path := filepath.Join(t.TempDir(), filepath.Base(unit))
	if err := os.WriteFile(path, []byte(strings.Join(lines, "")), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}
