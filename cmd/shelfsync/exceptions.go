package main

import (
	"encoding/json"
	"fmt"
	"net/http"
)

const (
	exceptionColumns = "ID=id KIND=kind STATE=state LOCATION=location OWNER=owner OPERATION=operation DOCUMENT=document LINE=line ITEM=item QUANTITY=quantity RESERVATION=reservation TRANSFER=transfer DETAIL=detail POSITION=position"
	careColumns      = "DONE=history.action BY=history.by DETAIL=history.detail POSITION=history.position"
)

// exceptionCalls are what a person does about what waits for one.
var exceptionCalls = []call{
	{under: "exceptions", use: "list", short: "What waits for a person", path: "/v1/exceptions", list: true,
		example: "  shelfsync exceptions list\n  shelfsync exceptions list --kind parked --location S014\n  shelfsync exceptions list --state ended",
		flags: with(reading, flag{name: "state", what: "open (as without it), ended or all"}, flag{name: "kind", what: "only of this kind, such as parked"}, one,
			flag{name: "owner", what: "only those that this person looks after"}),
		columns: exceptionColumns},
	{under: "exceptions", use: "get ID", short: "One of them, with what was done about it and what is kept of it", path: "/v1/exceptions/{ID}",
		example: "  shelfsync exceptions get 17\n  shelfsync exceptions get 17 -o json", flags: reading, columns: exceptionColumns, below: []string{careColumns}},
	exceptionStep("owner", "Say who looks after it", "--owner anna --by ben", flag{name: "owner", in: inBody, must: true, what: "who looks after it from now on"}),
	exceptionStep("resolve", "Close it by hand: nothing moves, say why nothing more is to be done", "--by anna --note 'a test scan'", flag{name: "note", in: inBody, must: true, what: "why"}),
	mapCall(),
	admitCall(),
}

// exceptionStep is the row of one thing that is done about an exception.
func exceptionStep(word, short, example string, flags ...flag) call {
	return call{under: "exceptions", use: word + " ID", short: short, method: http.MethodPost, path: "/v1/exceptions/{ID}/" + word,
		example: "  shelfsync exceptions " + word + " 17 " + example, flags: with([]flag{byWhom}, flags...), columns: exceptionColumns, below: []string{careColumns}}
}

func mapCall() call {
	c := exceptionStep("map", "Say which item the code of a parked line is: all lines parked for it take effect", "--item 85123A --factor 12 --by anna",
		flag{name: "item", in: inBody, must: true, what: "which item it is"}, flag{name: "factor", kind: number, in: inBody, what: "how many units one is; absent: 1"})
	c.long = "The code becomes an alias of the item. The lines take effect in the order in which they were parked."
	c.columns, c.below = "CODE=code ITEM=item APPLIED=applied POSITION=position", nil
	return c
}

func admitCall() call {
	c := exceptionStep("admit", "Let an operation out of quarantine: it takes effect once", "--by anna",
		flag{name: "lines", in: own, what: "JSON `FILE` of its lines, where its bytes cannot say what it was; - is standard input"},
		flag{name: "counted", kind: yes, in: inBody, what: "its goods have been counted since: sellable is not changed"})
	c.example += "\n  shelfsync exceptions admit 17 --lines lines.json --by anna"
	c.body = admitBody
	return c
}

func admitBody(a *asked) (object, error) {
	name, err := a.cmd.Flags().GetString("lines")
	if err != nil || name == "" {
		return object{}, err
	}
	content, err := readFile(name, a.cmd.InOrStdin())
	if err != nil {
		return nil, err
	}
	var lines []json.RawMessage
	if err := json.Unmarshal(content, &lines); err != nil {
		return nil, usage{fmt.Errorf("%s is no JSON list of lines: %w", name, err)}
	}
	return object{"lines": lines}, nil
}
