package main

import (
	"bufio"
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"regexp"
	"strconv"

	"github.com/shelfsync/shelfsync/protocol"
	"github.com/shelfsync/shelfsync/protocol/api"
)

const loadHelp = "FILE has one JSON object a line (NDJSON); - is standard input. It is sent in parts; lines with a fault are left out and named with\n" +
	"their number, and the exit code is then 1. Loading a file again is safe: a row that is there is only set again."

// loadLines and loadBytes bound one part: it is one command of the hub's log, or
// a few, and a part that fails is short to repeat.
const (
	loadLines = protocol.MaxBulk
	loadBytes = protocol.MaxBodyBytes / 2
)

// loading is one import on its way.
type loading struct {
	*asked
	answer   api.Loaded
	part     bytes.Buffer
	lines    int64 // of the part
	rows     int64 // among them those that are not empty
	before   int64 // lines in the parts before
	total    int64 // bytes of the file; 0: nobody knows
	sent     int64
	terminal bool
}

// load sends a file of rows part by part.
func load(a *asked) error {
	l := &loading{asked: a}
	in, done, err := l.open(a.words["FILE"])
	if err != nil {
		return usage{err}
	}
	defer done()
	err = l.read(in)
	if l.terminal {
		fmt.Fprintln(a.hub.say)
	}
	if err != nil {
		return fmt.Errorf("after %d lines: %w", l.before, err)
	}
	text, err := json.Marshal(l.answer)
	if err != nil {
		return err
	}
	for _, line := range l.answer.Faults {
		for _, fault := range line.Errors {
			fmt.Fprintf(a.hub.say, "line %d: %s %s\n", line.Line, plain(fault.Path), plain(fault.Message))
		}
	}
	if err := a.hub.show(text, func(w io.Writer) error {
		return table(w, text, parseColumns("TAKEN=taken REFUSED=refused POSITION=position"))
	}); err != nil {
		return err
	}
	if l.answer.Refused > 0 {
		return errFailed
	}
	return nil
}

func (l *loading) open(name string) (io.Reader, func(), error) {
	if out, ok := l.hub.say.(*os.File); ok {
		if info, err := out.Stat(); err == nil {
			l.terminal = info.Mode()&os.ModeCharDevice != 0
		}
	}
	if name == "-" {
		return l.cmd.InOrStdin(), func() {}, nil
	}
	file, err := os.Open(name)
	if err != nil {
		return nil, nil, err
	}
	if info, err := file.Stat(); err == nil {
		l.total = info.Size()
	}
	return file, func() { _ = file.Close() }, nil
}

func (l *loading) read(from io.Reader) error {
	in := bufio.NewReader(from)
	for {
		line, err := in.ReadBytes('\n')
		if err != nil && err != io.EOF {
			return err
		}
		if len(line) > 0 {
			l.part.Write(line)
			l.lines++
			if len(bytes.TrimSpace(line)) > 0 {
				l.rows++
			}
		}
		if l.lines == loadLines || l.part.Len() >= loadBytes || err == io.EOF && l.lines > 0 {
			if err := l.flush(); err != nil {
				return err
			}
		}
		if err == io.EOF {
			return nil
		}
	}
}

// flush sends one part and numbers its faults by the whole file.
func (l *loading) flush() error {
	answer, err := l.hub.send(l.cmd.Context(), question{method: http.MethodPut, path: l.path, body: bytes.Clone(l.part.Bytes()), media: "application/x-ndjson"})
	var refused *refusal
	var taken api.Loaded
	switch {
	case err == nil:
		if err := json.Unmarshal(answer, &taken); err != nil {
			return fmt.Errorf("read the answer: %w", err)
		}
	case errors.As(err, &refused) && refused.problem.Code == api.CodeInvalid && len(refused.problem.Errors) > 0:
		taken = noneTaken(&refused.problem, l.rows)
	default:
		return err
	}
	l.answer.Taken, l.answer.Refused = l.answer.Taken+taken.Taken, l.answer.Refused+taken.Refused
	l.answer.Position = cmp.Or(taken.Position, l.answer.Position)
	for _, fault := range taken.Faults {
		if len(l.answer.Faults) == protocol.MaxFieldErrors {
			break
		}
		for i := range fault.Errors {
			fault.Errors[i].Path = inLine.ReplaceAllString(fault.Errors[i].Path, "")
		}
		l.answer.Faults = append(l.answer.Faults, api.LineFault{Line: l.before + fault.Line, Errors: fault.Errors})
	}
	l.before, l.sent, l.lines = l.before+l.lines, l.sent+int64(l.part.Len()), 0
	l.rows = 0
	l.part.Reset()
	if l.terminal {
		l.progress()
	}
	return nil
}

func (l *loading) progress() {
	share := ""
	if l.total > 0 {
		share = fmt.Sprintf(", %d %%", 100*l.sent/l.total)
	}
	fmt.Fprintf(l.hub.say, "\r%d lines%s, %d refused\x1b[K", l.before, share, l.answer.Refused)
}

var inLine = regexp.MustCompile(`^line (\d+): `)

// noneTaken is the answer to a part without one good line, which the hub calls
// a problem: of one part it is none, others may be good.
func noneTaken(problem *api.Problem, rows int64) (taken api.Loaded) {
	taken.Refused = rows
	for _, fault := range problem.Errors {
		found := inLine.FindStringSubmatch(fault.Path)
		if found == nil {
			continue
		}
		line, err := strconv.ParseInt(found[1], 10, 64)
		if err != nil {
			continue
		}
		if n := len(taken.Faults); n == 0 || taken.Faults[n-1].Line != line {
			taken.Faults = append(taken.Faults, api.LineFault{Line: line})
		}
		last := &taken.Faults[len(taken.Faults)-1]
		last.Errors = append(last.Errors, fault)
	}
	return taken
}

// readFile reads a whole file, or standard input for -.
func readFile(name string, stdin io.Reader) ([]byte, error) {
	if name == "-" {
		return io.ReadAll(stdin)
	}
	content, err := os.ReadFile(name)
	if err != nil {
		return nil, usage{err}
	}
	return content, nil
}
