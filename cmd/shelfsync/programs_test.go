package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// builtDir holds the programs under test, once a test has asked for them.
var builtDir string

// built builds them, once for all tests of this package.
var built = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "shelfsync-programs-")
	if err != nil {
		return "", err
	}
	builtDir = dir
	out, err := exec.Command("go", "build", "-o", dir+string(filepath.Separator), "github.com/shelfsync/shelfsync/cmd/shelfsync",
		"github.com/shelfsync/shelfsync/cmd/shelfsync-hub", "github.com/shelfsync/shelfsync/cmd/shelfsync-agent").CombinedOutput()
	if err != nil {
		_, _ = os.Stderr.Write(out)
	}
	return dir, err
})

func TestMain(m *testing.M) {
	code := m.Run()
	if builtDir != "" {
		os.RemoveAll(builtDir)
	}
	os.Exit(code)
}

// soon bounds every wait for something that takes a moment.
const soon = 20 * time.Second

// until waits for a condition.
func until(t *testing.T, what string, met func() bool) {
	t.Helper()
	ended, tick := time.After(soon), time.NewTicker(20*time.Millisecond)
	defer tick.Stop()
	for !met() {
		select {
		case <-tick.C:
		case <-ended:
			t.Fatalf("%s: not within %s", what, soon)
		}
	}
}

// process is one of our programs that runs.
type process struct {
	address, data string
	kill          func() // as a power cut would; the program has ended when it returns
}

// program starts one of our programs on a port of the kernel's choice, which it
// says once it is ready.
func program(t *testing.T, name string, args ...string) *process {
	t.Helper()
	dir, err := built()
	if err != nil {
		t.Fatal(err)
	}
	p := &process{data: t.TempDir()}
	command := exec.CommandContext(t.Context(), filepath.Join(dir, name), append(args, "--listen", "127.0.0.1:0", "--data", p.data)...)
	command.Env = append(os.Environ(), "SHELFSYNC_HUB_LOG_FORMAT=json", "SHELFSYNC_AGENT_LOG_FORMAT=json")
	command.Cancel = func() error { return command.Process.Signal(os.Interrupt) }
	command.WaitDelay = soon
	log, err := command.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	found, ended := make(chan string, 1), make(chan struct{})
	go func() { // ends with the program, which the cleanup below waits for
		defer close(ended)
		listen(log, found)
		_ = command.Wait() // interrupted by us
	}()
	p.kill = func() { _ = command.Process.Kill(); <-ended }
	t.Cleanup(func() { _ = command.Process.Signal(os.Interrupt); <-ended })
	select {
	case p.address = <-found:
	case <-ended:
		t.Fatalf("%s ended while starting", name)
	}
	until(t, name+" is ready", func() bool {
		response, err := http.Get("http://" + p.address + "/readyz")
		if err != nil {
			return false
		}
		response.Body.Close()
		return response.StatusCode == http.StatusOK
	})
	return p
}

// listen reads a program's log until it ends, and tells where it listens.
func listen(log io.Reader, found chan<- string) {
	lines := bufio.NewScanner(log)
	for lines.Scan() {
		var line struct{ Msg, Listen string }
		if json.Unmarshal(lines.Bytes(), &line) == nil && strings.HasSuffix(line.Msg, " is up") {
			found <- line.Listen
		}
	}
}

func startHub(t *testing.T) string {
	t.Helper()
	return program(t, "shelfsync-hub", "run", "--single", "--raft-listen", "127.0.0.1:0").address
}

func startAgent(t *testing.T, location, hub string, args ...string) *process {
	t.Helper()
	return program(t, "shelfsync-agent", append([]string{"run", "--location", location, "--hub", hub}, args...)...)
}

// operator is a person at a terminal with the tool.
type operator struct {
	*testing.T
	hub   string
	stdin string
}

// run is one command line: what it wrote, and how it ended.
func (o *operator) run(args ...string) (out, say string, code int) {
	o.Helper()
	var stdout, stderr bytes.Buffer
	root := rootCommand()
	root.SetArgs(append(args, "--hub", o.hub))
	root.SetOut(&stdout)
	root.SetErr(&stderr)
	root.SetIn(strings.NewReader(o.stdin))
	code = execute(o.Context(), root)
	return stdout.String(), stderr.String(), code
}

// sees runs a command that must succeed, and checks its output's words.
func (o *operator) sees(line string, words ...string) string {
	o.Helper()
	return o.ends(0, line, words...)
}

// ends runs a command and checks its exit code, and words in either stream.
func (o *operator) ends(want int, line string, words ...string) string {
	o.Helper()
	out, say, code := o.run(strings.Fields(line)...)
	if code != want {
		o.Errorf("%s: exit %d, want %d\n%s%s", line, code, want, out, say)
	}
	said := strings.Join(strings.Fields(out+" "+say), " ")
	for _, word := range words {
		if !strings.Contains(said, word) {
			o.Errorf("%s does not say %q:\n%s%s", line, word, out, say)
		}
	}
	return out
}

// wire is a line between a store and the hub that a test cuts and mends.
type wire struct {
	listener net.Listener
	to       string
	cut      chan bool
	open     chan net.Conn
	ended    chan struct{}
}

func newWire(t *testing.T, to string) *wire {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	w := &wire{listener: listener, to: to, cut: make(chan bool), open: make(chan net.Conn), ended: make(chan struct{})}
	var carried sync.WaitGroup
	go w.accept(&carried) // ends with the listener
	go w.own()            // ends when accept has ended
	t.Cleanup(func() { w.set(true); listener.Close(); <-w.ended; carried.Wait() })
	return w
}

func (w *wire) address() string { return w.listener.Addr().String() }

// set cuts the line, or mends it.
func (w *wire) set(cut bool) { w.cut <- cut }

// own holds the open connections, alone.
func (w *wire) own() {
	var open []net.Conn
	cut := false
	closeAll := func() {
		for _, c := range open {
			c.Close()
		}
		open = nil
	}
	for {
		select {
		case cut = <-w.cut:
			if cut {
				closeAll()
			}
		case c := <-w.open:
			if c == nil {
				closeAll()
				close(w.ended)
				return
			}
			open = append(open, c)
			if cut {
				closeAll()
			}
		}
	}
}

func (w *wire) accept(carried *sync.WaitGroup) {
	defer func() { w.open <- nil }()
	for {
		near, err := w.listener.Accept()
		if err != nil {
			return
		}
		far, err := net.Dial("tcp", w.to)
		if err != nil {
			near.Close()
			continue
		}
		w.open <- near
		w.open <- far
		for _, pair := range [][2]net.Conn{{near, far}, {far, near}} {
			carried.Go(func() {
				_, _ = io.Copy(pair[0], pair[1]) // ends when either side is closed
				pair[0].Close()
				pair[1].Close()
			})
		}
	}
}
