package serve

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"fmt"
	"log/slog"
	"net/http"
	"reflect"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"
	"github.com/google/uuid"

	"github.com/shelfsync/shelfsync/protocol"
	"github.com/shelfsync/shelfsync/protocol/api"
)

// Config is what a program hands in. Log, Metrics and Version are required.
type Config struct {
	Title   string // of the OpenAPI document
	Version api.Version
	Log     *slog.Logger
	Metrics *Metrics
	Hosts   []string // host names clients may use besides localhost and IP addresses
	Checks  []Check  // what /readyz asks

	TLS            *tls.Config      // nil: plain HTTP
	MaxConnections int              // 0: protocol.MaxConnections
	Grace          time.Duration    // how long Serve waits for requests in flight; 0: 10 s
	Now            func() time.Time // nil: time.Now
	NewID          func() uuid.UUID // nil: version 7 from crypto/rand
}

// Check is one named condition of readiness. Run returns what is wrong, or nil.
type Check struct {
	Name string
	Run  func(context.Context) error
}

// Server holds the routes of one program.
type Server struct {
	cfg      Config
	mux      *http.ServeMux
	huma     huma.API
	origins  *http.CrossOriginProtection
	hosts    map[string]bool
	stopping chan struct{} // closed when Serve begins to shut down
	requests func(labels ...string)
	seconds  func(value float64, labels ...string)
	panics   func(labels ...string)
}

// New sets up a server with /livez, /readyz, /version, /metrics, /openapi.json
// and /problems/{code}.
func New(cfg Config) *Server {
	cfg = withDefaults(cfg)
	s := &Server{
		cfg:      cfg,
		mux:      http.NewServeMux(),
		origins:  http.NewCrossOriginProtection(),
		hosts:    map[string]bool{"localhost": true},
		stopping: make(chan struct{}),
		requests: cfg.Metrics.Counter("http_requests_total", "Answered requests.", "method", "route", "status"),
		seconds:  cfg.Metrics.Histogram("http_request_seconds", "Time to answer a described route.", httpBuckets, "route"),
		panics:   cfg.Metrics.Counter("http_panics_total", "Handlers that panicked."),
	}
	for _, h := range cfg.Hosts {
		s.hosts[strings.ToLower(h)] = true
	}
	s.huma = humago.New(s.mux, openAPI(cfg))
	s.mountHealth()
	return s
}

