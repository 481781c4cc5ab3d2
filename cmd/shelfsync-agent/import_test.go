package main

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/shelfsync/shelfsync/agent"
	"github.com/shelfsync/shelfsync/agent/ledger"
	"github.com/shelfsync/shelfsync/hub"
	"github.com/shelfsync/shelfsync/hub/cluster"
	"github.com/shelfsync/shelfsync/hub/journal"
	"github.com/shelfsync/shelfsync/protocol"
	"github.com/shelfsync/shelfsync/protocol/stock"
)

// central is a hub node that listens on loopback.
type central struct {
	*hub.Server
	t       *testing.T
	address string
}

func startHub(t *testing.T) *central {
	t.Helper()
	kept, err := journal.Open(t.TempDir(), journal.Config{})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	node, err := hub.Start(ctx, hub.Config{Now: time.Now, Node: "n1", Log: slog.New(slog.DiscardHandler)}, kept,
		func(m cluster.Machine) (cluster.Order, error) { return cluster.NewMemory(m), nil })
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /sync", node.Sync)
	served := httptest.NewServer(mux)
	t.Cleanup(func() {
		cancel()
		_ = node.Wait()
		served.Close()
		_ = kept.Close()
	})
	c := &central{node, t, strings.TrimPrefix(served.URL, "http://")}
	c.wait("the hub is ready", node.Ready)
	return c
}

func (c *central) wait(what string, is func() bool) {
	c.t.Helper()
	for end := time.Now().Add(20 * time.Second); !is(); {
		if time.Now().After(end) {
			c.t.Fatalf("in 20 s it did not come true: %s", what)
		}
		time.Sleep(2 * time.Millisecond)
	}
}

// receipts are those in the hub's journal, in the order of their names.
func (c *central) receipts() (receipts []string) {
	c.t.Helper()
	var after uint64
	for after < c.Board().State().Index() {
		records, err := c.Journal().Read(after, 1000, 1<<20)
		if err != nil {
			c.t.Fatal(err)
		}
		for _, r := range records {
			after = r.Index
			applied, err := protocol.DecodeApplied(r.Body)
			if err != nil {
				c.t.Fatal(err)
			}
			entry, err := protocol.DecodeEntry(applied.Entry)
			if err != nil {
				c.t.Fatal(err)
			}
			for i, command := range entry.Commands {
				if b, ok := command.(*stock.Batch); ok && applied.Results[i].Code == stock.Accepted {
					for k := range b.Operations {
						receipts = append(receipts, b.Operations[k].Receipt)
					}
				}
			}
		}
	}
	slices.Sort(receipts)
	return receipts
}

func (c *central) has(want ...string) {
	c.t.Helper()
	slices.Sort(want)
	if have := c.receipts(); !slices.Equal(have, want) {
		c.t.Errorf("the hub has the receipts %v\nwant %v", have, want)
	}
	l, _ := c.Board().State().Location("S014")
	no, _ := c.Board().State().ItemNo("cup")
	if have := l.Level(no).Sellable; have != stock.Quantity(100-len(want))*stock.Unit {
		c.t.Errorf("%v cups are left of 100 after %d sales", have, len(want))
	}
}

// store is an agent that runs on a folder.
type store struct {
	*agent.Server
	t    *testing.T
	stop func()
}

