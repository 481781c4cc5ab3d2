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
