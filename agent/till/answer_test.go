package till

import (
	"bytes"
	"encoding/json"
	"testing"

	"github.com/shelfsync/shelfsync/agent"
	"github.com/shelfsync/shelfsync/protocol/api"
	"github.com/shelfsync/shelfsync/protocol/stock"
)

// The answer is written by hand; it must be what the documented shape would be.
func TestAnAnswerIsItsDocumentedShape(t *testing.T) {
	recorded := agent.Recorded{Operation: stock.OperationID{Agent: `S"14`, Epoch: "k3f9", Sequence: 123}, Lines: []agent.RecordedLine{
		{Line: stock.Line{Item: "85123A"}, Level: stock.Level{Sellable: 4000, Claims: 1000}, Warnings: []string{"takes_reserved", "below_zero"}},
		{Line: stock.Line{Scanned: "Ä<&>\\ \u2028é"}, Level: stock.Level{Sellable: -1500}, Parked: true},
		{Line: stock.Line{Scanned: "~ !"}},
	}}
	want := api.Recorded{Operation: recorded.Operation.String()}
	for _, l := range recorded.Lines {
		want.Lines = append(want.Lines, api.RecordedLine{Item: l.Line.Code(), Sellable: api.Of(l.Level.Sellable), Reserved: api.Of(l.Level.Claims),
			AvailableToSell: api.Of(max(0, l.Level.Sellable-l.Level.Claims)), Parked: l.Parked, Warnings: l.Warnings})
	}
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(want); err != nil {
		t.Fatal(err)
	}
	if got := string(answerOf(recorded)) + "\n"; got != text.String() {
		t.Errorf("\n got %swant %s", got, text.String())
	}
}

func BenchmarkAnswerOfABasket(b *testing.B) {
	recorded := agent.Recorded{Operation: stock.OperationID{Agent: "S014", Epoch: "k3f9", Sequence: 123}, Lines: make([]agent.RecordedLine, 20)}
	for i := range recorded.Lines {
		recorded.Lines[i] = agent.RecordedLine{Line: stock.Line{Item: "85123A"}, Level: stock.Level{Sellable: 4000, Claims: 1000}}
	}
	for b.Loop() {
		answerOf(recorded)
	}
}
