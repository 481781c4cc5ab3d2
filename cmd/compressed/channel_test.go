package compressed

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/shelfsync/shelfsync/protocol/api"
	"github.com/shelfsync/shelfsync/protocol/stock"
)

// channel is a web shop: it claims, confirms, releases or forgets, on whatever
// node it comes upon, and looks up what it can sell.
type channel struct {
	world       *world
	name        string
	place       *place
	client      *http.Client
	orders      []*order // its worker's; the audit reads them when it has gone
	highest     uint64   // the highest position it was ever told, and its incarnation
	incarnation string
}

// order is what the channel was told of one reservation.
type order struct {
	id        string
	unknown   bool // somebody may have reserved it and could not say so
	accepted  *api.Reservation
	short     bool
	confirmed outcome
	released  outcome
	latest    *api.Reservation // the newest record the channel was shown
}

// outcome is what became of a step.
type outcome int

const (
	notAsked outcome = iota
	done
	refused
	open // unknown to the end
)

func newChannel(w *world, i int) *channel {
	c := &channel{world: w, name: fmt.Sprint("web-", i+1)}
	c.place = w.net.place(c.name)
	c.client = &http.Client{Transport: &http.Transport{DialContext: c.place.dialer, IdleConnTimeout: 5 * time.Second}}
	return c
}

func (c *channel) work() {
	c.world.working.Go(func() {
		defer c.client.CloseIdleConnections()
		c.trade()
	})
}

func (c *channel) trade() {
	w, r := c.world, newRandom(c.world.seed, c.name)
	for n := 1; w.pauseFor(about(r, 4*time.Second)); n++ {
		c.browse(r)
		o := c.reserve(r, fmt.Sprint(c.name, "-", n))
		if o.accepted == nil || !w.pauseFor(about(r, 10*time.Second)) {
			continue
		}
		switch r.IntN(5) {
		case 0: // a cart that is left: it expires
		case 1:
			o.released = c.step(r, o, "release")
		default:
			o.confirmed = c.step(r, o, "confirm")
			if o.confirmed == done && r.IntN(5) == 0 {
				o.released = c.step(r, o, "release")
			}
		}
	}
}

// reserve asks, with the same id, until somebody knows the answer.
func (c *channel) reserve(r *rand.Rand, id string) *order {
	o := &order{id: id}
	c.orders = append(c.orders, o)
	request := api.ReservationRequest{ID: id, Channel: c.name, Order: "O-" + id, TTLSeconds: 20 + r.Int64N(100)}
	for range 1 + r.IntN(2) {
		want := api.ReservationWant{Item: item(r.IntN(itemCount)), Quantity: api.Of(quantity(r))}
		for _, i := range r.Perm(c.world.shape.stores)[:1+r.IntN(2)] {
			want.Candidates = append(want.Candidates, location(i))
		}
		request.Lines = append(request.Lines, want)
	}
	for range attempts {
		a := c.ask(r, "POST", "/v1/reservations", request)
		switch {
		case a.status == 201 || a.status == 200:
			o.accepted = a.reservation()
			c.check(r, o, o.accepted)
			if a.status == 200 {
				if !o.unknown {
					c.world.seen.fault(fmt.Sprintf("%s was made by an attempt of which the hub said that nothing was done", id))
				}
				c.world.seen.meet("a reservation was repeated and answered with its record")
			}
			return o
		case a.code == api.CodeShort:
			o.short = true
			c.world.seen.meet("a reservation was short")
			return o
		}
		o.unknown = o.unknown || a.unknown
		c.wait(r, a, id)
	}
	return o
}

// attempts bounds how often a channel repeats a question: for some minutes.
const attempts = 60

func quantity(r *rand.Rand) stock.Quantity {
	if r.IntN(25) == 0 {
		return 500 * stock.Unit // more than there is
	}
	return stock.Quantity(1+r.IntN(4)) * stock.Unit
}

func (c *channel) step(r *rand.Rand, o *order, action string) outcome {
	for range attempts {
		a := c.ask(r, "POST", "/v1/reservations/"+o.id+"/"+action, nil)
		switch {
		case a.status == 200:
			c.check(r, o, a.reservation())
			return done
		case a.code == api.CodeNotAllowed:
			return refused
		case a.code == api.CodeNotFound:
			c.world.seen.fault("order " + o.id + " was accepted and then not found by a " + action)
			return refused
		}
		c.wait(r, a, o.id)
	}
	return open
}

// wait judges an answer that decided nothing, and waits before the next.
func (c *channel) wait(r *rand.Rand, a answer, what string) {
	switch {
	case a.unknown:
		c.world.seen.meet("an outcome was unknown")
	case a.code == api.CodeUnavailable, a.code == api.CodeBusy, a.code == api.CodeBehind, a.status == 0:
		c.world.seen.meet("a write was refused without a trace")
	default:
		c.world.seen.fault(fmt.Sprintf("%s: %s answered %d %s", what, a.node, a.status, a.body))
	}
	time.Sleep(500*time.Millisecond + about(r, 2*time.Second))
}

// rank orders what may become of a line: it never goes down.
var rank = map[string]int{"held": 1, "confirmed": 2, "staged": 2, "expired": 4, "released": 4, "short": 4, "fulfilled": 4}

