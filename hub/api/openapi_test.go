package api_test

import (
	"bytes"
	"flag"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/shelfsync/shelfsync/protocol/stock"
)

var update = flag.Bool("update", false, "write openapi.yaml anew")

// What clients code against changes only where somebody sees it change.
func TestTheOpenAPIDocumentIsCommitted(t *testing.T) {
	inHub(t, func(c *client) {
		got, err := c.web.OpenAPI()
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
			t.Error("the surface and openapi.yaml differ: look at the difference after\n\tgo test ./hub/api -run OpenAPI -update")
		}
		for _, path := range []string{"/v1/items", "/v1/locations", "/v1/locations/{code}/writer", "/v1/availability", "/v1/availability/query",
			"/v1/reservations", "/v1/reservations/{id}", "/v1/reservations/{id}/confirm", "/v1/reservations/{id}/release", "/v1/reservations/{id}/extend",
			"/v1/reservations/{id}/fulfil", "/v1/reservations/{id}/move", "/v1/conflicts", "/v1/tasks", "/v1/movements", "/v1/transfers", "/v1/transfers/{id}/close", "/v1/levels", "/v1/journal", "/v1/explain", "/v1/feed", "/v1/agents", "/v1/cluster", "/v1/exceptions", "/v1/exceptions/{id}",
			"/v1/exceptions/{id}/owner", "/v1/exceptions/{id}/resolve", "/v1/exceptions/{id}/map", "/v1/exceptions/{id}/admit", "/v1/policy"} {
			if !strings.Contains(string(got), "\n  "+path+":\n") {
				t.Errorf("%s is not described", path)
			}
		}
		for _, read := range []string{"name: min_position", "name: consistency"} {
			if n := strings.Count(string(got), read); n != 14 {
				t.Errorf("%q stands at %d reads", read, n)
			}
		}
		numbers := regexp.MustCompile(`"(\d{13})"`).FindAllStringSubmatch(string(got), -1)
		if len(numbers) == 0 {
			t.Error("no example of a GTIN or a GLN")
		}
		for _, number := range numbers {
			if !stock.ValidGLN(number[1]) { // a GTIN of 13 digits ends in the same check digit
				t.Errorf("the example %s has a wrong check digit", number[1])
			}
		}
	})
}
