package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// One day at the terminal: every call of the hub by its command.
func TestADayAtTheTerminal(t *testing.T) {
	hub := startHub(t)
	o := &operator{T: t, hub: hub}
	o.stdin = `{"code":"MUG","unit":"piece","class":"kitchen","aliases":[{"code":"MUG-BOX","factor":6}]}` + "\n" + `{"code":"TEA","unit":"kg","decimals":3}` + "\n"
	o.sees("items import -", "TAKEN REFUSED POSITION 2 0 ")
	o.sees("items list", "MUG piece - kitchen yes - MUG-BOX 6", "TEA kg 3 default yes - - -")
	o.stdin = `{"code":"W1","name":"Warehouse","region":"north"}` + "\n" + `{"code":"W2"}` + "\n" + `{"code":"W3","name":"Depot","region":"north"}`
	o.sees("locations import -", "TAKEN REFUSED POSITION 3 0 ")
	o.sees("locations writer W3 wms", "W3 Depot north open - wms")
	o.ends(1, "locations writer W3 erp", "The location already has a writer", "repeat with replace", "PUT http://"+hub+"/v1/locations/W3/writer", "request ")
	o.sees("locations writer W3 erp --replace", "W3 Depot north open - erp")
	o.sees("locations list", "W2 - - open - -")

	o.stdin = `{"document":"opening-1","location":"W1","source":"erp","lines":[{"movement":"adjust","item":"MUG","quantity":10,"reason":"opening"},{"movement":"adjust","item":"TEA","quantity":0.125,"reason":"opening"}]}`
	o.sees("movements post -", "document opening-1: if no answer comes, repeat with the same one", "DOCUMENT POSITION")
	o.sees("movements post -", "opening-1")
	o.stdin = strings.Replace(o.stdin, "10", "11", 1)
	o.ends(1, "movements post -", "document opening-1 was booked before with other lines")
	o.sees("levels --location W1", "MUG 10 0 0 0 0 10 0", "TEA 0.125 0 0")
	o.sees("availability --item MUG --item TEA --location W1 --channel web", "MUG W1 web 10 ", "TEA W1 web 0.125 ")

	o.sees("reservations reserve --id web-1 --channel web --order O-1 --want MUG=2@W1,W2 --want TEA=0.1@W1 --ttl 15m",
		"id web-1: if no answer comes", "web-1 O-1 web 1 MUG 2 held W1", "web-1 O-1 web 2 TEA 0.1 held W1")
	o.ends(1, "reservations reserve --channel web --want MUG=99@W1", "Not enough is available to sell", "line 1: 99 of MUG asked for, 8 available")
	o.sees("reservations extend web-1 --ttl 30m", "held", "30m0s")
	o.sees("reservations confirm web-1", "2 TEA 0.1 confirmed W1")
	o.sees("reservations release web-1 --line 2", "2 TEA 0.1 released W1")
	o.ends(1, "reservations move web-1 --line 1 --location W2", "not open or has not enough")
	o.sees("reservations fulfil web-1 --line 1 --quantity 1", "MUG 1 fulfilled W1", "MUG 1 confirmed W1")
	o.ends(1, "reservations confirm web-1 --line 2", "does not allow", "web-1 line 2: 0.1 of TEA is released at W1")
	o.sees("reservations list --state open", "web-1 O-1 web")
	o.ends(4, "reservations get nobody", "no reservation nobody is remembered")
	o.sees("reservations get web-1 --consistency linearizable", "web-1 O-1 web")

	o.stdin = `{"document":"D-1","location":"W1","source":"erp","lines":[{"movement":"dispatch","item":"MUG","quantity":3,"other":"W2"},{"movement":"sale","item":"who?","quantity":1}]}`
	o.sees("movements post -", "erp/D-1", "parked")
	o.sees("transfers list --location W2", "erp/D-1 W1 yes - W2 MUG 3 sellable")
	o.sees("transfers close erp/D-1 --reason lost", "erp/D-1 ")
	o.sees("transfers list")
	o.sees("exceptions list --kind parked", "1 parked open W1 - - D-1 2 who? 1")
	o.sees("exceptions owner 1 --owner anna --by ben", "parked open W1 anna", "owned ben anna")
	o.sees("exceptions map 1 --item MUG --by anna", "who? MUG 1 ")
	o.sees("exceptions get 1", "parked ended W1 anna", "owned ben anna", "mapped anna MUG")
	o.ends(1, "exceptions resolve 1 --by anna --note again", "does not allow")
	o.ends(4, "exceptions admit 99 --by anna", "no exception 99 is open")
	o.sees("exceptions list --state all --owner anna", "1 parked ended")
	o.stdin = `{"document":"D-2","location":"W1","source":"erp","lines":[{"movement":"sale","item":"MUG","quantity":6}]}`
	o.sees("movements post -", "D-2")
	o.sees("conflicts --location W1", "MUG 1 web-1", "confirmed short - document - D-2")
	o.sees("tasks")
	o.sees("journal --item TEA", "opening-1", "adjust TEA 0.125")
	o.sees("journal --from 2001-01-01T00:00:00Z --to 2001-01-02T00:00:00Z")
	o.sees("agents", "W3 offline")
	o.sees("status", "Hub well, position ", "Stores 0 online, 1 offline, 0 operations waiting", "Exceptions 1 negative_stock")
	o.sees("cluster", "JOURNAL FROM HEARD", "leader true")
}

