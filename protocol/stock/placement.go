package stock

import "strconv"

// Reserve asks for claims. ID is the client's and the key: repeated, it is
// answered with the present record.
type Reserve struct {
	ID            string
	Channel       string
	Order         string
	Mode          Mode
	TTL           int64 // hub time ms
	CollectWithin int64
	Priority      int64
	Split         bool // a line may be split across locations
	Lines         []ReserveLine
}

// ReserveLine asks for units of an item at the first candidate that has them.
// Candidates are listed, or Group names a list of the policy.
type ReserveLine struct {
	Item       string
	Quantity   Quantity
	Candidates []string
	Group      string
}

// want is a request line while it is being placed.
type want struct {
	item       ItemNo
	known      bool
	quantity   Quantity
	candidates []LocationNo
}

// placing holds what a request would take, on top of what is taken already.
type placing struct {
	state   *State
	channel string
	taken   map[placeKey]Quantity // looked up only, never walked
}

type placeKey struct {
	location LocationNo
	item     ItemNo
}

func (p *placing) free(at LocationNo, item ItemNo) Quantity {
	l := p.state.LocationAt(at)
	return max(0, p.state.Availability(l, item, p.channel).Quantity()-p.taken[placeKey{at, item}])
}

func (s *State) reserve(c *Reserve) Result {
	if r, ok := s.Reservation(c.ID); ok {
		return Result{Code: Repeated, Reservation: r.clone()}
	}
	for i := range c.Lines {
		if q := c.Lines[i].Quantity; q <= 0 || q > MaxQuantity {
			return Result{Code: Invalid, Text: "line " + strconv.Itoa(i+1) + ": quantity out of range"}
		}
		if fault := s.policy.candidatesFault(&c.Lines[i]); fault != "" {
			return Result{Code: Invalid, Text: "line " + strconv.Itoa(i+1) + ": " + fault}
		}
	}
	wants := s.wants(c)
	p := &placing{state: s, channel: c.Channel, taken: map[placeKey]Quantity{}}
	first := p.whole(wants)
	lines := make([][]Claim, len(wants))
	available := make([]Quantity, len(wants))
	short := false
	for _, i := range placementOrder(wants) {
		lines[i] = p.line(&wants[i], first, c.Split)
		for _, claim := range lines[i] {
			available[i] += claim.Quantity
		}
		short = short || available[i] < wants[i].quantity
	}
	if short && c.Mode == AllOrNothing {
		return Result{Code: ShortOf, Available: p.offered(wants)}
	}
	r := s.record(c, wants, lines, available)
	return Result{Code: Accepted, Reservation: r.clone(), Available: available}
}

func (s *State) wants(c *Reserve) []want {
	wants := make([]want, len(c.Lines))
	for i := range c.Lines {
		line, w := &c.Lines[i], &wants[i]
		if w.item, w.known = s.ItemNo(line.Item); !w.known {
			w.item = NoItem
		}
		w.quantity = line.Quantity
		for _, code := range s.policy.candidatesOf(line) {
			if l, ok := s.Location(code); ok {
				w.candidates = append(w.candidates, l.No)
			}
		}
	}
	return wants
}

// placementOrder is lines with one candidate first, then request order.
func placementOrder(wants []want) []int {
	order := make([]int, 0, len(wants))
	for i := range wants {
		if len(wants[i].candidates) == 1 {
			order = append(order, i)
		}
	}
	for i := range wants {
		if len(wants[i].candidates) != 1 {
			order = append(order, i)
		}
	}
	return order
}

// whole finds the first location that can serve the whole request by itself.
func (p *placing) whole(wants []want) (first LocationNo) {
	const none = LocationNo(^uint32(0))
	if len(wants) == 0 || len(wants) == 1 {
		return none
	}
candidates:
	for _, at := range wants[0].candidates {
		needed := map[ItemNo]Quantity{}
		for i := range wants {
			w := &wants[i]
			needed[w.item] += w.quantity
			if !w.known || !contains(w.candidates, at) || p.free(at, w.item) < needed[w.item] {
				continue candidates
			}
		}
		return at
	}
	return none
}

// line places one line: whole at the first candidate that has enough, or, if it
// may be split, wherever there is any. What finds no place is not in the claims.
func (p *placing) line(w *want, first LocationNo, split bool) []Claim {
	if !w.known {
		return nil
	}
	candidates := w.candidates
	if contains(candidates, first) {
		candidates = append([]LocationNo{first}, candidates...)
	}
	for _, at := range candidates {
		if p.free(at, w.item) >= w.quantity {
			return []Claim{p.take(w, at, w.quantity)}
		}
	}
	var claims []Claim
	left := w.quantity
	for _, at := range candidates {
		if q := min(left, p.free(at, w.item)); q > 0 {
			claims = append(claims, p.take(w, at, q))
			left -= q
			if !split || left == 0 {
				break
			}
		}
	}
	return claims
}

func (p *placing) take(w *want, at LocationNo, q Quantity) Claim {
	p.taken[placeKey{at, w.item}] += q
	return Claim{Item: w.item, Quantity: q, Location: at, Placed: true, State: Held, Candidates: w.candidates}
}

// offered tells a refused request what each line could have had by itself at
// its best candidate.
func (p *placing) offered(wants []want) []Quantity {
	p.taken = nil
	offered := make([]Quantity, len(wants))
	for i := range wants {
		for _, at := range wants[i].candidates {
			if wants[i].known {
				offered[i] = max(offered[i], min(wants[i].quantity, p.free(at, wants[i].item)))
			}
		}
	}
	return offered
}

// record keeps an accepted request: its placed claims, and what is short of them.
func (s *State) record(c *Reserve, wants []want, placed [][]Claim, available []Quantity) *Reservation {
	r := &Reservation{ID: c.ID, Channel: c.Channel, Order: c.Order, Mode: c.Mode, Priority: c.Priority, CollectWithin: c.CollectWithin,
		Created: s.index, Deadline: s.now + c.TTL, no: s.nextReservation, generation: s.generation}
	if r.CollectWithin == 0 {
		r.CollectWithin = s.policy.policy.CollectWithin
	}
	s.nextReservation++
	s.reservationNo.put(s.generation, c.ID, r.no)
	*s.reservations.edit(s.generation, r.no, s.index) = r
	s.noteText(c.ID)
	s.note(uint64(r.no), uint64(c.Priority), uint64(r.Deadline))
	for i := range wants {
		name := strconv.Itoa(i + 1)
		rest := wants[i].quantity - available[i]
		for k, claim := range placed[i] {
			claim.Line, claim.Since = name, s.now
			if k > 0 {
				claim.Line += "." + strconv.Itoa(k)
			}
			r.Lines = append(r.Lines, claim)
			s.place(r, len(r.Lines)-1)
		}
		if rest > 0 {
			if len(placed[i]) > 0 {
				name += "." + strconv.Itoa(len(placed[i]))
			}
			reason := "not available"
			if !wants[i].known {
				reason = "unknown item"
			}
			r.Lines = append(r.Lines, Claim{Line: name, Item: wants[i].item, Quantity: rest, State: Short, Candidates: wants[i].candidates,
				Since: s.now, Reason: reason})
			s.note(uint64(r.no), uint64(rest))
		}
	}
	s.timers.set(timer{r.Deadline, r.no})
	s.end(r)
	return r
}

func contains(set []LocationNo, l LocationNo) bool {
	for _, s := range set {
		if s == l {
			return true
		}
	}
	return false
}
