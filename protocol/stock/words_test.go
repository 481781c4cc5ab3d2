package stock_test

import (
	"encoding/hex"
	"slices"
	"strconv"
	"strings"

	"github.com/shelfsync/shelfsync/protocol"
	"github.com/shelfsync/shelfsync/protocol/stock"
)

// run carries out one command of a script and answers in lines.
func (w *world) run(words []string) []string {
	w.t.Helper()
	defer w.throughSnapshot()
	if hub, ok := hubWords[words[0]]; ok {
		return hub(w, words[1:])
	}
	if len(words) < 2 {
		w.t.Fatalf("%s: no command %q", w.place, words)
	}
	if action, ok := channelWords[words[1]]; ok {
		return action(w, words[0], words[2:])
	}
	return w.storeWords(words[0], words[1:])
}

var hubWords map[string]func(*world, []string) []string

var channelWords map[string]func(w *world, channel string, words []string) []string

func init() {
	hubWords = map[string]func(*world, []string) []string{
		"found": func(w *world, a []string) []string {
			return w.one(&stock.Found{Incarnation: uint64(w.number(a[0])), Restored: len(a) > 1 && a[1] == "restored"})
		},
		"items":     (*world).items,
		"location":  (*world).location,
		"writer":    (*world).writer,
		"policy":    (*world).policy,
		"opening":   (*world).opening,
		"document":  (*world).document,
		"tick":      (*world).tick,
		"one-tick":  (*world).oneTick,
		"show":      (*world).show,
		"echoes":    (*world).echoes,
		"end":       func(w *world, a []string) []string { return w.one(&stock.EndTransfer{ID: a[0]}) },
		"own":       (*world).own,
		"resolve":   (*world).resolve,
		"map":       (*world).mapCode,
		"admit":     (*world).admit,
		"epoch":     func(w *world, a []string) []string { w.store(a[0]).epoch = a[1]; return nil },
		"pc":        func(w *world, a []string) []string { w.store(a[0]).installation = a[1]; return nil },
		"offline":   func(w *world, a []string) []string { w.store(a[0]).offline = true; return nil },
		"online":    (*world).online,
		"send":      (*world).sendWords,
		"rewind":    (*world).rewind,
		"bytes":     (*world).rawBytes,
		"nearlimit": func(w *world, a []string) []string { w.nearLimit(a[0], a[1]); return nil },
	}
	channelWords = map[string]func(*world, string, []string) []string{
		"reserves": (*world).reserves,
		"confirms": step(stock.Confirm),
		"releases": step(stock.Release),
		"extends":  step(stock.Extend),
		"fulfils":  step(stock.Fulfil),
		"moves":    step(stock.Move),
	}
}

func (w *world) one(c stock.Command) []string {
	return w.tell(w.apply(protocol.EncodeCommand(c))[0])
}

func (w *world) number(word string) int64 {
	n, err := strconv.ParseInt(word, 10, 64)
	if err != nil {
		w.t.Fatalf("%s: %q is not a number", w.place, word)
	}
	return n
}

func (w *world) quantity(word string) stock.Quantity {
	q, err := stock.ParseQuantity(word)
	if err != nil {
		w.t.Fatalf("%s: %q: %v", w.place, word, err)
	}
	return q
}

// clauses cuts words at commas.
func clauses(words []string) (parts [][]string) {
	for {
		at := slices.Index(words, ",")
		if at < 0 {
			return append(parts, words)
		}
		parts, words = append(parts, words[:at]), words[at+1:]
	}
}

// after is the word that follows a keyword, or empty.
func after(words []string, keyword string) string {
	if at := slices.Index(words, keyword); at >= 0 && at+1 < len(words) {
		return words[at+1]
	}
	return ""
}

// items CODE [service] [class CLASS] [alias CODE x6]..., ...
func (w *world) items(words []string) []string {
	put := &stock.PutItems{}
	for _, c := range clauses(words) {
		item := stock.Item{Code: c[0], Class: "default", Stocked: !slices.Contains(c, "service")}
		if class := after(c, "class"); class != "" {
			item.Class = class
		}
		for i := range c {
			if c[i] == "alias" {
				item.Aliases = append(item.Aliases, stock.Alias{Code: c[i+1], Factor: w.number(c[i+2][1:])})
			}
		}
		put.Items = append(put.Items, item)
	}
	return w.one(put)
}

