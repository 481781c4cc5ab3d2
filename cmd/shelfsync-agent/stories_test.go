package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// The stories that docs/store-pc.md tells a store manager, with real programs. A
// script's own commands:
//
//	start NAME PROGRAM ARG…   starts a program and waits until it is ready
//	stop NAME | kill NAME     ends it in order, or as a power cut does
//	sell NAME RECEIPT…        one cup on each receipt; the till must be answered
//	selling NAME PREFIX       sells in the background until it is stopped or killed
//	sent NAME                 waits until nothing of the store waits for the hub
//	hub RECEIPT…              waits until the hub has exactly these, each once
//	page NAME TEXT            the store's page shows the text
//	tells CODE                the hub shows an exception of the code
//	folder FROM TO            copies a folder, as an image of the disk has it
//	spoil FILE TEXT           changes one byte of each occurrence
func TestStories(t *testing.T) {
	programs := t.TempDir()
	out, err := exec.Command("go", "build", "-o", programs+string(filepath.Separator), "github.com/shelfsync/shelfsync/cmd/shelfsync-hub", "github.com/shelfsync/shelfsync/cmd/shelfsync-agent").CombinedOutput()
	if err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	testscript.Run(t, testscript.Params{
		Dir: "testdata",
		Setup: func(env *testscript.Env) error {
			s := &scene{running: map[string]*program{}, sold: map[string][]string{}}
			env.Values["scene"] = s
			env.Setenv("PATH", programs+string(os.PathListSeparator)+os.Getenv("PATH"))
			for _, name := range []string{"HUB", "RAFT", "A", "B"} {
				address, err := freeAddress()
				if err != nil {
					return err
				}
				env.Setenv(name, address)
			}
			s.hub = env.Getenv("HUB")
			env.Defer(s.end)
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"start": start, "stop": end, "kill": end, "sell": sell, "selling": selling, "sent": sent, "hub": hubHas, "page": page, "tells": tells,
			"folder": folderCopied, "spoil": spoil,
		},
	})
}

// scene is what runs in one script.
type scene struct {
	hub     string
	running map[string]*program
	sold    map[string][]string // receipts that a till was answered, by who sells
}

type program struct {
	command *exec.Cmd
	address string
	log     *os.File
	selling chan struct{} // closed to end the till that sells in the background
	sold    chan []string // what it was answered
}

func freeAddress() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return l.Addr().String(), l.Close()
}

func sceneOf(ts *testscript.TestScript) *scene { return ts.Value("scene").(*scene) }

func (s *scene) end() {
	for _, p := range s.running {
		p.hush()
		_ = p.command.Process.Kill()
		_ = p.command.Wait()
		_ = p.log.Close()
	}
}

func (p *program) hush() []string {
	if p.selling == nil {
		return nil
	}
	close(p.selling)
	p.selling = nil
	return <-p.sold
}

// within waits for a condition.
func within(ts *testscript.TestScript, what string, is func() bool) {
	for end := time.Now().Add(30 * time.Second); !is(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			ts.Fatalf("in 30 s it did not come true: %s", what)
		}
	}
}

func start(ts *testscript.TestScript, _ bool, args []string) {
	s, name := sceneOf(ts), args[0]
	address := ts.Getenv(map[string]string{"shelfsync-hub": "HUB"}[args[1]])
	if at := slices.Index(args, "--listen"); at > 0 {
		address = args[at+1]
	}
	log, err := os.Create(ts.MkAbs(name + ".log"))
	ts.Check(err)
	program := &program{command: exec.Command(filepath.Join(filepath.SplitList(ts.Getenv("PATH"))[0], args[1]), args[2:]...), address: address, log: log}
	program.command.Dir, program.command.Stderr = ts.MkAbs("."), log
	ts.Check(program.command.Start())
	s.running[name] = program
	within(ts, name+" is ready", func() bool {
		answer, err := http.Get("http://" + address + "/readyz")
		if err != nil {
			return false
		}
		answer.Body.Close()
		return answer.StatusCode == http.StatusOK
	})
	if args[1] == "shelfsync-hub" {
		openingStock(ts, address)
	}
}

// openingStock gives the location a hundred cups.
func openingStock(ts *testscript.TestScript, hub string) {
	for _, call := range [][3]string{{"PUT", "/v1/items", `{"code":"cup","unit":"piece"}`}, {"PUT", "/v1/locations", `{"code":"S014","name":"Main Street"}`},
		{"POST", "/v1/movements", `{"document":"D1","location":"S014","source":"erp","lines":[{"movement":"adjust","item":"cup","quantity":100,"reason":"opening"}]}`}} {
		media := "application/x-ndjson"
		if call[0] == "POST" {
			media = "application/json"
		}
		within(ts, call[1]+" is taken", func() bool {
			request, err := http.NewRequest(call[0], "http://"+hub+call[1], strings.NewReader(call[2]))
			ts.Check(err)
			request.Header.Set("Content-Type", media)
			answer, err := http.DefaultClient.Do(request)
			if err != nil {
				return false
			}
			defer answer.Body.Close()
			return answer.StatusCode < 300
		})
	}
}

func end(ts *testscript.TestScript, kill bool, args []string) {
	s := sceneOf(ts)
	p := s.running[args[0]]
	delete(s.running, args[0])
	if kill = kill || len(args) > 1; kill { // the till goes on to the end
		ts.Check(p.command.Process.Kill())
	}
	s.sold[args[0]] = append(s.sold[args[0]], p.hush()...)
	if !kill {
		ts.Check(p.command.Process.Signal(os.Interrupt))
	}
	err := p.command.Wait()
	ts.Check(p.log.Close())
	if !kill && err != nil {
		ts.Fatalf("%s ended with %v", args[0], err)
	}
}

