package session

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/shelfsync/shelfsync/protocol"
)

var update = flag.Bool("update", false, "write what the sessions ask for into testdata")

// TestScripts plays the conversations under testdata. A line that begins with
// ">" is an input; the lines after it are what the session asked for. The
// ledger's n-th operation is the text "op n"; a place in its history is written
// n, one in another history n!.
func TestScripts(t *testing.T) {
	files, err := filepath.Glob("testdata/*/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no scripts: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.ToSlash(file), ".txt"), func(t *testing.T) {
			script, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			p := &player{t: t, agent: NewAgent(), hub: NewHub(), side: filepath.Base(filepath.Dir(file))}
			got := p.play(string(script))
			if *update {
				if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			} else if got != string(script) {
				t.Errorf("the session does not follow its script; it went:\n%s", got)
			}
		})
	}
}

type player struct {
	t     *testing.T
	side  string // agent or hub
	agent *Agent
	hub   *Hub
	read  Read
	fact  facts // of the current line
}

func (p *player) play(script string) string {
	var out strings.Builder
	for line := range strings.Lines(script) {
		line = strings.TrimRight(line, "\r\n")
		switch {
		case strings.HasPrefix(line, ">"):
			fmt.Fprintln(&out, line)
			p.input(strings.Fields(line[1:]))
			p.drain(&out)
		case line == "" || line[0] == '#':
			fmt.Fprintln(&out, line)
		}
	}
	return out.String()
}

func (p *player) drain(out *strings.Builder) {
	next := p.agent.Next
	if p.side == "hub" {
		next = p.hub.Next
	}
	for a, ok := next(); ok; a, ok = next() {
		if r, ok := a.(Read); ok {
			p.read = r
		}
		fmt.Fprintln(out, tellAction(a))
	}
}

func (p *player) input(words []string) {
	p.fact = parse(words)
	f, frame := p.fact, p.frame(words[0])
	switch {
	case frame != nil && p.side == "agent":
		p.agent.Receive(frame)
	case frame != nil:
		p.hub.Receive(frame)
	case p.side == "agent":
		p.agentInput(words[0], f)
	default:
		p.hubInput(words[0], f)
	}
}

func (p *player) agentInput(verb string, f facts) {
	switch verb {
	case "start":
		hello := p.frame("hello").(*protocol.Hello)
		p.agent.Start(*hello)
	case "stop":
		p.agent.Stop()
	case "grew":
		p.agent.Grew(f.at("to"))
	case "supply":
		to := min(p.read.After.Sequence+uint64(p.read.MaxOperations), f.num("to", 1<<40))
		operations := operationsAfter(p.read.After.Sequence, to)
		end := at(to)
		if f.has("forged") {
			end.Chain[0]++
		}
		if f.has("nothing") {
			operations = nil
		}
		p.agent.Supply(operations, end)
	case "recalled":
		p.agent.Recalled(f.at("at").Chain)
	case "begin":
		p.agent.Begin(*p.frame("hello").(*protocol.Hello))
	case "suspect":
		p.agent.Suspect()
	case "stored":
		p.agent.Stored(f.hub("hub"), f.at("through"))
	case "beat":
		for range f.num("times", 1) {
			p.agent.Beat(f.num("backlog", 0), f.num("oldest", 0))
		}
	default:
		p.t.Fatalf("an agent has no input %q", verb)
	}
}

func (p *player) hubInput(verb string, f facts) {
	switch verb {
	case "admit":
		p.hub.Admit(*p.frame("welcome").(*protocol.Welcome))
	case "refuse":
		p.hub.Refuse(*p.frame("bye").(*protocol.Bye))
	case "acked":
		p.hub.Acked(f.at("through"))
	case "ignored":
		p.hub.Ignored(f.at("through"))
	case "offer":
		p.hub.Offer(p.frame("round").(*protocol.Round))
	case "drained":
		p.hub.Drained()
	case "beat":
		for range f.num("times", 1) {
			p.hub.Beat(int64(f.num("now", 0)))
		}
	default:
		p.t.Fatalf("a hub has no input %q", verb)
	}
}

// frame builds the frame of a line; nil if the verb names none.
func (p *player) frame(verb string) protocol.Frame {
	f := p.fact
	switch verb {
	case "hello":
		epoch := "k3f9"
		if f.has("epoch") {
			epoch = f["epoch"]
		}
		ask := protocol.Question{Sequence: f.num("ask", 0)}
		if f.has("ask") {
			ask.Epoch = epoch
		}
		return &protocol.Hello{Version: f.num("version", 1), Role: protocol.Role(f.num("role", 1)), Agent: "S014", Epoch: epoch, Ask: ask,
			Position: f.at("end"), Base: f.hub("base"), Backlog: f.num("backlog", 0), OldestMS: f.num("oldest", 0)}
	case "welcome":
		return &protocol.Welcome{Version: f.num("version", 1), Hub: f.hub("hub"), Through: f.at("through"),
			Forked: f.has("forked"), Now: int64(f.num("now", 0)), Window: f.num("window", 0),
			Answer: protocol.Answer(f.num("answer", 0)), Chain: f.at("chain").Chain, Asked: f.num("asked", p.agent.search.asked)}
	case "append":
		after, end := f.at("after"), f.at("end")
		operations := operationsAfter(after.Sequence, end.Sequence)
		if n := f.num("size", 0); n > 0 {
			operations[0] = make([]byte, n)
		}
		return &protocol.Append{After: after, Operations: operations, End: end, Echo: int64(f.num("echo", 0)),
			Base: f.num("base", 0), Backlog: f.num("backlog", 0), OldestMS: f.num("oldest", 0)}
	case "ack":
		return &protocol.Ack{Through: f.at("through")}
	case "round":
		return withLevels(f.num("levels", 0), &protocol.Round{Hub: f.hub("hub"), Since: f.num("since", 0), Part: f.num("part", 0), Last: f.has("last"),
			Restart: f.has("restart"), Now: int64(f.num("now", 0)), Through: f.at("through")})
	case "bye":
		return &protocol.Bye{Code: protocol.ByeCode(f.num("code", 1)), Text: f["text"], RetryMS: f.num("retry", 0)}
	}
	return nil
}

