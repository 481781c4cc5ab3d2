package day

import (
	"fmt"
	"strings"
)

// Bounds of this package, each with its reason.
const (
	maxReceipts      = 500_000   // receipts held at once: twenty years of the real shop, by size some 500 bytes each
	maxLines         = 4_000_000 // lines held at once: eight years of it, by size some 80 bytes each
	maxStores        = 999       // S001 to S999
	maxRowBytes      = 64 << 10  // a row of a till is a hundred bytes; beyond this it is not a row
	maxRowLines      = 20        // line breaks inside one quoted row; bounds the search for a closing quote
	maxBasketLines   = 1000      // what one operation may carry
	maxCodeBytes     = 40 << 10  // codes of one basket: leaves room in a 64 KiB operation
	maxReceiptLength = 40        // characters: room for /2, ~2 and #2 within the 64 of the API
	maxCodeLength    = 64        // characters of an item or location code
	maxThousandths   = 1e12      // the largest quantity of one line
	maxProblems      = 100       // rows shown; the rest is counted
	maxShown         = 60        // characters of a faulty cell shown
	tillsPerStore    = 8         // 64 tills over 8 stores
	defaultStores    = 8         // as the generated day
	maxOnlineLines   = 20        // a web order is small; a larger basket stays in its store
	lastYear         = 9999      // the last year RFC 3339 can write
)

// Options say how to read or generate a day. The zero value is a good one.
type Options struct {
	Columns map[string]string // field -> header name, from ParseColumns; fields not named are recognised
	Stores  int               // stores to play; 0 means 8
	Limit   int               // keep the first baskets in time order; 0 means all
	Repeat  int               // play the day so often, one after the other; 0 means once
	Seed    uint64            // of the generated day only
}

func (o Options) checked() (Options, error) {
	if o.Stores == 0 {
		o.Stores = defaultStores
	}
	if o.Repeat == 0 {
		o.Repeat = 1
	}
	switch {
	case o.Stores < 0 || o.Stores > maxStores:
		return o, fmt.Errorf("stores is %d: choose 1 to %d", o.Stores, maxStores)
	case o.Limit < 0:
		return o, fmt.Errorf("limit is %d: choose a number of baskets, or 0 for all", o.Limit)
	case o.Repeat < 0:
		return o, fmt.Errorf("repeat is %d: choose 1 or more", o.Repeat)
	}
	return o, nil
}

// A field is one thing a row can say.
type field int

const (
	receiptField field = iota
	itemField
	quantityField
	timeField
	locationField
	customerField
	priceField
	descriptionField
	fieldCount
)

// fields lists, per field, its name in --columns, whether a file must have it,
// and the headers recognised without being told (the real data first).
var fields = [fieldCount]struct {
	name     string
	required bool
	headers  []string
}{
	receiptField:     {"receipt", true, []string{"InvoiceNo", "Invoice", "receipt"}},
	itemField:        {"item", true, []string{"StockCode", "item", "sku"}},
	quantityField:    {"quantity", true, []string{"Quantity", "qty"}},
	timeField:        {"time", true, []string{"InvoiceDate", "time"}},
	locationField:    {"location", false, []string{"location", "store"}},
	customerField:    {"customer", false, []string{"CustomerID", "Customer ID", "customer"}},
	priceField:       {"price", false, []string{"UnitPrice", "price"}},
	descriptionField: {"description", false, []string{"Description"}},
}

func fieldNames() string {
	var names []string
	for _, f := range fields {
		names = append(names, f.name)
	}
	return strings.Join(names, ", ")
}

// ParseColumns reads "location=Store,receipt=Bon,…" into Options.Columns. A
// header that contains a comma cannot be named.
func ParseColumns(text string) (map[string]string, error) {
	columns := map[string]string{}
	if strings.TrimSpace(text) == "" {
		return columns, nil
	}
	for _, pair := range strings.Split(text, ",") {
		name, header, found := strings.Cut(pair, "=")
		name, header = strings.TrimSpace(name), strings.TrimSpace(header)
		switch {
		case !found || header == "":
			return nil, fmt.Errorf("columns: %q is not field=header, for example receipt=InvoiceNo", pair)
		case !knownField(name):
			return nil, fmt.Errorf("columns: %q is not a field: choose from %s", name, fieldNames())
		case columns[name] != "":
			return nil, fmt.Errorf("columns: %s is given twice, as %q and %q", name, columns[name], header)
		}
		columns[name] = header
	}
	return columns, nil
}

func knownField(name string) bool {
	for _, f := range fields {
		if f.name == name {
			return true
		}
	}
	return false
}
