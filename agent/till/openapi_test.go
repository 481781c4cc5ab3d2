package till_test

import (
	"bytes"
	"flag"
	"os"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write openapi.yaml anew")

// What clients code against changes only where somebody sees it change.
func TestTheOpenAPIDocumentIsCommitted(t *testing.T) {
	got, err := open(t).web.OpenAPI()
	if err != nil {
		t.Fatal(err)
	}
	if *update {
		if err := os.WriteFile("openapi.yaml", got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile("openapi.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Error("the surface and openapi.yaml differ: look at the difference after\n\tgo test ./agent/till -run OpenAPI -update")
	}
	for _, path := range []string{"/v1/sales", "/v1/returns", "/v1/inspections", "/v1/deliveries", "/v1/damages", "/v1/adjustments",
		"/v1/operations", "/v1/operations/{id}", "/v1/operations/{id}/reverse", "/v1/availability", "/v1/status", "/v1/backups", "/v1/notices/{id}/seen", "/v1/events", "/v1/tasks", "/v1/tasks/{id}/done",
		"/v1/transfers", "/v1/arrivals", "/v1/transfers/{id}/close", "/v1/counts",
		"/v1/reservations", "/v1/reservations/{id}", "/v1/reservations/{id}/stage", "/v1/reservations/{id}/unstage",
		"/v1/reservations/{id}/pick", "/v1/reservations/{id}/cannot_pick"} {
		if !strings.Contains(string(got), "\n  "+path+":\n") {
			t.Errorf("%s is not described", path)
		}
	}
}
