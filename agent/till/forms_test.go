package till_test

import (
	"fmt"
	"html"
	"net/http/httptest"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/shelfsync/shelfsync/agent"
	"github.com/shelfsync/shelfsync/protocol"
	"github.com/shelfsync/shelfsync/protocol/api"
	"github.com/shelfsync/shelfsync/protocol/stock"
)

// screen is a page with a form, as somebody with a scanner uses it: no script runs.
type screen struct {
	*store
	path, text string
	code       int
}

// visit opens a page.
func (s *store) visit(path string) *screen {
	s.Helper()
	return &screen{s, path, s.get(path, nil), 200}
}

var (
	forms   = regexp.MustCompile(`(?s)<form method="post" action="([^"]+)">(.*?)</form>`)
	inputs  = regexp.MustCompile(`<input ([^>]*)>`)
	named   = regexp.MustCompile(`name="([^"]*)"`)
	valued  = regexp.MustCompile(`value="([^"]*)"`)
	focused = regexp.MustCompile(`<(?:input|button)[^>]*?name="([^"]*)"[^>]*autofocus`)
)

// fields are what the form that holds a text would send now, and where to.
func (p *screen) fields(holds string) (action string, values url.Values) {
	p.Helper()
	for _, found := range forms.FindAllStringSubmatch(p.text, -1) {
		if !strings.Contains(found[2], holds) {
			continue
		}
		values = url.Values{}
		for _, input := range inputs.FindAllStringSubmatch(found[2], -1) {
			name := named.FindStringSubmatch(input[1])
			if name == nil || strings.Contains(input[1], "checkbox") && !strings.Contains(input[1], " checked") {
				continue
			}
			value := ""
			if v := valued.FindStringSubmatch(input[1]); v != nil {
				value = html.UnescapeString(v[1])
			}
			values.Add(name[1], value)
		}
		return found[1], values
	}
	p.Fatalf("%s has no form that holds %q:\n%s", p.path, holds, p.text)
	return "", nil
}

// submit presses a button of the form that holds a text, with some fields typed.
func (p *screen) submit(holds, do string, typed ...string) *screen {
	p.Helper()
	action, values := p.fields(holds)
	values.Set("do", do)
	for _, field := range typed {
		name, value, _ := strings.Cut(field, "=")
		values.Set(name, value)
	}
	return p.send(action, values)
}

