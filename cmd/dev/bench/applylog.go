package bench

import (
	"fmt"
	"math/rand/v2"
	"strconv"

	"github.com/shelfsync/shelfsync/protocol"
	"github.com/shelfsync/shelfsync/protocol/stock"
)

// The size of the log that apply plays: a hundred stores with ten thousand items
// each are a million levels, and every sale is of any of them.
const (
	applyStores  = 100
	applyItems   = 10_000
	entryBatches = 8  // of different stores, as the leader merges them
	batchSales   = 64 // of one line
	entrySales   = entryBatches * batchSales
)

// logWriter makes the log of a hub whose stores sell: the bytes that every node
// decodes and applies.
type logWriter struct {
	random *rand.Rand
	stores []storeLog
	bytes  int // of all sales
	sales  int
}

// storeLog is where one store's ledger stands.
type storeLog struct {
	code string
	at   protocol.Position
}

func newLogWriter() *logWriter {
	w := &logWriter{random: rand.New(rand.NewPCG(1, 64))}
	for n := range applyStores {
		w.stores = append(w.stores, storeLog{code: storeCode(n)})
	}
	return w
}

func applyItem(n int) string { return fmt.Sprintf("A%05d", n) }

// catalogue makes the stores and items known, and each store's writer.
func (w *logWriter) catalogue() []byte {
	var commands []protocol.Command
	for first := 0; first < applyItems; first += protocol.MaxBulk {
		items := &stock.PutItems{}
		for n := first; n < min(first+protocol.MaxBulk, applyItems); n++ {
			items.Items = append(items.Items, stock.Item{Code: applyItem(n), Unit: "piece", Class: "default", Stocked: true})
		}
		commands = append(commands, protocol.EncodeCommand(items))
	}
	for i := range w.stores {
		commands = append(commands, protocol.EncodeCommand(&stock.AssignWriter{Location: w.stores[i].code, Installation: "i-" + w.stores[i].code}))
	}
	return protocol.EncodeEntry(0, commands)
}

// deliveries give every store goods of every item: an entry a store.
func (w *logWriter) deliveries() (entries [][]byte, err error) {
	for i := range w.stores {
		var operations []stock.Operation
		for first := 0; first < applyItems; first += protocol.MaxBasketLines {
			op := stock.Operation{Document: "first-" + strconv.Itoa(first)}
			for n := first; n < min(first+protocol.MaxBasketLines, applyItems); n++ {
				op.Lines = append(op.Lines, stock.Line{Kind: stock.Delivery, Item: applyItem(n), Quantity: 1000 * stock.Unit})
			}
			operations = append(operations, op)
		}
		batch, _, err := w.stores[i].batch(operations)
		if err != nil {
			return nil, err
		}
		entries = append(entries, protocol.EncodeEntry(0, []protocol.Command{batch}))
	}
	return entries, nil
}

// round makes n entries of sales.
func (w *logWriter) round(n int) (entries [][]byte, err error) {
	for range n {
		var commands []protocol.Command
		for _, i := range w.random.Perm(applyStores)[:entryBatches] {
			var operations []stock.Operation
			for range batchSales {
				w.sales++
				operations = append(operations, stock.Operation{At: 1_700_000_000_000 + int64(w.sales), Receipt: "T1-" + strconv.Itoa(w.sales), Till: "T1",
					Lines: []stock.Line{{Kind: stock.Sale, Item: applyItem(w.random.IntN(applyItems)), Quantity: stock.Unit}}})
			}
			batch, size, err := w.stores[i].batch(operations)
			if err != nil {
				return nil, err
			}
			w.bytes += size
			commands = append(commands, batch)
		}
		entries = append(entries, protocol.EncodeEntry(0, commands))
	}
	return entries, nil
}

// batch continues the store's ledger. It answers the bytes of the operations too.
func (s *storeLog) batch(operations []stock.Operation) (command protocol.Command, size int, err error) {
	b := &protocol.BatchBytes{Agent: s.code, Installation: "i-" + s.code, Epoch: "k3f9", After: s.at}
	for i := range operations {
		bytes, err := protocol.EncodeOperation(&operations[i])
		if err != nil {
			return nil, 0, err
		}
		b.Operations = append(b.Operations, bytes)
		s.at = protocol.Position{Sequence: s.at.Sequence + 1, Chain: protocol.NextChain(s.at.Chain, bytes)}
		size += len(bytes)
	}
	b.End = s.at
	return protocol.BatchCommand(b), size, nil
}
