package attack

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
)

// indexOf is the index of a position, which is written incarnation.index.
func indexOf(position string) uint64 {
	_, index, _ := strings.Cut(position, ".")
	n, _ := strconv.ParseUint(index, 10, 64) // what is no number is position 0
	return n
}

// look is what the hub knows of all but the neighbour and the attacker, one
// fact a line and without positions: levels, open claims, exceptions, writers.
func (w *world) look(ctx context.Context) (string, error) {
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
		if err := get(ctx, w.hub.address, list.path+separator(list.path)+"limit=1000", &page); err != nil {
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
