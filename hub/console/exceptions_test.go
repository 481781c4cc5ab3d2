package console_test

import (
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/shelfsync/shelfsync/protocol/stock"
)

// send fills in a form and returns what the page says afterwards.
func (c *central) send(t *testing.T, path, form string) (said string) {
	t.Helper()
	r := httptest.NewRequest("POST", "http://localhost"+path, strings.NewReader(form))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	w := c.ask(r)
	to, err := url.Parse(w.Header().Get("Location"))
	if w.Code != 303 || err != nil || to.Path != "/exceptions" {
		t.Fatalf("%s %s answers %d to %s", path, form, w.Code, w.Header().Get("Location"))
	}
	has(t, c.get(t, to.String()).Body.String(), `<p role="status">`)
	return to.Query().Get("said")
}

func TestExceptionsAreLookedAfterOnTheirPage(t *testing.T) {
	c := newCentral(&stock.PutItems{Items: []stock.Item{{Code: "HEART", Stocked: true}}}, &stock.PutLocations{Locations: []stock.LocationFacts{{Code: "S1", State: stock.Open}}},
		&stock.AssignWriter{Location: "S1", Installation: "pc"},
		&stock.Batch{Agent: "S1", Installation: "pc", Epoch: "e", End: stock.Watermark{Sequence: 3}, Operations: []stock.Operation{
			{Lines: []stock.Line{{Kind: stock.Delivery, Scanned: "<box>", Quantity: stock.Unit}}},
			{Lines: []stock.Line{{Kind: stock.Delivery, Scanned: "<box>", Quantity: stock.Unit}}},
			{Fault: "byte 1: value has another type", Raw: []byte{0xc1}}}})
	page := c.get(t, "/exceptions").Body.String()
	has(t, page, "3 wait for a person", "&lt;box&gt; is item", "Apply all lines of &lt;box&gt;", "Let it take effect as it is", "byte 1: value has another type")
	has(t, c.page(t), `<a href="/exceptions">3, look after them</a>`)

	for _, step := range []struct{ path, form, says string }{
		{"/exceptions/1/owner", "owner=anna&by=ben", "Done."},
		{"/exceptions/1/owner", "owner=&by=ben", "Nothing was done: owner must have 1 to 64"},
		{"/exceptions/1/map", "item=STAR&factor=6&by=anna", "Nothing was done: not_found, no item STAR."},
		{"/exceptions/1/map", "item=HEART&factor=six&by=anna", "Nothing was done: factor"},
		{"/exceptions/1/map", "item=HEART&factor=6&by=anna", "Done: 2 lines have taken effect."},
		{"/exceptions/3/map", "item=HEART&factor=6&by=anna", "Nothing was done: only a parked line"},
		{"/exceptions/3/admit", "by=anna", "Nothing was done: not_allowed, "},
		{"/exceptions/3/resolve", "note=&by=anna", "Nothing was done: note"},
		{"/exceptions/3/resolve", "note=a+test&by=anna", "Done."},
		{"/exceptions/3/resolve", "note=a+test&by=anna", "It had been done"},
		{"/exceptions/9/resolve", "note=a+test&by=anna", "Nothing was done: there is no exception 9"},
		{"/exceptions/0/resolve", "note=a+test&by=anna", "Nothing was done: there is no exception 0"},
		{"/exceptions/3/delete", "by=anna", "Nothing was done: a page has no form"},
		{"/exceptions/3/owner", "owner=%zz", "Nothing was done: the form could not be read"},
	} {
		if said := c.send(t, step.path, step.form); !strings.HasPrefix(said, step.says) {
			t.Errorf("%s with %s: %q, want %q", step.path, step.form, said, step.says)
		}
	}
	item, _ := c.state.ItemNo("HEART")
	if got := c.state.LocationAt(0).Level(item).Sellable; got != 12*stock.Unit {
		t.Errorf("two boxes of six are %s", got)
	}
	has(t, c.get(t, "/exceptions").Body.String(), "Nothing waits for a person")
}

// A page of exceptions leads to the next one.
func TestManyExceptionsAreManyPages(t *testing.T) {
	c := newCentral(&stock.PutItems{Items: []stock.Item{{Code: "HEART", Stocked: true}}}, &stock.AssignWriter{Location: "S1", Installation: "pc"})
	b := &stock.Batch{Agent: "S1", Installation: "pc", Epoch: "e", End: stock.Watermark{Sequence: 60}}
	for range 60 {
		b.Operations = append(b.Operations, stock.Operation{Lines: []stock.Line{{Kind: stock.Sale, Scanned: "ghost", Quantity: stock.Unit}}})
	}
	c.apply(b)
	first := c.get(t, "/exceptions").Body.String()
	has(t, first, "60 wait for a person", `href="/exceptions?from=50"`)
	if n := strings.Count(first, "<section"); n != 50 {
		t.Errorf("the first page has %d", n)
	}
	if next := c.get(t, "/exceptions?from=50").Body.String(); strings.Count(next, "<section") != 10 || strings.Contains(next, "from=60") {
		t.Errorf("the second page has %d", strings.Count(next, "<section"))
	}
}
