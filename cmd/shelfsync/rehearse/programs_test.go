package rehearse

import (
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
)

// the programs under test are built once for all tests of this package.
var (
	builtOnce sync.Once
	builtDir  string
	errBuilt  error
)

func TestMain(m *testing.M) {
	code := m.Run()
	if builtDir != "" {
		os.RemoveAll(builtDir)
	}
	os.Exit(code)
}

func built(t *testing.T) string {
	t.Helper()
	builtOnce.Do(func() {
		if builtDir, errBuilt = os.MkdirTemp("", "shelfsync-programs-"); errBuilt != nil {
			return
		}
		out, err := exec.Command("go", "build", "-o", builtDir+string(filepath.Separator),
			"github.com/shelfsync/shelfsync/cmd/shelfsync-hub", "github.com/shelfsync/shelfsync/cmd/shelfsync-agent").CombinedOutput()
		if errBuilt = err; err != nil {
			t.Logf("%s", out)
		}
	})
	if errBuilt != nil {
		t.Fatal(errBuilt)
	}
	return builtDir
}
