package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	goflag "flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
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
	before          []string // directives: cut S015, mend S015
	snippet, answer string
	from, to        int // lines of the answer, fences included; from 0: none
}

// reads reports a snippet that writes nothing, so that it may be run again until
// the answer has come: stores and hub hear of each other a moment later.
func (e *example) reads() bool {
	return !regexp.MustCompile(` -(d|X|-data-binary) |=\$\(`).MatchString(e.snippet)
}

var directive = regexp.MustCompile(`^<!-- (cut|mend) (S\d+) -->$`)

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

// shop is what the examples are told of: a hub, two stores, and a line that is cut.
type shop struct {
	sh   *shell
	line *wire
	real *strings.Replacer // the document's addresses become those of this run
}

func newShop(t *testing.T) *shop {
	t.Helper()
	sh, hub := newShell(t), startHub(t)
	s := &shop{sh: sh, line: newWire(t, hub)}
	s.real = strings.NewReplacer("127.0.0.1:7420", hub, "127.0.0.1:7410", startAgent(t, "S014", hub), "127.0.0.1:7411", startAgent(t, "S015", s.line.address()))
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
		s.line.set(word == "cut")
	}
	if *update && e.reads() {
		<-time.After(time.Second) // nobody has said yet what to wait for
	}
	began := time.Now()
	for again := true; again; again = fault != "" && e.reads() && !*update && time.Since(began) < wait {
		var code string
		got, code = s.sh.run(t, s.real.Replace(e.snippet))
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
			e.answer = got
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

// Every line that could be wrong is noticed.
func TestAWrongExampleIsNoticed(t *testing.T) {
	good := `{"position":"7.1","operation":"S014.k3f9.1","age_ms":5,"at":"2026-01-01T00:00:00Z","lines":[{"item":"MUG","quantity":2}]}`
	for _, wrong := range [][2]string{
		{`"quantity":2`, `"quantity":3`}, {`"quantity":2`, `"quantity":"2"`}, {`"item":"MUG",`, ``}, {`"MUG"`, `"LAMP"`}, {`"age_ms":5`, `"age_ms":"5"`},
		{`"7.1"`, `"nowhere"`}, {`S014.k3f9.1`, `S015.k3f9.1`}, {`"2026-01-01T00:00:00Z"`, `"yesterday"`}, {`"lines"`, `"rows"`}, {`}]}`, `},{}]}`}, {`}]}`, `}]} {}`},
	} {
		if differs(strings.Replace(good, wrong[0], wrong[1], 1), good) == "" {
			t.Errorf("%s in place of %s is not noticed", wrong[1], wrong[0])
		}
	}
	other := `{"position":"9.22","operation":"S014.zz.7","age_ms":0,"at":"2027-01-01T00:00:00.5Z","lines":[{"item":"MUG","quantity":2}]}`
	if fault := differs(good, other); fault != "" {
		t.Errorf("what differs from run to run is taken for wrong: %s", fault)
	}
	if differs("ID  STATE\nweb-1  held", "ID STATE\nweb-1 held") != "" || differs("ID STATE\nweb-1 held", "ID STATE\nweb-2 held") == "" {
		t.Error("tables are compared by their words")
	}
}

// forms are texts that differ from run to run, and what stays of them.
var forms = []struct {
	form *regexp.Regexp
	kept string
}{
	{regexp.MustCompile(`^\d+\.\d+$`), "position"},
	{regexp.MustCompile(`^(S\d+)\.[0-9a-z]+\.\d+$`), "operation of $1"},
	{regexp.MustCompile(`^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$`), "time"},
	{regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f-]{27}$`), "request"},
}

func form(text string) string {
	for _, f := range forms {
		if f.form.MatchString(text) {
			return "<" + f.form.ReplaceAllString(text, f.kept) + ">"
		}
	}
	return text
}

// differs says how an answer differs from the one that the document shows.
func differs(want, got string) string {
	wanted, err1 := values(want)
	answered, err2 := values(got)
	if err1 != nil || err2 != nil { // a table, YAML: words
		words := func(text string) string {
			fields := strings.Fields(text)
			for i := range fields {
				fields[i] = form(strings.Trim(fields[i], `"`))
			}
			return strings.Join(fields, " ")
		}
		if words(want) != words(got) {
			return "the words are others"
		}
		return ""
	}
	if len(wanted) != len(answered) {
		return fmt.Sprintf("%d answers, the document shows %d", len(answered), len(wanted))
	}
	for i := range wanted {
		if fault := compare("", "", wanted[i], answered[i]); fault != "" {
			return fault
		}
	}
	return ""
}

