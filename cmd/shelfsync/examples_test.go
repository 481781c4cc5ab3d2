package main

import (
	"bufio"
	goflag "flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

const examplesFile = "../../docs/examples.md"

// With -update the answers in the document become those of this run.
var update = goflag.Bool("update", false, "write the answers into docs/examples.md")

// example is one block of the document: a snippet and the answer below it.
type example struct {
	line            int
	before          []string // directives about S015: cut, mend, kill, replace
	snippet, answer string
	from, to        int // lines of the answer, fences included; from 0: none
}

// reads reports a snippet that writes nothing, so that it may be run again until
// the answer has come: stores and hub hear of each other a moment later.
func (e *example) reads() bool {
	return !regexp.MustCompile(` -(d|X|-data-binary) |=\$\(| import `).MatchString(e.snippet)
}

var directive = regexp.MustCompile(`^<!-- (cut|mend|kill|replace) S015 -->$`)

func parseExamples(text string) (all []*example) {
	lines := strings.Split(text, "\n")
	var before []string
	for i := 0; i < len(lines); i++ {
		if found := directive.FindStringSubmatch(lines[i]); found != nil {
			before = append(before, found[1])
		}
		kind, fenced := strings.CutPrefix(lines[i], "```")
		if !fenced {
			continue
		}
		end := i + 1 + slices.Index(lines[i+1:], "```")
		block := strings.Join(lines[i+1:end], "\n")
		if kind == "sh" {
			all = append(all, &example{line: i + 1, before: before, snippet: block})
			before = nil
		} else {
			last := all[len(all)-1]
			last.answer, last.from, last.to = block, i, end+1
		}
		i = end
	}
	return all
}

// shell is one sh in which the snippets run one after the other.
type shell struct {
	in  io.Writer
	out *bufio.Reader
}

func newShell(t *testing.T) *shell {
	t.Helper()
	for _, tool := range []string{"sh", "curl"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("the examples need %s, which is not installed here: they are not checked", tool)
		}
	}
	dir, err := built()
	if err != nil {
		t.Fatal(err)
	}
	command := exec.CommandContext(t.Context(), "sh")
	command.Env = append(os.Environ(), "PATH="+dir+string(os.PathListSeparator)+os.Getenv("PATH"), "no_proxy=127.0.0.1")
	in, err := command.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	command.Stderr = os.Stderr
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { in.Close(); _ = command.Wait() })
	return &shell{in, bufio.NewReader(out)}
}

const mark = "=== end of the answer ==="

// run gives what a snippet wrote, and its exit code.
func (s *shell) run(t *testing.T, snippet string) (out, code string) {
	t.Helper()
	if _, err := fmt.Fprintf(s.in, "%s\nprintf '\\n%s %%s\\n' $?\n", snippet, mark); err != nil {
		t.Fatal(err)
	}
	var text strings.Builder
	for {
		line, err := s.out.ReadString('\n')
		if err != nil {
			t.Fatalf("the shell ended: %v after %s", err, text.String())
		}
		if rest, ok := strings.CutPrefix(line, mark); ok {
			return strings.TrimSpace(text.String()), strings.TrimSpace(rest)
		}
		text.WriteString(line)
	}
}

// shop is what the examples are told of: a hub, two stores, a line that is cut and
// a PC that is replaced.
type shop struct {
	sh     *shell
	line   *wire
	pc     *process          // of S015
	names  []string          // an address or a folder of the document, and that of this run, in turns
	real   *strings.Replacer // from those of the document
	spoken *strings.Replacer // back to them
}

// call names what the document calls otherwise.
func (s *shop) call(name, here string) {
	s.names = append(s.names, name, here)
	s.real = strings.NewReplacer(s.names...)
	back := slices.Clone(s.names)
	slices.Reverse(back)
	s.spoken = strings.NewReplacer(back...)
}

func newShop(t *testing.T) *shop {
	t.Helper()
	sh, hub := newShell(t), startHub(t)
	s := &shop{sh: sh, line: newWire(t, hub)}
	s.pc = startAgent(t, "S015", s.line.address())
	s.call("127.0.0.1:7420", hub)
	s.call("127.0.0.1:7410", startAgent(t, "S014", hub).address)
	s.call("127.0.0.1:7411", s.pc.address)
	s.call("shelfsync-agent-S015/", s.pc.data+"/")
	until(t, "both stores are linked", func() bool {
		agents, _ := sh.run(t, "curl -s http://"+hub+"/v1/agents")
		return strings.Count(agents, `"online"`) == 2
	})
	return s
}

// play runs a snippet, one that only reads until its answer has come or the wait
// is over, and says how the answer differs from the document's.
func (s *shop) play(t *testing.T, e *example, wait time.Duration) (got, fault string) {
	t.Helper()
	for _, word := range e.before {
		switch word {
		case "kill":
			s.pc.kill()
		case "replace":
			s.pc = startAgent(t, "S015", s.line.address(), "--replace")
			s.call("127.0.0.1:7412", s.pc.address)
		default:
			s.line.set(word == "cut")
		}
	}
	if *update && e.reads() {
		<-time.After(time.Second) // nobody has said yet what to wait for
	}
	began := time.Now()
	for again := true; again; again = fault != "" && e.reads() && !*update && time.Since(began) < wait {
		var code string
		got, code = s.sh.run(t, s.real.Replace(e.snippet))
		got = s.spoken.Replace(got)
		if fault = differs(e.answer, got); code != "0" {
			fault = "exit code " + code
		}
	}
	return got, fault
}

func readExamples(t *testing.T) (source string, examples []*example) {
	t.Helper()
	text, err := os.ReadFile(examplesFile)
	if err != nil {
		t.Fatal(err)
	}
	if examples = parseExamples(string(text)); len(examples) < 25 {
		t.Fatalf("only %d examples were found", len(examples))
	}
	return string(text), examples
}

func TestTheExamples(t *testing.T) {
	source, examples := readExamples(t)
	s := newShop(t)
	for _, e := range examples {
		got, fault := s.play(t, e, soon)
		if *update {
			if e.answer = got; fault == "" {
				e.answer = "" // it is right as it stands
			}
		} else if fault != "" {
			t.Fatalf("docs/examples.md:%d: %s\n%s\nanswered:\n%s", e.line, fault, e.snippet, got)
		}
	}
	if *update {
		rewrite(t, source, examples)
	}
}

// A document that is wrong is found out: a lie in an answer, a call that is not
// there, a snippet that fails.
func TestAWrongDocumentIsNoticed(t *testing.T) {
	_, examples := readExamples(t)
	s := newShop(t)
	for _, e := range examples[:5] {
		if got, fault := s.play(t, e, soon); fault != "" {
			t.Fatalf("%s: %s", fault, got)
		}
	}
	stock := examples[5]
	for _, lie := range []struct{ old, new string }{{`"sellable": 20`, `"sellable": 21`}, {`"known": true,`, ``}} {
		e := *stock
		if e.answer = strings.Replace(e.answer, lie.old, lie.new, 1); e.answer == stock.answer {
			t.Fatalf("%s is not in the answer that is falsified", lie.old)
		}
		if _, fault := s.play(t, &e, 100*time.Millisecond); fault == "" {
			t.Errorf("%s in place of %s is believed", lie.new, lie.old)
		}
	}
	for _, snippet := range []string{strings.Replace(stock.snippet, "/v1/", "/v2/", 1), "false"} {
		e := *stock
		e.snippet = snippet
		if _, fault := s.play(t, &e, 0); fault == "" {
			t.Errorf("%s is taken for the call that the document shows", snippet)
		}
	}
}
