package main

import (
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/shelfsync/shelfsync/protocol/api"
)

// nouns are the groups of commands, in a line each.
var nouns = map[string]string{
	"reservations": "Claims of channels: look, reserve, and take every step",
	"exceptions":   "What waits for a person: look, take over, resolve",
	"transfers":    "Goods on their way between locations",
	"items":        "The catalogue",
	"locations":    "Stores and warehouses, and who records their facts",
	"movements":    "Facts for locations without an agent, corrections, opening balances",
	"policy":       "The rules that claims are judged by, as data",
}

// Flags that many calls take.
var (
	reading = []flag{
		{name: "min-position", what: "wait up to 2 s until the node has reached this position"},
		{name: "consistency", what: "local, or linearizable: everything committed before the call is in the answer"},
	}
	one     = flag{name: "location", what: "only of this location"}
	part    = []flag{{name: "line", in: inBody, what: "only this line"}, {name: "quantity", kind: quantity, in: inBody, what: "only so many units of the line"}}
	byWhom  = flag{name: "by", in: inBody, must: true, what: "who decides this"}
	because = flag{name: "reason", in: inBody, must: true, what: "why"}
)

// Columns that several calls show.
const (
	reservationColumns = "ID=id ORDER=order CHANNEL=channel LINE=lines.line ITEM=lines.item QUANTITY=lines.quantity STATE=lines.state LOCATION=lines.location REASON=lines.reason LEFT=expires_in_ms:ms"
	locationColumns    = "CODE=code NAME=name REGION=region STATE=state GLN=gln WRITER=writer"
)