// values are the JSON values of a text, one after the other.
func values(text string) (all []any, err error) {
	decoder := json.NewDecoder(strings.NewReader(text))
	decoder.UseNumber()
	for {
		var value any
		switch err := decoder.Decode(&value); err {
		case nil:
			all = append(all, value)
		case io.EOF:
			return all, nil
		default:
			return nil, err
		}
	}
}

// compare goes through both values; key is the member that holds them.
func compare(path, key string, want, got any) string {
	switch w := want.(type) {
	case map[string]any:
		g, ok := got.(map[string]any)
		if !ok {
			return path + " is no object"
		}
		for member := range g {
			if _, shown := w[member]; !shown {
				return path + "." + member + " is not shown"
			}
		}
		for member := range w {
			if _, there := g[member]; !there {
				return path + "." + member + " is not answered"
			}
			if fault := compare(path+"."+member, member, w[member], g[member]); fault != "" {
				return fault
			}
		}
		return ""
	case []any:
		g, ok := got.([]any)
		if !ok || len(g) != len(w) {
			return path + " has another length"
		}
		for i := range w {
			if fault := compare(fmt.Sprintf("%s[%d]", path, i), key, w[i], g[i]); fault != "" {
				return fault
			}
		}
		return ""
	case string:
		if g, ok := got.(string); !ok || form(w) != form(g) {
			return fmt.Sprintf("%s is %v, the document shows %s", path, got, w)
		}
		return ""
	case json.Number:
		if _, number := got.(json.Number); number && strings.HasSuffix(key, "_ms") {
			return ""
		}
	}
	if !reflect.DeepEqual(want, got) {
		return fmt.Sprintf("%s is %v, the document shows %v", path, got, want)
	}
	return ""
}

// rewrite puts answers into the document, from the last to the first so that
// line numbers stay.
func rewrite(t *testing.T, source string, examples []*example) {
	t.Helper()
	lines := strings.Split(source, "\n")
	for _, e := range slices.Backward(examples) {
		if e.answer == "" {
			continue
		}
		kind := "text"
		if _, err := values(e.answer); err == nil {
			kind, e.answer = "json", pretty(t, e.answer)
		}
		fresh := strings.Split("```"+kind+"\n"+e.answer+"\n```", "\n")
		if e.from == 0 {
			end := e.line + slices.Index(lines[e.line:], "```") + 1
			e.from, e.to, fresh = end, end, append([]string{""}, fresh...)
		}
		lines = slices.Replace(lines, e.from, e.to, fresh...)
	}
	if err := os.WriteFile(filepath.Clean(examplesFile), []byte(strings.Join(lines, "\n")), 0o644); err != nil {
		t.Fatal(err)
	}
}

// pretty breaks JSON into lines that fit a page; what fits a line stays on one.
func pretty(t *testing.T, text string) string {
	t.Helper()
	decoder := json.NewDecoder(strings.NewReader(text))
	var all []string
	for {
		var value json.RawMessage
		if err := decoder.Decode(&value); err == io.EOF {
			return strings.Join(all, "\n")
		} else if err != nil {
			t.Fatal(err)
		}
		all = append(all, layout(t, value, "", 0))
	}
}

const pageWidth = 130

func layout(t *testing.T, value json.RawMessage, indent string, taken int) string {
	t.Helper()
	value = bytes.TrimSpace(value)
	if len(indent)+taken+len(value) <= pageWidth || value[0] != '{' && value[0] != '[' {
		return string(value)
	}
	decoder := json.NewDecoder(bytes.NewReader(value))
	if _, err := decoder.Token(); err != nil {
		t.Fatal(err)
	}
	var members []string
	for decoder.More() {
		name := ""
		if value[0] == '{' {
			key, err := decoder.Token()
			if err != nil {
				t.Fatal(err)
			}
			name = fmt.Sprintf("%q: ", key)
		}
		var inner json.RawMessage
		if err := decoder.Decode(&inner); err != nil {
			t.Fatal(err)
		}
		members = append(members, indent+"  "+name+layout(t, inner, indent+"  ", len(name)))
	}
	return string(value[0]) + "\n" + strings.Join(members, ",\n") + "\n" + indent + string(value[len(value)-1])
}