// location CODE [paused|closed], ...
func (w *world) location(words []string) []string {
	put := &stock.PutLocations{}
	for _, c := range clauses(words) {
		facts := stock.LocationFacts{Code: c[0], State: stock.Open}
		if len(c) > 1 {
			facts.State, _ = stock.ParseLocationState(c[1])
		}
		put.Locations = append(put.Locations, facts)
	}
	return w.one(put)
}

// writer LOCATION PC|- [replace]: the store's later operations come from PC.
func (w *world) writer(words []string) []string {
	command := &stock.AssignWriter{Location: words[0], Installation: words[1], Replace: slices.Contains(words, "replace")}
	if words[1] == "-" {
		command.Installation = ""
	}
	return w.one(command)
}

// opening LOCATION ITEM QUANTITY
func (w *world) opening(words []string) []string {
	w.papers++
	return w.document([]string{"opening", "O" + itoa(w.papers), words[0], "adjusts", words[2], words[1], "opening"})
}

// document SOURCE ID LOCATION VERB..., VERB...
func (w *world) document(words []string) []string {
	op := w.operation(words[3:])
	op.Document = words[1]
	return w.one(&stock.Document{Source: words[0], Location: words[2], Operation: op})
}

// tick DURATION passes hub time in ticks of at most ten seconds.
func (w *world) tick(words []string) []string {
	left := w.duration(words[0])
	var commands []protocol.Command
	for left > 0 {
		tick := &stock.Tick{Elapsed: min(left, 10_000), Term: w.term}
		left -= tick.Elapsed
		commands = append(commands, protocol.EncodeCommand(tick))
		if len(commands) == protocol.MaxCommands || left == 0 {
			w.apply(commands...)
			commands = nil
		}
	}
	return nil
}

// one-tick DURATION [term N] [LOCATION echoes [base INDEX]]
func (w *world) oneTick(words []string) []string {
	tick := &stock.Tick{Elapsed: w.duration(words[0]), Term: w.term}
	if term := after(words, "term"); term != "" {
		w.term = uint64(w.number(term))
		tick.Term = w.term
	}
	if at := slices.Index(words, "echoes"); at > 0 {
		echo := stock.Echo{Location: words[at-1], Now: w.state.Now(), Base: w.index}
		if base := after(words, "base"); base != "" {
			echo.Base = uint64(w.number(base))
		}
		tick.Echoes = append(tick.Echoes, echo)
	}
	return w.one(tick)
}

// echoes LOCATION [term N] [at MS]: what a follower heard, in a command of its own.
func (w *world) echoes(words []string) []string {
	c := &stock.Echoes{Term: w.term, Echoes: []stock.Echo{{Location: words[0], Now: w.state.Now(), Base: w.index}}}
	if term := after(words, "term"); term != "" {
		c.Term = uint64(w.number(term))
	}
	if at := after(words, "at"); at != "" {
		c.Echoes[0].Now = w.number(at)
	}
	return w.one(c)
}

// own EXCEPTION OWNER by WHO
func (w *world) own(words []string) []string {
	return w.one(&stock.Own{Exception: uint32(w.number(words[0])) - 1, Owner: words[1], By: after(words, "by")})
}

// resolve EXCEPTION by WHO because NOTE
func (w *world) resolve(words []string) []string {
	c := &stock.Resolve{Exception: uint32(w.number(words[0])) - 1, By: after(words, "by")}
	if at := slices.Index(words, "because"); at >= 0 {
		c.Note = strings.Join(words[at+1:], " ")
	}
	return w.one(c)
}

// map CODE to ITEM [xFACTOR] by WHO
func (w *world) mapCode(words []string) []string {
	c := &stock.Map{Code: words[0], Item: words[2], Factor: 1, By: after(words, "by")}
	if strings.HasPrefix(words[3], "x") {
		c.Factor = w.number(words[3][1:])
	}
	return w.one(c)
}

