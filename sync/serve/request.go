package serve

import (
	"context"
	"encoding/hex"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"runtime/debug"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/shelfsync/shelfsync/protocol/api"
)

// pagePolicy lets a page use what this server serves, and nothing else.
const pagePolicy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; font-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"

// request is what is known about one request besides its bytes.
type request struct {
	id, trace string
	log       *slog.Logger
	stopping  <-chan struct{}
}

type requestKey struct{}

func requestOf(ctx context.Context) request {
	r, _ := ctx.Value(requestKey{}).(request)
	return r
}

// RequestID names the request in our logs and in X-Request-Id. Each answer,
// a repeated one too, has its own.
func RequestID(ctx context.Context) string { return requestOf(ctx).id }

// TraceID is the trace id of the caller's traceparent, 32 hex digits; without
// one, a new trace begins with the request.
func TraceID(ctx context.Context) string { return requestOf(ctx).trace }

// Log is the program's logger with the request's ids.
func Log(ctx context.Context) *slog.Logger {
	if log := requestOf(ctx).log; log != nil {
		return log
	}
	return slog.New(slog.DiscardHandler)
}

// Stopping is closed when the server begins to shut down; streams end then,
// while other requests in flight are allowed to finish.
func Stopping(ctx context.Context) <-chan struct{} { return requestOf(ctx).stopping }

// answer remembers what a handler wrote. Raw handlers never see it.
type answer struct {
	http.ResponseWriter
	status int
	bytes  int64
	raw    bool
}

func (a *answer) WriteHeader(status int) {
	if a.status == 0 {
		a.status = status
	}
	a.ResponseWriter.WriteHeader(status)
}

func (a *answer) Write(p []byte) (int, error) {
	if a.status == 0 {
		a.status = http.StatusOK
	}
	n, err := a.ResponseWriter.Write(p)
	a.bytes += int64(n)
	return n, err
}

// Unwrap lets http.ResponseController reach the connection.
func (a *answer) Unwrap() http.ResponseWriter { return a.ResponseWriter }

// ServeHTTP answers one request; see the package comment for its way.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	began := s.cfg.Now()
	id := s.cfg.NewID()
	about := request{id: id.String(), trace: traceOf(r.Header.Get("traceparent"), id), stopping: s.stopping}
	about.log = s.cfg.Log.With("request_id", about.id, "trace_id", about.trace)
	r = r.WithContext(context.WithValue(r.Context(), requestKey{}, about))

	header := w.Header()
	header.Set(api.HeaderRequestID, about.id)
	header.Set("X-Content-Type-Options", "nosniff")
	header.Set("Referrer-Policy", "no-referrer")
	header.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
	header.Set("Cache-Control", "no-store")

	a := &answer{ResponseWriter: w}
	defer s.finish(a, r, began)
	if r.ContentLength != 0 {
		// Whoever answers, even with a refusal: the rest of the body is waited for.
		setReadDeadline(w, began.Add(bodyTimeout))
	}
	if err := s.admit(r); err != nil {
		Fail(a, r, err)
		return
	}
	s.dispatch(a, r)
}

// admit keeps other sites' pages out: a rebound DNS name by the Host, a
// cross-origin write by what every current browser says about its origin.
func (s *Server) admit(r *http.Request) error {
	host := r.Host
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	host = strings.ToLower(strings.Trim(host, "[]"))
	// An attacker can rebind a name, never an address.
	if _, err := netip.ParseAddr(host); err != nil && !s.hosts[host] {
		return api.NewProblem(api.CodeHostRefused, "the host "+strconv.Quote(r.Host)+" is not in the setting hosts; use the address, or add the name")
	}
	if err := s.origins.Check(r); err != nil {
		return api.NewProblem(api.CodeCrossOrigin, err.Error())
	}
	return nil
}

// dispatch gives the mux's own refusals our shape.
func (s *Server) dispatch(a *answer, r *http.Request) {
	refusal, pattern := s.mux.Handler(r)
	if pattern != "" {
		s.mux.ServeHTTP(a, r)
		return
	}
	told := &headerOnly{header: http.Header{}}
	refusal.ServeHTTP(told, r)
	code, detail := api.CodeNotFound, "there is nothing at "+r.URL.Path+"; /openapi.json lists every call"
	if told.status == http.StatusMethodNotAllowed {
		allow := told.header.Get("Allow")
		a.Header().Set("Allow", allow)
		code, detail = api.CodeMethodNotAllowed, r.URL.Path+" takes "+allow
	}
	Fail(a, r, api.NewProblem(code, detail))
}

// headerOnly learns what the mux would have answered.
type headerOnly struct {
	header http.Header
	status int
}

func (h *headerOnly) Header() http.Header         { return h.header }
func (h *headerOnly) WriteHeader(status int)      { h.status = status }
func (h *headerOnly) Write(p []byte) (int, error) { return len(p), nil }

// finish counts and logs the request, and turns a panic into an answer.
func (s *Server) finish(a *answer, r *http.Request, began time.Time) {
	if fault := recover(); fault != nil {
		s.panicked(a, r, fault)
	}
	took := s.cfg.Now().Sub(began)
	status := strconv.Itoa(a.status)
	if a.raw {
		status = "stream"
	}
	route := r.Pattern
	if route == "" {
		route = "none"
	}
	s.requests(methodLabel(r.Method), route, status)
	if !a.raw {
		s.seconds(took.Seconds(), route)
	}
	requestOf(r.Context()).log.DebugContext(r.Context(), "request",
		"method", r.Method, "path", r.URL.Path, "status", status, "bytes", a.bytes, "took", took, "remote", r.RemoteAddr)
}

func (s *Server) panicked(a *answer, r *http.Request, fault any) {
	if fault == http.ErrAbortHandler {
		panic(fault)
	}
	s.panics()
	requestOf(r.Context()).log.Error("a handler panicked", "err", fault, "method", r.Method, "path", r.URL.Path, "stack", string(debug.Stack()))
	if a.raw || a.status != 0 {
		panic(http.ErrAbortHandler) // half an answer is out: cut the connection rather than let it look whole
	}
	Fail(a, r, api.NewProblem(api.CodeInternal, "the request met a mistake of ours; the log has it under its request_id"))
}

// methodLabel keeps invented methods out of the metrics' labels.
func methodLabel(method string) string {
	switch method {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions:
		return method
	}
	return "other"
}

// traceOf reads a W3C traceparent: version, trace id, parent, flags.
func traceOf(header string, otherwise uuid.UUID) string {
	parts := strings.Split(header, "-")
	if len(parts) >= 4 && len(parts[0]) == 2 && parts[0] != "ff" && len(parts[1]) == 32 && strings.ToLower(parts[1]) == parts[1] {
		if raw, err := hex.DecodeString(parts[1]); err == nil && [16]byte(raw) != [16]byte{} {
			return parts[1]
		}
	}
	return hex.EncodeToString(otherwise[:])
}
