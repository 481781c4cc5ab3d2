package attack

import (
	"context"
	"fmt"
	"io"
	"math"
	"net/http"
	"slices"
	"strings"

	"github.com/shelfsync/shelfsync/protocol"
)

// one wraps a frame that needs no place.
func one(f ...protocol.Frame) func(protocol.Position) []protocol.Frame {
	return func(protocol.Position) []protocol.Frame { return f }
}

// first sends frames before any Hello.
func first(frames ...protocol.Frame) func(context.Context, *world) (string, error) {
	var bytes [][]byte
	for _, f := range frames {
		bytes = append(bytes, message(protocol.EncodeFrame(f)))
	}
	return thrown(bytes...)
}

// spoiled is a good batch with one change.
func spoiled(change func(batch *protocol.Append)) func(context.Context, *world) (string, error) {
	return after(func(at protocol.Position) []protocol.Frame {
		batch := batchAfter(at, adjustment(1), adjustment(2))
		change(batch)
		return []protocol.Frame{batch}
	})
}

// sessions is what breaks the rules of the conversation.
var sessions = []attack{
	{name: "an Append before Hello", target: onSync, expects: "bye protocol", run: first(batchAfter(protocol.Position{}, adjustment(1)))},
	{name: "an Ack before Hello", target: onSync, expects: "bye protocol", run: first(&protocol.Ack{})},
	{name: "a Round before Hello", target: onSync, expects: "bye protocol", run: first(&protocol.Round{Last: true})},
	{name: "a Welcome before Hello", target: onSync, expects: "bye protocol", run: first(&protocol.Welcome{Version: 1})},
	{name: "Hello twice at once", target: onSync, expects: "bye protocol", run: first(evilHello(), evilHello())},
	{name: "Hello twice", target: onSync, expects: "bye protocol", run: after(one(evilHello()))},
	{name: "no frame version", target: onSync, expects: "bye version", run: greeted(but(func(h *protocol.Hello) { h.Version = 0 }))},
	{name: "a frame version of the future", target: onSync, expects: "welcome", run: greeted(but(func(h *protocol.Hello) { h.Version = math.MaxUint64 }))},
	{name: "no role", target: onSync, expects: "bye protocol", run: greeted(but(func(h *protocol.Hello) { h.Role = 0 }))},
	{name: "an unknown role", target: onSync, expects: "bye protocol", run: greeted(but(func(h *protocol.Hello) { h.Role = 255 }))},
	{name: "a feature level of the future", target: onSync, expects: "bye upgrade_hub", run: greeted(but(func(h *protocol.Hello) { h.Feature = math.MaxUint64 }))},
	{name: "an agent without a code", target: onSync, expects: "bye protocol", run: greeted(but(func(h *protocol.Hello) { h.Agent = "" }))},
	{name: "an agent with control characters", target: onSync, expects: "bye protocol", run: greeted(but(func(h *protocol.Hello) { h.Agent = "EVIL\n\x00" }))},
	{name: "an agent that is not UTF-8", target: onSync, expects: "bye protocol", run: greeted(but(func(h *protocol.Hello) { h.Agent = "\xff\xfe" }))},
	{name: "an agent's code of 65 characters", target: onSync, expects: "bye protocol", run: greeted(but(func(h *protocol.Hello) { h.Agent = strings.Repeat("E", 65) }))},
	{name: "no installation", target: onSync, expects: "bye protocol", run: greeted(but(func(h *protocol.Hello) { h.Installation = "" }))},
	{name: "no epoch", target: onSync, expects: "bye protocol", run: greeted(but(func(h *protocol.Hello) { h.Epoch = "" }))},
	{name: "another's location", target: onSync, expects: "bye writer", run: greeted(but(func(h *protocol.Hello) { h.Agent = storeVictim }))},
	{name: "another's location and epoch", target: onSync, expects: "bye writer", run: inTheNameOfTheVictim},
	{name: "another history at the same place", target: onSync, expects: "welcome, forked",
		run: greeted(but(func(h *protocol.Hello) { h.Position = protocol.Position{Sequence: evilOperations, Chain: [32]byte{1}} }))},
	{name: "a history that was set back", target: onSync, expects: "welcome, forked",
		run: greeted(but(func(h *protocol.Hello) { h.Position = protocol.Position{Sequence: 1} }))},
	{name: "a forged chain", target: onSync, expects: "bye protocol", run: spoiled(func(b *protocol.Append) { b.End.Chain[31] ^= 1 })},
	{name: "operations in another order", target: onSync, expects: "bye protocol", run: spoiled(func(b *protocol.Append) { slices.Reverse(b.Operations) })},
	{name: "an operation changed", target: onSync, expects: "bye protocol", run: spoiled(func(b *protocol.Append) { b.Operations[1] = adjustment(1000) })},
	{name: "an operation left out", target: onSync, expects: "bye protocol", run: spoiled(func(b *protocol.Append) { b.Operations = b.Operations[1:] })},
	{name: "a gap", target: onSync, expects: "bye protocol", run: after(func(at protocol.Position) []protocol.Frame {
		at.Sequence += 5
		return []protocol.Frame{batchAfter(at, adjustment(1))}
	})},
	{name: "a rewind", target: onSync, expects: "bye protocol", run: after(one(batchAfter(protocol.Position{}, adjustment(1), adjustment(1), adjustment(1))))},
	{name: "a sequence at the end of numbers", target: onSync, expects: "bye protocol", run: after(func(at protocol.Position) []protocol.Frame {
		at.Sequence = math.MaxUint64
		return []protocol.Frame{batchAfter(at, adjustment(1))}
	})},
	{name: "an end that is not led to", target: onSync, expects: "bye protocol", run: spoiled(func(b *protocol.Append) { b.End.Sequence += 1 << 40 })},
	{name: "an empty Append that moves", target: onSync, expects: "bye protocol", run: spoiled(func(b *protocol.Append) { b.Operations = nil })},
	{name: "more bytes than an Append has", target: onSync, expects: "bye protocol", run: after(func(at protocol.Position) []protocol.Frame {
		return []protocol.Frame{batchAfter(at, maxOperation, []byte{0x80})}
	})},
	{name: "a window overrun", target: onSync, expects: "bye protocol", leaves: 8 * protocol.WindowAppends, atMost: true, run: overrun},
	{name: "an Ack from an agent", target: onSync, expects: "bye protocol", run: after(one(&protocol.Ack{Through: protocol.Position{Sequence: 1}}))},
	{name: "a Round from an agent", target: onSync, expects: "bye protocol", run: after(one(&protocol.Round{Last: true, Now: math.MaxInt64}))},
	{name: "a Welcome from an agent", target: onSync, expects: "bye protocol", run: after(one(&protocol.Welcome{Version: 1}))},
	{name: "a Bye of an unknown code", target: onSync, expects: "closed 1000", run: after(one(&protocol.Bye{Code: 1 << 40, Text: strings.Repeat("\x00", 1000)}))},
	{name: "two connections of one agent", target: onSync, expects: "bye replaced", run: twice},
	{name: "an operation of random bytes", target: onSync, expects: "ack", leaves: 1, run: acknowledged([]byte("\x93\xc1 this is no operation"))},
	{name: "an operation of 64 KiB of nothing", target: onSync, expects: "ack", leaves: 1, run: acknowledged(maxOperation)},
	{name: "an operation that is a bomb", target: onSync, expects: "ack", leaves: 1, run: acknowledged(append([]byte{0x81, 0xa1, 'l'}, array4Gi...))},
	{name: "a quantity at the end of numbers", target: onSync, expects: "ack", leaves: 1, run: acknowledged(adjustment(math.MaxInt64 / 1000))},
	{name: "a program named as a script", target: onSync, expects: "welcome, and the page is safe", run: script},
	{name: "a backlog at the end of numbers", target: onSync, expects: "welcome, and numbers stay positive", run: boast},
	{name: "25 epochs in a day", target: onSync, expects: "24 taken, then bye epochs", leaves: 25, run: epochs},
}