func runStore(t *testing.T, dir string, replace bool, hubs ...string) *store {
	t.Helper()
	kept, err := ledger.Open(dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	a, err := agent.Open(agent.Config{Location: "S014", Ledger: kept, Now: time.Now, Replace: replace, Nodes: 1})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	s := &store{t: t, Server: agent.Start(ctx, a, agent.ServerConfig{Hubs: hubs, Random: rand.Uint64, Log: slog.New(slog.DiscardHandler)})}
	ended := false
	s.stop = func() {
		if !ended {
			ended = true
			cancel()
			_ = s.Wait()
			_ = kept.Close()
		}
	}
	t.Cleanup(s.stop)
	return s
}

func (s *store) sell(receipts ...string) {
	s.t.Helper()
	for _, r := range receipts {
		answer, err := s.Record(context.Background(), &agent.Request{Kind: "sale", Key: r, Answer: func(agent.Recorded) []byte { return nil },
			Operation: stock.Operation{Receipt: r, Lines: []stock.Line{{Kind: stock.Sale, Scanned: "cup", Quantity: stock.Unit}}}})
		if err != nil || answer.Err != nil {
			s.t.Fatal(err, answer.Err)
		}
	}
}

// through waits until nothing of the store waits for the hub.
func (s *store) through(c *central) {
	s.t.Helper()
	c.wait("the hub has all of the store", func() bool {
		var left uint64
		online := false
		if err := s.Ask(context.Background(), func(a *agent.Agent) { left, _ = a.Backlog(); online = a.Link().Online }); err != nil {
			s.t.Fatal(err)
		}
		return online && left == 0
	})
}

func (s *store) lastError() (text string) {
	_ = s.Ask(context.Background(), func(a *agent.Agent) { text = a.Link().LastError })
	return text
}

// stocked gives the location a hundred cups.
func (c *central) stocked() {
	c.t.Helper()
	_, _, err := c.Do(context.Background(), &stock.PutItems{Items: []stock.Item{{Code: "cup", Stocked: true}}})
	if err == nil {
		_, _, err = c.Do(context.Background(), &stock.PutLocations{Locations: []stock.LocationFacts{{Code: "S014", State: stock.Open}}})
	}
	if err == nil {
		_, _, err = c.Do(context.Background(), &stock.Document{Source: "erp", Location: "S014", Operation: stock.Operation{Document: "D1",
			Lines: []stock.Line{{Kind: stock.Adjust, Scanned: "cup", Quantity: 100 * stock.Unit, Account: stock.Sellable, Reason: "opening"}}}})
	}
	if err != nil {
		c.t.Fatal(err)
	}
}

func copyFolder(t *testing.T, from string) string {
	t.Helper()
	to := t.TempDir()
	for _, name := range []string{"ledger.db", "ledger.db-wal", "high-water"} {
		b, err := os.ReadFile(filepath.Join(from, name))
		if os.IsNotExist(err) {
			continue
		}
		if err == nil {
			err = os.WriteFile(filepath.Join(to, name), b, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return to
}

func importFile(c *central, dir string) (string, error) {
	var out bytes.Buffer
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	err := bring(ctx, config{Location: "S014", Hub: []string{c.address}, LogLevel: "error", LogFormat: "text"}, filepath.Join(dir, "ledger.db"), &out)
	return out.String(), err
}

// A PC burns out with sales that the hub has not; another takes the location
// over. The old disk is imported, twice, while the new one sells.
func TestAReplacedPCIsImportedTwice(t *testing.T) {
	c := startHub(t)
	c.stocked()
	dir := t.TempDir()
	old := runStore(t, dir, false, c.address)
	old.sell("A1", "A2")
	old.through(c)
	old.stop()
	old = runStore(t, dir, false) // the line is down
	old.sell("A3", "A4", "A5")
	disk := copyFolder(t, dir) // with its log: the PC was not shut down
	old.stop()

	next := t.TempDir()
	refused := runStore(t, next, false, c.address)
	refused.sell("B1")
	c.wait("the second PC is told what to do", func() bool { return strings.Contains(refused.lastError(), "--replace") })
	refused.stop()
	store := runStore(t, next, true, c.address)
	store.through(c)
	c.has("A1", "A2", "B1")
	for n, want := range []string{"3 were new to it", "0 were new to it", "0 were new to it"} {
		said, err := importFile(c, disk)
		if err != nil || !strings.Contains(said, want) {
			t.Errorf("import %d: %v\n%s", n, err, said)
		}
		store.sell(fmt.Sprint("B", n+2))
	}
	store.through(c)
	c.has("A1", "A2", "A3", "A4", "A5", "B1", "B2", "B3", "B4")

	// The old PC is repaired after all, and has sold once more.
	old = runStore(t, dir, false)
	old.sell("A6")
	old.stop()
	runStore(t, dir, false, c.address).through(c)
	said, err := importFile(c, disk)
	if err != nil || !strings.Contains(said, "0 were new to it") {
		t.Errorf("%v\n%s", err, said)
	}
	store.through(c)
	c.has("A1", "A2", "A3", "A4", "A5", "A6", "B1", "B2", "B3", "B4")
}

// The replaced PC had itself been restored from a backup, and the hub knows
// another history of it: what it lacks enters once, whether the file comes first
// or the PC.
func TestAForkedDiskIsImported(t *testing.T) {
	for _, first := range []string{"the file", "the PC"} {
		t.Run(first+" comes first", func(t *testing.T) {
			c := startHub(t)
			c.stocked()
			dir := t.TempDir()
			old := runStore(t, dir, false, c.address)
			old.sell("A1", "A2")
			old.through(c)
			backup := copyFolder(t, dir)
			old.sell("A3")
			old.through(c)
			old.stop()
			restored := runStore(t, backup, false)
			restored.sell("B1", "B2")
			disk := copyFolder(t, backup)
			restored.stop()
			runStore(t, t.TempDir(), true, c.address).through(c)
			pc := func() { s := runStore(t, backup, false, c.address); s.through(c); s.stop() }
			if first == "the PC" {
				pc()
			}
			for range 2 {
				if said, err := importFile(c, disk); err != nil || !strings.Contains(said, "another history after operation 2") {
					t.Errorf("%v\n%s", err, said)
				}
			}
			pc()
			c.has("A1", "A2", "A3", "B1", "B2")
		})
	}
}

// What is intact of a damaged disk is imported, and what is missing is named.
func TestADamagedDiskIsImportedAsFarAsItGoes(t *testing.T) {
	c := startHub(t)
	c.stocked()
	dir := t.TempDir()
	old := runStore(t, dir, false, c.address)
	old.sell("A1")
	old.through(c)
	old.stop()
	old = runStore(t, dir, false)
	old.sell("A2", "A3", "A4", "A5")
	old.stop()
	path := filepath.Join(dir, "ledger.db")
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	broken := bytes.ReplaceAll(whole, []byte("A4"), []byte("X4")) // in the row, and in the bytes that the chain proves
	if err := os.WriteFile(path, broken, 0o600); err != nil {
		t.Fatal(err)
	}
	runStore(t, t.TempDir(), true, c.address).through(c)
	for range 2 {
		said, err := importFile(c, dir)
		if err == nil || !strings.Contains(said, "intact up to operation 3") || !strings.Contains(said, "2 operations, 4 to 5, are missing here") {
			t.Errorf("%v\n%s", err, said)
		}
	}
	c.has("A1", "A2", "A3")
	if after, _ := os.ReadFile(path); !bytes.Equal(after, broken) {
		t.Error("the file was written")
	}
	if err := os.WriteFile(path, whole, 0o600); err != nil { // the disk doctor found the rest
		t.Fatal(err)
	}
	if said, err := importFile(c, dir); err != nil || !strings.Contains(said, "2 were new to it") {
		t.Errorf("%v\n%s", err, said)
	}
	c.has("A1", "A2", "A3", "A4", "A5")
}

// A disk of a PC that never wrote the location brings nothing.
func TestAStrangersDiskIsRefused(t *testing.T) {
	c := startHub(t)
	c.stocked()
	dir := t.TempDir()
	stranger := runStore(t, dir, false)
	stranger.sell("X1")
	stranger.stop()
	runStore(t, t.TempDir(), false, c.address).through(c)
	if said, err := importFile(c, dir); err == nil || !strings.Contains(err.Error(), "another installation") {
		t.Errorf("%v\n%s", err, said)
	}
	if err := os.WriteFile(filepath.Join(dir, "ledger.db"), bytes.Repeat([]byte("no ledger "), 1000), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := importFile(c, dir); err == nil {
		t.Error("no ledger was imported")
	}
	c.has()
}