// admit EXCEPTION by WHO [counted] [as VERB...]: as it was kept, or as a person wrote it instead.
func (w *world) admit(words []string) []string {
	c := &stock.Admit{Exception: uint32(w.number(words[0])) - 1, By: after(words, "by"), Counted: slices.Contains(words, "counted")}
	if at := slices.Index(words, "as"); at >= 0 {
		c.Operation = w.operation(words[at+1:])
	} else if e, ok := w.state.Exception(c.Exception); ok {
		c.Operation.Raw = e.Raw
	}
	return w.one(c)
}

var durations = map[byte]int64{'s': 1000, 'm': 60_000, 'h': 3600_000, 'd': 86_400_000}

func (w *world) duration(word string) int64 {
	unit, ok := durations[word[len(word)-1]]
	if !ok {
		w.t.Fatalf("%s: %q is not a duration such as 1s, 5m, 2h, 7d", w.place, word)
	}
	return w.number(word[:len(word)-1]) * unit
}

// online LOCATION sends what was written offline as one batch.
func (w *world) online(words []string) []string {
	s := w.store(words[0])
	s.offline = false
	l, _ := w.state.Location(words[0])
	e, _ := l.Epoch(s.epoch)
	return w.send(words[0], int(e.Through.Sequence)+1, len(s.ledger().operations))
}

// send LOCATION FROM TO
func (w *world) sendWords(words []string) []string {
	return w.send(words[0], int(w.number(words[1])), int(w.number(words[2])))
}

// rewind LOCATION SEQUENCE cuts the ledger back: a disk restored from a backup.
func (w *world) rewind(words []string) []string {
	l, n := w.store(words[0]).ledger(), w.number(words[1])
	l.operations, l.chain = l.operations[:n], l.chain[:n]
	return nil
}

// bytes LOCATION HEX writes an operation that no program of ours would.
func (w *world) rawBytes(words []string) []string {
	raw, err := hex.DecodeString(words[1])
	if err != nil {
		w.t.Fatalf("%s: %v", w.place, err)
	}
	return w.write(words[0], raw)
}

// CHANNEL reserves ID QUANTITY ITEM at LOCATION...|from GROUP, ... [with OPTIONS]
func (w *world) reserves(channel string, words []string) []string {
	w.reserved = append(w.reserved, words[0])
	r := &stock.Reserve{ID: words[0], Channel: channel, Mode: stock.AllOrNothing, TTL: 900_000}
	words = words[1:]
	if at := slices.Index(words, "with"); at >= 0 {
		options := words[at+1:]
		words = words[:at]
		r.Split = slices.Contains(options, "split")
		if slices.Contains(options, "partial") {
			r.Mode = stock.Partial
		}
		if ttl := after(options, "ttl"); ttl != "" {
			r.TTL = w.duration(ttl)
		}
		if priority := after(options, "priority"); priority != "" {
			r.Priority = w.number(priority)
		}
		if collect := after(options, "collect"); collect != "" {
			r.CollectWithin = w.duration(collect)
		}
		r.Order = after(options, "order")
	}
	for _, c := range clauses(words) {
		line := stock.ReserveLine{Item: c[1], Quantity: w.quantity(c[0])}
		if len(c) > 2 && c[2] == "from" {
			line.Group = c[3]
		} else if len(c) > 2 {
			line.Candidates = c[3:]
		}
		r.Lines = append(r.Lines, line)
	}
	return w.one(r)
}

// step is CHANNEL confirms|releases|extends|fulfils|moves ID [line LINE] [quantity Q] [ttl DURATION] [to LOCATION]
func step(action stock.Action) func(*world, string, []string) []string {
	return func(w *world, _ string, words []string) []string {
		s := &stock.Step{ID: words[0], Action: action, Line: after(words, "line"), To: after(words, "to")}
		if q := after(words, "quantity"); q != "" {
			s.Quantity = w.quantity(q)
		}
		if ttl := after(words, "ttl"); ttl != "" {
			s.TTL = w.duration(ttl)
		}
		return w.one(s)
	}
}

