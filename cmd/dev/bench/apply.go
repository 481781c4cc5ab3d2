package bench

import (
	"bufio"
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"github.com/shelfsync/shelfsync/protocol"
	"github.com/shelfsync/shelfsync/protocol/stock"
)

// applyGoal is how many times faster than reflection into a Go map.
const applyGoal = 6

// applyRun is what all rounds of apply share.
type applyRun struct {
	*Bench
	log   *logWriter
	state *stock.State
	board *stock.State // what a node would show to readers
	peer  *reflection

	plain, posted [][]byte // the entries of this round

	product, frozen, decode, maps phase
}

// apply: the state machine plays a hub's log on one goroutine.
func (b *Bench) apply(ctx context.Context) (Row, error) {
	rounds, entries := pick(b, 5, 3), pick(b, 512, 128)
	r := &applyRun{Bench: b, log: newLogWriter(), state: stock.NewState()}
	var err error
	if r.peer, err = b.startReflection(); err != nil {
		return Row{}, err
	}
	defer r.peer.end()
	if err := r.open(ctx); err != nil {
		return Row{}, err
	}
	legs := []leg{
		{"state machine", &r.product, func(context.Context, int) error {
			if err := r.prepare(entries); err != nil {
				return err
			}
			return play(&r.product, r.plain, r.take)
		}},
		{"reflection and a Go map", &r.maps, func(ctx context.Context, _ int) error { return r.meet(ctx) }},
		{"state machine, a board after each entry", &r.frozen, func(context.Context, int) error {
			return play(&r.frozen, r.posted, func(bytes []byte) error {
				err := r.take(bytes)
				r.board = r.state.Freeze()
				return err
			})
		}},
		{"decoding alone", &r.decode, func(context.Context, int) error {
			return play(&r.decode, r.plain, func(bytes []byte) error { _, err := protocol.DecodeEntry(bytes); return err })
		}},
	}
	if err := b.inTurns(ctx, "apply", rounds, legs); err != nil {
		return Row{}, err
	}
	return r.row(rounds, entries, legs), nil
}

// open plays the catalogue and the deliveries on both sides.
func (r *applyRun) open(ctx context.Context) error {
	r.say("apply: a state of %d levels", applyStores*applyItems)
	if err := r.take(r.log.catalogue()); err != nil {
		return err
	}
	entries, err := r.log.deliveries()
	if err != nil {
		return err
	}
	for _, bytes := range entries {
		if err := r.take(bytes); err != nil {
			return err
		}
	}
	told, err := r.peer.play(ctx, entries)
	if err != nil {
		return err
	}
	return r.agree(&told)
}

// prepare writes this round's part of the log: one half for each of our legs.
func (r *applyRun) prepare(entries int) (err error) {
	if r.plain, err = r.log.round(entries); err != nil {
		return err
	}
	r.posted, err = r.log.round(entries)
	return err
}

// take decodes one entry and applies it, as every node does.
func (r *applyRun) take(bytes []byte) error {
	entry, err := protocol.DecodeEntry(bytes)
	if err != nil {
		return err
	}
	for i, result := range r.state.Apply(r.state.Index()+1, entry) {
		if result.Code != stock.Accepted || len(result.Outcomes) > 0 {
			return fmt.Errorf("command %d of entry %d: %s %s", i, r.state.Index(), result.Code, result.Text)
		}
	}
	return nil
}

// play takes entries one by one and notes operations a second and the time of
// each entry.
func play(p *phase, entries [][]byte, take func([]byte) error) error {
	took := make([]float64, 0, len(entries))
	began := time.Now()
	for _, bytes := range entries {
		at := time.Now()
		if err := take(bytes); err != nil {
			return err
		}
		took = append(took, milliseconds(time.Since(at)))
	}
	p.noteEntries(took, time.Since(began).Seconds(), len(entries)*entrySales)
	return nil
}

func (p *phase) noteEntries(took []float64, seconds float64, operations int) {
	p.rates = append(p.rates, float64(operations)/seconds)
	p.p50 = append(p.p50, percentile(took, 50))
	p.p99 = append(p.p99, percentile(took, 99))
}

// meet lets the peer play what the state machine has played, and what it plays
// next, so that both stay at the same place of the log.
func (r *applyRun) meet(ctx context.Context) error {
	told, err := r.peer.play(ctx, slices.Concat(r.plain, r.posted))
	if err != nil {
		return err
	}
	r.maps.noteEntries(told.EntryMS, told.Seconds, told.Operations)
	told.Sellable += int64(len(r.posted)*entrySales) * int64(stock.Unit) // sold there, and here in the next leg
	return r.agree(&told)
}

