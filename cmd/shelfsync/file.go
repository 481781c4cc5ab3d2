package main

import (
	"fmt"
	"io"
	"os"
)

// fromFile is the body that a file holds.
func (a *asked) fromFile() ([]byte, error) {
	file, err := readFile(a.words["FILE"], a.cmd.InOrStdin())
	if err != nil {
		return nil, err
	}
	body, err := jsonOf(file)
	if err == nil && a.edit != nil {
		body, err = a.edit(body)
	}
	if err != nil {
		return nil, usage{fmt.Errorf("read %s: %w", a.words["FILE"], err)}
	}
	return body, nil
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