// storeWords is LOCATION VERB..., VERB...: one operation of the store.
func (w *world) storeWords(location string, words []string) []string {
	op := w.operation(words)
	b, err := protocol.EncodeOperation(&op)
	if err != nil {
		w.t.Fatalf("%s: %v", w.place, err)
	}
	return w.write(location, b)
}

var verbs = map[string]stock.Kind{"sells": stock.Sale, "returns": stock.Return, "receives": stock.Delivery, "damages": stock.Damage,
	"repairs": stock.Repair, "writes-off": stock.WriteOff, "adjusts": stock.Adjust, "picks": stock.Pick, "inspects": stock.Inspect,
	"stages": stock.Stage, "unstages": stock.Unstage, "cannot-pick": stock.CannotPick, "does": stock.Done,
	"counts": stock.Count, "dispatches": stock.Dispatch, "arrives": stock.Arrive, "closes": stock.CloseTransfer, "invents": 99}

// operation reads VERB QUANTITY ITEM [ACCOUNT] [as ITEM] [for RESERVATION [line LINE]], or
// VERB RESERVATION [line LINE] [quantity Q] [item ITEM], or does TASK, or closes TRANSFER, or undoing OPERATION VERB...,
// or again OPERATION VERB... for what a fork made its store write again, or slip RECEIPT VERB...,
// or counts QUANTITY ITEM expecting QUANTITY [seeing QUANTITY] [confirmed],
// or dispatches QUANTITY ITEM to LOCATION [ACCOUNT], or arrives QUANTITY ITEM of TRANSFER from LOCATION [ACCOUNT]
func (w *world) operation(words []string) (op stock.Operation) {
	if words[0] == "undoing" {
		op.Reverses, words = words[1], words[2:]
	}
	if words[0] == "again" {
		op.Was, words = words[1], words[2:]
	}
	if words[0] == "slip" {
		op.Till, op.Receipt, words = "T1", words[1], words[2:]
	}
	for _, c := range clauses(words) {
		kind, ok := verbs[c[0]]
		if !ok {
			w.t.Fatalf("%s: no verb %q", w.place, c[0])
		}
		line := stock.Line{Kind: kind, ReservationLine: after(c, "line")}
		if w.shown != nil {
			w.shown.kinds[kind] = true
		}
		switch kind {
		case stock.Done, stock.CloseTransfer:
			line.Of = c[1]
		case stock.Stage, stock.Unstage, stock.CannotPick:
			line.Reservation, line.Item = c[1], after(c, "item")
			if q := after(c, "quantity"); q != "" {
				line.Quantity = w.quantity(q)
			}
		default:
			line.Quantity, line.Scanned = w.quantity(c[1]), strings.TrimSuffix(strings.TrimPrefix(c[2], `"`), `"`)
			line.Reservation, line.Item = after(c, "for"), after(c, "as")
			w.choose(&line, c[3:])
			if kind == stock.Count {
				w.counted(&line, c[3:])
			}
		}
		op.Lines = append(op.Lines, line)
	}
	return op
}

// choose sets the account that the movement table leaves to the writer.
func (w *world) choose(line *stock.Line, words []string) {
	switch line.Kind {
	case stock.Adjust:
		line.Account = stock.Sellable
	case stock.Dispatch:
		line.Account, line.Location = stock.Sellable, after(words, "to")
	case stock.Arrive:
		line.Account, line.Location, line.Of = stock.Sellable, after(words, "from"), after(words, "of")
	}
	for _, word := range words {
		if account, ok := stock.ParseAccount(word); ok {
			line.Account = account
		}
	}
	if slices.Contains(words, "opening") {
		line.Reason = "opening"
	}
}

// counted is a count by a store whose view said what it expects, or, when its
// goods were counted, what it saw.
func (w *world) counted(line *stock.Line, words []string) {
	line.Counted, line.Expected = line.Quantity, w.quantity(after(words, "expecting"))
	seen := line.Expected
	if word := after(words, "seeing"); word != "" {
		seen = w.quantity(word)
	}
	line.Quantity, line.Confirmed = line.Counted-seen, slices.Contains(words, "confirmed")
}