func withDefaults(cfg Config) Config {
	if cfg.MaxConnections == 0 {
		cfg.MaxConnections = protocol.MaxConnections
	}
	if cfg.Grace == 0 {
		cfg.Grace = 10 * time.Second
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.NewID == nil {
		cfg.NewID = func() uuid.UUID { return uuid.Must(uuid.NewV7FromReader(rand.Reader)) }
	}
	return cfg
}

// Route describes one call. An empty ID is made from method and path.
type Route struct {
	Method, Path string
	Status       int // of the plain answer; 0: 200, or 204 without a body
	ID           string
	Summary      string
	Detail       string
	Tag          string
	Problems     []api.Code // what it may answer besides invalid and internal
}

// Handle registers a described route. I and O are structs whose fields carry
// path, query and header tags and, for the JSON body, the name Body; O may set
// its status by an int field Status. A body, or an input, with a method
// Validate() []api.FieldError is asked before the handler runs.
func Handle[I, O any](s *Server, route Route, answer func(context.Context, *I) (*O, error)) {
	bodyField := fieldNamed[I]("Body")
	op := s.operation(route)
	op.Middlewares = huma.Middlewares{s.takeBody(bodyField)}
	huma.Register(s.huma, op, func(ctx context.Context, in *I) (*O, error) {
		if faults := check(in, bodyField); len(faults) > 0 {
			return nil, answerWith(ctx, invalid(faults))
		}
		out, err := answer(ctx, in)
		if err != nil {
			return nil, answerWith(ctx, err)
		}
		return out, nil
	})
}

func fieldNamed[I any](name string) *reflect.StructField {
	f, ok := reflect.TypeFor[I]().FieldByName(name)
	if !ok {
		return nil
	}
	return &f
}

func (s *Server) operation(r Route) huma.Operation {
	if r.ID == "" {
		r.ID = routeID(r)
	}
	op := huma.Operation{
		OperationID: r.ID, Method: r.Method, Path: r.Path,
		Summary: r.Summary, Description: r.Detail, DefaultStatus: r.Status,
		MaxBodyBytes: -1, SkipValidateBody: true, // takeBody does both
		BodyReadTimeout: -1, // lifts the deadline once takeBody has the whole body
	}
	if r.Tag != "" {
		op.Tags = []string{r.Tag}
	}
	for _, code := range r.Problems {
		op.Errors = append(op.Errors, api.RowOf(code).Status)
	}
	return op
}

// routeID is POST /v1/reservations/{id}/confirm -> post-reservations-id-confirm.
func routeID(r Route) string {
	path := strings.NewReplacer("/v1/", "-", "/", "-", "{", "", "}", "", ".", "-").Replace(r.Path)
	return strings.ToLower(r.Method) + path
}

// Raw mounts a plain handler on a mux pattern such as "GET /v1/events". It
// gets the connection's own ResponseWriter, unwrapped, so that it can flush
// and hijack; a panic in it cuts the connection.
func (s *Server) Raw(pattern string, h http.Handler) {
	s.mux.Handle(pattern, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if a, ok := w.(*answer); ok {
			a.raw = true
			w = a.ResponseWriter
		}
		if r.ContentLength != 0 {
			setReadDeadline(w, s.cfg.Now().Add(bulkTimeout))
		}
		h.ServeHTTP(w, r)
	}))
}

// Page mounts an HTML page and its files, with a content security policy that
// allows only what this server itself serves. A panic in it is answered as 500.
func (s *Server) Page(pattern string, h http.Handler) {
	s.mux.Handle(pattern, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Security-Policy", pagePolicy)
		w.Header().Set("Cache-Control", "no-cache")
		h.ServeHTTP(w, r)
	}))
}

// Describe adds a raw route to the OpenAPI document: what it takes and what
// it answers, as media types ("" for nothing). Items is a value of the type
// that one line or event carries, or nil.
func (s *Server) Describe(route Route, takes, gives string, items any) {
	op := s.operation(route)
	if route.Status == 0 {
		route.Status = http.StatusOK
	}
	media := &huma.MediaType{}
	if items != nil {
		t := reflect.TypeOf(items)
		media.Schema = s.huma.OpenAPI().Components.Schemas.Schema(t, true, t.Name())
	}
	for _, segment := range strings.Split(route.Path, "/") {
		if name, ok := strings.CutPrefix(segment, "{"); ok {
			op.Parameters = append(op.Parameters, &huma.Param{
				Name: strings.TrimSuffix(name, "}"), In: "path", Required: true, Schema: &huma.Schema{Type: huma.TypeString},
			})
		}
	}
	answer := &huma.Response{Description: http.StatusText(route.Status)}
	switch {
	case takes != "":
		op.RequestBody = &huma.RequestBody{Required: true, Content: map[string]*huma.MediaType{takes: media}}
		if gives != "" {
			answer.Content = map[string]*huma.MediaType{gives: {}}
		}
	case gives != "":
		answer.Content = map[string]*huma.MediaType{gives: media}
	}
	op.Responses = map[string]*huma.Response{fmt.Sprint(route.Status): answer}
	s.huma.OpenAPI().AddOperation(&op)
}

// OpenAPI is the document of all described routes, as YAML for the repository.
func (s *Server) OpenAPI() ([]byte, error) {
	doc, err := s.huma.OpenAPI().YAML()
	if err != nil {
		return nil, fmt.Errorf("write the OpenAPI document: %w", err)
	}
	return doc, nil
}
