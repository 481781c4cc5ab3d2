package attack

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// indexOf is the index of a position, which is written incarnation.index.
func indexOf(position string) uint64 {
	_, index, _ := strings.Cut(position, ".")
	n, _ := strconv.ParseUint(index, 10, 64) // what is no number is position 0
	return n
}

// look is what a hub node knows of all but the neighbour and the attacker, one
// fact a line and without positions: levels, open claims, exceptions, writers.
func look(ctx context.Context, node *program) (string, error) {
	var facts strings.Builder
	for _, list := range []struct {
		path string
		keep func(row map[string]any) bool
	}{
		{"/v1/levels?location=" + storeVictim, nil},
		{"/v1/levels?location=" + storeHub, nil},
		{"/v1/reservations?state=open", func(row map[string]any) bool { return !strings.HasPrefix(fmt.Sprint(row["id"]), claimsNear) }},
		{"/v1/exceptions", nil},
		{"/v1/locations", nil},
	} {
		var page struct {
			Data []map[string]any `json:"data"`
		}
		if err := get(ctx, node.address, list.path+separator(list.path)+"limit=1000", &page); err != nil {
			return "", err
		}
		for _, row := range page.Data {
			if list.keep != nil && !list.keep(row) {
				continue
			}
			delete(row, "position")
			delete(row, "expires_in_ms")
			text, err := json.Marshal(row) // sorted by key
			if err != nil {
				return "", fmt.Errorf("keep a fact: %w", err)
			}
			facts.WriteString(list.path + " " + string(text) + "\n")
		}
	}
	return facts.String(), nil
}

func separator(path string) string {
	if strings.Contains(path, "?") {
		return "&"
	}
	return "?"
}

// difference is the first line in which two texts differ.
func difference(before, after string) string {
	old, now := strings.Split(before, "\n"), strings.Split(after, "\n")
	for i := range now {
		if i >= len(old) || old[i] != now[i] {
			return now[i]
		}
	}
	return "something is gone"
}

// agree waits until every node of the hub knows the same.
func (w *world) agree(ctx context.Context) Result {
	began := time.Now()
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	result := Result{Name: "what the hub's nodes know", Target: "all", Expected: "the same", Got: "the same"}
	for _, node := range w.nodes {
		for {
			first, err := look(ctx, w.hub)
			other, failed := look(ctx, node)
			if err = errors.Join(err, failed); err == nil && first == other {
				break
			}
			select {
			case <-ctx.Done():
				result.Got = fmt.Sprintf("%s differs: %s (%v)", node.name, difference(first, other), err)
				result.fail("another answer")
				return result
			case <-time.After(50 * time.Millisecond):
			}
		}
	}
	result.MS = time.Since(began).Milliseconds()
	return result
}
