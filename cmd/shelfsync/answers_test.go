package main

import (
	"encoding/json"
	"fmt"
	"io"
	"reflect"
	"regexp"
	"strings"
	"testing"
)

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

// drawn are names that differ from run to run and look like words.
var drawn = regexp.MustCompile(`\b(epoch|installation) [a-z2-7]{8}(?:[a-z2-7]{18})?\b`)

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
			fields := strings.Fields(drawn.ReplaceAllString(text, "$1 <drawn>"))
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
