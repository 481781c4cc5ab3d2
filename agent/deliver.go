package agent

import (
	"context"
	"fmt"
	"time"

	"github.com/shelfsync/shelfsync/protocol"
	"github.com/shelfsync/shelfsync/sync/link"
	"github.com/shelfsync/shelfsync/sync/session"
)

// Deliver brings a history to the hub, over as many connections as it takes, and
// returns when the hub has applied it, when it cannot, or when ctx ends. Where the
// hub has another history, what it lacks follows under the epoch that goes on from
// there; Brought is then what became of that.
func Deliver(ctx context.Context, history History, config ServerConfig) (*Brought, error) {
	courier := NewCourier(history)
	if config.Dial == nil {
		config.Dial = link.Dial
	}
	for attempt := 0; ; attempt++ {
		err := deliverOnce(ctx, courier, config, config.Hubs[attempt%len(config.Hubs)])
		switch {
		case err != nil:
			return nil, err
		case courier.Outcome() != nil:
			return courier.Outcome(), nil
		case courier.Ended():
			return deliverAgain(ctx, courier, config)
		}
		wait := session.Backoff(attempt/len(config.Hubs), config.Random(), courier.LastBye().RetryMS)
		select {
		case <-time.After(time.Duration(wait) * time.Millisecond):
		case <-ctx.Done():
			return nil, fmt.Errorf("epoch %s: %w", history.Epoch, context.Cause(ctx))
		}
	}
}

func deliverAgain(ctx context.Context, courier *Courier, config ServerConfig) (*Brought, error) {
	again, err := courier.Again()
	if err != nil {
		return nil, err
	}
	brought, err := Deliver(ctx, again, config)
	if err != nil {
		return nil, fmt.Errorf("the hub has another history after operation %d of epoch %s; what it lacks goes on as epoch %s: %w",
			courier.parted.common.Sequence, courier.history.Epoch, again.Epoch, err)
	}
	brought.After = courier.parted.common.Sequence
	return brought, nil
}

// deliverOnce is one connection. An error is final; that the connection ended is none.
func deliverOnce(ctx context.Context, courier *Courier, config ServerConfig, address string) error {
	scheme := "ws://"
	if config.TLS != nil {
		scheme = "wss://"
	}
	conn, err := config.Dial(ctx, link.Dialer{URL: scheme + address + "/sync", TLS: config.TLS})
	if err != nil {
		config.Log.Info("the hub cannot be reached", "hub", address, "why", err.Error())
		return nil
	}
	life, cut := context.WithCancel(context.WithoutCancel(ctx))
	defer cut()
	events := make(chan link.Event, 64)
	up := link.Start(life, conn, events)
	beat := time.NewTicker(protocol.BeatMS * time.Millisecond)
	defer beat.Stop()
	failed, ended := courier.Connected(up), ctx.Done()
	for {
		if failed != nil || courier.Ended() || ctx.Err() != nil {
			up.Close(protocol.Bye{Code: protocol.ByeShutdown, Text: "the import has ended"})
		}
		select {
		case event := <-events:
			switch {
			case event.Err != nil:
				courier.Disconnected()
				config.Log.Info("link ended", "hub", address, "why", event.Err.Error())
				return failed
			case event.Frame != nil && failed == nil && !courier.Ended():
				failed = courier.Receive(event.Frame)
			}
		case <-beat.C:
			if failed == nil && !courier.Ended() {
				failed = courier.Beat()
			}
		case <-ended:
			ended = nil // the link goes on to its goodbye
			if failed == nil {
				failed = context.Cause(ctx)
			}
		}
	}
}
