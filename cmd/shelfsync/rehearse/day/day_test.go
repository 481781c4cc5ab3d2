package day

import (
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"
)

const realHeader = "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country\n"

// read writes texts as files and reads them back as a day that must hold its promises.
func read(t testing.TB, opt Options, texts ...string) *Day {
	t.Helper()
	d, err := Read(files(t, texts...), opt)
	if err != nil {
		t.Fatal(err)
	}
	check(t, d)
	return d
}

func files(t testing.TB, texts ...string) (names []string) {
	t.Helper()
	dir := t.TempDir()
	for i, text := range texts {
		name := filepath.Join(dir, fmt.Sprintf("day%d.csv", i))
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		names = append(names, name)
	}
	return names
}

// check asserts what every day promises, however it was made.
func check(t testing.TB, d *Day) {
	t.Helper()
	if d.Rows != d.PlayedLines+d.ServiceLines+d.NotPlayedLines+d.NotUnderstood {
		t.Fatalf("%d rows are not %d played + %d services + %d not played + %d not understood",
			d.Rows, d.PlayedLines, d.ServiceLines, d.NotPlayedLines, d.NotUnderstood)
	}
	byReason := 0
	for _, n := range d.Reasons {
		byReason += n
	}
	if byReason != d.NotUnderstood || len(d.Problems) != min(d.NotUnderstood, maxProblems) {
		t.Fatalf("%d not understood, %d by reason, %d shown", d.NotUnderstood, byReason, len(d.Problems))
	}
	receipts, before := map[string]bool{}, time.Time{}
	for i := range d.Baskets {
		b := &d.Baskets[i]
		if b.At.Before(before) {
			t.Fatalf("basket %s at %s stands after one at %s", b.Receipt, b.At, before)
		}
		before = b.At
		if name := b.Location + "\x00" + b.Receipt; receipts[name] {
			t.Fatalf("receipt %s twice at %s", b.Receipt, b.Location)
		} else {
			receipts[name] = true
		}
		checkBasket(t, b)
	}
}

func checkBasket(t testing.TB, b *Basket) {
	t.Helper()
	if b.Kind != kindOf(b) || b.Lines()+len(b.Services) == 0 || b.Lines()+len(b.Services) > maxBasketLines {
		t.Fatalf("basket %s is %v with %d lines", b.Receipt, b.Kind, b.Lines())
	}
	if !printable(b.Receipt, 64) || !printable(b.Location, 64) || !printable(b.Till, 64) {
		t.Fatalf("basket %q at %q till %q has a name no API takes", b.Receipt, b.Location, b.Till)
	}
	for _, line := range append(append([]Line{}, b.Sold...), b.Returned...) {
		if line.Thousandths <= 0 || line.Thousandths > maxThousandths || !printable(line.Item, maxCodeLength) {
			t.Fatalf("basket %s has the line %+v", b.Receipt, line)
		}
	}
	for _, line := range b.Adjusted {
		if line.Thousandths == 0 || (line.Thousandths > 0) != (line.Reason == ReasonFound) {
			t.Fatalf("basket %s has the correction %+v", b.Receipt, line)
		}
	}
}

// told writes a basket short: kind, receipt, then lines with their sign.
func told(b Basket) string {
	var s strings.Builder
	fmt.Fprintf(&s, "%s %s", b.Kind, b.Receipt)
	for _, l := range b.Sold {
		fmt.Fprintf(&s, " out:%s:%d", l.Item, l.Thousandths)
	}
	for _, l := range b.Returned {
		fmt.Fprintf(&s, " back:%s:%d", l.Item, l.Thousandths)
	}
	for _, l := range b.Adjusted {
		fmt.Fprintf(&s, " %s:%s:%d", l.Reason, l.Item, l.Thousandths)
	}
	for _, l := range b.Services {
		fmt.Fprintf(&s, " service:%s:%d", l.Item, l.Thousandths)
	}
	return s.String()
}

func toldAll(d *Day) (all []string) {
	for _, b := range d.Baskets {
		all = append(all, told(b))
	}
	return all
}

