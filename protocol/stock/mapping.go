package stock

// Map says what a code means that lines were parked for: an item, and how many of
// its units one of the code is. The code becomes an alias of the item, unless it
// is the item's own, and the lines are applied in the order in which they were
// parked, a bounded number at a time.
type Map struct {
	Code   string
	Item   string
	Factor int64 // at least 1
	By     string
	From   uint32 // exception to begin at: what the command before answered
}

// maxMapped bounds the lines that one command applies, so that no entry takes long.
const maxMapped = 1000

func (s *State) mapCode(c *Map) Result {
	no, ok := s.ItemNo(c.Item)
	if !ok {
		return Result{Code: NotFound, Text: "no item " + c.Item}
	}
	if c.Factor < 1 || c.Code == c.Item && c.Factor != 1 {
		return Result{Code: Invalid, Text: "an item's own code stands for one unit, any other for at least one"}
	}
	if c.Code != c.Item {
		if _, own := s.ItemNo(c.Code); own {
			return Result{Code: NotAllowed, Text: c.Code + " is an item of its own"}
		}
		s.alias(no, Alias{c.Code, c.Factor})
	}
	result := Result{Code: Accepted}
	for number, e := range s.ExceptionsFrom(c.From) {
		if !e.Open() || e.Code != Parked || e.Line.Code() != c.Code {
			continue
		}
		if result.Lines == maxMapped {
			result.Next = number
			break
		}
		if s.unpark(number, c, &result) {
			result.Lines++
		}
	}
	return result
}

// alias gives an item one more, which may have meant another item until now.
func (s *State) alias(no ItemNo, alias Alias) {
	if n, ok := s.aliasNo.get(alias.Code); ok {
		if row, _ := s.aliases.get(n); row == (aliasRow{no, alias.Factor}) {
			return
		}
	}
	item := s.Item(no)
	item.Aliases = append(without(item.Aliases, alias.Code), alias)
	*s.items.edit(s.generation, uint32(no), s.index) = item
	s.putAlias(no, alias)
}

// unpark applies one parked line, unless its level has no room for it.
func (s *State) unpark(number uint32, c *Map, result *Result) bool {
	e, _ := s.exceptions.get(number)
	l := s.own(e.Location)
	line := e.Line
	q, fits := inUnits(line.Quantity, c.Factor) // its writer counted in the code's units, also where it took the code for an item
	counted, countFits := inUnits(line.Counted, c.Factor)
	if !fits || !countFits {
		return false
	}
	line.Quantity, line.Counted, line.Item = q, counted, c.Item
	op := Operation{ID: e.Operation, Document: e.Document, Source: e.Source, Reverses: e.Reverses, Was: e.Was, Incarnation: e.Incarnation, Seen: e.Seen,
		Lines: []Line{line}, skipped: e.Number - 1}
	no, _ := s.ItemNo(c.Item)
	if to, elsewhere := s.Location(line.Location); !s.fits(l, no) || elsewhere && !s.fits(to, no) {
		return false
	}
	code := s.applyMovement(l, &op, 0)
	s.endTransfers(&op)
	s.settle(causeOf(&op, e.cause()))
	s.endException(number, Care{Action: WasMapped, By: c.By, Text: c.Item})
	if code == 0 {
		code = Mapped
	}
	s.outcome(l, &op, Outcome{Line: e.Number, Code: code, Text: c.Item}, result)
	return true
}

func (e *Exception) cause() CauseKind {
	if e.Operation.Epoch == "" {
		return ByDocument
	}
	return ByOperation
}

// Admit applies an operation that is quarantined. Counted: its sellable goods have
// been counted since, and it is booked against variance.
type Admit struct {
	Exception uint32
	By        string
	Counted   bool
	Operation Operation // the bytes that were kept, or what a person wrote in their place
}

func (s *State) admit(c *Admit) Result {
	e, code := s.openException(c.Exception)
	switch {
	case code != Accepted:
		return Result{Code: code}
	case e.Code != Quarantined:
		return Result{Code: NotAllowed, Text: "only what is quarantined is admitted"}
	}
	l := s.own(e.Location)
	op := c.Operation
	op.ID, op.admitted, op.counted = e.Operation, true, c.Counted
	if fault := s.faultAt(l, &op); fault != "" {
		return Result{Code: NotAllowed, Text: fault}
	}
	result := Result{Code: Accepted}
	s.watchReceipt(l, &op)
	s.applyLines(l, &op, &result)
	s.endException(c.Exception, Care{Action: WasAdmitted, By: c.By})
	s.outcome(l, &op, Outcome{Code: Admitted}, &result)
	return result
}
