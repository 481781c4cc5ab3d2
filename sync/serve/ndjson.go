package serve

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"unicode/utf8"

	"github.com/shelfsync/shelfsync/protocol"
	"github.com/shelfsync/shelfsync/protocol/api"
)

// NDJSON is the content type of bulk bodies: one JSON value a line.
const NDJSON = "application/x-ndjson"

// EachLine decodes a bulk body line by line, in memory for one line only, and
// calls take with the line's number from 1, its value and its faults; empty
// lines are skipped. A line that is too long ends the reading with an
// *api.Problem, as does an error of take with that error.
func EachLine[T any](body io.Reader, take func(line int64, value T, faults []api.FieldError) error) error {
	in := bufio.NewReaderSize(body, protocol.MaxNDJSONLine)
	for line := int64(1); ; line++ {
		text, err := in.ReadSlice('\n')
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
			return api.NewProblem(api.CodeTooLarge, fmt.Sprintf("line %d is longer than %d bytes", line, protocol.MaxNDJSONLine))
		case err != nil && err != io.EOF:
			return api.NewProblem(api.CodeMalformed, fmt.Sprintf("the body broke off after line %d: %v", line-1, err))
		}
		if text = bytes.TrimSpace(text); len(text) > 0 {
			value, faults := decodeLine[T](text)
			if err := take(line, value, faults); err != nil {
				return err
			}
		}
		if err == io.EOF {
			return nil
		}
	}
}

func decodeLine[T any](text []byte) (value T, faults []api.FieldError) {
	if !utf8.Valid(text) {
		return value, []api.FieldError{{Path: "line", Message: "is not UTF-8"}}
	}
	if err := decode(text, &value); err != nil {
		return value, []api.FieldError{{Path: "line", Message: err.Error()}}
	}
	if v, ok := any(&value).(validator); ok {
		faults = v.Validate()
	}
	return value, faults
}