// sale is one call of a till: the operation's id, or what went wrong.
func sale(address, receipt string) (string, error) {
	answer, err := http.Post("http://"+address+"/v1/sales", "application/json", strings.NewReader(
		fmt.Sprintf(`{"receipt":%q,"till":"T1","lines":[{"item":"cup","quantity":1}]}`, receipt)))
	if err != nil {
		return "", err
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err == nil && answer.StatusCode != http.StatusCreated {
		err = fmt.Errorf("%s: %s", answer.Status, body)
	}
	var told struct{ Operation string }
	if err == nil {
		err = json.Unmarshal(body, &told)
	}
	return told.Operation, err
}

func sell(ts *testscript.TestScript, refused bool, args []string) {
	for _, receipt := range args[1:] {
		id, err := sale(sceneOf(ts).running[args[0]].address, receipt)
		if refused != (err != nil) {
			ts.Fatalf("receipt %s: %s %v", receipt, id, err)
		}
		ts.Logf("%s is %s %v", receipt, id, err)
	}
}

func selling(ts *testscript.TestScript, _ bool, args []string) {
	p := sceneOf(ts).running[args[0]]
	p.selling, p.sold = make(chan struct{}), make(chan []string, 1)
	stop, began := p.selling, make(chan struct{})
	go func() { // ends when the program does, or hush closes its channel; hush waits
		var sold []string
		for n := 0; ; n++ {
			receipt := fmt.Sprint(args[1], n)
			if _, err := sale(p.address, receipt); err == nil {
				sold = append(sold, receipt)
			}
			if n == 0 {
				close(began)
			}
			select {
			case <-stop:
				p.sold <- sold
				return
			case <-time.After(20 * time.Millisecond): // a busy till, and the hundred cups last
			}
		}
	}()
	<-began
}

func get(address, path string, into any) bool {
	answer, err := http.Get("http://" + address + path)
	if err != nil {
		return false
	}
	defer answer.Body.Close()
	return answer.StatusCode == http.StatusOK && json.NewDecoder(answer.Body).Decode(into) == nil
}

func sent(ts *testscript.TestScript, _ bool, args []string) {
	address := sceneOf(ts).running[args[0]].address
	within(ts, "the hub has all of "+args[0], func() bool {
		var status struct {
			Link    struct{ State string }
			Backlog struct{ Operations int }
		}
		return get(address, "/v1/status", &status) && status.Link.State == "online" && status.Backlog.Operations == 0
	})
}

// hubHas compares the receipts in the hub with those named; *NAME stands for what
// was answered to the till that sold in the background at a program.
func hubHas(ts *testscript.TestScript, _ bool, args []string) {
	s := sceneOf(ts)
	var want []string
	for _, a := range args {
		if name, all := strings.CutPrefix(a, "*"); all {
			want = append(want, s.sold[name]...)
		} else {
			want = append(want, a)
		}
	}
	slices.Sort(want)
	var have []string
	defer func() { ts.Logf("the hub has %v", have) }()
	within(ts, fmt.Sprintf("the hub has the receipts %v, and as many cups less", want), func() bool {
		var ok bool
		have, ok = receipts(s.hub)
		var levels struct{ Data []struct{ Sellable float64 } }
		return ok && slices.Equal(have, want) && get(s.hub, "/v1/levels?location=S014", &levels) && len(levels.Data) == 1 &&
			levels.Data[0].Sellable == float64(100-len(want))
	})
}

func receipts(hub string) (found []string, ok bool) {
	for cursor := ""; ; {
		var journal struct {
			Data []struct {
				Receipt string
			}
			Next string `json:"next_cursor"`
		}
		if !get(hub, "/v1/journal?location=S014&limit=1000&cursor="+cursor, &journal) {
			return nil, false
		}
		for _, record := range journal.Data {
			if record.Receipt != "" {
				found = append(found, record.Receipt)
			}
		}
		if cursor = journal.Next; cursor == "" {
			slices.Sort(found)
			return found, true
		}
	}
}

func page(ts *testscript.TestScript, absent bool, args []string) {
	answer, err := http.Get("http://" + sceneOf(ts).running[args[0]].address + "/")
	ts.Check(err)
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	ts.Check(err)
	if strings.Contains(string(body), args[1]) == absent {
		ts.Fatalf("the page of %s: does it say %q? It should: %t\n%s", args[0], args[1], !absent, body)
	}
}

func tells(ts *testscript.TestScript, absent bool, args []string) {
	hub := sceneOf(ts).hub
	shown := func() bool {
		var list struct{ Data []map[string]any }
		if !get(hub, "/v1/exceptions?location=S014", &list) {
			return false
		}
		return slices.ContainsFunc(list.Data, func(e map[string]any) bool {
			return fmt.Sprint(e["kind"], e["code"]) != "" && strings.Contains(fmt.Sprint(e), args[0])
		})
	}
	if absent {
		if shown() {
			ts.Fatalf("the hub tells of a %s", args[0])
		}
		return
	}
	within(ts, "the hub tells of a "+args[0], shown)
}

func folderCopied(ts *testscript.TestScript, _ bool, args []string) {
	ts.Check(os.CopyFS(ts.MkAbs(args[1]), os.DirFS(ts.MkAbs(args[0]))))
}

func spoil(ts *testscript.TestScript, _ bool, args []string) {
	path := ts.MkAbs(args[0])
	b, err := os.ReadFile(path)
	ts.Check(err)
	if !strings.Contains(string(b), args[1]) {
		ts.Fatalf("%s does not hold %q", args[0], args[1])
	}
	other := []byte(args[1])
	other[0] ^= 1
	ts.Check(os.WriteFile(path, []byte(strings.ReplaceAll(string(b), args[1], string(other))), 0o600))
}