// What scripts read is the hub's own shape, exact to the last digit.
func TestWhatScriptsRead(t *testing.T) {
	o := &operator{T: t, hub: startHub(t)}
	var rows strings.Builder
	for i := range 2050 {
		rows.WriteString(`{"code":"I` + string(rune('A'+i%26)) + strings.Repeat("x", i/26%60) + strings.Repeat("y", i/1560) + `"}` + "\n")
	}
	rows.WriteString("\n" + `{"code":"","gtin":"1"}` + "\n" + `{"code":"NO"}` + "\n")
	file := filepath.Join(t.TempDir(), "items.ndjson")
	if err := os.WriteFile(file, []byte(rows.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	o.ends(1, "items import "+file, "line 2052: code ", "line 2052: gtin ", "2051 1 ")
	one := filepath.Join(t.TempDir(), "bad.ndjson")
	if err := os.WriteFile(one, []byte("not json\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	o.ends(1, "items import "+one, "line 1: line ", "0 1 -")

	var page struct{ Data []struct{ Code string } }
	if err := json.Unmarshal([]byte(o.sees("items list --limit 0 -o json")), &page); err != nil || len(page.Data) != 2051 {
		t.Errorf("%d rows over all pages, %v", len(page.Data), err)
	}
	short := o.sees("items list --limit 1500 -o json", "There is more than these 1500")
	if err := json.Unmarshal([]byte(short), &page); err != nil || len(page.Data) != 1500 {
		t.Errorf("%d rows up to the limit, %v", len(page.Data), err)
	}
	o.stdin = `{"code":"W1"}`
	o.sees("locations import -")
	o.stdin = `{"document":"d","location":"W1","lines":[{"movement":"adjust","item":"NO","quantity":999999999.999,"reason":"opening"}]}`
	o.sees("movements post -")
	text := o.sees("levels --location W1 -o yaml")
	for _, line := range []string{`    item: "NO"`, "    sellable: 999999999.999"} {
		if !strings.Contains(text, line+"\n") {
			t.Errorf("the YAML has no %q:\n%s", line, text)
		}
	}
	if text = o.sees("levels --location W1 -o json"); strings.Index(text, `"data"`) > strings.Index(text, `"position"`) || !strings.Contains(text, `"sellable": 999999999.999,`) {
		t.Errorf("the JSON is %s", text)
	}
}

func TestUsedWrongly(t *testing.T) {
	o := &operator{T: t, hub: "127.0.0.1:1"}
	for line, word := range map[string]string{
		"levels":                            "--location is required",
		"levels --location S014 -o xml":     "-o is table, json or yaml",
		"reservations lst":                  "did you mean list",
		"reservations get":                  "accepts 1 arg(s), received 0",
		"items import /nowhere/to/be/found": "no such file",
		"levle":                             "Did you mean this? level",
		"agents --limit -1":                 "--limit is 0 or more",
		"agents --bogus":                    "unknown flag",
		"reservations reserve --channel w --want MUG=1":      "is written ITEM=QUANTITY@LOCATION",
		"reservations reserve --channel w --want MUG=1@":     "is written ITEM=QUANTITY@LOCATION",
		"reservations reserve --channel w --want MUG=.1@S":   "must be a plain decimal number",
		"reservations extend web-1 --ttl 1500ms":             "whole seconds",
		"reservations pick":                                  "has no command",
		"reservations release web-1 --line 1 --quantity 1e3": "must be a plain decimal number",
	} {
		o.ends(2, line, word, "See: shelfsync")
	}
	o.ends(75, "agents", "no node of the hub answered", "127.0.0.1:1")
	o.ends(75, "status", "no node of the hub answered")
	o.ends(0, "reservations", "Available Commands")
}

// The second address is asked where the first does not answer.
func TestTheNextNodeIsAsked(t *testing.T) {
	o := &operator{T: t, hub: "127.0.0.1:1," + startHub(t)}
	o.sees("agents", "LOCATION")
}

func TestWants(t *testing.T) {
	for _, c := range []struct{ text, group, want string }{
		{"85123A=2@S014", "", "85123A|2|S014|"},
		{"a=b@c=0.125@S014,S02", "", "a=b@c|0.125|S014,S02|"},
		{"85123A=2", "nearby", "85123A|2||nearby"},
		{"a@b=2", "nearby", "a@b|2||nearby"},
		{"85123A=2@S014", "nearby", "85123A|2|S014|"},
	} {
		got, err := parseWant(c.text, c.group)
		if said := got.Item + "|" + got.Quantity.String() + "|" + strings.Join(got.Candidates, ",") + "|" + got.Group; err != nil || said != c.want {
			t.Errorf("%s is %s, %v", c.text, said, err)
		}
	}
}

// Every row can be read: its arguments stand in its path or are used otherwise,
// its noun has a line of help, and it has an example that names the command.
func TestTheRowsOfCalls(t *testing.T) {
	for _, row := range allCalls() {
		name := strings.TrimSpace(row.under + " " + strings.Fields(row.use)[0])
		if row.under != "" && nouns[row.under] == "" {
			t.Errorf("%s: its noun has no line of help", name)
		}
		if !strings.Contains(row.example, "shelfsync "+name) || row.short == "" || !strings.HasPrefix(row.path, "/v1/") {
			t.Errorf("%s lacks an example, a line of help or a path", name)
		}
		for _, placed := range regexp.MustCompile(`\{(\w+)\}`).FindAllStringSubmatch(row.path, -1) {
			if !slices.Contains(argument.FindAllString(row.use, -1), placed[1]) {
				t.Errorf("%s: {%s} of its path is no argument", name, placed[1])
			}
		}
		cmd := row.command(&hubs{})
		for _, f := range row.flags {
			if f.what == "" || cmd.Flags().Lookup(f.name) == nil {
				t.Errorf("%s: --%s has no help", name, f.name)
			}
		}
	}
}

func TestColumns(t *testing.T) {
	got := parseColumns("A=a LONG_AGE=b.c:ms")
	if want := []column{{"A", []string{"a"}, ""}, {"LONG AGE", []string{"b", "c"}, "ms"}}; !reflect.DeepEqual(got, want) {
		t.Errorf("%+v", got)
	}
}
