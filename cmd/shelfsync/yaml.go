package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode"

	"go.yaml.in/yaml/v3"
)

// yamlOf writes JSON as YAML. The order of members and the digits of numbers
// stay: a quantity never passes through a float. This file alone imports the
// library: YAML's quoting rules (is NO a country or false? is 1_000 a number?)
// are no work of ours, and cobra brings the module in any case.
func yamlOf(answer []byte) ([]byte, error) {
	decoder := json.NewDecoder(bytes.NewReader(answer))
	decoder.UseNumber()
	node, err := yamlNode(decoder)
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	encoder := yaml.NewEncoder(&out)
	encoder.SetIndent(2)
	if err := encoder.Encode(node); err != nil {
		return nil, err
	}
	return out.Bytes(), encoder.Close()
}

func yamlNode(in *json.Decoder) (*yaml.Node, error) {
	token, err := in.Token()
	if err != nil {
		return nil, err
	}
	switch v := token.(type) {
	case json.Delim:
		return yamlNested(in, v)
	case json.Number:
		return &yaml.Node{Kind: yaml.ScalarNode, Value: v.String()}, nil
	case bool:
		return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!bool", Value: fmt.Sprint(v)}, nil
	case string:
		return yamlString(v)
	}
	return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!null", Value: "null"}, nil
}

func yamlNested(in *json.Decoder, open json.Delim) (*yaml.Node, error) {
	node := &yaml.Node{Kind: yaml.SequenceNode, Tag: "!!seq"}
	if open == '{' {
		node.Kind, node.Tag = yaml.MappingNode, "!!map"
	}
	for in.More() { // members come as key, value, key, value: as YAML nodes hold them
		inner, err := yamlNode(in)
		if err != nil {
			return nil, err
		}
		node.Content = append(node.Content, inner)
	}
	if len(node.Content) == 0 {
		node.Style = yaml.FlowStyle
	}
	_, err := in.Token()
	return node, err
}

// yamlString lets the library decide whether a text needs quotes to stay a text.
// A text of several lines is quoted in any case: as a block, the library writes
// some that it cannot read again.
func yamlString(text string) (*yaml.Node, error) {
	if strings.ContainsFunc(text, unicode.IsControl) {
		return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Style: yaml.DoubleQuotedStyle, Value: text}, nil
	}
	node := &yaml.Node{}
	err := node.Encode(text)
	return node, err
}

// jsonOf writes YAML as JSON, the order of members and the digits of numbers
// kept. What JSON has not, such as an alias or a number that is no decimal, is
// an error with its line.
func jsonOf(text []byte) ([]byte, error) {
	in := yaml.NewDecoder(bytes.NewReader(text))
	var document, next yaml.Node
	if err := in.Decode(&document); err != nil {
		return nil, err
	}
	if err := in.Decode(&next); err != io.EOF {
		return nil, errors.New("it holds more than one document")
	}
	var out bytes.Buffer
	err := jsonNode(&out, document.Content[0])
	return out.Bytes(), err
}

func jsonNode(out *bytes.Buffer, node *yaml.Node) error {
	switch node.Kind {
	case yaml.MappingNode, yaml.SequenceNode:
		return jsonNested(out, node)
	case yaml.ScalarNode:
	default:
		return fmt.Errorf("line %d: an alias is not read", node.Line)
	}
	switch tag := node.ShortTag(); {
	case tag == "!!null":
		out.WriteString("null")
	case tag == "!!bool":
		out.WriteString(strings.ToLower(node.Value))
	case (tag == "!!int" || tag == "!!float") && json.Valid([]byte(node.Value)):
		out.WriteString(node.Value)
	case tag == "!!int" || tag == "!!float":
		return fmt.Errorf("line %d: %s is no plain decimal number; a code stands in quotes", node.Line, node.Value)
	default:
		return jsonText(out, node.Value)
	}
	return nil
}

func jsonNested(out *bytes.Buffer, node *yaml.Node) error {
	marks, seen := "[]", map[string]bool{}
	if node.Kind == yaml.MappingNode {
		marks = "{}"
	}
	out.WriteByte(marks[0])
	for i, inner := range node.Content {
		isKey := marks == "{}" && i%2 == 0
		switch {
		case i == 0:
		case marks == "{}" && !isKey:
			out.WriteByte(':')
		default:
			out.WriteByte(',')
		}
		if isKey && (inner.Kind != yaml.ScalarNode || seen[inner.Value]) {
			return fmt.Errorf("line %d: a name that is no text, or stands there twice", inner.Line)
		}
		write := jsonNode
		if isKey {
			seen[inner.Value] = true
			write = func(out *bytes.Buffer, key *yaml.Node) error { return jsonText(out, key.Value) }
		}
		if err := write(out, inner); err != nil {
			return err
		}
	}
	out.WriteByte(marks[1])
	return nil
}

func jsonText(out *bytes.Buffer, text string) error {
	content, err := json.Marshal(text)
	out.Write(content)
	return err
}