func (p *screen) send(action string, values url.Values) *screen {
	p.Helper()
	r := httptest.NewRequest("POST", "http://localhost"+action, strings.NewReader(values.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	w := httptest.NewRecorder()
	p.web.ServeHTTP(w, r)
	return &screen{p.store, action, w.Body.String(), w.Code}
}

// scan is the scanner: it types into the field that has the focus, and Enter.
func (p *screen) scan(code string) *screen {
	p.Helper()
	if at := focused.FindStringSubmatch(p.text); at == nil || at[1] != "scan" {
		p.Errorf("the focus is at %v, not on the scan field", at)
	}
	return p.submit(`name="scan"`, "add", "scan="+code)
}

func (p *screen) says(words ...string) *screen {
	p.Helper()
	text := html.UnescapeString(strings.Join(strings.Fields(tags.ReplaceAllString(p.text, " ")), " "))
	for _, want := range words {
		if !strings.Contains(text, want) {
			p.Errorf("%s does not say %q:\n%s", p.path, want, text)
		}
	}
	return p
}

// rows are the items of a form with their numbers.
func (p *screen) rows() string {
	p.Helper()
	_, values := p.fields(`name="scan"`)
	var all []string
	for i, item := range values["item"] {
		all = append(all, item+" "+values["n"][i])
	}
	return strings.Join(all, ", ")
}

func (p *screen) sequence() uint64 { return p.head().Sequence }

func (p *screen) kept(n uint64) *screen {
	p.Helper()
	if got := p.sequence(); got != n {
		p.Errorf("the ledger has %d operations, want %d", got, n)
	}
	return p
}

func TestCountingWithAScanner(t *testing.T) {
	s := open(t)
	s.hear(stocked())
	s.sold("R0", "85123A")
	p := s.visit("/count").says("Count", "Scan every piece").scan("22423").scan("22423").scan("17*22423").scan("85123A")
	if got := p.rows(); got != "22423 19, 85123A 1" {
		t.Errorf("scanned %s", got)
	}
	p = p.says("-1 against the record", "-3 against the record, the 1 set aside included").scan("5012345678900") // a box of six
	if got := p.rows(); got != "22423 19, 85123A 7" {
		t.Errorf("with the box %s", got)
	}
	p = p.submit(`name="scan"`, "add", "scan=") // Enter on the empty field
	if at := focused.FindStringSubmatch(p.text); at == nil || at[1] != "do" {
		t.Errorf("after an empty Enter the focus is at %v, not on the button that records", at)
	}
	// Sold while the person presses the button: that is no variance.
	s.sold("R2", "22423")
	action, twice := p.fields(`name="scan"`)
	twice.Set("do", "keep")
	p.send(action, twice).says("✓ 22423: -1 booked.", "✓ 85123A: +3 booked.", "Scan every piece").kept(3)
	p.send(action, twice).says("✓ 22423: -1 booked.", "✓ 85123A: +3 booked.").kept(3) // the double click
	s.level("22423", stock.Level{Sellable: 18 * stock.Unit, Damaged: stock.Unit, ReturnPending: stock.Unit})

	twice["was"][0], twice["n"][0] = "3", "3" // back, another number, and recorded again
	if again := p.send(action, twice).says("■ This form was recorded before with other numbers.").kept(3); again.code != 422 {
		t.Errorf("another body under the same key: %d", again.code)
	}
}

// Numbers that were typed while others were sold in between are counts of their own.
func TestACountThatTakesAWhile(t *testing.T) {
	s := open(t)
	s.hear(stocked())
	p := s.visit("/count").scan("22423")
	s.sold("R1", "22423")
	if again := p.submit(`name="scan"`, "keep").says("■ 22423: somebody else moved it meanwhile. Count it again."); again.rows() != "22423 " {
		t.Errorf("what nobody can date is counted again: %q", again.rows()) // R1 is the first operation of this ledger
	}
	p = s.visit("/count").scan("19*22423")
	s.sold("R2", "22423")
	p = p.scan("5*85123A")
	s.sold("R3", "85123A")
	action, twice := p.fields(`name="scan"`)
	twice.Set("do", "keep")
	for range 2 {
		p.send(action, twice).says("✓ 22423: as recorded.", "✓ 85123A: as recorded.").kept(5)
	}
	s.level("22423", stock.Level{Sellable: 18 * stock.Unit, Damaged: stock.Unit, ReturnPending: stock.Unit})
}

func TestCountsThatFindSomethingElse(t *testing.T) {
	s := open(t)
	round := stocked()
	round.Levels[1].Level.InTransit = 4 * stock.Unit
	round.Transfers = []stock.StoreTransfer{transit("wms/D1", "W1", "S014", 4)}
	round.Tasks = []stock.StoreTask{{ID: 11, Task: stock.Task{Kind: stock.Recount, Item: "22423", Quantity: stock.Unit}}}
	s.hear(round)
	s.visit("/").says("Count 22423: 1 could not be found. Count it")
	s.visit("/count").says("To be counted 22423 Count 22423: 1 could not be found.")

	p := s.visit("/count?item=22423") // from the task, straight to the number
	if at := focused.FindStringSubmatch(p.text); at == nil || at[1] != "n" {
		t.Errorf("the focus is at %v, not on the number", at)
	}
	p.submit(`name="scan"`, "keep").says("■ 22423: How many?").kept(0)
	p.submit(`name="scan"`, "keep", "n=1e3").says("■ 22423: The number must be a plain decimal number").kept(0)
	p = p.submit(`name="scan"`, "add", "n=24").says("+4 against the record", "I looked: these are not goods on their way here")
	p = p.submit(`name="scan"`, "keep").says("■ 22423: 4 more than recorded, while goods are on their way here").kept(0)
	if !strings.Contains(p.text, `type="checkbox" name="sure" value="22423"`) || p.rows() != "22423 24" {
		t.Errorf("the row to look at again is gone: %s", p.rows())
	}
	p.submit(`name="scan"`, "keep", "sure=22423").says("✓ 22423: +4 booked.").kept(1)
	s.visit("/").says("To do What Order Set 2 of 85123A aside.")

	// Others moved the item after the number was typed.
	p = s.visit("/count?item=22423").submit(`name="scan"`, "add", "n=20")
	s.settle(protocol.Round{Levels: []stock.StoreLevel{{Item: "22423", Level: stock.Level{Sellable: 12 * stock.Unit}}}})
	p = p.submit(`name="scan"`, "keep").says("■ 22423: somebody else moved it meanwhile. Count it again.").kept(1)
	if p.rows() != "22423 " {
		t.Errorf("to be counted again: %q", p.rows())
	}
	p.submit(`name="scan"`, "keep", "n=12").says("✓ 22423: as recorded.").kept(2)
	s.visit("/count").scan("comet").submit(`name="scan"`, "keep").says("✓ comet: kept; nobody knows that code yet.").kept(3)
	s.visit("/count").scan("999999*comet").submit(`name="scan"`, "add", "scan=9999999*comet").says("comet", "9999999*comet").submit(`name="scan"`, "").kept(3)
	s.visit("/count").scan("\x07").says("■ An item code has 1 to 64 printable characters.")
	s.visit("/count").submit(`name="scan"`, "keep").says("■ Nothing is listed yet: scan an item.")
}

func TestATransferLeavesWithItsSlip(t *testing.T) {
	s := open(t)
	s.hear(stocked())
	p := s.visit("/send")
	if at := focused.FindStringSubmatch(p.text); at == nil || at[1] != "to" {
		t.Errorf("the focus is at %v, not on the location", at)
	}
	p = p.submit(`name="to"`, "add", "to=S015").scan("22423").scan("85123A").says("19 left", "4 left, 3 reserved")
	p.submit(`name="to"`, "keep", "to=").says("■ Say where the goods go to.").kept(0)
	p.submit(`name="to"`, "keep", "to=S014").says("■ to: ").kept(0)
	action, twice := p.fields(`name="to"`)
	twice.Set("do", "keep")
	p.send(action, twice).says("✓ 2 rows left for S015.").kept(1)
	p = p.send(action, twice).kept(1)
	slip := regexp.MustCompile(`href="(/slip\?id=[^"]+)"`).FindStringSubmatch(p.text)
	if slip == nil {
		t.Fatalf("no slip:\n%s", p.text)
	}
	s.visit(slip[1]).says("Transfer S014.", "From S014 to S015 ,", "22423 1 sellable", "85123A 1 sellable", "Print")
	s.sold("R1", "22423")
	for _, id := range []string{"S014." + s.epoch() + ".2", "S014.none.1", ""} {
		w := httptest.NewRecorder()
		s.web.ServeHTTP(w, httptest.NewRequest("GET", "http://localhost/slip?id="+id, nil))
		s.problem(w, api.CodeNotFound)
	}
}

func TestReceivingShortOverAndEarly(t *testing.T) {
	s := open(t)
	round := stocked()
	round.Levels[1].Level.InTransit = 4 * stock.Unit
	back := transit("wms/D1", "W1", "S014", 1)
	back.Account = stock.Damaged
	round.Transfers = []stock.StoreTransfer{transit("S014.old.1", "S014", "S015", 2), transit("wms/D1", "W1", "S014", 4), back}
	s.hear(round)
	s.visit("/receive").says("S014.old.1 sent from here: 2 of 22423 at S015;", "wms/D1 from W1: 4 of 22423; 1 of 22423;")
	p := s.visit("/receive").scan("wms/D1").says("4 short", "1 short", "damaged")
	p.submit(`name="scan"`, "keep").says("■ Nothing has come by this list").kept(0)
	p = p.scan("22423").scan("22423")
	if p.rows() != "22423 2, 22423 0" {
		t.Errorf("scanned piece by piece %s", p.rows())
	}
	p = p.submit(`name="scan"`, "all").says("as sent")
	if p.rows() != "22423 4, 22423 1" {
		t.Errorf("all as sent %s", p.rows())
	}
	p = p.submit(`name="scan"`, "add", "scan=85123A")
	action, values := p.fields(`name="scan"`)
	values["n"] = []string{"3", "0", "1"}
	values.Set("do", "add")
	p = p.send(action, values).says("1 short", "not on the papers")
	action, values = p.fields(`name="scan"`)
	values.Set("do", "keep")
	p.send(action, values).says("✓ 2 rows of wms/D1 are here.", "wms/D1 from W1: 1 of 22423; 1 of 22423;").kept(1)
	p.send(action, values).kept(1)
	s.level("22423", stock.Level{Sellable: 23 * stock.Unit, Damaged: stock.Unit, ReturnPending: stock.Unit, InTransit: stock.Unit})

	p = s.visit("/receive?transfer=wms%2FD1")
	p.submit("Close the transfer", "close", "reason=").says("■ reason").kept(1)
	p.submit("Close the transfer", "close", "reason=lost").says("✓ Nothing more is to come of wms/D1.").kept(2)
	p.submit("Close the transfer", "close", "reason=lost").kept(2)

	// Goods that come before their papers: the slip says what transfer it is.
	p = s.visit("/receive").scan("S022.k3f9.7").says("Its papers are not here yet")
	if _, values := p.fields(`name="scan"`); values.Get("from") != "S022" || values.Get("transfer") != "S022.k3f9.7" {
		t.Errorf("the slip says %v", values)
	}
	p.scan("22423").submit(`name="scan"`, "keep").says("✓ 1 rows of S022.k3f9.7 are here.").kept(3)
}

func TestClickAndCollectAtTheCounter(t *testing.T) {
	s := open(t)
	s.hear(stocked())
	s.visit("/collect").says("O-1 web-1 line 1 85123A 2 to set aside Set aside Hand over", "web-2 line 1 85123A 1 set aside Hand over Put back")
	p := s.visit("/collect?scan=O-1")
	if at := focused.FindStringSubmatch(p.text); at == nil || at[1] != "do" || strings.Contains(p.text, "web-2") {
		t.Errorf("the order that was scanned is not ready for Enter: %v", at)
	}
	action, twice := p.fields("web-1")
	twice.Set("do", "stage")
	p.send(action, twice).says("✓ Set aside: web-1 line 1.", "O-1 web-1 line 1 85123A 2 set aside").kept(1)
	p.send(action, twice).kept(1)
	s.visit("/collect?scan=web-1").submit("web-1", "unstage").says("✓ Back on the shelf: web-1").kept(2)
	s.visit("/collect?scan=5012345678900").submit("web-1", "cannot_pick").says("✓ Reported as not found").kept(3)
	p = s.visit("/collect")
	p.submit("web-2", "pick").says("✓ Handed over: web-2").kept(4)
	if late := p.submit("web-2", "pick"); late.code != 200 {
		t.Errorf("the same button again: %d", late.code)
	}
	s.visit("/collect?scan=O-9").says("Nothing here is reserved under O-9.")
	gone := s.visit("/collect?scan=nobody")
	gone.send("/collect", url.Values{"do": {"pick"}, "reservation": {"web-2"}, "line": {"1"}}).says("■ There is nothing at this address: this store knows no open line").kept(4)
	gone.send("/collect", url.Values{"do": {"dance"}}).says("■ The page asked for a step that there is not")
}

func TestLookingAtWhatCameBack(t *testing.T) {
	s := open(t)
	s.hear(stocked())
	s.visit("/inspect").says("22423 1 to look at Back on the shelf Damaged Throw away Back to the supplier")
	p := s.visit("/inspect?scan=22423")
	action, twice := p.fields("22423")
	twice.Set("do", "damaged")
	twice.Set("reason", "chipped")
	p.send(action, twice).says("✓ 1 of 22423: damaged.", "Nothing. Goods that came back appear here").kept(1)
	p.send(action, twice).kept(1)
	s.level("22423", stock.Level{Sellable: 20 * stock.Unit, Damaged: 2 * stock.Unit})
	s.visit("/inspect?scan=85123A").says("Nothing of 85123A waits to be looked at.")
	p.submit("22423", "burn").says("■ 22423 disposition: must be one of").kept(1)
}

func TestATaskIsDoneWithoutAScript(t *testing.T) {
	s := open(t)
	round := stocked()
	round.Tasks = []stock.StoreTask{{ID: 12, Task: stock.Task{Kind: stock.PutBack, Item: "22423", Quantity: 2 * stock.Unit, Order: "O-9"}}}
	s.hear(round)
	p := s.visit("/").says("Put 2 of 22423 back on the shelf: the order is over. O-9 Done")
	if done := p.submit(`value="12"`, ""); done.code != 303 {
		t.Errorf("%d %s", done.code, done.text)
	}
	p.kept(1).submit(`value="12"`, "")
	p.kept(1)
	if text := s.words("/"); strings.Contains(text, "O-9 Done") {
		t.Errorf("the task is still there: %s", text)
	}
}

// What a form takes is bounded, and a page of another origin cannot post one.
func TestFormsAreBounded(t *testing.T) {
	s := open(t)
	many := url.Values{"do": {"add"}}
	for i := range protocol.MaxBasketLines + 1 {
		many.Add("item", fmt.Sprint("I", i))
		many.Add("n", "1")
	}
	p := s.visit("/count").send("/count", many).says("■ A form holds 1000 rows")
	if _, values := p.fields(`name="scan"`); len(values["item"]) != protocol.MaxBasketLines {
		t.Errorf("%d rows", len(values["item"]))
	}
	p.send("/count", url.Values{"item": slices.Repeat([]string{strings.Repeat("x", 1000)}, 1100)}).says("the form has too many rows")
	r := httptest.NewRequest("POST", "http://localhost/count", strings.NewReader("item=A&n=1&do=keep"))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Sec-Fetch-Site", "cross-site")
	r.Header.Set("Origin", "http://elsewhere.example")
	w := httptest.NewRecorder()
	s.web.ServeHTTP(w, r)
	s.problem(w, api.CodeCrossOrigin)
	s.look(func(a *agent.Agent) {
		if n := a.Ledger().Head().Position.Sequence; n != 0 {
			t.Errorf("%d operations were recorded", n)
		}
	})
}
