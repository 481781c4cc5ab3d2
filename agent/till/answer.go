package till

import (
	"bytes"
	"encoding/json"

	"github.com/shelfsync/shelfsync/agent"
	"github.com/shelfsync/shelfsync/protocol/api"
	"github.com/shelfsync/shelfsync/protocol/stock"
)

// recorded is api.Recorded as the ledger keeps it: text, so that a repeated
// request gets the same bytes from any later program.
type recorded struct {
	api.Recorded
	text []byte
}

// MarshalJSON is the text as it was first answered.
func (r recorded) MarshalJSON() ([]byte, error) { return r.text, nil }

// answerOf writes api.Recorded by hand: it runs on the agent's goroutine, and
// all tills wait while it does.
func answerOf(r agent.Recorded) []byte {
	b := make([]byte, 0, 48+96*len(r.Lines))
	b = append(b, `{"operation":`...)
	b = appendString(b, r.Operation.String())
	b = append(b, `,"lines":[`...)
	first := len(b)
	for i := range r.Lines {
		if r.Lines[i].Line.Code() == "" {
			continue // about a transfer, not about an item
		}
		if len(b) > first {
			b = append(b, ',')
		}
		b = appendLine(b, &r.Lines[i])
	}
	return append(b, "]}"...)
}

func appendLine(b []byte, l *agent.RecordedLine) []byte {
	b = append(b, `{"item":`...)
	b = appendString(b, l.Line.Code())
	b = append(b, `,"sellable":`...)
	b = append(b, l.Level.Sellable.String()...)
	b = append(b, `,"reserved":`...)
	b = append(b, l.Level.Claims.String()...)
	b = append(b, `,"available_to_sell":`...)
	b = append(b, available(l.Level).String()...)
	if l.Parked {
		b = append(b, `,"parked":true`...)
	}
	for i, word := range l.Warnings {
		if i == 0 {
			b = append(b, `,"warnings":[`...)
		} else {
			b = append(b, ',')
		}
		b = appendString(b, word)
	}
	if len(l.Warnings) > 0 {
		b = append(b, ']')
	}
	return append(b, '}')
}

// available is what a till may still sell; people are never shown less than nothing.
func available(l stock.Level) stock.Quantity { return max(0, l.Available()) }

// appendString writes a JSON string. Nearly every code is plain ASCII.
func appendString(b []byte, s string) []byte {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c > '~' || c == '"' || c == '\\' {
			return appendEscaped(b, s)
		}
	}
	return append(append(append(b, '"'), s...), '"')
}

func appendEscaped(b []byte, s string) []byte {
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(s); err != nil {
		panic("a string cannot be written as JSON: " + err.Error())
	}
	return append(b, bytes.TrimSuffix(out.Bytes(), []byte("\n"))...)
}
