package bench

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// program is one real process that the run started, on its own port and folder.
type program struct {
	name    string
	address string // of its HTTP API
	log     string
	command *exec.Cmd
	exited  chan struct{}
}

// start runs a program and waits until it can serve. name chooses its folder, so
// that a program started again under a name finds what it left there.
func (b *Bench) start(ctx context.Context, binary, name string, args ...string) (*program, error) {
	p, err := b.begin(binary, name, args...)
	if err != nil {
		return nil, err
	}
	return p, p.ready(ctx)
}

// begin runs a program and does not wait for it.
func (b *Bench) begin(binary, name string, args ...string) (*program, error) {
	address, err := freePort()
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	args = append(args, "--listen", address, "--data", b.folder(name))
	p, err := b.launch(name, exec.Command(filepath.Join(b.options.Programs, binary), args...))
	if err != nil {
		return nil, err
	}
	p.address = address
	return p, nil
}

// launch starts a process that the run owns; its words go to a log of its name.
func (b *Bench) launch(name string, command *exec.Cmd) (*program, error) {
	p := &program{name: name, log: b.folder(name + ".log"), command: command, exited: make(chan struct{})}
	out, err := os.OpenFile(p.log, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	defer out.Close()
	command.Stderr = out
	if command.Stdout == nil { // else its answers are read by who starts it
		command.Stdout = out
	}
	if err := command.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	go func() { _ = command.Wait(); close(p.exited) }() // stop and ready wait
	b.running = append(b.running, p)
	return p, nil
}

func freePort() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer l.Close()
	return l.Addr().String(), nil
}

// startWait bounds how long a program may take until it serves.
const startWait = 60 * time.Second

func (p *program) ready(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startWait)
	defer cancel()
	client := &http.Client{Timeout: time.Second}
	for {
		if response, err := client.Get("http://" + p.address + "/readyz"); err == nil {
			response.Body.Close()
			if response.StatusCode == http.StatusOK {
				return nil
			}
		}
		select {
		case <-p.exited:
			return fmt.Errorf("%s ended while starting: %s", p.name, p.lastWords())
		case <-ctx.Done():
			return fmt.Errorf("%s was not ready in time: %s", p.name, p.lastWords())
		case <-time.After(10 * time.Millisecond):
		}
	}
}

func (p *program) lastWords() string {
	text, _ := os.ReadFile(p.log)
	return string(text[max(0, len(text)-800):])
}

// stop ends the program as an operator would, and for good after a while.
func (p *program) stop() {
	_ = p.command.Process.Signal(os.Interrupt)
	select {
	case <-p.exited:
	case <-time.After(10 * time.Second):
		_ = p.command.Process.Kill()
		<-p.exited
	}
}

// peak is the most memory the process ever had resident, in MiB.
func (p *program) peak() (float64, error) {
	text, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(p.command.Process.Pid), "status"))
	if err != nil {
		return 0, fmt.Errorf("read the memory of %s: %w", p.name, err)
	}
	return peakOf(string(text))
}

func peakOf(status string) (float64, error) {
	for line := range strings.Lines(status) {
		if words := strings.Fields(line); len(words) == 3 && words[0] == "VmHWM:" {
			kib, err := strconv.ParseFloat(words[1], 64)
			return kib / 1024, err
		}
	}
	return 0, fmt.Errorf("no VmHWM in the process status")
}