func TestARowMeansWhatAStockPersonReads(t *testing.T) {
	cases := []struct {
		name, rows string
		want       []string
	}{
		{"an invoice is a basket, equal lines stay apart",
			"1,A,x,6,2010-12-01 08:26:00,2.5,7,UK\n1,F,x,1,2010-12-01 08:26:00,2.5,7,UK\n1,A,x,6,2010-12-01 08:26:00,2.5,7,UK\n",
			[]string{"sale 1 out:A:6000 out:F:1000 out:A:6000"}},
		{"rows out of order, and a receipt in two pieces",
			"2,A,x,1,2010-12-01 09:00:00,1,7,UK\n1,A,x,2,2010-12-01 08:00:00,1,7,UK\n2,F,x,3,2010-12-01 08:59:00,1,7,UK\n",
			[]string{"sale 1 out:A:2000", "sale 2 out:A:1000 out:F:3000"}},
		{"a credit note comes back, whatever its sign and price",
			"C5,A,x,-2,2010-12-01 08:26:00,2.5,7,UK\nC5,F,x,2,2010-12-01 08:26:00,0,,UK\nC5,D,x,-1,2010-12-01 08:26:00,3,7,UK\n",
			[]string{"return C5 back:A:2000 back:F:2000 service:D:-1000"}},
		{"a negative line that has a price comes back", "6,A,x,-2,2010-12-01 08:26:00,2.5,7,UK\n6,F,x,1,2010-12-01 08:26:00,2,7,UK\n",
			[]string{"exchange 6 out:F:1000 back:A:2000"}},
		{"a negative quantity at no price is lost", "7,A,?,-9360,2010-12-01 08:26:00,0.0,,UK\n8,A,Damages,-2,2010-12-01 08:26:00,0,,UK\n",
			[]string{"adjustment 7 written_off:A:-9360000", "damage 8 damaged:A:-2000"}},
		{"no price and no customer is found, else a gift",
			"1,A,,56,2010-12-01 08:26:00,0.0,,UK\n2,A,,1,2010-12-01 08:27:00,0.0,12647.0,UK\n" +
				"3,A,,1,2010-12-01 08:28:00,0.0,,UK\n3,F,,1,2010-12-01 08:28:00,1.0,,UK\n4,A,,1,2010-12-01 08:29:00,,,UK\n",
			[]string{"adjustment 1 found:A:56000", "sale 2 out:A:1000", "sale 3 out:A:1000 out:F:1000", "sale 4 out:A:1000"}},
		{"corrections inside a sale are a basket of their own", "1,A,,1,2010-12-01 08:26:00,1,7,UK\n1,F,,-1,2010-12-01 08:26:00,0,7,UK\n1,E,damaged,-1,2010-12-01 08:26:00,0,7,UK\n",
			[]string{"sale 1 out:A:1000", "damage 1/2 damaged:E:-1000", "adjustment 1/3 written_off:F:-1000"}},
		{"services are kept apart and never stock", "1,POST,x,1,2010-12-01 08:26:00,9,7,UK\n1,gift_0001_20,x,1,2010-12-01 08:26:00,9,7,UK\n2,A,x,1,2010-12-01 08:27:00,9,7,UK\n2,DCGS0076,x,1,2010-12-01 08:27:00,9,7,UK\n",
			[]string{"service 1 service:POST:1000 service:gift_0001_20:1000", "sale 2 out:A:1000 service:DCGS0076:1000"}},
		{"codes that differ by case are different", "1,85123A,x,1,2010-12-01 08:26:00,9,7,UK\n1,85123a,x,1,2010-12-01 08:26:00,9,7,UK\n",
			[]string{"sale 1 out:85123A:1000 out:85123a:1000"}},
		{"a receipt number of another day is another receipt", "1,A,x,1,2010-12-01 08:26:00,9,7,UK\n1,A,x,2,2011-12-01 08:26:00,9,7,UK\n1,A,x,3,2010-12-02 08:26:00,9,7,UK\n",
			[]string{"sale 1 out:A:1000", "sale 1~2 out:A:3000", "sale 1~3 out:A:2000"}},
		{"three forms of time", "1,A,x,1,2010-12-01T08:26:00+01:00,9,7,UK\n2,A,x,1,2010-12-01 07:26:01,9,7,UK\n3,A,x,1,12/1/10 07:27,9,7,UK\n",
			[]string{"sale 1 out:A:1000", "sale 2 out:A:1000", "sale 3 out:A:1000"}},
		{"decimals are read from the literal", "1,A,x,0.375,2010-12-01 08:26:00,9,7,UK\n1,F,x,+12.10,2010-12-01 08:26:00,9,7,UK\n1,E,x,1000000000,2010-12-01 08:26:00,9,7,UK\n",
			[]string{"sale 1 out:A:375 out:F:12100 out:E:1000000000000"}},
		{"an inch sign and a quoted comma", "1,A,12\" RULER,1,2010-12-01 08:26:00,9,7,UK\n1,F,\"A, \"\"B\"\"\nC\",2,2010-12-01 08:26:00,9,7,UK\n",
			[]string{"sale 1 out:A:1000 out:F:2000"}},
		{"a formula is a code like any other", "1,=1+1,x,1,2010-12-01 08:26:00,9,7,UK\n", []string{"sale 1 out:=1+1:1000"}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			d := read(t, Options{Stores: 1}, realHeader+c.rows)
			if got := toldAll(d); !reflect.DeepEqual(got, c.want) || d.NotUnderstood != 0 {
				t.Errorf("got  %q\nwant %q\nproblems %v", got, c.want, d.Problems)
			}
		})
	}
}

