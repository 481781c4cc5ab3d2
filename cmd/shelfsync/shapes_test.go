package main

import (
	"cmp"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// allCalls are the rows of every table.
func allCalls() []call { return slices.Concat(calls, exceptionCalls, policyCalls) }

// hubDocument is the committed document of the hub's API.
type hubDocument struct{ root map[string]any }

// at goes down members; nil where one is not there.
func at(value any, path ...string) any {
	for _, key := range path {
		object, _ := value.(map[string]any)
		value = object[key]
	}
	return value
}

// schema follows a reference.
func (d hubDocument) schema(value any) any {
	if ref, is := at(value, "$ref").(string); is {
		return at(d.root, strings.Split(strings.TrimPrefix(ref, "#/"), "/")...)
	}
	return value
}

// leads reports whether a path of columns is there in a shape, through its lists.
func (d hubDocument) leads(shape any, path []string) bool {
	for _, key := range path {
		if shape = d.schema(at(d.schema(shape), "properties", key)); at(shape, "items") != nil {
			shape = d.schema(at(shape, "items"))
		}
	}
	return shape != nil
}

func readHubDocument(t *testing.T) hubDocument {
	t.Helper()
	text, err := os.ReadFile("../../hub/api/openapi.yaml")
	if err != nil {
		t.Fatal(err)
	}
	return hubDocument{openAPI(t, text)}
}

// asks is a row's call as the document names it, and the queries in its path.
func (c *call) asks() (method, path string, queries []string) {
	method = strings.ToLower(c.method)
	switch {
	case c.run != nil:
		method = "put"
	case method == "":
		method = "get"
	}
	path, query, _ := strings.Cut(c.path, "?")
	for _, pair := range strings.FieldsFunc(query, func(r rune) bool { return r == '&' }) {
		name, _, _ := strings.Cut(pair, "=")
		queries = append(queries, name)
	}
	return method, regexp.MustCompile(`\{\w+\}`).ReplaceAllStringFunc(path, strings.ToLower), queries
}

// The commands and the document of the hub's API know the same calls: each call
// has a command, and each command asks for a call that is there.
func TestEveryCallHasACommand(t *testing.T) {
	document := readHubDocument(t)
	have := map[string]bool{}
	for _, row := range allCalls() {
		method, path, _ := row.asks()
		have[method+" "+path] = true
		if at(document.root, "paths", path, method) == nil {
			t.Errorf("%s %s asks for a call that is not there: %s %s", row.under, row.use, method, path)
		}
	}
	// Calls that commands of their own make, or that serve programs alone.
	for _, elsewhere := range []string{"get /v1/cluster", "post /v1/cluster/members", "delete /v1/cluster/members/{id}", "get /v1/feed",
		"post /v1/availability/query", "get /livez", "get /readyz", "get /version", "get /metrics", "get /openapi.json", "get /problems/{code}"} {
		have[elsewhere] = true
	}
	paths, _ := document.root["paths"].(map[string]any)
	for path, methods := range paths {
		for method := range methods.(map[string]any) {
			if !have[method+" "+path] {
				t.Errorf("%s %s has no command: add its row", method, path)
			}
		}
	}
}

// Flags of the rows, and all that the calls and their bodies take, are the same;
// and every column is in the answer. Rows that share a call or a body offer it together.
func TestRowsFitTheirCalls(t *testing.T) {
	document := readHubDocument(t)
	offered, taken := map[string][]string{}, map[string][]string{}
	for _, row := range allCalls() {
		method, path, queries := row.asks()
		operation := at(document.root, "paths", path, method)
		call := "the query of " + method + " " + path
		if row.list {
			queries = append(queries, "limit", "cursor")
		}
		parameters, _ := at(operation, "parameters").([]any)
		for _, one := range parameters {
			if key, _ := at(one, "name").(string); at(one, "in") == "query" {
				taken[call] = append(taken[call], key)
			}
		}
		shape := at(operation, "requestBody", "content", "application/json", "schema")
		body, _ := at(shape, "$ref").(string)
		members, _ := at(document.schema(shape), "properties").(map[string]any)
		if row.file != nil || row.run != nil {
			members = nil // a file says it
		}
		for member := range members {
			taken[body] = append(taken[body], member)
		}
		for _, f := range row.flags {
			if f.in == inQuery {
				queries = append(queries, f.key())
			} else {
				offered[body] = append(offered[body], cmp.Or(made[f.key()], f.key()))
			}
		}
		for _, word := range argument.FindAllString(row.use, -1) {
			if member := strings.ToLower(word); row.body != nil && members[member] != nil {
				offered[body] = append(offered[body], member)
			}
		}
		offered[call] = append(offered[call], queries...)
		document.shows(t, &row, operation)
	}
	for what := range offered {
		have, want := slices.Compact(slices.Sorted(slices.Values(offered[what]))), slices.Compact(slices.Sorted(slices.Values(taken[what])))
		if !slices.Equal(have, want) {
			t.Errorf("commands offer %v for %s, which takes %v", have, what, want)
		}
	}
}

// made are flags from which a row's body makes another member.
var made = map[string]string{"want": "lines", "group": "lines"}

// shows checks a row's columns.
func (d hubDocument) shows(t *testing.T, row *call, operation any) {
	t.Helper()
	var answer any
	for _, status := range []string{"200", "201", "202"} {
		if shape := at(operation, "responses", status, "content", "application/json", "schema"); shape != nil {
			answer = d.schema(shape)
		}
	}
	rows := answer
	if data := at(answer, "properties", "data", "items"); data != nil {
		rows = d.schema(data)
	}
	check := func(columns string, shape any) {
		for _, c := range parseColumns(columns) {
			if !d.leads(shape, c.path) {
				t.Errorf("%s %s: no answer has %s, which %s shows", row.under, row.use, strings.Join(c.path, "."), c.head)
			}
		}
	}
	check(row.columns, rows)
	check(row.above, answer)
	for _, below := range row.below {
		check(below, answer)
	}
}