// calls are the hub's calls, but for those of exceptions.go and policy.go.
var calls = []call{
	{use: "agents", short: "Every store's agent: link, backlog, age", path: "/v1/agents", list: true,
		example: "  shelfsync agents\n  shelfsync agents -o json | jq '.data[] | select(.state==\"offline\").location'",
		columns: "LOCATION=location STATE=state SENT=through WAITING=backlog OLDEST=oldest_unsent_ms:ms CAUGHT_UP=age_ms:ms LAST_SEEN=last_seen VERSION=version"},
	{use: "levels", short: "What a location has", path: "/v1/levels", list: true,
		example: "  shelfsync levels --location S014\n  shelfsync levels --location S014 --item 85123A --item 22423 -o yaml",
		flags:   with(reading, flag{name: "location", must: true, what: "whose levels"}, flag{name: "item", kind: many, what: "only this item; may be given again"}),
		columns: "ITEM=item SELLABLE=sellable RESERVED=reserved SET_ASIDE=staged DAMAGED=damaged TO_INSPECT=return_pending ON_HAND=on_hand IN_TRANSIT=in_transit"},
	{use: "availability", short: "What a channel may sell, with its parts and its age", path: "/v1/availability",
		example: "  shelfsync availability --item 85123A --channel web\n  shelfsync availability --item 85123A --location S014 --as-of 7.918273",
		flags: with(reading, flag{name: "item", kind: many, must: true, what: "which item; may be given again"},
			flag{name: "location", kind: many, what: "at which location; may be given again; absent: every open one"}, flag{name: "channel", what: "for which channel"},
			flag{name: "as-of", what: "as it was at this past position"}),
		columns: "ITEM=item LOCATION=location CHANNEL=channel AVAILABLE=quantity AGE=age_ms:ms SELLABLE=parts.sellable CLAIMS=parts.claims SAFETY=parts.safety_stock THRESHOLD=parts.channel_threshold PROTECTED=parts.protected AHEAD=parts.ahead_of_papers EXCLUDED=excluded PAUSED=paused"},
	{use: "conflicts", short: "Claims that gave way, and goods that left for claims that were over", path: "/v1/conflicts", list: true,
		example: "  shelfsync conflicts --location S014",
		flags:   with(reading, one, flag{name: "item", what: "only of this item"}, flag{name: "reservation", what: "only of this reservation"}),
		columns: "ID=id POSITION=position LOCATION=location ITEM=item QUANTITY=quantity RESERVATION=reservation LINE=line ORDER=order WAS=state REMEDY=remedy TO=to CAUSE=cause.kind OPERATION=cause.operation DOCUMENT=cause.document STORE_HAD_SEEN=store_had_seen PROMISED_AT=promised_at POLICY=policy_version"},
	{use: "tasks", short: "What stores are asked to do and have not said is done", path: "/v1/tasks", list: true,
		example: "  shelfsync tasks --location S014",
		flags:   with(reading, one),
		columns: "LOCATION=location ID=id KIND=kind ITEM=item QUANTITY=quantity RESERVATION=reservation LINE=line ORDER=order POSITION=position"},
	{use: "journal", short: "Every applied operation, in the order of the log", path: "/v1/journal", list: true,
		example: "  shelfsync journal --location S014 --item 85123A\n  shelfsync journal --receipt T1-000123 -o yaml\n  shelfsync journal --from 2026-11-24T08:00:00Z --to 2026-11-24T09:00:00Z",
		flags: []flag{{name: "after", what: "begin after this position"}, one, {name: "item", what: "only with this item"}, {name: "order", what: "only of this order"},
			{name: "receipt", what: "only of this receipt"}, {name: "reservation", what: "only of this reservation"}, {name: "correlation", what: "only of this trace id"}, {name: "from", what: "only since this time, such as 2026-11-24T08:00:00Z"}, {name: "to", what: "only until this time"}},
		columns: "POSITION=position WALL=wall KIND=kind LOCATION=location OPERATION=operation DOCUMENT=document RECEIPT=receipt RESERVATION=reservation LINE=lines.kind ITEM=lines.item QUANTITY=lines.quantity FROM=lines.from TO=lines.to EFFECT=lines.effect DETAIL=detail"},
	explainCall,

	{under: "reservations", use: "list", short: "Reservations, a row for each line", path: "/v1/reservations", list: true,
		example: "  shelfsync reservations list --state open",
		flags:   with(reading, flag{name: "state", what: "open or ended: only those with, or without, an open line"}), columns: reservationColumns},
	{under: "reservations", use: "get ID", short: "One reservation", path: "/v1/reservations/{ID}",
		example: "  shelfsync reservations get web-1", flags: reading, columns: reservationColumns},
	{under: "reservations", use: "reserve", short: "Claim goods for a channel", method: http.MethodPost, path: "/v1/reservations", body: reserveBody, id: "id",
		long:    "The answer is a committed decision. The id is what makes a repetition safe; without --id one is made up and told.",
		example: "  shelfsync reservations reserve --channel web --order O-1 --want 85123A=1@S014,S022\n  shelfsync reservations reserve --channel web --id web-1 --want 85123A=2@S014 --want 22423=1@S014 --ttl 15m",
		flags: []flag{{name: "id", in: own, what: "chosen by you; absent: a new one"}, {name: "channel", in: inBody, must: true, what: "for whom"}, {name: "order", in: inBody, what: "its order"},
			{name: "want", kind: many, in: own, must: true, what: "`ITEM=N@PLACES`: so many of an item from one of these locations, a comma between two, best first; may be given again"},
			{name: "group", in: own, what: "a list of locations that the policy names, for wants without places: --want 85123A=1 --group nearby"},
			{name: "mode", in: inBody, what: "all_or_nothing (as without it) or partial"}, {name: "ttl", kind: seconds, in: inBody, what: "how long the hold lasts without a confirm, such as 15m"},
			{name: "collect-within", kind: seconds, in: inBody, what: "after which time an order nobody collected is shown to a person"},
			{name: "priority", kind: number, in: inBody, what: "0 to 9; where claims must yield, the lower yields first"}, {name: "split", kind: yes, in: inBody, what: "a line may be served from several locations"}},
		columns: reservationColumns},
	step("confirm", "An order stands behind it: it expires no more"),
	step("release", "Give the claim up"),
	step("extend", "Hold on for a while longer, from now", flag{name: "ttl", kind: seconds, in: inBody, what: "how long, such as 15m"}),
	step("move", "Let another location serve it", flag{name: "location", in: inBody, must: true, what: "where to"}),
	step("fulfil", "The goods left a location that has no agent"),

	{under: "transfers", use: "list", short: "Open transfers, oldest first, a row for each line", path: "/v1/transfers", list: true,
		example: "  shelfsync transfers list --location S015", flags: with(reading, one),
		columns: "ID=id FROM=from PAPERS=dispatched AGED=aged AT=lines.at ITEM=lines.item QUANTITY=lines.quantity AS=lines.disposition"},
	{under: "transfers", use: "close ID", short: "Nothing more is to come: what is still in transit is booked to variance", method: http.MethodPost, path: "/v1/transfers/{ID}/close",
		example: "  shelfsync transfers close S014.k3f9.123 --reason 'lost on the way'", flags: []flag{because}, columns: "ID=id CLOSED_AT=position"},

	{under: "items", use: "list", short: "The catalogue", path: "/v1/items", list: true, example: "  shelfsync items list --limit 0 -o json", flags: reading,
		columns: "CODE=code UNIT=unit DECIMALS=decimals CLASS=class STOCKED=stocked GTIN=gtin ALIAS=aliases.code FACTOR=aliases.factor"},
	{under: "items", use: "import FILE", short: "Load catalogue rows, one JSON object a line", path: "/v1/items", run: load, long: loadHelp,
		example: "  shelfsync items import items.ndjson\n  generate | shelfsync items import -"},
	{under: "locations", use: "list", short: "Every location", path: "/v1/locations", list: true, example: "  shelfsync locations list", flags: reading, columns: locationColumns},
	{under: "locations", use: "import FILE", short: "Set locations, one JSON object a line", path: "/v1/locations", run: load, long: loadHelp,
		example: "  echo '{\"code\":\"S014\",\"name\":\"Harbour Street\"}' | shelfsync locations import -"},
	{under: "locations", use: "writer CODE WRITER", short: "Say who records a location's facts", method: http.MethodPut, path: "/v1/locations/{CODE}/writer",
		example: "  shelfsync locations writer W1 wms\n  shelfsync locations writer S014 8f2c61d0 --replace",
		body:    func(a *asked) (object, error) { return object{"writer": a.words["WRITER"]}, nil },
		flags:   []flag{{name: "replace", kind: yes, in: inBody, what: "take it from another writer"}}, columns: locationColumns},

	{under: "movements", use: "post FILE", short: "Book a document of movements", method: http.MethodPost, path: "/v1/movements", file: asItIs, id: "document",
		long:    "FILE is the JSON body of POST /v1/movements, or - for standard input. Its document is what makes a repetition safe.",
		example: "  echo '{\"document\":\"opening-1\",\"location\":\"S014\",\"lines\":[{\"movement\":\"adjust\",\"item\":\"85123A\",\"quantity\":10,\"reason\":\"opening\"}]}' |\n    shelfsync movements post -",
		columns: "DOCUMENT=document POSITION=position TRANSFER=transfer LINE=outcomes.line EFFECT=outcomes.effect DETAIL=outcomes.detail"},
}