func TestARowNotUnderstoodIsShownAndStopsNothing(t *testing.T) {
	good := "9,A,x,1,2010-12-01 08:26:00,9,7,UK\n"
	long := strings.Repeat("x", maxRowBytes+1)
	cases := []struct{ name, row, reason string }{
		{"blank receipt", ",A,x,1,2010-12-01 08:26:00,9,7,UK", badReceipt},
		{"receipt too long", long[:41] + ",A,x,1,2010-12-01 08:26:00,9,7,UK", badReceipt},
		{"blank item", "1, ,x,1,2010-12-01 08:26:00,9,7,UK", badItem},
		{"item too long", "1," + long[:65] + ",x,1,2010-12-01 08:26:00,9,7,UK", badItem},
		{"NUL in item", "1,A\x00B,x,1,2010-12-01 08:26:00,9,7,UK", badItem},
		{"invalid UTF-8 in item", "1,A\xff,x,1,2010-12-01 08:26:00,9,7,UK", badItem},
		{"escape sequence in item", "1,\x1b[2J,x,1,2010-12-01 08:26:00,9,7,UK", badItem},
		{"blank quantity", "1,A,x,,2010-12-01 08:26:00,9,7,UK", badNumber},
		{"words for a quantity", "1,A,x,two,2010-12-01 08:26:00,9,7,UK", badNumber},
		{"two signs", "1,A,x,--2,2010-12-01 08:26:00,9,7,UK", badNumber},
		{"exponent", "1,A,x,1e3,2010-12-01 08:26:00,9,7,UK", badNumber},
		{"too precise", "1,A,x,0.0001,2010-12-01 08:26:00,9,7,UK", badPrecision},
		{"too large", "1,A,x,1000000000.001,2010-12-01 08:26:00,9,7,UK", badSize},
		{"beyond 64 bits", "1,A,x,99999999999999999999999,2010-12-01 08:26:00,9,7,UK", badSize},
		{"zero", "1,A,x,-0.0,2010-12-01 08:26:00,9,7,UK", badZero},
		{"blank time", "1,A,x,1,,9,7,UK", badTime},
		{"no such day", "1,A,x,1,2010-02-30 08:26:00,9,7,UK", badTime},
		{"year one", "1,A,x,1,0001-01-01 08:26:00,9,7,UK", badTime},
		{"too few cells", "1,A", badNumber},
		{"too many cells", "1,A,x,1,2010-12-01 08:26:00,9,7,UK,more", badWidth},
		{"quote never closed", "1,A,\"x,1,2010-12-01 08:26:00,9,7,UK", badQuote},
		{"very long row", "1,A," + long + ",1,2010-12-01 08:26:00,9,7,UK", badLong},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			d := read(t, Options{Stores: 1}, realHeader+good+c.row+"\n"+good)
			if len(d.Problems) != 1 || d.Problems[0].Reason != c.reason || d.Problems[0].Row != 3 || d.Problems[0].File != "day0.csv" {
				t.Fatalf("problems: %v", d.Problems)
			}
			if got := toldAll(d); !reflect.DeepEqual(got, []string{"sale 9 out:A:1000 out:A:1000"}) {
				t.Fatalf("the good rows became %q", got)
			}
			if text := d.Problems[0].String(); !printable(text, 400) {
				t.Fatalf("not fit for a terminal: %q", text)
			}
		})
	}
}

