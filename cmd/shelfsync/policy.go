package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"

	"github.com/shelfsync/shelfsync/protocol/api"
)

const policyHelp = "FILE is YAML or JSON, as policy get -o yaml and -o json print it; - is standard input. The version in it is the one that it was made from:\n" +
	"where another is in force meanwhile, nothing is set and the exit code is 1. Without a version it replaces whichever stands."

// policyCalls are the rules that claims are judged by.
var policyCalls = []call{
	{under: "policy", use: "get", short: "The policy in force", path: "/v1/policy", flags: reading,
		example: "  shelfsync policy get\n  shelfsync policy get -o yaml > policy.yaml"},
	{under: "policy", use: "put FILE", short: "Put a policy in force, in place of the whole one before", method: http.MethodPut, path: "/v1/policy", file: policyBody, long: policyHelp,
		example: "  shelfsync policy put policy.yaml"},
	{under: "policy", use: "dry-run FILE", short: "What a policy would have changed: what happened is played once more with it", method: http.MethodPut, path: "/v1/policy?dry_run=true", file: policyBody,
		long:    policyHelp + "\nNothing is set. Stores and channels do in both what they did.",
		example: "  shelfsync policy dry-run policy.yaml\n  shelfsync policy dry-run policy.yaml --from 2026-11-23T00:00:00Z",
		flags:   []flag{{name: "from", what: "a position or a time: begin at the image of the state before it; absent: at the newest"}}, rows: trialRows},
}

// explainCall takes one number apart.
var explainCall = call{use: "explain LOCATION ITEM", short: "Why a number is what it is: what it began as, and every change since", path: "/v1/explain?location={LOCATION}&item={ITEM}", list: true,
	long:    "Four tables: the opening balance, every change, what the changes of each kind came to, the closing balance. Opening plus all changes is closing.",
	example: "  shelfsync explain S014 85123A\n  shelfsync explain S014 85123A --from 2026-11-24T08:00:00Z\n  shelfsync explain S014 85123A --from 7.900000 -o json",
	flags:   with(reading, flag{name: "from", what: "a position or a time: begin at the last image of the state before it; absent: at the newest"}),
	above:   "FROM=opening.position WALL=opening.wall SELLABLE=opening.balance.sellable CLAIMS=opening.balance.claims DAMAGED=opening.balance.damaged TO_INSPECT=opening.balance.return_pending IN_TRANSIT=opening.balance.in_transit ON_HAND=opening.balance.on_hand",
	columns: "POSITION=position WALL=wall KIND=kind LINE=lines.kind:each OPERATION=operation DOCUMENT=document RECEIPT=receipt RESERVATION=reservation SELLABLE=change.sellable CLAIMS=change.claims DAMAGED=change.damaged TO_INSPECT=change.return_pending IN_TRANSIT=change.in_transit THEN=after.sellable WHY=why",
	below: []string{"TOTAL=totals.kind CHANGES=totals.changes SELLABLE=totals.change.sellable CLAIMS=totals.change.claims DAMAGED=totals.change.damaged TO_INSPECT=totals.change.return_pending IN_TRANSIT=totals.change.in_transit",
		"TO=position CHANGES=count SELLABLE=closing.sellable CLAIMS=closing.claims DAMAGED=closing.damaged TO_INSPECT=closing.return_pending IN_TRANSIT=closing.in_transit ON_HAND=closing.on_hand"}}

// asItIs is for files that are the body already.
func asItIs(content []byte) ([]byte, error) { return content, nil }

// policyBody makes what policy get printed, and somebody edited, a change: its
// version is the one that it replaces, and what else is no rule goes. A member
// that nobody knows is refused here: a hub passes over it, and a rule whose name
// is misspelt would be gone with the policy that had it.
func policyBody(content []byte) ([]byte, error) {
	if !json.Valid(content) {
		var err error
		if content, err = jsonOf(content); err != nil {
			return nil, usage{fmt.Errorf("the policy is neither JSON nor YAML: %w", err)}
		}
	}
	all, err := membersOf(content)
	if err != nil {
		return nil, usage{errors.New("the policy is no object: see policy get -o yaml")}
	}
	replaces := false
	for _, one := range all {
		replaces = replaces || one.name == "replaces"
	}
	var out bytes.Buffer
	for _, one := range all {
		switch one.name {
		case "position", "trial":
			continue
		case "version":
			if replaces {
				continue
			}
			one.name = "replaces"
		}
		write(&out, one)
	}
	body := append([]byte{'{'}, append(out.Bytes(), '}')...)
	strict := json.NewDecoder(bytes.NewReader(body))
	strict.DisallowUnknownFields()
	if err := strict.Decode(&api.PolicyChange{}); err != nil {
		return nil, usage{fmt.Errorf("the policy: %w", err)}
	}
	return body, nil
}

// trialRows puts what happened beside what would have.
func trialRows(w io.Writer, answer []byte) error {
	var tried struct {
		Trial *struct {
			api.PolicyTrial
			Really json.RawMessage `json:"really"`
			With   json.RawMessage `json:"with"`
		}
	}
	if err := json.Unmarshal(answer, &tried); err != nil {
		return fmt.Errorf("read the trial: %w", err)
	}
	if tried.Trial == nil {
		return errors.New("the answer has no trial")
	}
	really, err := membersOf(tried.Trial.Really)
	if err != nil {
		return err
	}
	with, err := membersOf(tried.Trial.With)
	if err != nil {
		return err
	}
	fmt.Fprintln(w, "SINCE\tWALL\tENTRIES")
	fmt.Fprintf(w, "%s\t%s\t%d\n\n", plain(tried.Trial.From), tried.Trial.Wall.Format("2006-01-02T15:04:05.000Z07:00"), tried.Trial.Entries)
	fmt.Fprintln(w, "COUNTED\tREALLY\tWITH")
	for i, one := range really {
		if i >= len(with) || with[i].name != one.name {
			return fmt.Errorf("both sides of the trial do not hold %s", one.name)
		}
		fmt.Fprintf(w, "%s\t%s\t%s\n", plain(one.name), one.value, with[i].value)
	}
	return nil
}
