package main

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
	"pgregory.net/rapid"
)

// openAPI reads a document of an API.
func openAPI(t *testing.T, text []byte) (document map[string]any) {
	t.Helper()
	if err := yaml.Unmarshal(text, &document); err != nil {
		t.Fatal(err)
	}
	return document
}

// Whatever text a name holds, YAML reads it back as that text.
func TestYAMLKeepsEveryText(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := rapid.MapOf(rapid.String(), rapid.SliceOf(rapid.String())).Draw(t, "object")
		if want == nil {
			want = map[string][]string{}
		}
		text, err := json.Marshal(want)
		if err != nil {
			t.Fatal(err)
		}
		var exact map[string][]string // JSON replaces what is no UTF-8
		if err := json.Unmarshal(text, &exact); err != nil {
			t.Fatal(err)
		}
		out, err := yamlOf(text)
		if err != nil {
			t.Fatal(err)
		}
		got := map[string][]string{}
		if err := yaml.Unmarshal(out, &got); err != nil {
			t.Fatalf("%v in\n%s", err, out)
		}
		for key := range exact {
			if len(exact[key]) == 0 {
				exact[key] = got[key] // null, [] and nothing
			}
		}
		if !reflect.DeepEqual(got, exact) {
			t.Fatalf("%q became %q by\n%s", exact, got, out)
		}
	})
}

func TestYAMLByTheBook(t *testing.T) {
	text := `{"b":1.10,"a":[],"no":"NO","clock":"12:30:45","n":null,"tab":"\t\n","yes":true,"code":"0012","lines":[{"item":"1e3","quantity":0.125},{"item":"","quantity":-3}],"o":{}}`
	want := `b: 1.10
a: []
"no": "NO"
clock: "12:30:45"
"n": null
tab: "\t\n"
"yes": true
code: "0012"
lines:
  - item: "1e3"
    quantity: 0.125
  - item: ""
    quantity: -3
o: {}
`
	if got, err := yamlOf([]byte(text)); err != nil || string(got) != want {
		t.Errorf("%v\n%s", err, got)
	}
}

// What is written as YAML is read back as the same JSON, to the last digit.
func TestYAMLIsReadBack(t *testing.T) {
	for _, text := range []string{`{"b":1.10,"no":"NO","clock":"12:30:45","day":"2026-11-25","n":null,"tab":"\t\n","yes":true,"code":"0012","lines":[{"item":"1e3","quantity":0.125},{"item":"","quantity":-3}],"o":{},"a":[],"":"=","<<":"~"}`} {
		yamlText, err := yamlOf([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		if got, err := jsonOf(yamlText); err != nil || string(got) != strings.ReplaceAll(text, "<<", `\u003c\u003c`) {
			t.Errorf("%v\n%s\n%s", err, got, yamlText)
		}
	}
}
