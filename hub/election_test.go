package hub

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/shelfsync/shelfsync/hub/cluster"
	"github.com/shelfsync/shelfsync/hub/journal"
	"github.com/shelfsync/shelfsync/protocol/stock"
)

// electing is a log whose leader nobody knows for a while.
type electing struct {
	*cluster.Memory
	unknown atomic.Bool
}

func (e *electing) Leader() (string, bool) {
	if e.unknown.Load() {
		return "", false
	}
	return e.Memory.Leader()
}

func (e *electing) Status() cluster.Status {
	status := e.Memory.Status()
	if e.unknown.Load() {
		status.Leads, status.LeaderID = false, ""
	}
	return status
}

func startElecting(t *testing.T) (*node, *electing) {
	order := &electing{}
	n := startNode(t, func(m cluster.Machine) (cluster.Order, error) {
		order.Memory = cluster.NewMemory(m)
		return order, nil
	}, journal.Config{})
	n.do(&stock.Found{Incarnation: 7})
	order.unknown.Store(true)
	return n, order
}

// An election is a slow answer, not a failure.
func TestCallersOutwaitAnElection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n, order := startElecting(t)
		began := time.Now()
		time.AfterFunc(3*time.Second, func() { order.unknown.Store(false) })
		results, _, err := n.Do(context.Background(), &stock.PutLocations{Locations: []stock.LocationFacts{{Code: "S1", State: stock.Open}}})
		if waited := time.Since(began); err != nil || results[0].Code != stock.Accepted || waited < 3*time.Second || waited > 3100*time.Millisecond {
			t.Errorf("%v, %v after %v", results, err, waited)
		}
	})
}

func TestWithoutALeaderCallersAreToldThatNothingWasDone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n, order := startElecting(t)
		began := time.Now()
		_, _, err := n.Do(context.Background(), &stock.PutLocations{Locations: []stock.LocationFacts{{Code: "S1", State: stock.Open}}})
		if waited := time.Since(began); !errors.Is(err, ErrNotLeader) || waited < 4*time.Second || waited > 7*time.Second {
			t.Errorf("%v after %v", err, waited)
		}
		order.unknown.Store(false)
		time.Sleep(time.Second)
		if _, ok := n.Board().State().Location("S1"); ok {
			t.Error("it was done all the same")
		}
	})
}

// following is a log that another node leads: entries take effect all the same.
type following struct{ *cluster.Memory }

func (f following) Status() cluster.Status {
	status := f.Memory.Status()
	status.Leads, status.LeaderID = false, "another"
	return status
}

// A node that does not lead moves no hub time, and tells what its agents have read.
func TestAFollowersAgentsAreHeard(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := startNode(t, func(m cluster.Machine) (cluster.Order, error) { return following{cluster.NewMemory(m)}, nil }, journal.Config{})
		term := n.Status().Term
		n.do(&stock.Found{Incarnation: 7})
		n.do(&stock.AssignWriter{Location: "S1", Installation: "pc"})
		n.do(&stock.Tick{Term: term, Elapsed: 5000})
		if err := n.call(context.Background(), func(h *Hub) { h.echoes["S1"] = stock.Echo{Location: "S1", Now: 5000} }); err != nil {
			t.Fatal(err)
		}
		time.Sleep(1500 * time.Millisecond)
		state := n.Board().State()
		if l, _ := state.Location("S1"); state.Age(l) != 0 || state.Now() != 5000 {
			t.Errorf("age %d ms at hub time %d", state.Age(l), state.Now())
		}
	})
}
