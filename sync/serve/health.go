package serve

import (
	"context"
	"encoding/json"
	"net/http"
	"time"

	"github.com/shelfsync/shelfsync/protocol/api"
)

// checkTimeout bounds one readiness check, so that a probe is answered while
// a disk hangs.
const checkTimeout = 2 * time.Second

func (s *Server) mountHealth() {
	s.mux.HandleFunc("GET /livez", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		_, _ = w.Write([]byte("ok\n"))
	})
	s.mux.HandleFunc("GET /readyz", s.ready)
	s.mux.HandleFunc("GET /version", func(w http.ResponseWriter, _ *http.Request) {
		WriteJSON(w, http.StatusOK, s.cfg.Version)
	})
	s.mux.HandleFunc("GET /problems/{code}", func(w http.ResponseWriter, r *http.Request) {
		for _, row := range api.Codes {
			if string(row.Code) == r.PathValue("code") {
				WriteJSON(w, http.StatusOK, row)
				return
			}
		}
		Fail(w, r, api.NewProblem(api.CodeNotFound, "no problem has this code"))
	})
	s.mux.HandleFunc("GET /openapi.json", func(w http.ResponseWriter, r *http.Request) {
		doc, err := json.Marshal(s.huma.OpenAPI())
		if err != nil {
			Fail(w, r, err)
			return
		}
		w.Header().Set("Content-Type", "application/openapi+json")
		_, _ = w.Write(doc)
	})
	s.mux.Handle("GET /metrics", s.cfg.Metrics.handler())
}

// ready runs every check. The answer lists them with ?verbose, and always
// where one fails.
func (s *Server) ready(w http.ResponseWriter, r *http.Request) {
	answer := api.Ready{Ready: true}
	for _, c := range s.cfg.Checks {
		health := api.Health{Name: c.Name, OK: true}
		ctx, cancel := context.WithTimeout(r.Context(), checkTimeout)
		if err := c.Run(ctx); err != nil {
			health.OK, health.Detail = false, err.Error()
			answer.Ready = false
		}
		cancel()
		answer.Checks = append(answer.Checks, health)
	}
	status := http.StatusOK
	if !answer.Ready {
		status = http.StatusServiceUnavailable
	}
	if answer.Ready && !r.URL.Query().Has("verbose") {
		answer.Checks = nil
	}
	WriteJSON(w, status, answer)
}
