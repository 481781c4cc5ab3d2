package main

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// A hub that is not well is told so, with what is known of it, and exit code 3.
func TestAHubThatIsUnwell(t *testing.T) {
	ready := `{"ready":false,"checks":[{"name":"hub time moves","ok":false,"detail":"no tick for 5 s"},{"name":"disk","ok":true}]}`
	cluster := `{"incarnation":7,"term":3,"node":"a","position":"7.9","nodes":[{"id":"a","address":"10.0.0.1:7421","role":"follower","votes":true,"applied":9},` +
		`{"id":"b","address":"10.0.0.2:7421","role":"unknown","votes":true,"applied":0,"heard_ms":65000},{"id":"c","address":"10.0.0.3:7421","role":"unknown","votes":true,"applied":0}]}`
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/readyz":
			w.WriteHeader(http.StatusServiceUnavailable)
			_, _ = io.WriteString(w, ready)
		case "/v1/cluster":
			_, _ = io.WriteString(w, cluster)
		default:
			w.WriteHeader(http.StatusServiceUnavailable)
			_, _ = io.WriteString(w, `{"type":"/problems/behind","code":"behind","title":"This node has not reached the position yet","status":503}`)
		}
	}))
	defer server.Close()
	o := &operator{T: t, hub: strings.TrimPrefix(server.URL, "http://")}
	o.ends(3, "status", "Hub NOT WELL, position 7.9, 3 nodes, leader none", "Failing hub time moves: no tick for 5 s", "Silent node b 10.0.0.2:7421", "Silent node c 10.0.0.3:7421")
	o.ends(3, "status -o json", `"ready": false`, `"well": false`)
	o.ends(75, "agents", "This node has not reached the position yet", "asked: GET "+server.URL+"/v1/agents?limit=1000")

}
