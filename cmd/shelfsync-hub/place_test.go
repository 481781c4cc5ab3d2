package main

import (
	"errors"
	"slices"
	"testing"
)

func TestPlaceAmongTheOthers(t *testing.T) {
	list := []string{"a=h1:7421", "b=h2:7421", "c=h3:7421"}
	for name, test := range map[string]struct {
		config config
		want   error
		seeds  []string
		founds bool
	}{
		"alone":                  {config{Single: true}, nil, nil, false},
		"the first founds":       {config{Peers: list, Node: "a"}, nil, []string{"h2:7421", "h3:7421"}, true},
		"the second joins":       {config{Peers: list, Node: "b"}, nil, []string{"h1:7421", "h3:7421"}, false},
		"one more":               {config{Join: []string{"h1:7421"}}, nil, []string{"h1:7421"}, false},
		"nothing said":           {config{}, errPlace, nil, false},
		"two things said":        {config{Single: true, Join: []string{"h1:7421"}}, errPlace, nil, false},
		"not in the list":        {config{Peers: list, Node: "d"}, errNode, nil, false},
		"no name":                {config{Peers: list}, errNode, nil, false},
		"an address twice":       {config{Peers: []string{"a=h1:7421", "b=h1:7421"}, Node: "a"}, errPeers, nil, false},
		"an address alone":       {config{Peers: []string{"h1:7421"}, Node: "a"}, errPeers, nil, false},
		"more than can agree":    {config{Peers: make([]string, 10), Node: "a"}, errTooMany, nil, false},
		"a name with no address": {config{Peers: []string{"a="}, Node: "a"}, errPeers, nil, false},
	} {
		t.Run(name, func(t *testing.T) {
			place, err := test.config.place()
			if !errors.Is(err, test.want) {
				t.Fatalf("got %v, want %v", err, test.want)
			}
			if err == nil && (!slices.Equal(place.Seeds, test.seeds) || place.Founds != test.founds) {
				t.Errorf("seeds %v, founds %t", place.Seeds, place.Founds)
			}
		})
	}
}
