package stock_test

import (
	"bytes"
	"slices"
	"strconv"

	"github.com/shelfsync/shelfsync/protocol"
	"github.com/shelfsync/shelfsync/protocol/stock"
	"pgregory.net/rapid"
)

// world is a hub's log, two replicas of the state that it drives, and the
// ledgers of the stores that write to it.
type world struct {
	t       rapid.TB
	place   string
	index   uint64
	state   *stock.State
	replica *stock.State // goes through a snapshot after every command
	stores  map[string]*store
	papers  int
	term    uint64

	shown    *shown                      // of a script
	reserved []string                    // ids of reservations, as asked for
	claimed  map[string]stock.ClaimState // their lines after the last entry
}

// store is one location's writer: which PC, which epoch, and its ledgers.
type store struct {
	installation, epoch string
	offline             bool
	sent                int
	ledgers             map[string]*ledger
}

// ledger is one epoch of a store.
type ledger struct {
	operations [][]byte
	chain      [][32]byte // after each operation
}

func (l *ledger) at(sequence int) protocol.Position {
	if sequence <= 0 {
		return protocol.Position{}
	}
	return protocol.Position{Sequence: uint64(sequence), Chain: l.chain[sequence-1]}
}

func (l *ledger) append(operation []byte) {
	l.chain = append(l.chain, protocol.NextChain(l.at(len(l.chain)).Chain, operation))
	l.operations = append(l.operations, operation)
}

func newWorld(t rapid.TB) *world {
	return &world{t: t, state: stock.NewState(), replica: stock.NewState(), stores: map[string]*store{}, term: 1}
}

func itoa(n int) string { return strconv.Itoa(n) }

// apply orders commands as one log entry and gives it to both replicas.
func (w *world) apply(commands ...protocol.Command) []stock.Result {
	w.t.Helper()
	w.index++
	bytes := protocol.EncodeEntry(0, commands)
	results := w.state.Apply(w.index, w.decode(bytes))
	again := w.replica.Apply(w.index, w.decode(bytes))
	for i := range results {
		if results[i].Code != again[i].Code || results[i].Text != again[i].Text || !slices.Equal(results[i].Outcomes, again[i].Outcomes) {
			w.t.Fatalf("%s: one replica answers %v, the other %v", w.place, results[i], again[i])
		}
	}
	if err := w.state.Check(); err != nil {
		w.t.Fatalf("%s: %v", w.place, err)
	}
	if w.state.Hash() != w.replica.Hash() {
		w.t.Fatalf("%s: two replicas differ at index %d", w.place, w.index)
	}
	w.noteTurns()
	return results
}

func (w *world) decode(b []byte) *stock.Entry {
	entry, err := protocol.DecodeEntry(b)
	if err != nil {
		w.t.Fatalf("%s: %v", w.place, err)
	}
	return entry
}

// throughSnapshot replaces the replica by what its snapshot says.
func (w *world) throughSnapshot() {
	w.t.Helper()
	w.replica = reload(w.t, w.replica)
}

func reload(t rapid.TB, s *stock.State) *stock.State {
	t.Helper()
	loaded, err := protocol.ReadSnapshot(bytes.NewReader(image(t, s.Freeze())))
	if err != nil {
		t.Fatalf("read back a snapshot: %v", err)
	}
	return loaded
}

func (w *world) store(location string) *store {
	s := w.stores[location]
	if s == nil {
		s = &store{installation: "pc1", epoch: "e1", ledgers: map[string]*ledger{}}
		w.stores[location] = s
	}
	return s
}

func (s *store) ledger() *ledger {
	l := s.ledgers[s.epoch]
	if l == nil {
		l = &ledger{}
		s.ledgers[s.epoch] = l
		s.sent = 0
	}
	return l
}

// write appends an operation to a store's ledger and, unless the store is
// offline, sends it.
func (w *world) write(location string, operation []byte) []string {
	s := w.store(location)
	l := s.ledger()
	l.append(operation)
	if s.offline {
		return []string{"written " + location + "." + s.epoch + "." + itoa(len(l.operations))}
	}
	return w.send(location, len(l.operations), len(l.operations))
}

// send gives the hub the operations from one sequence to another as a batch.
func (w *world) send(location string, from, to int) []string {
	s := w.store(location)
	l := s.ledger()
	batch := protocol.BatchBytes{Agent: location, Installation: s.installation, Epoch: s.epoch,
		After: l.at(from - 1), End: l.at(to), Operations: l.operations[from-1 : to]}
	result := w.apply(protocol.BatchCommand(&batch))[0]
	answer := result.Code.String()
	if result.Through.Sequence > 0 {
		answer += " through " + location + "." + s.epoch + "." + strconv.FormatUint(result.Through.Sequence, 10)
	}
	return append([]string{answer}, outcomes(result.Outcomes)...)
}

// image is a frozen state's snapshot, which is all that it says.
func image(t rapid.TB, frozen *stock.State) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := protocol.WriteSnapshot(&b, frozen); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// nearLimit rewrites the replicas' images so that a level stands where one more
// operation may not fit.
func (w *world) nearLimit(location, item string) {
	w.state, w.replica = nearLimit(w.t, w.state, location, item), nearLimit(w.t, w.replica, location, item)
}

func nearLimit(t rapid.TB, s *stock.State, location, item string) *stock.State {
	const high = stock.MaxLevel - 999*stock.MaxQuantity
	no, _ := s.ItemNo(item)
	at, _ := s.Location(location)
	loader := &stock.Loader{}
	for row := range s.Freeze().Rows() {
		switch r := row.(type) {
		case stock.ItemRow:
			if r.No == uint32(no) {
				r.Outside[0] -= high - at.Level(no).Sellable
			}
			row = r
		case stock.LevelRow:
			if r.Location == uint32(at.No) && r.Item == uint32(no) {
				r.Level.Sellable = high
			}
			row = r
		}
		if err := loader.Add(row); err != nil {
			t.Fatal(err)
		}
	}
	loaded, err := loader.Finish()
	if err != nil {
		t.Fatal(err)
	}
	return loaded
}
