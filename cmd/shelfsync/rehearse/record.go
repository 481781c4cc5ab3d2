package rehearse

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/shelfsync/shelfsync/protocol/api"
)

// Answer is one answer that a till, a clerk or a channel received.
type Answer struct {
	Kind      string  `json:"kind"` // what was asked: sale, return, dispatch, count, stage, reserve, opening…
	Location  string  `json:"location,omitempty"`
	Till      string  `json:"till,omitempty"`
	Receipt   string  `json:"receipt,omitempty"`
	Operation string  `json:"operation,omitempty"`
	PC        string  `json:"pc,omitempty"`    // that gave the operation its id: after a fork another one may give it as well
	Answered  string  `json:"-"`               // the id that was answered; by then the operation may stand under another
	Order     string  `json:"order,omitempty"` // reservation id
	Status    int     `json:"status"`
	State     string  `json:"state,omitempty"` // of the reservation
	Position  string  `json:"position,omitempty"`
	Lines     []Line  `json:"lines,omitempty"`
	Reverses  string  `json:"reverses,omitempty"` // the operation that this one undoes
	After     string  `json:"after,omitempty"`    // of a count: the operation after which it was counted
	Again     int     `json:"again,omitempty"`    // of a count: lines that the store has to count again
	Task      string  `json:"task,omitempty"`     // the kind of the task that is done
	Claims    []Claim `json:"claims,omitempty"`   // of the reservation
	To        string  `json:"to,omitempty"`       // of a claim that the channel moves: where to

	Channel  string                `json:"channel,omitempty"`
	Priority int64                 `json:"priority,omitempty"`
	Wants    []api.ReservationWant `json:"wants,omitempty"`   // of a request for a claim
	Policy   *api.PolicyRules      `json:"policy,omitempty"`  // that central IT sets
	Version  uint64                `json:"version,omitempty"` // of that policy

	Items     []api.Item     `json:"items,omitempty"`     // that central IT loads
	Locations []api.Location `json:"locations,omitempty"` // of which it says something
	Exception string         `json:"exception,omitempty"` // that somebody looks after

	At   time.Time `json:"at"`
	Took float64   `json:"took_ms"`
	Cut  bool      `json:"cut,omitempty"` // the store was cut off when it was answered
}

// Line is one line of an answered operation, in the words of the journal.
type Line struct {
	Kind        string `json:"kind"`
	Item        string `json:"item"`
	Thousandths int64  `json:"thousandths"`         // adjust, count: below zero where goods are missing
	Account     string `json:"account,omitempty"`   // the side of the movement that the store chose; "policy": as the policy says that the store knew
	Of          string `json:"of,omitempty"`        // the transfer, or the task
	Other       string `json:"other,omitempty"`     // the location at the other end of a transfer
	Counted     int64  `json:"counted,omitempty"`   // count: what was there, in thousandths
	Confirmed   bool   `json:"confirmed,omitempty"` // count: somebody looked
}

// Claim is one line of an answered reservation.
type Claim struct {
	Line        string `json:"line"`
	Item        string `json:"item"`
	Location    string `json:"location,omitempty"`
	State       string `json:"state"`
	Thousandths int64  `json:"thousandths"`
}

// Record is everything that was answered, on disk before it counts. One
// goroutine writes it; Close waits for that one.
type Record struct {
	in      chan *noted
	done    chan error
	answers []Answer
}

type noted struct {
	answer Answer
	kept   chan struct{}
}

// OpenRecord begins a record in dir.
func OpenRecord(dir string) (*Record, error) {
	file, err := os.Create(filepath.Join(dir, "answers.ndjson"))
	if err != nil {
		return nil, fmt.Errorf("open record: %w", err)
	}
	r := &Record{in: make(chan *noted, 256), done: make(chan error, 1)}
	go func() { r.done <- r.write(file) }() // Close waits
	return r, nil
}

// Note returns once the answer is on disk.
func (r *Record) Note(a Answer) {
	n := &noted{a, make(chan struct{})}
	r.in <- n
	<-n.kept
}

// Close ends the record and gives all answers, in the order they were kept.
func (r *Record) Close() ([]Answer, error) {
	close(r.in)
	err := <-r.done
	return r.answers, err
}

// write syncs whatever waits at once, then lets its callers go on.
func (r *Record) write(file *os.File) error {
	defer file.Close()
	out := bufio.NewWriter(file)
	encoder := json.NewEncoder(out)
	for first := range r.in {
		group := []*noted{first}
		for len(r.in) > 0 && len(group) < cap(r.in) {
			if next, open := <-r.in; open {
				group = append(group, next)
			}
		}
		for _, n := range group {
			if err := encoder.Encode(n.answer); err != nil {
				return fmt.Errorf("write record: %w", err)
			}
		}
		if err := out.Flush(); err != nil {
			return fmt.Errorf("write record: %w", err)
		}
		if err := file.Sync(); err != nil {
			return fmt.Errorf("sync record: %w", err)
		}
		for _, n := range group {
			r.answers = append(r.answers, n.answer)
			close(n.kept)
		}
	}
	return nil
}
