package rehearse

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"sync/atomic"
	"time"
)

// Process is one real program of ours that a rehearsal starts, kills and starts
// again on the same folder and port.
type Process struct {
	Name    string
	Address string // where its HTTP API listens
	binary  string
	args    []string
	log     string
	command *exec.Cmd
	exited  chan struct{}
	meant   atomic.Bool // somebody ended it
}

// Ports are drawn below those that kernels give to connections going out: one of
// these could have taken the port of a program before it listens, or while it is
// being started again.
const (
	firstPort = 12_000
	lastPort  = 32_000
	portTries = 100
)

// freePort finds a port nobody listens on. As long as the run lasts it holds the
// datagram port of the same number, which says to other runs on this machine that
// the port is taken, also while its program is down.
func (r *Run) freePort() (address string, err error) {
	for range portTries {
		address = fmt.Sprintf("127.0.0.1:%d", firstPort+rand.IntN(lastPort-firstPort))
		var held net.PacketConn
		if held, err = net.ListenPacket("udp", address); err != nil {
			continue
		}
		var l net.Listener
		if l, err = net.Listen("tcp", address); err != nil {
			held.Close()
			continue
		}
		r.held = append(r.held, held)
		return address, l.Close()
	}
	return "", err
}

// Start runs the program; Ready waits until it answers.
func (p *Process) Start() error {
	out, err := os.OpenFile(p.log, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		return fmt.Errorf("start %s: %w", p.Name, err)
	}
	defer out.Close()
	p.command = exec.Command(p.binary, p.args...)
	p.command.Stdout, p.command.Stderr = out, out
	if err := p.command.Start(); err != nil {
		return fmt.Errorf("start %s: %w", p.Name, err)
	}
	exited := make(chan struct{})
	p.exited = exited
	p.meant.Store(false)
	go func(c *exec.Cmd) { _ = c.Wait(); close(exited) }(p.command) // Kill, Stop and Ready wait
	return nil
}

// Ready waits until the program says that it can serve.
func (p *Process) Ready(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	client := &http.Client{Timeout: time.Second}
	for {
		if response, err := client.Get("http://" + p.Address + "/readyz"); err == nil {
			response.Body.Close()
			if response.StatusCode == http.StatusOK {
				return nil
			}
		}
		select {
		case <-p.exited:
			return fmt.Errorf("%s ended while starting; its last words are in %s: %s", p.Name, p.log, tail(p.log))
		case <-ctx.Done():
			return fmt.Errorf("%s was not ready in time; its words are in %s: %s", p.Name, p.log, tail(p.log))
		case <-time.After(20 * time.Millisecond):
		}
	}
}

func tail(path string) string {
	text, _ := os.ReadFile(path)
	return string(text[max(0, len(text)-800):])
}

// ended reports a program that is not running although nobody ended it.
func (p *Process) ended() error {
	if p.meant.Load() {
		return nil
	}
	select {
	case <-p.exited:
		return fmt.Errorf("%s ended by itself; its last words are in %s: %s", p.Name, p.log, tail(p.log))
	default:
		return nil
	}
}

// Kill sends SIGKILL and reports whether it ended a running program.
func (p *Process) Kill() bool {
	select {
	case <-p.exited:
		return false // it was not running: no fault happened
	default:
	}
	p.meant.Store(true)
	if p.command.Process.Kill() != nil {
		return false
	}
	<-p.exited
	return true
}

// Stop ends the program as an operator would, and for good after a while.
func (p *Process) Stop() {
	if p.command == nil {
		return
	}
	p.meant.Store(true)
	_ = p.command.Process.Signal(os.Interrupt)
	select {
	case <-p.exited:
	case <-time.After(10 * time.Second):
		p.Kill()
	}
}

// programs finds the two programs in a folder, else beside this one, else
// builds them into dir.
func programs(ctx context.Context, built, dir string, say func(string)) (hub, agent string, err error) {
	if self, err := os.Executable(); err == nil && built == "" {
		built = filepath.Dir(self)
	}
	hub, agent = filepath.Join(built, "shelfsync-hub"), filepath.Join(built, "shelfsync-agent")
	if runnable(hub) && runnable(agent) {
		return hub, agent, nil
	}
	say("building shelfsync-hub and shelfsync-agent (the first time SQLite takes a minute)")
	build := exec.CommandContext(ctx, "go", "build", "-o", dir+string(filepath.Separator),
		"github.com/shelfsync/shelfsync/cmd/shelfsync-hub", "github.com/shelfsync/shelfsync/cmd/shelfsync-agent")
	if out, err := build.CombinedOutput(); err != nil {
		return "", "", fmt.Errorf("build the programs: %w\n%s", err, out)
	}
	return filepath.Join(dir, "shelfsync-hub"), filepath.Join(dir, "shelfsync-agent"), nil
}

func runnable(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular() && info.Mode()&0o111 != 0
}