// inTheNameOfTheVictim knows all that the hub shows of an agent, but not which
// PC it is. What it claims is another installation of the same epoch.
func inTheNameOfTheVictim(ctx context.Context, w *world) (string, error) {
	var status struct{ Epoch string }
	if err := get(ctx, w.victim.address, "/v1/status", &status); err != nil {
		return "", err
	}
	return greeted(but(func(h *protocol.Hello) { h.Agent, h.Epoch = storeVictim, status.Epoch }))(ctx, w)
}

// overrun sends four times the frames of a window at once, so that no
// acknowledgement can come between.
func overrun(ctx context.Context, w *world) (string, error) {
	s, welcome, err := w.admitted(ctx)
	if err != nil {
		return "", err
	}
	var burst []byte
	for at, n := welcome.Through, 0; n < 8*protocol.WindowAppends; n++ {
		batch := batchAfter(at, adjustment(1))
		burst, at = append(burst, message(protocol.EncodeFrame(batch))...), batch.End
	}
	s.send(burst)
	return s.end(), nil
}

// twice opens a second connection of the same agent: the first must go.
func twice(ctx context.Context, w *world) (string, error) {
	s, _, err := w.admitted(ctx)
	if err != nil {
		return "", err
	}
	second, _, err := w.admitted(ctx)
	if err != nil {
		return "", err
	}
	defer second.Close()
	return s.end(), nil
}

