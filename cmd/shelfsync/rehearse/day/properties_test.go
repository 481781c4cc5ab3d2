package day

import (
	"encoding/csv"
	"fmt"
	"io"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// Every data row ends in exactly one place, and every line that is played or
// left out is a line of the file.
func TestEveryRowIsAccountedFor(t *testing.T) {
	dir := t.TempDir()
	receipts := rapid.SampledFrom([]string{"1", "2", "3", "C4", "C5", "1/2", "1~2", "1#2", "", "=1+1", "A\x00"})
	items := rapid.SampledFrom([]string{"85123A", "85123a", "22139", "POST", "M", "gift_0001_20", "", "x\xff", strings.Repeat("k", 64), strings.Repeat("k", 65)})
	quantities := rapid.SampledFrom([]string{"1", "-1", "6.0", "0.125", "-9360", "0", "", "1e3", "0.0001", "1000000000", "99999999999999999999"})
	times := rapid.SampledFrom([]string{"2010-12-01 08:26:00", "2010-12-02 08:26:00", "12/1/10 09:00", "2011-06-01T08:00:00+02:00", "", "noon"})
	prices := rapid.SampledFrom([]string{"0.0", "2.55", "", "-3"})
	customers := rapid.SampledFrom([]string{"", "17850.0", "12", "someone"})
	words := rapid.SampledFrom([]string{"", "damages", `12" RULER`, `"never closed`, `"a, ""b"""`})
	name := filepath.Join(dir, "day.csv")
	rapid.Check(t, func(r *rapid.T) {
		var text strings.Builder
		text.WriteString(strings.Replace(realHeader, "Country", "location", 1))
		n := rapid.IntRange(0, 60).Draw(r, "rows")
		joined := 0
		for range n {
			word := words.Draw(r, "description")
			if strings.Count(word, `"`)%2 == 1 && strings.HasPrefix(word, `"`) {
				joined++
			}
			fmt.Fprintf(&text, "%s,%s,%s,%s,%s,%s,%s,%s\n", receipts.Draw(r, "receipt"), items.Draw(r, "item"), word, quantities.Draw(r, "quantity"),
				times.Draw(r, "time"), prices.Draw(r, "price"), customers.Draw(r, "customer"), rapid.SampledFrom([]string{"UK", "France", "Eire", ""}).Draw(r, "place"))
		}
		opt := Options{Stores: rapid.IntRange(1, 4).Draw(r, "stores"), Limit: rapid.IntRange(0, 9).Draw(r, "limit"), Repeat: rapid.IntRange(0, 3).Draw(r, "repeat")}
		reading := newReading(must(opt.checked()))
		if err := reading.file(name, strings.NewReader(text.String())); err != nil {
			t.Fatal(err)
		}
		d, err := reading.day()
		if err != nil {
			t.Fatal(err)
		}
		check(t, d)
		if joined == 0 && d.Rows != n {
			r.Fatalf("%d rows of %d", d.Rows, n)
		}
		played := 0
		for i := range d.Baskets {
			played += d.Baskets[i].Lines() + len(d.Baskets[i].Services)
		}
		if played != max(1, opt.Repeat)*(d.PlayedLines+d.ServiceLines) || opt.Limit > 0 && len(d.Baskets) > opt.Limit*max(1, opt.Repeat) {
			r.Fatalf("%d lines in %d baskets", played, len(d.Baskets))
		}
	})
}

func must[T any](value T, err error) T {
	if err != nil {
		panic(err)
	}
	return value
}

// On well-formed files the rows are those of encoding/csv.
func TestRecordsAgreeWithTheStandardReader(t *testing.T) {
	cell := rapid.OneOf(rapid.StringMatching(`[a-z ",;\n]{0,6}`), rapid.String())
	rapid.Check(t, func(r *rapid.T) {
		rows := rapid.SliceOfN(rapid.SliceOfN(cell, 2, 5), 0, 8).Draw(r, "rows")
		var text strings.Builder
		w := csv.NewWriter(&text)
		if err := w.WriteAll(rows); err != nil {
			r.Fatal(err)
		}
		standard := csv.NewReader(strings.NewReader(text.String()))
		standard.FieldsPerRecord = -1
		want, err := standard.ReadAll()
		if err != nil {
			r.Fatal(err)
		}
		in := newRecords(strings.NewReader(text.String()))
		in.sep = ','
		var got [][]string
		for {
			next, err := in.next()
			if err == io.EOF {
				break
			}
			if err != nil || next.bad != "" {
				r.Fatal(err, next.bad)
			}
			got = append(got, append([]string{}, next.cells...))
		}
		if len(got)+len(want) > 0 && !reflect.DeepEqual(got, want) {
			r.Fatalf("got  %q\nwant %q", got, want)
		}
	})
}

func FuzzRead(f *testing.F) {
	f.Add([]byte(realHeader+"1,A,x,6,2010-12-01 08:26:00,2.5,7,UK\nC2,A,\"x\ny\",-6,12/1/10 08:26,0,,UK\n"), uint8(3), uint8(1))
	f.Add([]byte("\xef\xbb\xbflocation;receipt;item;quantity;time\r\nU;1;A;0.5;2010-12-01T08:26:00Z\r\n\"U;1\r\n"), uint8(1), uint8(2))
	f.Add([]byte("\xff\xfe\x00"), uint8(0), uint8(0))
	f.Fuzz(func(t *testing.T, data []byte, stores, repeat uint8) {
		opt, err := Options{Stores: int(stores), Limit: int(stores) * 2, Repeat: int(repeat % 4)}.checked()
		if err != nil {
			t.Fatal(err)
		}
		r := newReading(opt)
		if err := r.file("fuzz.csv", strings.NewReader(string(data))); err != nil {
			return
		}
		d, err := r.day()
		if err != nil {
			return
		}
		check(t, d)
		for location, levels := range d.Opening(0.8) {
			for item, level := range levels {
				if level <= 0 || level > maxThousandths {
					t.Fatalf("opens %s at %s with %d", item, location, level)
				}
			}
		}
	})
}
