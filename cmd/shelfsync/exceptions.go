package main

import "net/http"

const exceptionColumns = "ID=id KIND=kind LOCATION=location OWNER=owner OPERATION=operation DOCUMENT=document LINE=line ITEM=item QUANTITY=quantity RESERVATION=reservation TRANSFER=transfer DETAIL=detail POSITION=position"

// exceptionCalls are what a person does about what waits for one.
var exceptionCalls = []call{
	{under: "exceptions", use: "list", short: "What waits for a person", path: "/v1/exceptions", list: true, example: "  shelfsync exceptions list", flags: reading, columns: exceptionColumns},
	exceptionStep("owner", "Say who looks after it", "--owner anna --by anna", flag{name: "owner", in: inBody, must: true, what: "who looks after it from now on"}),
	exceptionStep("resolve", "It is settled: say how", "--by anna --note 'counted: it is there'", flag{name: "note", in: inBody, must: true, what: "what was done"}),
	exceptionStep("map", "Say which item a parked code is: its parked lines take effect", "--code 999 --item 85123A --factor 12 --by anna",
		flag{name: "code", in: inBody, what: "the code as scanned; absent: the exception's own"}, flag{name: "item", in: inBody, must: true, what: "which item it is"},
		flag{name: "factor", kind: number, in: inBody, what: "how many units one is; absent: 1"}),
	exceptionStep("admit", "Let a quarantined operation take effect", "--by anna"),
}

// exceptionStep is the row of one thing that is done about an exception.
func exceptionStep(word, short, example string, flags ...flag) call {
	return call{under: "exceptions", use: word + " ID", short: short, method: http.MethodPost, path: "/v1/exceptions/{ID}/" + word,
		example: "  shelfsync exceptions " + word + " 17 " + example, flags: with([]flag{byWhom}, flags...), columns: exceptionColumns}
}
