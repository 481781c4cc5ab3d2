package stock

import "strconv"

// Operation is what one store did at one moment: a basket, a delivery, a
// staging. It is written once, by its writer, with everything the writer had
// to resolve; apply never looks that up again.
type Operation struct {
	ID          OperationID // from its place in the log, not from its bytes
	Incarnation uint64      // hub position its writer had seen
	Seen        uint64
	At          int64  // the store's own clock, unix ms: a claim, never used to decide
	Receipt     string // a till's slip
	Till        string
	Document    string // delivery note, hub document
	Source      string // of a document: who speaks; from its place, not from its bytes
	Correlation string // trace id of the request that wrote it
	Reverses    string // id of the operation of the same ledger that this undoes
	Was         string // its id before a fork made its writer write it again
	Policy      uint64 // version of the policy its writer resolved it by; 0: none was asked
	Lines       []Line
	Fault       string // why its bytes could not be understood: quarantined
	Raw         []byte // its bytes, for the case that it is quarantined
	First       []byte // Was: its bytes as they were before the fork

	skipped  int  // lines before the first, where only one is applied
	admitted bool // a person let it out of quarantine
	counted  bool // its goods have been counted since, a person says
}

// Line is one line of an operation. Quantity is in base units and positive,
// but for adjust and count, whose sign is their direction: a count's is its
// variance, what was counted less what its writer's view said when it was.
type Line struct {
	Kind            Kind
	Scanned         string // the code as scanned
	Item            string // the item the writer resolved it to; empty: unknown to it
	Quantity        Quantity
	Account         Account // the side that the movement table leaves to the writer
	Reservation     string
	ReservationLine string
	Reason          string
	Approved        string   // who approved it
	Of              string   // what it refers to: the sale of a return, a purchase order, a task, a transfer
	Counted         Quantity // count: all sellable goods, those that are set aside included
	Expected        Quantity // count: what its writer's view said before the line was written
	Confirmed       bool     // count: a gain is no goods in transit, somebody looked
	Location        string   // dispatch: where the goods go; arrive: where they came from
}

// Code is the item the line is about, as well as its writer knew it.
func (l *Line) Code() string {
	if l.Item != "" {
		return l.Item
	}
	return l.Scanned
}

// OperationID names an operation for ever, written S014.k3f9.123.
type OperationID struct {
	Agent    string
	Epoch    string
	Sequence uint64
}

func (id OperationID) String() string {
	return id.Agent + "." + id.Epoch + "." + strconv.FormatUint(id.Sequence, 10)
}

// Fault says why a line cannot be in an operation, or is empty.
func (l *Line) Fault() string {
	if l.Kind == NoKind || l.Kind >= kinds {
		return "unknown kind " + strconv.Itoa(int(l.Kind))
	}
	m := movements[l.Kind]
	switch {
	case l.Quantity > MaxQuantity || l.Quantity < -MaxQuantity:
		return "quantity out of range"
	case l.Kind.Moves() && (l.Quantity == 0 && !m.zero || l.Quantity < 0 && !m.signed):
		return "quantity must be positive"
	case !l.Kind.Moves() && l.Quantity < 0:
		return "quantity must not be negative"
	case l.Kind.Moves() && !ValidCode(l.Code()):
		return "item code must have 1 to 64 printable characters"
	case l.Kind.Claims() && l.Reservation == "":
		return "a " + l.Kind.String() + " names its reservation"
	case l.Kind == Done && l.Of == "":
		return "done names its task"
	case len(m.choice) > 0 && !oneOf(m.choice, l.Account):
		return "a " + l.Kind.String() + " cannot use account " + l.Account.String()
	}
	return l.goodsFault()
}

// goodsFault says why a count or a leg of a transfer cannot be in an operation.
func (l *Line) goodsFault() string {
	switch {
	case l.Kind == Count && (l.Counted < 0 || l.Counted > MaxQuantity):
		return "counted out of range"
	case l.Kind == Count && (l.Expected > MaxLevel || l.Expected < -MaxLevel):
		return "expected out of range"
	case l.Kind.Transfers() && !ValidCode(l.Location):
		return "a " + l.Kind.String() + " names the other location"
	case (l.Kind == Arrive || l.Kind == CloseTransfer) && l.Of == "":
		return l.Kind.String() + " names its transfer"
	}
	return ""
}

// FaultOf is the first reason why an operation cannot be applied, or empty.
func (o *Operation) FaultOf() string {
	if o.Fault != "" {
		return o.Fault
	}
	if len(o.Lines) == 0 {
		return "operation has no lines"
	}
	for i := range o.Lines {
		fault := o.Lines[i].Fault()
		if kind := o.Lines[i].Kind; fault == "" && o.Reverses != "" && (kind == Count || kind == Arrive || kind == CloseTransfer) {
			fault = kind.String() + " cannot be undone"
		}
		if fault != "" {
			return "line " + strconv.Itoa(i+1) + ": " + fault
		}
	}
	return ""
}

func oneOf[T comparable](set []T, a T) bool {
	for _, s := range set {
		if s == a {
			return true
		}
	}
	return false
}