// script names its program so that a page without care would run it.
func script(ctx context.Context, w *world) (string, error) {
	const name = `<script>alert(1)</script>`
	s, refused, err := w.open(ctx, nil)
	if err != nil || refused != "" {
		return refused, err
	}
	defer s.Close()
	s.send(message(protocol.EncodeFrame(but(func(h *protocol.Hello) { h.Program = name }))))
	frame, err := s.next()
	if _, ok := frame.(*protocol.Welcome); err != nil || !ok {
		return fmt.Sprintf("%T %v", frame, err), nil
	}
	answer, err := client.Get("http://" + w.hub.address + "/")
	if err != nil {
		return "", fmt.Errorf("look at the hub's page: %w", err)
	}
	defer answer.Body.Close()
	page, err := io.ReadAll(answer.Body)
	switch {
	case err != nil || answer.StatusCode != http.StatusOK:
		return fmt.Sprintf("the page answers %d: %v", answer.StatusCode, err), nil
	case strings.Contains(string(page), name):
		return "the page has a script of the attacker", nil
	case !strings.Contains(string(page), storeEvil):
		return "the page does not show the attacker", nil
	}
	return "welcome, and the page is safe", nil
}

// boast claims numbers that no 64 bits of a signed one hold.
func boast(ctx context.Context, w *world) (string, error) {
	s, refused, err := w.open(ctx, nil)
	if err != nil || refused != "" {
		return refused, err
	}
	defer s.Close()
	s.send(message(protocol.EncodeFrame(but(func(h *protocol.Hello) { h.Backlog, h.OldestMS = math.MaxUint64, math.MaxUint64 }))))
	frame, err := s.next()
	if _, ok := frame.(*protocol.Welcome); err != nil || !ok {
		return fmt.Sprintf("%T %v", frame, err), nil
	}
	var agents struct {
		Data []struct {
			Location       string `json:"location"`
			Backlog        int64  `json:"backlog"`
			OldestUnsentMS int64  `json:"oldest_unsent_ms"`
			AgeMS          int64  `json:"age_ms"`
		} `json:"data"`
	}
	if err := get(ctx, w.hub.address, "/v1/agents", &agents); err != nil {
		return "", err
	}
	for _, a := range agents.Data {
		if a.Location == storeEvil && a.Backlog > 0 && a.OldestUnsentMS > 0 && a.AgeMS >= 0 {
			return "welcome, and numbers stay positive", nil
		}
	}
	return fmt.Sprintf("the fleet shows %+v", agents.Data), nil
}

// epochs begins one epoch after another, each with one operation, at a location
// of its own, until the hub has had enough.
func epochs(ctx context.Context, w *world) (string, error) {
	for n := range 26 {
		s, refused, err := w.open(ctx, nil)
		if err != nil || refused != "" {
			return refused, err
		}
		batch := batchAfter(protocol.Position{}, adjustment(1))
		s.send(message(protocol.EncodeFrame(but(func(h *protocol.Hello) { h.Agent, h.Epoch = "EPOCHS", fmt.Sprint("e", n) }))))
		frame, err := s.next()
		if _, ok := frame.(*protocol.Welcome); err != nil || !ok {
			return fmt.Sprintf("Hello %d: %T %v", n, frame, err), s.Close()
		}
		s.send(message(protocol.EncodeFrame(batch)))
		if said := s.acked(batch.End); said != "ack" {
			return fmt.Sprintf("%d taken, then %s", n, said), nil
		}
	}
	return "no end of epochs", nil
}
