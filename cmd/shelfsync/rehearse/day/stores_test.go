package day

import (
	"fmt"
	"reflect"
	"strings"
	"testing"
)

func TestStoresComeFromCustomers(t *testing.T) {
	text := realHeader + "1,A,x,1,2010-12-01 08:26:00,1,17850.0,UK\n2,A,x,1,2010-12-01 08:27:00,1,17851.0,UK\n" +
		"3,A,x,1,2010-12-01 08:28:00,1,,UK\n3,A,x,1,2010-12-01 08:28:00,1,17852.0,UK\n3,A,x,1,2010-12-01 08:28:00,1,17853.0,UK\n"
	d := read(t, Options{Stores: 4}, text)
	var at []string
	for _, b := range d.Baskets {
		at = append(at, b.Location)
	}
	// 17850 mod 4 is 2; the third receipt names two customers and follows the first named.
	if !reflect.DeepEqual(at, []string{"S003", "S004", "S001"}) {
		t.Fatal(at)
	}
	if !reflect.DeepEqual(d.Locations, []string{"S001", "S002", "S003", "S004"}) {
		t.Fatal(d.Locations)
	}
}

func TestReceiptsWithoutCustomersSpreadOverStoresAndTills(t *testing.T) {
	var text strings.Builder
	text.WriteString(realHeader)
	for i := range 2000 {
		fmt.Fprintf(&text, "%d,A,x,1,2010-12-01 08:26:00,1,,UK\n", 536365+i)
	}
	tills := map[string]int{}
	for _, b := range read(t, Options{}, text.String()).Baskets {
		tills[b.Location+b.Till]++
	}
	for name, n := range tills {
		if n < 10 || n > 60 {
			t.Errorf("till %s has %d of 2000 baskets", name, n)
		}
	}
	if len(tills) != 64 {
		t.Errorf("%d tills", len(tills))
	}
}

func TestTheBusiestPlacesArePlayedTheRestCounted(t *testing.T) {
	header := "Shop,Bon,Art,Menge,Zeit\n"
	rows := "Bonn,1,A,1,2010-12-01 08:00:00\nUlm,1,A,1,2010-12-01 08:00:00\nUlm,2,A,1,2010-12-01 08:01:00\n" +
		"Köln,1,A,1,2010-12-01 08:02:00\nKöln,C2,A,1,2010-12-01 08:03:00\nBonn,1,A,1,2010-12-01 08:00:00\n,3,A,1,2010-12-01 08:03:00\n"
	columns, err := ParseColumns("location=Shop,receipt=Bon,item=Art,quantity=Menge,time=Zeit")
	if err != nil {
		t.Fatal(err)
	}
	d := read(t, Options{Stores: 2, Columns: columns}, header+rows)
	if !reflect.DeepEqual(d.Locations, []string{"Köln", "Ulm"}) || d.NotPlayed != 1 || d.NotPlayedLines != 2 {
		t.Fatalf("%v, %d not played, %d lines", d.Locations, d.NotPlayed, d.NotPlayedLines)
	}
	if d.NotUnderstood != 1 || d.Problems[0].Reason != badLocation {
		t.Fatal(d.Problems)
	}
	// C2 is no credit note in a file whose receipts are not invoice numbers.
	if want := []string{"sale 1 out:A:1000", "sale 2 out:A:1000", "sale 1 out:A:1000", "sale C2 out:A:1000"}; !reflect.DeepEqual(toldAll(d), want) {
		t.Fatalf("%q", toldAll(d))
	}
}

func TestALongReceiptIsSeveralBaskets(t *testing.T) {
	rows := func(n int, item string) string {
		return realHeader + strings.Repeat("R,"+item+",x,1,2010-12-01 08:26:00,1,7,UK\n", n)
	}
	cases := []struct {
		name string
		text string
		want []int
	}{
		{"1000 lines fit", rows(1000, "A"), []int{1000}},
		{"2001 lines do not", rows(2001, "A"), []int{1000, 1000, 1}},
		{"40 KiB of codes fit", rows(640, strings.Repeat("x", 64)), []int{640}},
		{"more do not", rows(641, strings.Repeat("x", 64)), []int{640, 1}},
		{"bytes count, not characters", rows(641, strings.Repeat("é", 32)), []int{640, 1}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			d := read(t, Options{}, c.text)
			var got []int
			for i, b := range d.Baskets {
				got = append(got, b.Lines())
				if want := []string{"R", "R/2", "R/3"}[i]; b.Receipt != want || b.Till != d.Baskets[0].Till {
					t.Errorf("part %d is %s at %s", i, b.Receipt, b.Till)
				}
			}
			if !reflect.DeepEqual(got, c.want) {
				t.Fatal(got)
			}
		})
	}
}

