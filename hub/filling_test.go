package hub

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/shelfsync/shelfsync/hub/cluster"
	"github.com/shelfsync/shelfsync/hub/cluster/clustertest"
	"github.com/shelfsync/shelfsync/hub/journal"
	"github.com/shelfsync/shelfsync/protocol"
	"github.com/shelfsync/shelfsync/protocol/stock"
)

// real is one of three nodes with a log, a journal and a network of their own.
type real struct {
	t      *testing.T
	dir    string
	config cluster.Config
	wrap   func(*cluster.Raft) cluster.Order // nil: as it is
	*Server
	end func()
}

func (r *real) start() {
	r.t.Helper()
	kept, err := journal.Open(filepath.Join(r.dir, "journal"), journal.Config{SegmentBytes: 4000})
	if err != nil {
		r.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	open := func(m cluster.Machine) (cluster.Order, error) {
		config := r.config
		config.Dir, config.Machine = filepath.Join(r.dir, "raft"), m
		order, err := cluster.Open(config)
		if err == nil && r.wrap != nil {
			return r.wrap(order), nil
		}
		return order, err
	}
	if r.Server, err = Start(ctx, serverConfig, kept, open); err != nil {
		cancel()
		r.t.Fatal(err)
	}
	r.end = func() {
		cancel()
		if err := r.Wait(); err != nil {
			r.t.Error(err)
		}
		_ = kept.Close()
		r.end = func() {}
	}
	r.t.Cleanup(func() { r.end() })
}

func freeAddress(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	return listener.Addr().String()
}

func threeReal(t *testing.T) []*real {
	t.Helper()
	addresses := []string{freeAddress(t), freeAddress(t), freeAddress(t)}
	nodes := make([]*real, 3)
	for i := range slices.Backward(nodes) {
		nodes[i] = &real{t: t, dir: t.TempDir(), config: cluster.Config{Listen: addresses[i], Founds: i == 0, Seeds: slices.Concat(addresses[:i], addresses[i+1:]),
			Log: serverConfig.Log, Heartbeat: 200 * time.Millisecond, TrailingLogs: 1, Fatal: func(err error) { t.Error(err) }}}
		nodes[i].start()
	}
	clustertest.Until(t, "all three vote", func() bool {
		voters := 0
		for _, m := range nodes[0].Status().Members {
			if m.Votes {
				voters++
			}
		}
		return voters == 3 && nodes[0].Ready()
	})
	return nodes
}

// trade brings n entries through a node.
func (r *real) trade(from, n int) {
	r.t.Helper()
	for i := range n {
		_, _, err := r.Do(r.t.Context(), delivery(fmt.Sprint("d", from+i), "S1", "A"))
		if err != nil {
			r.t.Fatal(err)
		}
	}
}

// forget lets the log of every node forget what a snapshot holds.
func forget(nodes ...*real) {
	for _, r := range nodes {
		if err := r.order.Snapshot(); err != nil {
			r.t.Fatal(err)
		}
	}
}

// sameJournal waits until two journals hold the same bytes for the same indices.
func sameJournal(t *testing.T, what string, has, lacks *real) {
	t.Helper()
	upTo := has.Journal().Last()
	clustertest.Until(t, what, func() bool {
		return lacks.Journal().Last() >= upTo && lacks.Journal().Horizon() == has.Journal().Horizon()
	})
	want, err := has.Journal().Read(0, 1<<20, 1<<30)
	if err != nil {
		t.Fatal(err)
	}
	got, err := lacks.Journal().Read(0, 1<<20, 1<<30)
	if err != nil {
		t.Fatal(err)
	}
	for i, r := range want {
		if r.Index > upTo {
			break
		}
		if i >= len(got) || got[i].Index != r.Index || got[i].At != r.At || !bytes.Equal(got[i].Body, r.Body) {
			t.Fatalf("%s: record %d, entry %d, is not the same", what, i, r.Index)
		}
	}
}

// TestANodeFetchesTheJournalThatItLacks: one that was away, and one whose folder
// was lost, have the same journal again as the others, and its past.
func TestANodeFetchesTheJournalThatItLacks(t *testing.T) {
	nodes := threeReal(t)
	first, last := nodes[0], nodes[2]
	for _, command := range []stock.Command{&stock.PutLocations{Locations: []stock.LocationFacts{{Code: "S1", State: stock.Open}}},
		&stock.PutItems{Items: []stock.Item{{Code: "A", Unit: "piece", Stocked: true}}}} {
		if _, _, err := first.Do(t.Context(), command); err != nil {
			t.Fatal(err)
		}
	}
	first.trade(0, 60)
	early := first.Board().State()
	first.trade(60, 40)
	last.end()
	first.trade(100, 100)
	forget(first, nodes[1])
	first.trade(200, 20)
	last.start()
	sameJournal(t, "a node that was away fills the gap", first, last)
	if gap, ok, err := last.Journal().Gap(); ok || err != nil {
		t.Errorf("a gap before %d is left, %v", gap.Before, err)
	}

	last.end()
	if err := os.RemoveAll(last.dir); err != nil {
		t.Fatal(err)
	}
	first.trade(220, 50)
	forget(first, nodes[1])
	last.start()
	sameJournal(t, "a node that was wiped has all of it again", first, last)
	clustertest.Until(t, "it has the state before the first entry", func() bool {
		was, err := last.StateAt(t.Context(), early.Index())
		return err == nil && was.Hash() == early.Hash()
	})
	x, err := last.Explain(t.Context(), Explained{Location: "S1", Item: "A", From: 1, To: last.Board().State().Index(), Limit: 1000})
	if err != nil || x.Opening != (stock.Balance{}) || x.Count != 270 {
		t.Errorf("explained %d changes from %+v, %v", x.Count, x.Opening, err)
	}
	if first.order.(*cluster.Raft).Nodes()[0].Mark.Horizon == 0 {
		t.Error("a node does not say where its journal begins")
	}
	parts, err := filepath.Glob(filepath.Join(last.dir, "journal", "*.part"))
	if err != nil || len(parts) > 0 {
		t.Errorf("left behind: %v, %v", parts, err)
	}
}

// spoiling is a log whose other nodes' journals arrive with a wrong bit, but for
// those of one of them.
type spoiling struct {
	*cluster.Raft
	honest  string
	spoiled *atomic.Int64
}

func (s spoiling) Ask(address string, question []byte, within time.Duration) ([]byte, error) {
	answer, err := s.Raft.Ask(address, question, within)
	if a, ok := protocol.DecodeJournalAnswer(answer); ok && len(a.Piece) > 0 && address != s.honest {
		a.Piece[len(a.Piece)/2] ^= 1
		s.spoiled.Add(1)
		answer = protocol.EncodeJournalAnswer(a)
	}
	return answer, err
}

// TestWhatArrivesSpoiledIsAskedOfAnother: nothing of it is ever shown.
func TestWhatArrivesSpoiledIsAskedOfAnother(t *testing.T) {
	nodes := threeReal(t)
	first, last := nodes[0], nodes[2]
	first.trade(0, 120)
	last.end()
	if err := os.RemoveAll(last.dir); err != nil {
		t.Fatal(err)
	}
	first.trade(120, 20)
	forget(first, nodes[1])
	var spoiled atomic.Int64
	honest := max(first.config.Listen, nodes[1].config.Listen) // nodes are asked by address: the honest one last
	last.wrap = func(r *cluster.Raft) cluster.Order { return spoiling{r, honest, &spoiled} }
	last.start()
	sameJournal(t, "the honest node has all of it", first, last)
	clustertest.Until(t, "the image before the first entry is here", func() bool {
		_, err := last.Journal().Image(0)
		return err == nil
	})
	if images, err := last.Journal().Images(); err != nil || len(images) == 0 {
		t.Errorf("%d images, %v", len(images), err)
	}
	if spoiled.Load() == 0 {
		t.Error("nothing arrived spoiled")
	}
}
