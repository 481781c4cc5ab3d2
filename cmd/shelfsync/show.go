package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"
	"unicode"
)

// outputs are the forms of -o. JSON and YAML hold every member in the order and
// with the digits of the hub's answer.
var outputs = []string{"table", "json", "yaml"}

// show prints an answer: as it is, or as the table that rows writes, a tab
// between two cells.
func (h *hubs) show(answer []byte, rows func(w io.Writer) error) error {
	switch h.output {
	case "json":
		var out bytes.Buffer
		if err := json.Indent(&out, bytes.TrimSpace(answer), "", "  "); err != nil {
			return fmt.Errorf("the answer is no JSON: %w", err)
		}
		out.WriteByte('\n')
		_, err := out.WriteTo(h.out)
		return err
	case "yaml":
		text, err := yamlOf(answer)
		if err != nil {
			return fmt.Errorf("write YAML: %w", err)
		}
		_, err = h.out.Write(text)
		return err
	}
	w := tabwriter.NewWriter(h.out, 0, 0, 2, ' ', 0)
	if err := rows(w); err != nil {
		return err
	}
	return w.Flush()
}

// column is one column of a table: a heading, and where its value stands.
type column struct {
	head string
	path []string
	as   string // ms: a length of time; each: all of a list in one cell; empty: as it is
}

// parseColumns reads HEAD=path or HEAD=path:as, parted by spaces. Where a path
// leads through a list, each of its members has a row of its own.
func parseColumns(text string) (columns []column) {
	for _, field := range strings.Fields(text) {
		head, path, _ := strings.Cut(field, "=")
		path, as, _ := strings.Cut(path, ":")
		columns = append(columns, column{strings.ReplaceAll(head, "_", " "), strings.Split(path, "."), as})
	}
	return columns
}

// table writes the rows of an answer: of its data where it has some, else of
// itself; without columns, a row for each of its values.
func table(w io.Writer, answer []byte, columns []column) error {
	if len(columns) == 0 {
		return flat(w, answer)
	}
	value, err := decode(answer)
	if err != nil {
		return err
	}
	rows := []any{value}
	if object, ok := value.(map[string]any); ok {
		if data, ok := object["data"].([]any); ok {
			rows = data
		}
	}
	writeRows(w, rows, columns)
	return nil
}

// table writes what a person sees of an answer: tables, an empty line between two.
func (a *asked) table(w io.Writer, answer []byte) error {
	value, err := decode(answer)
	if err != nil {
		return err
	}
	if a.above != "" {
		writeRows(w, []any{value}, parseColumns(a.above))
		fmt.Fprintln(w)
	}
	err = table(w, answer, parseColumns(a.columns))
	for _, columns := range a.below {
		fmt.Fprintln(w)
		writeRows(w, []any{value}, parseColumns(columns))
	}
	return err
}

func writeRows(w io.Writer, rows []any, columns []column) {
	heads := make([]string, len(columns))
	for i, c := range columns {
		heads[i] = c.head
	}
	fmt.Fprintln(w, strings.Join(heads, "\t"))
	for _, row := range rows {
		for _, one := range spread(row, columns) {
			cells := make([]string, len(columns))
			for i, c := range columns {
				cells[i] = cell(find(one, c.path), c.as)
			}
			fmt.Fprintln(w, strings.Join(cells, "\t"))
		}
	}
}

// spread makes one row of each member of the first list that a column leads
// through; without such a list, or with an empty one, there is one row.
func spread(row any, columns []column) []any {
	object, ok := row.(map[string]any)
	if !ok {
		return []any{row}
	}
	for _, c := range columns {
		inner, ok := object[c.path[0]].([]any)
		if !ok || len(c.path) < 2 || len(inner) == 0 || c.as == "each" {
			continue
		}
		rows := make([]any, len(inner))
		for i, member := range inner {
			one := make(map[string]any, len(object))
			for key, value := range object {
				one[key] = value
			}
			one[c.path[0]] = member
			rows[i] = one
		}
		return rows
	}
	return []any{row}
}

func find(value any, path []string) any {
	for i, key := range path {
		if list, ok := value.([]any); ok {
			return gather(list, path[i:])
		}
		object, ok := value.(map[string]any)
		if !ok {
			return nil
		}
		value = object[key]
	}
	return value
}

// gather finds in every member of a list; nil where none has it.
func gather(list []any, path []string) any {
	var found []any
	for _, member := range list {
		if value := find(member, path); value != nil {
			found = append(found, value)
		}
	}
	if found == nil {
		return nil
	}
	return found
}

func cell(value any, as string) string {
	switch v := value.(type) {
	case nil:
		return "-"
	case json.Number:
		if ms, err := strconv.ParseInt(v.String(), 10, 64); as == "ms" && err == nil {
			return (time.Duration(ms) * time.Millisecond).Round(100 * time.Millisecond).String()
		}
		return v.String()
	case bool:
		return map[bool]string{true: "yes", false: "no"}[v]
	case string:
		if v == "" {
			return "-"
		}
		return oneLine(v)
	case []any:
		cells := make([]string, len(v))
		for i := range v {
			cells[i] = cell(v[i], as)
		}
		return strings.Join(cells, ",")
	}
	text, _ := json.Marshal(value) // it was JSON
	return oneLine(string(text))
}

func flat(w io.Writer, answer []byte) error {
	in := json.NewDecoder(bytes.NewReader(answer))
	in.UseNumber()
	return walk(in, "", func(path, value string) { fmt.Fprintf(w, "%s\t%s\n", oneLine(path), oneLine(value)) })
}

// walk tells of every value in the order of the text, with the path to it.
func walk(in *json.Decoder, path string, tell func(path, value string)) error {
	token, err := in.Token()
	if err != nil {
		return err
	}
	delim, nested := token.(json.Delim)
	if !nested {
		tell(path, fmt.Sprint(token))
		return nil
	}
	for n := 0; in.More(); n++ {
		below := path + "[" + strconv.Itoa(n) + "]"
		if delim == '{' {
			key, err := in.Token()
			if err != nil {
				return err
			}
			below = strings.TrimPrefix(path+"."+fmt.Sprint(key), ".")
		}
		if err := walk(in, below, tell); err != nil {
			return err
		}
	}
	_, err = in.Token()
	return err
}

// decode reads JSON with every number as it is written.
func decode(text []byte) (value any, err error) {
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	if err := decoder.Decode(&value); err != nil {
		return nil, fmt.Errorf("the answer is no JSON: %w", err)
	}
	return value, nil
}

// plain takes out what could steer a terminal: names come from outside.
func plain(text string) string {
	return strings.Map(func(r rune) rune {
		if r != '\n' && !unicode.IsPrint(r) {
			return unicode.ReplacementChar
		}
		return r
	}, text)
}

func oneLine(text string) string { return strings.ReplaceAll(plain(text), "\n", " ") }
