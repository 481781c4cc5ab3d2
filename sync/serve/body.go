package serve

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/shelfsync/shelfsync/protocol"
	"github.com/shelfsync/shelfsync/protocol/api"
)

const jsonType = "application/json"

// validator is a body, or an input, that can check itself.
type validator interface{ Validate() []api.FieldError }

// takeBody reads and judges the body of a described route before huma decodes
// it. A good body costs what huma's own reading would; the faults of a bad one
// are collected from its schema and from its Validate together.
func (s *Server) takeBody(field *reflect.StructField) func(huma.Context, func(huma.Context)) {
	return func(ctx huma.Context, next func(huma.Context)) {
		if field == nil {
			next(ctx)
			return
		}
		r, w := humago.Unwrap(ctx)
		body, err := s.readBody(w, r)
		if err == nil {
			err = s.judge(ctx.Operation().RequestBody, body, field.Type)
		}
		if err != nil {
			Fail(w, r, err)
			return
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		next(ctx)
	}
}

// readBody reads a whole JSON body within its limits of size and time.
func (s *Server) readBody(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	if r.ContentLength == 0 {
		return nil, nil
	}
	if err := RequireContentType(r, jsonType); err != nil {
		return nil, err
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, protocol.MaxBodyBytes+1))
	if len(body) > protocol.MaxBodyBytes {
		// The rest is read and dropped within the deadline: most clients look
		// at the answer only after they have sent everything.
		_, _ = io.CopyN(io.Discard, r.Body, drainBytes)
		return nil, api.NewProblem(api.CodeTooLarge, fmt.Sprintf("a body may have at most %d bytes; send large lists as NDJSON where the call takes it, or in parts", protocol.MaxBodyBytes))
	}
	var slow net.Error
	switch {
	case errors.As(err, &slow) && slow.Timeout():
		return nil, api.NewProblem(api.CodeTimeout, "the body did not arrive within "+bodyTimeout.String())
	case err != nil:
		return nil, api.NewProblem(api.CodeMalformed, "the body broke off: "+err.Error())
	}
	return body, nil
}

// setReadDeadline does nothing on a connection without deadlines, as in tests.
func setReadDeadline(w http.ResponseWriter, at time.Time) {
	_ = http.NewResponseController(w).SetReadDeadline(at)
}

// RequireContentType checks that a request's body has one of the given types.
func RequireContentType(r *http.Request, types ...string) error {
	given := r.Header.Get("Content-Type")
	media, params, err := mime.ParseMediaType(given)
	charset := params["charset"]
	known := err == nil && (charset == "" || strings.EqualFold(charset, "utf-8"))
	if coding := r.Header.Get("Content-Encoding"); coding != "" && coding != "identity" {
		return api.NewProblem(api.CodeWrongContentType, "the body must not be compressed, but Content-Encoding is "+coding)
	}
	for _, t := range types {
		if known && media == t {
			return nil
		}
	}
	return api.NewProblem(api.CodeWrongContentType, fmt.Sprintf("send Content-Type: %s; the request has %q", strings.Join(types, " or "), given))
}

// judge lists what is wrong with a body by its schema and, as far as it could
// be decoded, by its own Validate. A body that passes here is decoded by huma
// and validated once more before its handler runs.
func (s *Server) judge(want *huma.RequestBody, body []byte, t reflect.Type) error {
	if len(body) == 0 {
		if want.Required {
			return api.NewProblem(api.CodeMalformed, "a JSON body is required")
		}
		return nil
	}
	if !utf8.Valid(body) {
		return api.NewProblem(api.CodeMalformed, "the body is not UTF-8")
	}
	if valuesIn(body) > protocol.MaxBodyValues {
		return api.NewProblem(api.CodeTooLarge, fmt.Sprintf("a body may hold at most %d values; send it in parts", protocol.MaxBodyValues))
	}
	var tree any
	var syntax *json.SyntaxError
	// A number beyond a float leaves a gap in the tree; its field says more below.
	if err := json.Unmarshal(body, &tree); errors.As(err, &syntax) {
		return api.NewProblem(api.CodeMalformed, where(body, syntax))
	}
	var result huma.ValidateResult
	path := huma.NewPathBuffer(nil, 0)
	path.Push("body")
	huma.Validate(s.huma.OpenAPI().Components.Schemas, want.Content[jsonType].Schema, path, huma.ModeWriteToServer, tree, &result)
	if len(result.Errors) == 0 {
		return nil
	}
	faults := fieldErrors(result.Errors)
	_, object := tree.(map[string]any)
	value := reflect.New(t)
	var mistyped *json.UnmarshalTypeError
	if err := json.Unmarshal(body, value.Interface()); object && (err == nil || errors.As(err, &mistyped)) {
		faults = merge(faults, validate(value, "body."))
	}
	return invalid(faults)
}

// valuesIn counts the values of JSON, an empty list too, before anything is made
// of them: each follows a comma or the bracket around it. It is never too small.
func valuesIn(body []byte) int {
	n, quoted := 1, false
	for i := 0; i < len(body); i++ {
		switch c := body[i]; {
		case c == '"':
			quoted = !quoted
		case quoted && c == '\\':
			i++
		case !quoted && (c == ',' || c == '[' || c == '{'):
			n++
		}
	}
	return n
}

func where(body []byte, err *json.SyntaxError) string {
	before := body[:min(int(err.Offset), len(body))]
	line := bytes.Count(before, []byte("\n")) + 1
	column := len(before) - bytes.LastIndexByte(before, '\n') - 1
	return fmt.Sprintf("line %d, column %d: %v", line, column, err)
}

// merge adds the faults of fields that have none yet, and sorts by path.
func merge(first, second []api.FieldError) []api.FieldError {
	known := map[string]bool{}
	for _, f := range first {
		known[f.Path] = true
	}
	for _, f := range second {
		if !known[f.Path] {
			first = append(first, f)
		}
	}
	slices.SortStableFunc(first, func(a, b api.FieldError) int { return strings.Compare(a.Path, b.Path) })
	return first
}

// check asks an input and its body for their faults.
func check(in any, body *reflect.StructField) []api.FieldError {
	input := reflect.ValueOf(in)
	faults := validate(input, "")
	if body != nil {
		faults = append(faults, validate(input.Elem().FieldByIndex(body.Index).Addr(), "body.")...)
	}
	return faults
}

// validate asks the value behind a pointer, or behind a pointer to it.
func validate(pointer reflect.Value, prefix string) []api.FieldError {
	if pointer.Elem().Kind() == reflect.Pointer {
		pointer = pointer.Elem()
	}
	v, ok := pointer.Interface().(validator)
	if !ok || pointer.IsNil() {
		return nil
	}
	faults := v.Validate()
	for i := range faults {
		faults[i].Path = prefix + faults[i].Path
	}
	return faults
}

// decode is json.Unmarshal with messages that do not speak of Go.
func decode(data []byte, into any) error {
	err := json.Unmarshal(data, into)
	var mistyped *json.UnmarshalTypeError
	if errors.As(err, &mistyped) {
		return fmt.Errorf("%s cannot be %s", mistyped.Field, mistyped.Value)
	}
	return err
}