// agree checks that both hold the same levels.
func (r *applyRun) agree(told *playedRound) error {
	var levels int
	var sellable int64
	for l := range r.state.Locations() {
		for _, level := range l.LevelsFrom(0) {
			levels++
			sellable += int64(level.Sellable)
		}
	}
	if levels != told.Levels || sellable != told.Sellable {
		return fmt.Errorf("the state machine has %d levels with %d sellable, the peer %d with %d", levels, sellable, told.Levels, told.Sellable)
	}
	return nil
}

// reflection is the peer's process.
type reflection struct {
	*program
	in  io.WriteCloser
	out *bufio.Reader
}

// playedRound is its answer to one round.
type playedRound struct {
	Operations int       `json:"operations"`
	Seconds    float64   `json:"seconds"`
	EntryMS    []float64 `json:"entry_ms"`
	Levels     int       `json:"levels"`
	Sellable   int64     `json:"sellable"`
}

func (b *Bench) startReflection() (*reflection, error) {
	command := exec.Command(filepath.Join(b.options.Programs, "reflection"))
	in, err := command.StdinPipe()
	if err != nil {
		return nil, fmt.Errorf("start the peer: %w", err)
	}
	out, err := command.StdoutPipe()
	if err != nil {
		return nil, fmt.Errorf("start the peer: %w", err)
	}
	p, err := b.launch("reflection", command)
	return &reflection{p, in, bufio.NewReader(out)}, err
}

// end tells the peer that there are no more rounds.
func (r *reflection) end() { _ = r.in.Close() }

// play sends a round and waits for its answer.
func (r *reflection) play(ctx context.Context, entries [][]byte) (told playedRound, err error) {
	stop := context.AfterFunc(ctx, r.end) // the peer ends, and so does the wait for its answer
	defer stop()
	to := bufio.NewWriterSize(r.in, 1<<20)
	_, err = to.WriteString(strconv.Itoa(len(entries)) + "\n")
	for _, bytes := range entries {
		if err == nil {
			_, err = to.Write(binary.BigEndian.AppendUint32(nil, uint32(len(bytes))))
		}
		if err == nil {
			_, err = to.Write(bytes)
		}
	}
	if err == nil {
		err = to.Flush()
	}
	if err != nil {
		return told, fmt.Errorf("tell the peer its round: %w: %s", err, r.lastWords())
	}
	answer, err := r.out.ReadBytes('\n')
	if err != nil {
		return told, fmt.Errorf("wait for the peer: %w: %s", err, r.lastWords())
	}
	return told, json.Unmarshal(answer, &told)
}

func (r *applyRun) row(rounds, entries int, legs []leg) Row {
	against := rival("operations/s", &r.product, &r.maps)
	withBoard := ratio(r.frozen.rates, r.maps.rates)
	row := Row{
		Method: []string{
			fmt.Sprintf("%d rounds of 2 x %d log entries, each of %d batches of %d sales of one line (%.0f bytes each) by different stores; %d stores with %d items each, uniform.",
				rounds, entries, entryBatches, batchSales, float64(r.log.bytes)/float64(r.log.sales), applyStores, applyItems),
			"Product: protocol.DecodeEntry and stock.State.Apply of each entry on one goroutine, in this process; decoding from the log's bytes is included. In memory: no log, no journal.",
			"A board after each entry: the same and State.Freeze, so that the next entry copies the pages it changes; a node posts one for each group of entries it is handed.",
			"Peer: the same bytes in a process of its own, decoded by msgpack's reflection into structs, watermarks checked, applied to Go maps; no catalogue, outside accounts, hash or outcomes.",
			"Latencies are of one entry. After the peer's turn both hold the same levels. Ratios are formed round by round.",
		},
		Figures: []Figure{
			figure("state machine : reflection and a Go map", "times", against.ratio).compared(applyGoal),
			figure("the same with a board after each entry", "times", withBoard).compared(1),
		},
		Line: against.line(0, map[string]float64{
			"levels": applyStores * applyItems, "bytes_per_operation": float64(r.log.bytes) / float64(r.log.sales), "decode_only": median(r.decode.rates),
			"board_each_entry": median(r.frozen.rates), "ratio_board_each_entry": median(withBoard), "board_each_entry_p99_ms": median(r.frozen.p99),
		}),
	}
	for i := range legs {
		row.Figures = append(row.Figures, legs[i].figures()...)
	}
	return row
}
