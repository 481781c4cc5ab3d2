package stock

// Account is where units stand: four inside a level, four outside.
type Account uint8

// Accounts. The numbers are written into logs: add, never renumber.
const (
	NoAccount Account = iota
	Sellable
	Damaged
	ReturnPending
	InTransit
	Supplier
	Customer
	Scrap
	Variance
	accounts
)

var accountNames = [accounts]string{"", "sellable", "damaged", "return_pending", "in_transit", "supplier", "customer", "scrap", "variance"}

func (a Account) String() string { return nameOf(accountNames[:], int(a)) }

// ParseAccount is the inverse of String.
func ParseAccount(name string) (Account, bool) {
	n, ok := numberOf(accountNames[:], name)
	return Account(n), ok
}

// Inside reports whether a level holds the account.
func (a Account) Inside() bool { return a >= Sellable && a <= InTransit }

// Kind is what a line of an operation says happened.
type Kind uint8

// Kinds. The numbers are written into logs: add, never renumber.
const (
	NoKind Kind = iota
	Sale
	Return
	Delivery
	Damage
	Repair
	WriteOff
	Adjust
	Pick
	Inspect
	Stage
	Unstage
	CannotPick
	Done // a task of the store
	Count
	Dispatch
	Arrive
	CloseTransfer // nothing more is to come of it
	kinds
)

// Kinds is how many kinds this build knows, NoKind included.
const Kinds = int(kinds)

var kindNames = [kinds]string{"", "sale", "return", "delivery", "damage", "repair", "write_off", "adjust", "pick", "inspect", "stage", "unstage", "cannot_pick", "done",
	"count", "dispatch", "arrive", "close_transfer"}

func (k Kind) String() string { return nameOf(kindNames[:], int(k)) }

// ParseKind is the inverse of String.
func ParseKind(name string) (Kind, bool) {
	n, ok := numberOf(kindNames[:], name)
	return Kind(n), ok
}

func nameOf(names []string, n int) string {
	if n <= 0 || n >= len(names) {
		return "unknown"
	}
	return names[n]
}

func numberOf(names []string, name string) (int, bool) {
	for i := 1; i < len(names); i++ {
		if names[i] == name {
			return i, true
		}
	}
	return 0, false
}

// movement is one row of the movement table. Where one side is NoAccount the
// writer chose it, within choice, and the line carries it as its Account.
type movement struct {
	from, to Account
	choice   []Account
	signed   bool // a negative quantity swaps the two sides
	zero     bool // that nothing moved is worth a line
	creates  bool // an open catalogue learns an unknown code from it
}

var movements = [kinds]movement{
	Sale:     {from: Sellable, to: Customer},
	Return:   {from: Customer, choice: []Account{Sellable, ReturnPending}},
	Delivery: {from: Supplier, to: Sellable, creates: true},
	Damage:   {from: Sellable, to: Damaged},
	Repair:   {from: Damaged, to: Sellable},
	WriteOff: {from: Damaged, to: Scrap},
	Adjust:   {from: Variance, choice: []Account{Sellable, Damaged, ReturnPending, InTransit}, signed: true},
	Pick:     {from: Sellable, to: Customer},
	Inspect:  {from: ReturnPending, choice: []Account{Sellable, Damaged, Scrap, Supplier}},
	Count:    {from: Variance, to: Sellable, signed: true, zero: true},
	Dispatch: {to: InTransit, choice: dispositions}, // in transit at the destination
	Arrive:   {from: InTransit, choice: dispositions},
}

// dispositions are the accounts that a transfer takes goods from and brings them to.
var dispositions = []Account{Sellable, Damaged, ReturnPending}

// Moves reports whether the kind moves goods; the others are facts about claims.
func (k Kind) Moves() bool {
	return k < kinds && (movements[k].from != NoAccount || movements[k].to != NoAccount)
}

// Transfers reports whether goods of the kind are in transit on one side.
func (k Kind) Transfers() bool { return k == Dispatch || k == Arrive }

// Claims reports whether a line of this kind names a reservation: always for
// pick and the facts about claims, at will for a sale.
func (k Kind) Claims() bool { return k == Pick || k == Stage || k == Unstage || k == CannotPick }

// Legs are the accounts and the positive quantity that a valid moving line
// takes from and to. undone swaps them: the line of a reversed operation.
func (l *Line) Legs(undone bool) (from, to Account, q Quantity) {
	m := movements[l.Kind]
	from, to, q = m.from, m.to, l.Quantity
	if from == NoAccount {
		from = l.Account
	}
	if to == NoAccount {
		to = l.Account
	}
	if q < 0 {
		from, to, q = to, from, -q
	}
	if undone {
		from, to = to, from
	}
	return from, to, q
}
