package attack

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// program is one real process of ours, on its own port and folder.
type program struct {
	name    string
	address string // of its HTTP API
	log     string
	command *exec.Cmd
	exited  chan struct{}
	resting uint64  // bytes resident before the first attack
	before  uint64  // and before the present one, if that is more
	tasks   float64 // goroutines and open files then
}

// start runs a program of the folder options.Programs and waits until it serves.
func (w *world) start(ctx context.Context, binary, name string, args ...string) (*program, error) {
	p, err := w.launch(binary, name, args...)
	if err != nil {
		return nil, err
	}
	return p, p.ready(ctx)
}

func (w *world) launch(binary, name string, args ...string) (*program, error) {
	address, err := freePort()
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	p := &program{name: name, address: address, log: filepath.Join(w.dir, name+".log"), exited: make(chan struct{})}
	out, err := os.Create(p.log)
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	defer out.Close()
	args = append(args, "--listen", address, "--data", filepath.Join(w.dir, name))
	p.command = exec.Command(filepath.Join(w.options.Programs, binary), args...)
	p.command.Stdout, p.command.Stderr = out, out
	if err := p.command.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	go func() { _ = p.command.Wait(); close(p.exited) }() // stop and ready wait
	w.running = append(w.running, p)
	return p, nil
}

// freePort finds a port nobody listens on, below those that the kernel gives to
// outgoing connections: a flood opens a thousand, and one of them could take it
// before the program does.
func freePort() (address string, err error) {
	for range 100 {
		l, failed := net.Listen("tcp", "127.0.0.1:"+strconv.Itoa(20_000+rand.IntN(12_000)))
		if failed == nil {
			return l.Addr().String(), l.Close()
		}
		err = failed
	}
	return "", err
}

// startWait bounds how long a program may take until it serves.
const startWait = 60 * time.Second

func (p *program) ready(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startWait)
	defer cancel()
	for !p.answers(ctx, "/readyz") {
		select {
		case <-p.exited:
			return fmt.Errorf("%s ended while starting: %s", p.name, p.lastWords())
		case <-ctx.Done():
			return fmt.Errorf("%s was not ready in time: %s", p.name, p.lastWords())
		case <-time.After(10 * time.Millisecond):
		}
	}
	return nil
}

func (p *program) answers(ctx context.Context, path string) bool {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+p.address+path, nil)
	if err != nil {
		return false
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return false
	}
	response.Body.Close()
	return response.StatusCode == http.StatusOK
}

// fault says what is wrong with the program after an attack, or nothing: it must
// be the same process, and serve.
func (p *program) fault(ctx context.Context) string {
	select {
	case <-p.exited:
		return p.name + " has ended: " + p.lastWords()
	default:
	}
	if !p.answers(ctx, "/livez") || !p.answers(ctx, "/readyz") {
		return p.name + " does not serve: " + p.lastWords()
	}
	return ""
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

// forgetPeak makes the kernel measure the peak of the resident memory anew.
func (p *program) forgetPeak() error {
	if err := os.WriteFile(p.proc("clear_refs"), []byte("5"), 0); err != nil {
		return fmt.Errorf("forget the peak memory of %s: %w", p.name, err)
	}
	return nil
}

// memory is what the process has resident now, and had at most since forgetPeak,
// in bytes.
func (p *program) memory() (resident, peak uint64, err error) {
	text, err := os.ReadFile(p.proc("status"))
	if err != nil {
		return 0, 0, fmt.Errorf("read the memory of %s: %w", p.name, err)
	}
	for line := range strings.Lines(string(text)) {
		words := strings.Fields(line)
		if len(words) != 3 {
			continue
		}
		kib, _ := strconv.ParseUint(words[1], 10, 64)
		switch words[0] {
		case "VmRSS:":
			resident = kib << 10
		case "VmHWM:":
			peak = kib << 10
		}
	}
	if peak == 0 {
		return 0, 0, fmt.Errorf("the status of %s names no peak of its memory", p.name)
	}
	return resident, peak, nil
}

func (p *program) proc(file string) string {
	return filepath.Join("/proc", strconv.Itoa(p.command.Process.Pid), file)
}
