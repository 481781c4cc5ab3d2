package api_test

import (
	"bytes"
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"github.com/shelfsync/shelfsync/protocol/api"
)

// wholePolicy has a row in every list.
const wholePolicy = `{
	"replaces": 3,
	"safety_stock": [{"class": "gifts", "location": "S014", "quantity": 2}, {"item": "85123A", "quantity": 0.5}],
	"channel_thresholds": [{"channel": "market", "class": "gifts", "quantity": 1}],
	"channel_groups": [{"channel": "web", "group": "own"}, {"channel": "market", "group": "partners"}],
	"allocation": [{"group": "own", "class": "gifts", "protected": 4}],
	"exclusions": [{"location": "OUTLET", "channel": "market"}, {"location": "FLAGSHIP", "group": "partners"}],
	"candidate_groups": [{"name": "nearby", "locations": ["S014", "S022"]}],
	"conflict_order": [{"keys": ["channel", "state", "oldest"], "ranking": ["market"]}],
	"remedies": [{"channel": "market", "max_moves": 0}],
	"returns": [{"disposition": "inspect"}, {"class": "gifts", "disposition": "sellable"}],
	"collect_within_s": 172800, "aged_transfer_days": 3, "journal_days": 400
}`

// TestAPolicyReadsBack: what is put is what is got.
func TestAPolicyReadsBack(t *testing.T) {
	var change api.PolicyChange
	decoder := json.NewDecoder(strings.NewReader(wholePolicy))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&change); err != nil {
		t.Fatal(err)
	}
	if faults := change.Validate(); len(faults) > 0 {
		t.Fatalf("a good policy has faults: %v", faults)
	}
	p := change.Stock()
	got := api.PolicyOf(&p)
	if !reflect.DeepEqual(got, change.PolicyRules) {
		t.Errorf("put %+v\ngot %+v", change.PolicyRules, got)
	}
	v := reflect.ValueOf(got)
	for i := range v.NumField() {
		if v.Field(i).IsZero() {
			t.Errorf("the sample says nothing of %s", v.Type().Field(i).Name)
		}
	}
	shown, err := json.Marshal(api.Policy{Version: 4, Position: "7.1", PolicyRules: got})
	if err != nil || !bytes.Contains(shown, []byte(`"version":4`)) || !bytes.Contains(shown, []byte(`"safety_stock":[{"class":"gifts"`)) {
		t.Errorf("shown as %s, %v", shown, err)
	}
}

// TestPolicyFaults name the path of each.
func TestPolicyFaults(t *testing.T) {
	for body, want := range map[string]string{
		`{}`: "",
		`{"safety_stock":[{"quantity":"2"},{"item":"A","class":"b","quantity":-1}]}`:               "safety_stock[0].quantity safety_stock[1].class safety_stock[1].quantity",
		`{"allocation":[{"group":"own","protected":0.0001}]}`:                                      "allocation[0].protected allocation[0].group",
		`{"conflict_order":[{"keys":["size"]}],"remedies":[{"max_moves":-1},{"max_moves":256}]}`:   "conflict_order[0].keys[0] remedies[0].max_moves remedies[1].max_moves remedies[1]",
		`{"returns":[{"disposition":"shelf"}],"collect_within_s":9223372036854775807}`:             "returns[0].disposition collect_within_s",
		`{"exclusions":[{"location":"S1"}],"candidate_groups":[{"name":"n","locations":["",""]}]}`: "exclusions[0].channel candidate_groups[0].locations[0] candidate_groups[0].locations[1] candidate_groups[0].locations[1]",
	} {
		if got := strings.Join(read[api.PolicyChange](t, body), " "); got != want {
			t.Errorf("%s has faults at %q, want %q", body, got, want)
		}
	}
}
