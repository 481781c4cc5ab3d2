package cluster_test

import (
	"bufio"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/shelfsync/shelfsync/hub/cluster"
	"github.com/shelfsync/shelfsync/hub/cluster/clustertest"
)

// childDir tells a child process which folder to write to.
const childDir = "SHELFSYNC_TEST_CLUSTER_DIR"

// child is what this test binary does when it is started to be killed: it
// proposes numbers for ever, on from the last one applied, and prints each that
// was acknowledged.
func child() {
	dir := os.Getenv(childDir)
	if dir == "" {
		return
	}
	machine := clustertest.NewTally()
	order, err := cluster.Open(cluster.Config{Dir: dir, Single: true, Machine: machine, Log: slog.New(slog.NewTextHandler(io.Discard, nil)),
		TrailingLogs: 8, SnapshotThreshold: 64, SnapshotInterval: 5_000_000}) // 5 ms: the kills shall hit snapshots as well
	if err != nil {
		fmt.Println("open:", err)
		os.Exit(1)
	}
	for order.Barrier(1e9) != nil {
	}
	for n := len(machine.Seen().Lines) + 1; ; n++ {
		if p := <-order.Propose([]byte(strconv.Itoa(n))); p.Err != nil {
			fmt.Println("propose:", p.Err)
			os.Exit(1)
		}
		fmt.Println(n)
	}
}

func TestEveryAcknowledgedEntrySurvivesKills(t *testing.T) {
	if testing.Short() {
		t.Skip("starts ten processes")
	}
	dir := filepath.Join(t.TempDir(), "raft")
	acknowledged := 0
	for kill := range 10 {
		last := runAndKill(t, dir, 150+37*kill)
		if last <= acknowledged {
			t.Fatalf("run %d acknowledged up to %d, the one before up to %d", kill, last, acknowledged)
		}
		acknowledged = last
		machine := clustertest.NewTally()
		config := single(t)
		config.Dir = dir
		order := clustertest.Start(t, opening(config), machine)
		if err := order.Close(); err != nil {
			t.Fatal(err)
		}
		lines := machine.Seen().Lines
		for i, line := range lines {
			if line != strconv.Itoa(i+1) {
				t.Fatalf("after kill %d entry %d is %q: lost or doubled", kill, i+1, line)
			}
		}
		if len(lines) < acknowledged {
			t.Fatalf("after kill %d entry %d is gone; it was acknowledged", kill, acknowledged)
		}
	}
	t.Logf("%d entries acknowledged over 10 kills, all there once", acknowledged)
}

// runAndKill runs a child until it has acknowledged so many entries, kills it and
// returns the last number that it had printed.
func runAndKill(t *testing.T, dir string, count int) (last int) {
	t.Helper()
	program := exec.Command(os.Args[0])
	program.Env = append(os.Environ(), childDir+"="+dir)
	out, err := program.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := program.Start(); err != nil {
		t.Fatal(err)
	}
	in := bufio.NewReader(out)
	for seen := 0; ; seen++ {
		if seen == count {
			_ = program.Process.Kill() // what it has printed meanwhile counts as well
		}
		line, err := in.ReadString('\n')
		if err != nil {
			break
		}
		if last, err = strconv.Atoi(strings.TrimSpace(line)); err != nil {
			t.Errorf("the child said %q", line)
		}
	}
	_ = program.Wait() // killed
	return last
}
