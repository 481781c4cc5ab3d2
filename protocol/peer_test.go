package protocol_test

import (
	"encoding/hex"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"testing"

	"github.com/shelfsync/shelfsync/protocol"
)

var fullPeerMessage = protocol.PeerMessage{Kind: protocol.PeerAnswer, ID: 7, Entry: []byte("SE.."), Server: "8f2c", Address: "10.0.0.7:7421", Index: 90_002,
	Code: protocol.PeerNotLeader, Text: "another leads", Leader: "10.0.0.8:7421",
	Mark: protocol.PeerMark{ID: "8f2c", Address: "10.0.0.7:7421", API: "10.0.0.7:7420", Program: "0.1.0", Role: "follower", New: true, Stranger: true,
		Applied: 90_003, Snapshot: 80_000, Index: 90_001, Hash: 1<<63 + 5, Horizon: 1200}}

// TestPeerMessagesKeepTheirBytes: nodes of two versions talk while one after the
// other is renewed.
func TestPeerMessagesKeepTheirBytes(t *testing.T) {
	allSet(t, reflect.ValueOf(fullPeerMessage), "peer")
	allSet(t, reflect.ValueOf(fullPeerMessage.Mark), "peer.Mark")
	b := protocol.EncodePeer(&fullPeerMessage)
	path := filepath.Join("testdata", "peer.golden")
	if *update {
		if err := os.WriteFile(path, []byte(hex.Dump(b)), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if hex.Dump(b) != string(want) {
		t.Errorf("the bytes have changed:\n%s", hex.Dump(b))
	}
	got, err := protocol.DecodePeer(undump(t, string(want)))
	if err != nil || !reflect.DeepEqual(*got, fullPeerMessage) {
		t.Errorf("read back %+v, %v", got, err)
	}
	for n := range b {
		if _, err := protocol.DecodePeer(b[:n]); err == nil {
			t.Errorf("cut after %d of %d bytes it was accepted", n, len(b))
		}
	}
	if _, err := protocol.DecodePeer(append(b, 0xc0)); !errors.Is(err, protocol.ErrTrailing) {
		t.Errorf("followed by a byte it gives %v", err)
	}
}

func TestAgentLinksKeepTheirBytes(t *testing.T) {
	links := []protocol.AgentLink{{Location: "S014", Installation: "pc1", Epoch: "k3f9", Program: "0.1.0", Remote: "10.0.0.9:4711", Backlog: 4, OldestMS: 5500,
		ConnectedMS: 60_000, HeardMS: 900, Position: protocol.Position{Sequence: 123, Chain: chain(1)}}}
	allSet(t, reflect.ValueOf(links[0]), "link")
	ask := protocol.JournalQuestion{Ask: protocol.AskPiece, Index: 90_000, Offset: 4096}
	answer := protocol.JournalAnswer{Stretch: protocol.JournalStretch{First: 80_000, Last: 89_999, Next: 90_001, Oldest: 1200, Bytes: 64 << 20, At: 1_700_000_000_000, Begins: true},
		Piece: []byte("SJRN"), Images: []protocol.JournalImage{{Index: 88_000, At: 1_690_000_000_000, Bytes: 5000}}}
	allSet(t, reflect.ValueOf(ask), "ask")
	allSet(t, reflect.ValueOf(answer), "answer")
	known := func(v any, ok bool) (any, error) {
		if !ok {
			return v, errors.New("it is not known")
		}
		return v, nil
	}
	for name, format := range map[string]struct {
		bytes  []byte
		value  any
		decode func([]byte) (any, error)
	}{
		"peer_agents": {protocol.EncodeAgentLinks(links), links, func(b []byte) (any, error) { return protocol.DecodeAgentLinks(b) }},
		"peer_journal_question": {protocol.EncodeJournalQuestion(ask), ask, func(b []byte) (any, error) {
			q, ok := protocol.DecodeJournalQuestion(b)
			return known(q, ok)
		}},
		"peer_journal_answer": {protocol.EncodeJournalAnswer(&answer), &answer, func(b []byte) (any, error) {
			a, ok := protocol.DecodeJournalAnswer(b)
			return known(a, ok)
		}},
		"peer_codes": {protocol.EncodeCodes([]string{"S014", "S015"}), []string{"S014", "S015"}, func(b []byte) (any, error) { return protocol.DecodeCodes(b) }},
	} {
		path := filepath.Join("testdata", name+".golden")
		if *update {
			if err := os.WriteFile(path, []byte(hex.Dump(format.bytes)), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if hex.Dump(format.bytes) != string(want) {
			t.Errorf("%s: the bytes have changed:\n%s", name, hex.Dump(format.bytes))
		}
		if got, err := format.decode(undump(t, string(want))); err != nil || !reflect.DeepEqual(got, format.value) {
			t.Errorf("%s: read back %+v, %v", name, got, err)
		}
	}
}

// TestANodeOfAnEarlierVersionDoesNotKnowTheQuestion: it answers with the agents
// that it was not asked for.
func TestANodeOfAnEarlierVersionDoesNotKnowTheQuestion(t *testing.T) {
	codes, err := protocol.DecodeCodes(protocol.EncodeJournalQuestion(protocol.JournalQuestion{Ask: protocol.AskStretch, Index: 7}))
	if len(codes) > 0 || err != nil {
		t.Errorf("it reads %v, %v", codes, err)
	}
	if _, ok := protocol.DecodeJournalAnswer(protocol.EncodeAgentLinks(nil)); ok {
		t.Error("its answer passes for one")
	}
	if _, ok := protocol.DecodeJournalQuestion(protocol.EncodeCodes([]string{"S1"})); ok {
		t.Error("a question for agents passes for one for the journal")
	}
}

func FuzzDecodePeer(f *testing.F) {
	f.Add(protocol.EncodePeer(&fullPeerMessage))
	f.Fuzz(func(t *testing.T, b []byte) {
		got, err := protocol.DecodePeer(b)
		if err != nil {
			return
		}
		again, err := protocol.DecodePeer(protocol.EncodePeer(got))
		if err != nil || len(got.Entry) > 0 && !reflect.DeepEqual(got, again) {
			t.Fatalf("%+v reads again as %+v, %v", got, again, err)
		}
	})
}
