package day

import (
	"path/filepath"
	"testing"
)

// The root of the project is four folders up; the data stands beside it.
const realData = "../../../../../shared/data/online-retail/*.csv"

func realDays(t *testing.T) []string {
	t.Helper()
	days, err := filepath.Glob(realData)
	if err != nil {
		t.Fatal(err)
	}
	if len(days) == 0 {
		t.Skip("the real days are not beside the project at ../shared/data/online-retail: nothing to read")
	}
	return days
}

func TestTheTwentyRealDays(t *testing.T) {
	days := realDays(t)
	if len(days) != 20 {
		t.Fatalf("%d days", len(days))
	}
	t.Log("day             rows baskets lines sale ret exch dam adj serv-only items services(lines) not-understood shops")
	for _, name := range days {
		d, err := Read([]string{name}, Options{})
		if err != nil {
			t.Fatal(err)
		}
		check(t, d)
		kinds := map[Kind]int{}
		for _, b := range d.Baskets {
			kinds[b.Kind]++
		}
		t.Logf("%s %5d %7d %5d %4d %3d %4d %3d %3d %9d %5d %5d (%2d) %14d %5d", filepath.Base(name), d.Rows, len(d.Baskets), d.PlayedLines,
			kinds[Sale], kinds[Return], kinds[Exchange], kinds[Damage], kinds[Adjustment], kinds[Service], len(d.Items), len(d.Services), d.ServiceLines, d.NotUnderstood, len(d.Locations))
		if d.NotUnderstood != 0 || d.NotPlayed != 0 || len(d.Baskets) == 0 {
			t.Errorf("%s: %d not played, problems %v", name, d.NotPlayed, d.Problems)
		}
	}
}

// The figures were counted from the files by other means.
func TestTheRealMonthAsOneDay(t *testing.T) {
	d, err := Read(realDays(t), Options{})
	if err != nil {
		t.Fatal(err)
	}
	check(t, d)
	kinds := map[Kind]int{}
	for _, b := range d.Baskets {
		kinds[b.Kind]++
	}
	if d.Rows != 42481 || len(d.Baskets) != 2025 || d.ServiceLines != 200 || d.NotUnderstood != 0 {
		t.Errorf("%d rows, %d baskets, %d services, %d not understood", d.Rows, len(d.Baskets), d.ServiceLines, d.NotUnderstood)
	}
	if kinds[Adjustment]+kinds[Damage] != 140 || kinds[Damage] != 1 || kinds[Exchange] != 0 {
		t.Errorf("%v", kinds)
	}
	byCountry, err := Read(realDays(t), Options{Columns: map[string]string{"location": "Country"}, Stores: 2})
	if err != nil {
		t.Fatal(err)
	}
	check(t, byCountry)
	if len(byCountry.Locations) != 2 || byCountry.Locations[1] != "United Kingdom" || byCountry.NotPlayed == 0 {
		t.Errorf("%v, %d not played", byCountry.Locations, byCountry.NotPlayed)
	}
}