func withLevels(n uint64, r *protocol.Round) *protocol.Round {
	r.Levels = slices.Grow(r.Levels, int(n))[:n]
	return r
}

// facts are the key=value words of a line; a word without a value is a fact too.
type facts map[string]string

func parse(words []string) facts {
	f := facts{}
	for _, word := range words {
		key, value, _ := strings.Cut(word, "=")
		f[key] = value
	}
	return f
}

func (f facts) has(key string) bool { _, ok := f[key]; return ok }

func (f facts) num(key string, absent uint64) uint64 {
	if !f.has(key) {
		return absent
	}
	n, err := strconv.ParseUint(f[key], 10, 64)
	if err != nil {
		panic(err)
	}
	return n
}

func (f facts) at(key string) protocol.Position {
	text, forged := strings.CutSuffix(f[key], "!")
	n, _ := strconv.ParseUint("0"+text, 10, 64)
	p := at(n)
	if forged {
		p.Chain[0]++
	}
	return p
}

func (f facts) hub(key string) (p protocol.HubPosition) {
	if f.has(key) {
		if _, err := fmt.Sscanf(f[key], "%d.%d", &p.Incarnation, &p.Index); err != nil {
			panic(err)
		}
	}
	return p
}

// at is a place in the one true history.
func at(n uint64) protocol.Position {
	return chained(protocol.Position{}, operationsAfter(0, n))
}

func operationsAfter(after, end uint64) (operations [][]byte) {
	for n := after + 1; n <= end; n++ {
		operations = append(operations, fmt.Appendf(nil, "op %d", n))
	}
	return operations
}

func tellPlace(p protocol.Position) string {
	if p == at(p.Sequence) {
		return strconv.FormatUint(p.Sequence, 10)
	}
	return strconv.FormatUint(p.Sequence, 10) + "!"
}

func tellHub(p protocol.HubPosition) string { return fmt.Sprintf("%d.%d", p.Incarnation, p.Index) }

func tellAction(a Action) string {
	switch a := a.(type) {
	case Send:
		return "send " + tellFrame(a.Frame)
	case Close:
		if a.Received {
			return "closed by the peer: " + tellBye(a.Bye)
		}
		return "close: " + tellBye(a.Bye)
	case Rebase:
		return fmt.Sprintf("rebase hub=%s through=%s", tellHub(a.Hub), tellPlace(a.Through))
	case Recall:
		return fmt.Sprintf("recall %d", a.Sequence)
	case Forked:
		return fmt.Sprintf("forked after=%s unknown=%d hub=%s", tellPlace(a.Common), a.Unknown, tellPlace(a.Through))
	case Read:
		return fmt.Sprintf("read after=%s operations=%d bytes=%d", tellPlace(a.After), a.MaxOperations, a.MaxBytes)
	case Store:
		return "store " + tellFrame(a.Round)
	case Applied:
		return "applied through=" + tellPlace(a.Through)
	case Greeted:
		return "greeted " + tellFrame(&a.Hello)
	case Heard:
		return fmt.Sprintf("heard echo=%d base=%d backlog=%d oldest=%d", a.Echo, a.Base, a.Backlog, a.OldestMS)
	case Take:
		return fmt.Sprintf("take after=%s end=%s", tellPlace(a.Append.After), tellPlace(a.Append.End))
	}
	return fmt.Sprintf("unknown %T", a)
}

func tellFrame(frame protocol.Frame) string {
	switch f := frame.(type) {
	case *protocol.Hello:
		text := fmt.Sprintf("hello end=%s base=%s", tellPlace(f.Position), tellHub(f.Base))
		if f.Epoch != "k3f9" {
			text += " epoch=" + f.Epoch
		}
		if f.Ask.Sequence > 0 {
			text += fmt.Sprintf(" ask=%d", f.Ask.Sequence)
		}
		return text
	case *protocol.Welcome:
		text := fmt.Sprintf("welcome version=%d through=%s", f.Version, tellPlace(f.Through))
		if f.Forked {
			text += " forked"
		}
		if f.Answer > 0 {
			text += fmt.Sprintf(" answer=%d", f.Answer)
		}
		return text
	case *protocol.Append:
		return fmt.Sprintf("append after=%s end=%s echo=%d base=%d backlog=%d oldest=%d",
			tellPlace(f.After), tellPlace(f.End), f.Echo, f.Base, f.Backlog, f.OldestMS)
	case *protocol.Ack:
		return "ack through=" + tellPlace(f.Through)
	case *protocol.Round:
		if f.Hub == (protocol.HubPosition{}) && f.Since > 0 {
			return fmt.Sprintf("round since=%d now=%d", f.Since, f.Now)
		}
		return fmt.Sprintf("round hub=%s part=%d last=%t now=%d through=%s levels=%d",
			tellHub(f.Hub), f.Part, f.Last, f.Now, tellPlace(f.Through), len(f.Levels))
	}
	return fmt.Sprintf("%T", frame)
}

func tellBye(b protocol.Bye) string {
	return strings.TrimSpace(fmt.Sprintf("%s, %s (retry %d ms)", b.Code, b.Text, b.RetryMS))
}