// check compares a record with the newest one the channel knows, and asks
// another node for a third that is no older.
func (c *channel) check(r *rand.Rand, o *order, record *api.Reservation) {
	for range 2 {
		if o.latest != nil && index(record.Position) >= index(o.latest.Position) {
			c.compare(o, record)
		}
		if o.latest == nil || index(record.Position) > index(o.latest.Position) {
			o.latest = record
		}
		c.saw(record.Position)
		a := c.ask(r, "GET", "/v1/reservations/"+o.id+"?min_position="+record.Position, nil)
		switch {
		case a.status == 200:
			if shown := a.reservation(); index(shown.Position) < index(record.Position) {
				c.world.seen.fault(fmt.Sprintf("%s was asked for %s at %s or later and answered of %s", a.node, o.id, record.Position, shown.Position))
				return
			} else {
				record = shown
			}
		case a.code == api.CodeNotFound:
			c.world.seen.fault(fmt.Sprintf("%s does not find %s at %s, where it was decided", a.node, o.id, record.Position))
			return
		case a.code == api.CodeBehind:
			c.world.seen.meet("a node said that it is behind")
			return
		default:
			return
		}
	}
}

func (c *channel) compare(o *order, record *api.Reservation) {
	if fault := contradiction(o.latest.Lines, record.Lines); fault != "" {
		c.world.seen.fault(fmt.Sprintf("order %s at %s and at %s: %s", o.id, o.latest.Position, record.Position, fault))
	}
}

// contradiction says what later lines of an order take back of earlier ones. A
// line may be split, and may move if it says so; what ended stays as it ended.
func contradiction(earlier, later []api.ReservationLine) string {
	was, units := map[string]api.ReservationLine{}, map[string]stock.Quantity{}
	for _, line := range earlier {
		was[line.Line] = line
		units[line.Item] += line.Quantity.Stock()
	}
	for _, line := range later {
		units[line.Item] -= line.Quantity.Stock()
		parent, known := was[line.Line]
		for name := line.Line; !known && strings.Contains(name, "."); {
			name = name[:strings.LastIndex(name, ".")]
			parent, known = was[name]
		}
		stayed := parent.Location == line.Location || slices.ContainsFunc(line.Moves, func(s api.Stay) bool { return s.Location == parent.Location })
		switch {
		case !known, parent.Item != line.Item, !stayed, rank[line.State] < rank[parent.State]:
		case rank[parent.State] == 4 && (line.State != parent.State || line.Quantity != parent.Quantity):
		default:
			continue
		}
		return fmt.Sprintf("%+v became %+v", parent, line)
	}
	for item, left := range units {
		if left != 0 {
			return fmt.Sprintf("%s of %s are gone or came up", left, item)
		}
	}
	return ""
}

// browse reads what can be sold. A client that sends the highest position it
// has seen never goes back.
func (c *channel) browse(r *rand.Rand) {
	query := "/v1/availability?item=" + item(r.IntN(itemCount))
	mine := c.highest
	if mine > 0 && r.IntN(4) > 0 {
		query += "&min_position=" + c.incarnation + "." + strconv.FormatUint(mine, 10)
	} else {
		query += "&consistency=linearizable"
	}
	a := c.ask(r, "GET", query, nil)
	if a.status != 200 {
		c.world.seen.meet("a read was refused")
		return
	}
	var shown api.Availability
	if err := json.Unmarshal(a.body, &shown); err != nil {
		c.world.seen.fault("availability: " + err.Error())
		return
	}
	at := index(shown.Position)
	if at < mine {
		c.world.seen.fault(fmt.Sprintf("%s answered of position %d to a reader who had seen %d", a.node, at, mine))
	}
	c.saw(shown.Position)
}

// answer is what a node said, or that it said nothing.
type answer struct {
	node    string
	status  int
	code    api.Code
	body    []byte
	unknown bool
}

func (a answer) reservation() *api.Reservation {
	var record api.Reservation
	if err := json.Unmarshal(a.body, &record); err != nil {
		return &api.Reservation{ID: err.Error()}
	}
	return &record
}

// ask asks any node.
func (c *channel) ask(r *rand.Rand, method, path string, body any) answer {
	at := c.world.nodes[r.IntN(nodeCount)]
	a := answer{node: at.name}
	content := []byte{}
	if body != nil {
		content, _ = json.Marshal(body) // shapes of our own always encode
	}
	// some wait for the hub to say itself that it does not know, some hang up before
	ctx, hangUp := context.WithTimeout(context.Background(), time.Duration(5+r.IntN(12))*time.Second)
	defer hangUp()
	request, err := http.NewRequestWithContext(ctx, method, "http://"+at.web()+path, bytes.NewReader(content))
	if err != nil {
		c.world.seen.fault(err.Error())
		return a
	}
	if body != nil {
		request.Header.Set("Content-Type", "application/json")
	}
	led := at.followsFirmly()
	response, err := c.client.Do(request)
	if err != nil {
		a.unknown = method == "POST" && !strings.Contains(err.Error(), "dial ")
		return a
	}
	defer response.Body.Close()
	var all bytes.Buffer
	if _, err := all.ReadFrom(response.Body); err != nil {
		a.unknown = method == "POST"
		return a
	}
	a.status, a.body = response.StatusCode, all.Bytes()
	if a.status >= 400 {
		var problem api.Problem
		_ = json.Unmarshal(a.body, &problem) // without a code it is a fault of its own
		a.code = problem.Code
		a.unknown = method == "POST" && a.code == api.CodeUnavailable && strings.Contains(problem.Detail, "unknown")
	} else if method == "POST" && led && at.followsFirmly() {
		c.world.seen.meet("a write was forwarded to the leader")
	}
	return a
}

// saw remembers the highest position.
func (c *channel) saw(position string) {
	incarnation, _, _ := strings.Cut(position, ".")
	if c.incarnation != "" && c.incarnation != incarnation {
		c.world.seen.fault("a position of another incarnation: " + position)
	}
	c.incarnation, c.highest = incarnation, max(c.highest, index(position))
}

// index is the second half of a position.
func index(position string) uint64 {
	_, after, _ := strings.Cut(position, ".")
	n, _ := strconv.ParseUint(after, 10, 64)
	return n
}
