package main

import (
	"strings"
	"testing"
)

// The policy at the terminal: what is read is edited, tried and put back, and a
// number is taken apart.
func TestThePolicyAtTheTerminal(t *testing.T) {
	o := &operator{T: t, hub: startHub(t)}
	o.stdin = `{"code":"MUG","class":"kitchen"}`
	o.sees("items import -")
	o.stdin = `{"code":"W1"}` + "\n" + `{"code":"W2"}`
	o.sees("locations import -")
	o.stdin = `{"document":"d","location":"W1","lines":[{"movement":"adjust","item":"MUG","quantity":10,"reason":"opening"}]}`
	o.sees("movements post -")
	before := strings.Fields(o.sees("levels --location W1 -o yaml"))
	position := strings.Trim(before[len(before)-1], `"`)

	read := o.sees("policy get -o yaml")
	if !strings.HasPrefix(read, "version: 1\nposition: ") {
		t.Fatalf("built in is %s", read)
	}
	o.stdin = read + "# kept for the counter\nsafety_stock:\n  - class: \"kitchen\"\n    quantity: 2.500\nexclusions:\n  - {location: W1, channel: market}\n"
	o.sees("policy dry-run -", "SINCE WALL ENTRIES", "REALLY WITH accepted 0 0 short 0 0 promised 0 0")
	o.sees("policy put -", "version 2", "safety_stock[0].quantity 2.5", "exclusions[0].channel market")
	o.sees("policy put -", "version 2") // the same content again changes nothing
	o.stdin = strings.Replace(o.stdin, "2.500", "3", 1)
	o.ends(1, "policy put -", "the policy in force is version 2, not 1")
	o.stdin = o.sees("policy get -o json")
	o.sees("policy put -", "version 2")
	o.sees("availability --item MUG --location W1 --channel web", "MUG W1 web 7.5 ", " 10 0 2.5 0 ")
	o.sees("availability --item MUG --location W1 --channel market", "MUG W1 market 0 ", " yes -")
	o.sees("availability --item MUG --location W1 --channel market --as-of "+position, "MUG W1 market 10 ")

	o.sees("reservations reserve --id web-1 --channel web --want MUG=2@W1")
	o.ends(1, "reservations reserve --id m-1 --channel market --want MUG=8@W1", "Not enough")
	o.stdin = `{"safety_stock":[{"item":"MUG","quantity":9.5}]}`
	o.sees("policy dry-run - --from "+position, "REALLY WITH accepted 1 0 short 1 2 ")
	o.sees("policy dry-run - -o json", `"trial": {`)
	o.sees("journal --reservation web-1", "web-1")
	o.sees("explain W1 MUG", "FROM WALL SELLABLE CLAIMS", " adjust - d - - 10 ", " web-1 0 2 0 ", "TOTAL CHANGES SELLABLE", "TO CHANGES SELLABLE CLAIMS", " 2 10 2 ")
	o.sees("explain W1 MUG --limit 1", "There is more than these 1", " 2 10 2 ")
	o.ends(4, "explain W9 MUG", "no location has the code W9")
	for text, fault := range map[string]string{"- 1": "is no object", "a: 1\na: 2": "stands there twice", "a: &x 1\nb: *x": "an alias is not read",
		"a: 0012": "line 1: 0012 is no plain decimal number", "a: [": "neither JSON nor YAML", "": "neither JSON nor YAML", "safety_stok: []": `unknown field "safety_stok"`, "safety_stock: [{item: 22423, quantity: 1}]": "cannot unmarshal number", "a: 1\n---\nb: 1": "more than one document"} {
		o.stdin = text
		o.ends(2, "policy put -", fault)
	}
}
