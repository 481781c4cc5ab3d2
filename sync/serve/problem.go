package serve

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"regexp"
	"strconv"

	"github.com/danielgtaylor/huma/v2"

	"github.com/shelfsync/shelfsync/protocol"
	"github.com/shelfsync/shelfsync/protocol/api"
)

// Fail answers a raw request with err: an *api.Problem as it is, anything
// else as a logged 500 that tells the client nothing of our insides.
func Fail(w http.ResponseWriter, r *http.Request, err error) {
	p := problemOf(r.Context(), err)
	if p.RetryAfterS > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(p.RetryAfterS))
	}
	writeJSON(w, p.Status, p.ContentType(""), p)
}

// WriteJSON answers a raw request with a JSON body.
func WriteJSON(w http.ResponseWriter, status int, body any) {
	writeJSON(w, status, "application/json", body)
}

func writeJSON(w http.ResponseWriter, status int, contentType string, body any) {
	text, err := json.Marshal(body)
	if err != nil {
		panic("an answer cannot be written as JSON: " + err.Error())
	}
	w.Header().Set("Content-Type", contentType)
	w.WriteHeader(status)
	// A client that has gone away is no failure of ours.
	_, _ = w.Write(append(text, '\n'))
}

// answerWith hands err to huma to be written.
func answerWith(ctx context.Context, err error) error {
	p := problemOf(ctx, err)
	if p.RetryAfterS == 0 {
		return p
	}
	return huma.ErrorWithHeaders(p, http.Header{"Retry-After": {strconv.Itoa(p.RetryAfterS)}})
}

// problemOf makes err the problem to answer, with this request's id.
func problemOf(ctx context.Context, err error) *api.Problem {
	var known *api.Problem
	if !errors.As(err, &known) {
		if log := requestOf(ctx).log; log != nil && !errors.Is(err, context.Canceled) {
			log.ErrorContext(ctx, "request failed", "err", err)
		}
		known = api.NewProblem(api.CodeInternal, "the request failed here; the log has it under its request_id")
	}
	p := *known
	p.RequestID = RequestID(ctx)
	return &p
}

// invalid is the problem of faults in a request, bounded.
func invalid(faults []api.FieldError) *api.Problem {
	all := len(faults)
	p := api.Invalid(faults[:min(all, protocol.MaxFieldErrors)]...)
	if all > protocol.MaxFieldErrors {
		p.Detail = strconv.Itoa(all) + " fields are not valid; the first " + strconv.Itoa(protocol.MaxFieldErrors) + " are listed"
	}
	return p
}

// codeOf names the problem of a status that huma or the mux chose.
var codeOf = map[int]api.Code{
	http.StatusBadRequest:            api.CodeMalformed,
	http.StatusNotFound:              api.CodeNotFound,
	http.StatusMethodNotAllowed:      api.CodeMethodNotAllowed,
	http.StatusRequestEntityTooLarge: api.CodeTooLarge,
	http.StatusUnsupportedMediaType:  api.CodeWrongContentType,
	http.StatusUnprocessableEntity:   api.CodeInvalid,
}

// humaProblem gives huma's own errors our shape.
func humaProblem(id string, status int, message string, errs []error) *api.Problem {
	code, ok := codeOf[status]
	if !ok {
		code = api.CodeInternal
	}
	p := api.NewProblem(code, message)
	if faults := fieldErrors(errs); code == api.CodeInvalid && len(faults) > 0 {
		p = invalid(faults)
	}
	p.RequestID = id
	return p
}

// missing is huma's message for an absent member; it blames the object around it.
var missing = regexp.MustCompile(`^expected required property (.+) to be present$`)

func fieldErrors(errs []error) []api.FieldError {
	var faults []api.FieldError
	for _, err := range errs {
		fault := api.FieldError{Path: "body", Message: err.Error()}
		var d *huma.ErrorDetail
		if errors.As(err, &d) {
			fault = api.FieldError{Path: d.Location, Message: d.Message}
		}
		if m := missing.FindStringSubmatch(fault.Message); m != nil {
			fault = api.FieldError{Path: fault.Path + "." + m[1], Message: "is required"}
		}
		faults = append(faults, fault)
	}
	return faults
}