func TestLimitKeepsTheFirstAndRepeatFollowsOn(t *testing.T) {
	text := realHeader + "3,A,x,1,2010-12-02 08:00:00,1,7,UK\n1,A,x,1,2010-12-01 08:00:00,1,7,UK\n1#2,A,x,1,2010-12-01 09:00:00,1,7,UK\n3,B,x,1,2010-12-02 08:00:00,1,7,UK\n"
	d := read(t, Options{Limit: 2, Repeat: 3, Stores: 1}, text)
	var got []string
	for _, b := range d.Baskets {
		got = append(got, b.At.Format("02 15:04 ")+b.Receipt)
	}
	want := []string{"01 08:00 1", "01 09:00 1#2", "02 08:00 1#2~2", "02 09:00 1#2#2", "03 08:00 1#3", "03 09:00 1#2#3"}
	if !reflect.DeepEqual(got, want) {
		t.Fatalf("%q", got)
	}
	if d.NotPlayed != 1 || d.NotPlayedLines != 2 || d.PlayedLines != 2 {
		t.Fatalf("%+v", d)
	}
}

func TestOpeningIsAShareOfWhatIsAskedFor(t *testing.T) {
	text := realHeader + "1,A,x,10,2010-12-01 08:00:00,1,1,UK\n2,A,x,1,2010-12-01 08:00:00,1,1,UK\n3,A,damaged,-1,2010-12-01 08:00:00,0,1,UK\n" +
		"1,W,x,0.125,2010-12-01 08:00:00,1,1,UK\nC4,A,x,-5,2010-12-01 08:00:00,1,1,UK\nC4,B,x,-5,2010-12-01 08:00:00,1,1,UK\n1,POST,x,1,2010-12-01 08:00:00,1,1,UK\n"
	d := read(t, Options{Stores: 2}, text)
	for share, want := range map[float64]map[string]int64{
		0.8: {"A": 10000, "W": 100}, 0: {}, -1: {}, 1: {"A": 12000, "W": 125}, 0.001: {"A": 1000, "W": 1}, 1.5: {"A": 18000, "W": 188},
	} {
		if got := d.Opening(share); !reflect.DeepEqual(got, map[string]map[string]int64{"S001": {}, "S002": want}) {
			t.Errorf("share %v: %v", share, got)
		}
	}
	huge := read(t, Options{Stores: 1}, realHeader+strings.Repeat("1,A,x,1000000000,2010-12-01 08:00:00,1,1,UK\n", 3))
	if got := huge.Opening(1)["S001"]["A"]; got != maxThousandths {
		t.Error(got)
	}
}

func TestOnlineOrdersAreSmallPureSales(t *testing.T) {
	d, err := Generate(Options{})
	if err != nil {
		t.Fatal(err)
	}
	store, online := d.Split(0.15, 7)
	if n := len(online); n < 380 || n > 500 || len(store)+n != len(d.Baskets) {
		t.Fatalf("%d online, %d in store", n, len(store))
	}
	for _, b := range online {
		if b.Kind != Sale || b.Lines() > maxOnlineLines {
			t.Fatalf("%s went online", told(b))
		}
	}
	if _, again := d.Split(0.15, 7); !reflect.DeepEqual(online, again) {
		t.Fatal("the same seed chose others")
	}
	if _, other := d.Split(0.15, 8); reflect.DeepEqual(online, other) {
		t.Fatal("another seed chose the same")
	}
	if _, none := d.Split(0, 7); len(none) != 0 {
		t.Fatal("a share of nothing chose some")
	}
}

func TestTheGeneratedDay(t *testing.T) {
	d := read(t, Options{Seed: 1})
	kinds, tills, hours, items, weighed := map[Kind]int{}, map[string]bool{}, map[int]int{}, map[string]int{}, 0
	for i := range d.Baskets {
		b := &d.Baskets[i]
		kinds[b.Kind]++
		tills[b.Location+b.Till] = true
		hours[b.At.Hour()]++
		for line := range b.goods() {
			items[line.Item]++
			if d.Weighed[line.Item] {
				weighed++
			}
		}
	}
	if len(d.Baskets) < 3000 || len(tills) != 64 || len(d.Locations) != 8 || len(d.Weighed) < 5 || weighed < 50 {
		t.Errorf("%d baskets, %d tills, %d stores, %d weighed items on %d lines", len(d.Baskets), len(tills), len(d.Locations), len(d.Weighed), weighed)
	}
	for _, kind := range []Kind{Sale, Return, Exchange, Damage, Adjustment} {
		if kinds[kind] < 30 {
			t.Errorf("%d baskets of kind %s", kinds[kind], kind)
		}
	}
	if hours[12] < 2*hours[15] || hours[17] < 2*hours[10] {
		t.Errorf("no peaks: %v", hours)
	}
	if first, later := items["20001"], items["21401"]; first < 10*max(1, later) {
		t.Errorf("not skewed: the first item is on %d lines, the two hundredth on %d", first, later)
	}
	if again := read(t, Options{Seed: 1}); !reflect.DeepEqual(d, again) {
		t.Error("the same seed made another day")
	}
	if other := read(t, Options{Seed: 2}); reflect.DeepEqual(d.Baskets, other.Baskets) {
		t.Error("another seed made the same day")
	}
	if small := read(t, Options{Limit: 10, Repeat: 2, Stores: 3}); len(small.Baskets) != 20 || len(small.Locations) > 3 {
		t.Errorf("%d baskets at %v", len(small.Baskets), small.Locations)
	}
	t.Logf("kinds %v, hours %v, %d lines, %d items", kinds, hours, d.PlayedLines, len(d.Items))
}