func TestFilesAsOtherProgramsWriteThem(t *testing.T) {
	plain := "receipt,item,quantity,time\n1,A,2,2010-12-01 08:26:00\n"
	cases := map[string]string{
		"plain":              plain,
		"byte order mark":    byteOrderMark + plain,
		"CRLF":               strings.ReplaceAll(plain, "\n", "\r\n"),
		"semicolons":         strings.ReplaceAll(plain, ",", ";"),
		"tabs":               strings.ReplaceAll(plain, ",", "\t"),
		"no last line break": strings.TrimSuffix(plain, "\n"),
		"empty lines":        "\n" + strings.ReplaceAll(plain, "\n", "\n\n"),
		"quoted header":      strings.Replace(plain, "receipt", `"Receipt"`, 1),
	}
	for name, text := range cases {
		t.Run(name, func(t *testing.T) {
			if got := toldAll(read(t, Options{}, text)); !reflect.DeepEqual(got, []string{"sale 1 out:A:2000"}) {
				t.Fatalf("%q", got)
			}
		})
	}
}

func TestFilesThatCannotBeReadSayWhy(t *testing.T) {
	cases := map[string]struct {
		texts []string
		opt   Options
		want  string
	}{
		"empty":                 {[]string{""}, Options{}, "has no header row"},
		"UTF-16":                {[]string{"\xff\xfei\x00"}, Options{}, "save it as UTF-8"},
		"foreign header":        {[]string{"bon;sku;qty\n"}, Options{}, `no column "InvoiceNo" for the receipt`},
		"named column missing":  {[]string{realHeader}, Options{Columns: map[string]string{"location": "Shop"}}, `no column "Shop" for the location`},
		"column twice":          {[]string{"receipt,item,item,quantity,time\n"}, Options{}, `has the column "item" twice`},
		"only some with places": {[]string{realHeader, "location,receipt,item,quantity,time\n"}, Options{}, "either all or none"},
		"stores below zero":     {[]string{realHeader}, Options{Stores: -1}, "stores is -1"},
		"too many repeats": {[]string{realHeader + "1,A,x,1,2010-12-01 08:26:00,9,7,UK\n"},
			Options{Repeat: maxReceipts + 1}, "would be larger"},
		"repeats beyond the calendar": {[]string{realHeader + "1,A,x,1,1970-12-01 08:26:00,9,7,UK\n2,A,x,1,2199-12-01 08:26:00,9,7,UK\n"},
			Options{Repeat: 100}, "leave the calendar"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			if _, err := Read(files(t, c.texts...), c.opt); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Fatalf("got %v, want %q", err, c.want)
			}
		})
	}
	if _, err := Read([]string{"no-such-file.csv"}, Options{}); err == nil {
		t.Fatal("a missing file is no error")
	}
}

func TestParseColumns(t *testing.T) {
	got, err := ParseColumns("location=Shop, receipt=Bon")
	if err != nil || !reflect.DeepEqual(got, map[string]string{"location": "Shop", "receipt": "Bon"}) {
		t.Fatal(got, err)
	}
	for text, want := range map[string]string{
		"shop=Shop": "is not a field", "location": "is not field=header", "location=": "is not field=header",
		"location=A,location=B": "given twice",
	} {
		if _, err := ParseColumns(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", text, err)
		}
	}
}
