package api

import "strconv"

// Headers that both surfaces use.
const (
	HeaderIdempotencyKey = "Idempotency-Key"
	HeaderReplayed       = "Idempotency-Replayed" // "true" on a repeated answer
	HeaderRequestID      = "X-Request-Id"
)

// Code names a kind of problem for programs; it never changes its meaning.
type Code string

// The codes; status and title of each are in the table below.
const (
	CodeMalformed        Code = "malformed"
	CodeInvalid          Code = "invalid"
	CodeUnauthenticated  Code = "unauthenticated"
	CodeForbidden        Code = "forbidden"
	CodeCrossOrigin      Code = "cross_origin"
	CodeHostRefused      Code = "host_refused"
	CodeNotFound         Code = "not_found"
	CodeMethodNotAllowed Code = "method_not_allowed"
	CodeTimeout          Code = "timeout"
	CodeTooLarge         Code = "too_large"
	CodeWrongContentType Code = "wrong_content_type"
	CodeKeyMissing       Code = "idempotency_key_missing"
	CodeKeyReused        Code = "idempotency_key_reused"
	CodeInProgress       Code = "in_progress"
	CodeDocumentReused   Code = "document_reused"
	CodeShort            Code = "short"
	CodeNotAllowed       Code = "not_allowed"
	CodeWrongWriter      Code = "wrong_writer"
	CodeWriterAssigned   Code = "writer_assigned"
	CodeLocationClosed   Code = "location_closed"
	CodeOtherIncarnation Code = "other_incarnation"
	CodePolicyVersion    Code = "policy_version"
	CodeBeyondHorizon    Code = "beyond_horizon"
	CodeBusy             Code = "busy"
	CodeBehind           Code = "behind"
	CodeUnavailable      Code = "unavailable"
	CodeStorage          Code = "storage_failed"
	CodeUpgradeRequired  Code = "upgrade_required"
	CodeInternal         Code = "internal"
)

// CodeRow is what every problem of one code has in common.
type CodeRow struct {
	Code   Code   `json:"code"`
	Status int    `json:"status"`
	Title  string `json:"title"`
}

// Codes lists every problem a client can meet, in the order of their status.
var Codes = []CodeRow{
	{CodeMalformed, 400, "The body is not well-formed JSON"},
	{CodeKeyMissing, 400, "An Idempotency-Key header is required"},
	{CodeUnauthenticated, 401, "Who is calling is not known"},
	{CodeForbidden, 403, "The caller may not do this"},
	{CodeCrossOrigin, 403, "A browser page of another origin may not write here"},
	{CodeNotFound, 404, "There is nothing at this address"},
	{CodeMethodNotAllowed, 405, "This address does not take this method"},
	{CodeTimeout, 408, "The body did not arrive in time"},
	{CodeInProgress, 409, "The first request with this key is still being answered"},
	{CodeShort, 409, "Not enough is available to sell"},
	{CodeNotAllowed, 409, "The present state does not allow this step"},
	{CodeWrongWriter, 409, "Another writer owns this location's facts"},
	{CodeWriterAssigned, 409, "The location already has a writer"},
	{CodeLocationClosed, 409, "The location is closed"},
	{CodeOtherIncarnation, 409, "The position belongs to another incarnation of the hub"},
	{CodePolicyVersion, 409, "The policy is no longer the one that was to be replaced"},
	{CodeBeyondHorizon, 410, "This node's journal does not reach back so far"},
	{CodeTooLarge, 413, "The body is too large"},
	{CodeWrongContentType, 415, "The body has the wrong content type"},
	{CodeHostRefused, 421, "This server is not known under that host name"},
	{CodeInvalid, 422, "Some fields are not valid"},
	{CodeKeyReused, 422, "The Idempotency-Key was used with another body"},
	{CodeDocumentReused, 422, "The document was used with other lines"},
	{CodeUpgradeRequired, 426, "This address speaks another protocol"},
	{CodeBusy, 429, "Too much is waiting already"},
	{CodeInternal, 500, "Something is wrong on our side"},
	{CodeBehind, 503, "This node has not reached the position yet"},
	{CodeUnavailable, 503, "No answer is possible now; the outcome is unknown, repeat with the same id"},
	{CodeStorage, 503, "The disk failed; the operation is not acknowledged, repeat it with the same key"},
}

// RowOf is the row of a code; a code without one is a mistake of ours and panics.
func RowOf(code Code) CodeRow {
	for _, row := range Codes {
		if row.Code == code {
			return row
		}
	}
	panic("problem code " + string(code) + " is not in the table of codes")
}

// FieldError is one fault of a request and where it is.
type FieldError struct {
	Path    string `json:"location" doc:"Where the fault is" example:"body.lines[0].quantity"`
	Message string `json:"message" doc:"What is wrong, for people" example:"must be greater than zero"`
}

// Problem is every error answer, application/problem+json of RFC 9457. It is
// an error: return it and it is written as it is.
type Problem struct {
	Type         string       `json:"type" doc:"Address of the kind of problem" example:"/problems/invalid"`
	Code         Code         `json:"code" doc:"Stable name of the kind of problem" example:"invalid"`
	Title        string       `json:"title" doc:"What this kind of problem is"`
	Status       int          `json:"status" doc:"HTTP status" example:"422"`
	Detail       string       `json:"detail,omitempty" doc:"What happened this time and what to do next"`
	RequestID    string       `json:"request_id,omitempty" doc:"Names this request in our logs"`
	RetryAfterS  int          `json:"retry_after_s,omitempty" doc:"Seconds to wait before repeating; also in Retry-After"`
	Errors       []FieldError `json:"errors,omitempty" doc:"Every fault of the request"`
	Reservation  *Reservation `json:"reservation,omitempty" doc:"The present record, where a step was not allowed"`
	Availability []Shortage   `json:"availability,omitempty" doc:"What was available, where a reservation was short"`
}

// Shortage says what one line asked for and what there was.
type Shortage struct {
	Line      string   `json:"line" example:"1"`
	Item      string   `json:"item" example:"85123A"`
	Requested Quantity `json:"requested"`
	Available Quantity `json:"available" doc:"Available to sell over all candidate locations"`
}

// NewProblem is a problem of the given kind with what happened this time.
func NewProblem(code Code, detail string) *Problem {
	row := RowOf(code)
	return &Problem{Type: "/problems/" + string(code), Code: code, Title: row.Title, Status: row.Status, Detail: detail}
}

// Invalid is the problem of a request whose fields are at fault.
func Invalid(faults ...FieldError) *Problem {
	p := NewProblem(CodeInvalid, strconv.Itoa(len(faults))+" fields are not valid")
	if len(faults) == 1 {
		p.Detail = faults[0].Path + " " + faults[0].Message
	}
	p.Errors = faults
	return p
}

func (p *Problem) Error() string { return string(p.Code) + ": " + p.Detail }

// GetStatus is the HTTP status.
func (p *Problem) GetStatus() int { return p.Status }

// ContentType is that of RFC 9457, whatever was negotiated.
func (p *Problem) ContentType(string) string { return "application/problem+json" }
