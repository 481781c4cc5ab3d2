package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
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

// jsonOf reads a file that people may have written as JSON or as YAML. A number
// keeps its digits: what JSON would not take as a number is a text.
func jsonOf(file []byte) ([]byte, error) {
	if json.Valid(file) {
		return file, nil
	}
	var document yaml.Node
	if err := yaml.Unmarshal(file, &document); err != nil {
		return nil, fmt.Errorf("neither JSON nor YAML: %w", err)
	}
	if len(document.Content) != 1 {
		return nil, errors.New("the file says nothing")
	}
	var out bytes.Buffer
	err := writeJSON(&out, document.Content[0])
	return out.Bytes(), err
}

func writeJSON(out *bytes.Buffer, node *yaml.Node) error {
	switch node.Kind {
	case yaml.MappingNode, yaml.SequenceNode:
		return writeNested(out, node)
	case yaml.AliasNode:
		return fmt.Errorf("line %d: a reference to another part of the file is not taken", node.Line)
	}
	if number := []byte(node.Value); node.Tag == "!!int" || node.Tag == "!!float" {
		if json.Valid(number) {
			out.Write(number)
			return nil
		}
	}
	var value any = node.Value
	if node.Tag == "!!bool" || node.Tag == "!!null" {
		if err := node.Decode(&value); err != nil {
			return fmt.Errorf("line %d: %w", node.Line, err)
		}
	}
	text, err := json.Marshal(value)
	out.Write(text)
	return err
}

func writeNested(out *bytes.Buffer, node *yaml.Node) error {
	open, between, end := byte('['), []byte(","), byte(']')
	if node.Kind == yaml.MappingNode {
		open, end = '{', '}'
	}
	out.WriteByte(open)
	for i, inner := range node.Content { // members of a mapping come as key, value, key, value
		if key := node.Kind == yaml.MappingNode && i%2 == 0; i > 0 && (node.Kind == yaml.SequenceNode || key) {
			out.Write(between)
		} else if i > 0 {
			out.WriteByte(':')
		}
		if node.Kind == yaml.MappingNode && i%2 == 0 {
			inner = &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: inner.Value}
		}
		if err := writeJSON(out, inner); err != nil {
			return err
		}
	}
	out.WriteByte(end)
	return nil
}