// step is the row of one step of a reservation.
func step(word, short string, flags ...flag) call {
	example := "  shelfsync reservations " + word + " web-1"
	for _, f := range flags {
		example += map[string]string{"ttl": " --ttl 15m", "location": " --location S022"}[f.name]
	}
	return call{under: "reservations", use: word + " ID", short: short, method: http.MethodPost, path: "/v1/reservations/{ID}/" + word,
		long:    "Without --line: every open line. A step that was taken already is answered with the present record.",
		example: example, flags: with(part, flags...), columns: reservationColumns}
}

// reserveBody reads what is wanted, and makes an id up where none was chosen.
func reserveBody(a *asked) (object, error) {
	id, err := a.cmd.Flags().GetString("id")
	if err != nil {
		return nil, err
	}
	if id == "" {
		id = "cli-" + rand.Text()
	}
	wants, err := a.cmd.Flags().GetStringArray("want")
	if err != nil {
		return nil, err
	}
	group, err := a.cmd.Flags().GetString("group")
	if err != nil {
		return nil, err
	}
	lines := make([]api.ReservationWant, len(wants))
	for i, want := range wants {
		if lines[i], err = parseWant(want, group); err != nil {
			return nil, usage{fmt.Errorf("--want %s: %w", want, err)}
		}
	}
	return object{"id": id, "lines": lines}, nil
}

var errWant = errors.New("is written ITEM=QUANTITY@LOCATION,LOCATION, such as 85123A=1@S014,S022, or ITEM=QUANTITY beside --group")

// parseWant reads ITEM=QUANTITY@LOCATION,… or, where a group of locations is
// named, ITEM=QUANTITY; from its end, since an item's code may hold any of these
// marks.
func parseWant(text, group string) (want api.ReservationWant, err error) {
	end := strings.LastIndexByte(text, '@')
	equals := strings.LastIndexByte(text[:max(0, end)], '=')
	if last := strings.LastIndexByte(text, '='); group != "" && last > end {
		equals, end, want.Group = last, len(text), group
	}
	if equals < 1 {
		return want, errWant
	}
	if want.Item = text[:equals]; want.Group == "" {
		want.Candidates = strings.Split(text[end+1:], ",")
	}
	if slices.Contains(want.Candidates, "") {
		return want, errWant
	}
	want.Quantity, err = api.ParseQuantity(text[equals+1 : end])
	return want, err
}
