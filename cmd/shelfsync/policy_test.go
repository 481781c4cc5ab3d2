package main

import (
	"testing"
)

// A policy is read, changed as YAML, tried, put in force and read again; whoever
// read an older one changes nothing. Then a number is taken apart.
func TestAPolicyAtTheTerminal(t *testing.T) {
	o := &operator{T: t, hub: startHub(t)}
	o.stdin = `{"code":"MUG","unit":"piece"}`
	o.sees("items import -")
	o.stdin = `{"code":"W1"}`
	o.sees("locations import -")
	o.stdin = `{"document":"opening-1","location":"W1","lines":[{"movement":"adjust","item":"MUG","quantity":10,"reason":"opening"}]}`
	o.sees("movements post -")
	o.sees("reservations reserve --id r --channel web --want MUG=3@W1 --ttl 15m")

	read := o.sees("policy get -o yaml", "version: 1")
	changed := read + "safety_stock:\n  - quantity: 2.50\nexclusions:\n  - location: W1\n    channel: market # not for them\n"
	o.stdin = changed
	o.sees("policy dry-run -", "SINCE REALLY ACCEPTED", " 1 0 0 0 0 1 0 0 0 0")
	o.sees("policy get", "version 1")
	o.sees("policy put -", "version 2", "safety_stock[0].quantity 2.5")
	o.stdin = read + "safety_stock:\n  - quantity: 3\n"
	o.ends(1, "policy put -", "policy in force is version 2, not 1") // changed since it was read
	o.stdin = o.sees("policy get -o json")
	o.sees("policy put -", "version 2")
	o.stdin = "safety_stock: [{quantity: 1e9}]"
	o.ends(1, "policy put -", "safety_stock[0].quantity")
	o.stdin = "a: &x 1\nb: *x"
	o.ends(2, "policy put -", "read -", "line 2")
	o.stdin = "\t"
	o.ends(2, "policy put -", "read -")
	o.sees("availability --item MUG --location W1 --channel web", "MUG W1 web 4.5 ")
	o.sees("availability --item MUG --location W1 --channel market", "MUG W1 market 0 ")

	o.sees("explain --location W1 --item MUG", "movements - opening-1 - - 10 0 0 0 0 10 -", "reserve - - - r 0 0 0 0 3 10 -", "TO SELLABLE", " 10 0 0 0 3 2")
}
