package main

import (
	"bytes"
	"encoding/json"
	"errors"
)

// members are those of a JSON object, in its order and as they are written.
type members []member

type member struct {
	name  string
	value json.RawMessage
}

var errNoObject = errors.New("the answer is no JSON object")

func membersOf(text []byte) (all members, err error) {
	in := json.NewDecoder(bytes.NewReader(text))
	if token, err := in.Token(); err != nil || token != json.Delim('{') {
		return nil, errNoObject
	}
	all = members{}
	for in.More() {
		name, err := in.Token()
		if err != nil {
			return nil, err
		}
		one := member{name: name.(string)} // the decoder has seen to it
		if err := in.Decode(&one.value); err != nil {
			return nil, err
		}
		all = append(all, one)
	}
	return all, nil
}

// page writes a page with these rows and this cursor in place of its own.
func (m members) page(rows []json.RawMessage, cursor string) ([]byte, error) {
	data, err := json.Marshal(rows)
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	for _, one := range m {
		if one.name == "next_cursor" {
			continue // behind data, where there is one still
		}
		if one.name == "data" {
			one.value = data
		}
		write(&out, one)
		if one.name == "data" && cursor != "" {
			text, err := json.Marshal(cursor)
			if err != nil {
				return nil, err
			}
			write(&out, member{"next_cursor", text})
		}
	}
	return append([]byte{'{'}, append(out.Bytes(), '}')...), nil
}

func write(out *bytes.Buffer, one member) {
	if out.Len() > 0 {
		out.WriteByte(',')
	}
	name, _ := json.Marshal(one.name) // a string is JSON
	out.Write(name)
	out.WriteByte(':')
	out.Write(one.value)
}
