package api

import (
	"strconv"

	"github.com/shelfsync/shelfsync/protocol"
	"github.com/shelfsync/shelfsync/protocol/stock"
)

// Item is one row of the catalogue.
type Item struct {
	Code      string  `json:"code" doc:"The retailer's code, compared exactly" example:"85123A"`
	Unit      string  `json:"unit,omitempty" doc:"What one is; absent: piece" example:"piece"`
	Decimals  int64   `json:"decimals,omitempty" doc:"0 to 3: how finely it is sold" example:"0"`
	Class     string  `json:"class,omitempty" doc:"What policy goes by; absent: default" example:"default"`
	Stocked   *bool   `json:"stocked,omitempty" doc:"False for postage, fees and gift cards: recorded without effect; absent: true"`
	GTIN      string  `json:"gtin,omitempty" doc:"8, 12, 13 or 14 digits with a right check digit" example:"4006381333931"`
	Aliases   []Alias `json:"aliases,omitempty" doc:"Other codes that mean a whole number of this item"`
	UnitValue *int64  `json:"unit_value,omitempty" doc:"Value of one unit in minor units of the currency, for reports" example:"255"`
}

// Alias is a barcode that means factor units of an item.
type Alias struct {
	Code   string `json:"code" example:"04006381333931"`
	Factor int64  `json:"factor" example:"12"`
}

// IsStocked is Stocked with its default.
func (i Item) IsStocked() bool { return i.Stocked == nil || *i.Stocked }

// Validate lists every fault.
func (i Item) Validate() []FieldError {
	var f faults
	f.code("code", i.Code)
	f.optional(f.code, "unit", i.Unit)
	f.between("decimals", i.Decimals, 0, 3)
	f.optional(f.code, "class", i.Class)
	if _, ok := stock.ParseGTIN(i.GTIN); i.GTIN != "" && !ok {
		f.add("gtin", "must be 8, 12, 13 or 14 digits that end in the right check digit")
	}
	if i.UnitValue != nil && *i.UnitValue < 0 {
		f.add("unit_value", "must not be negative")
	}
	f.count("aliases", len(i.Aliases), 0, protocol.MaxAliases)
	for n, a := range i.Aliases {
		f.code(at("aliases", n, "code"), a.Code)
		f.between(at("aliases", n, "factor"), a.Factor, 1, maxFactor)
		if a.Code == i.Code {
			f.add(at("aliases", n, "code"), "is the item's own code")
		}
	}
	return f
}

// Location is a store, a warehouse, anywhere with stock of its own.
type Location struct {
	Code     string `json:"code" example:"S014"`
	Name     string `json:"name,omitempty" example:"Harbour Street"`
	Region   string `json:"region,omitempty" example:"north"`
	State    string `json:"state,omitempty" enum:"open,paused,closed" doc:"paused promises nothing; closed also lets claims go; absent: open"`
	GLN      string `json:"gln,omitempty" doc:"13 digits with a right check digit" example:"4012345000009"`
	Writer   string `json:"writer,omitempty" readOnly:"true" doc:"Who records its facts; assigned by PUT /v1/locations/{code}/writer"`
	Position string `json:"position,omitempty" readOnly:"true" example:"7.918273"`
}

// Validate lists every fault.
func (l Location) Validate() []FieldError {
	var f faults
	f.code("code", l.Code)
	f.optional(f.name, "name", l.Name)
	f.optional(f.code, "region", l.Region)
	f.oneOf("state", l.State, "", "open", "paused", "closed")
	if l.GLN != "" && !stock.ValidGLN(l.GLN) {
		f.add("gln", "must be 13 digits that end in the right check digit")
	}
	return f
}

// WriterAssignment says who records a location's facts.
type WriterAssignment struct {
	Writer  string `json:"writer" doc:"The agent's installation id, or the name of a connected system" example:"8f2c61d0"`
	Replace bool   `json:"replace,omitempty" doc:"Required where the location has another writer"`
}

// Validate lists every fault.
func (w WriterAssignment) Validate() []FieldError {
	var f faults
	f.name("writer", w.Writer)
	return f
}

// Loaded answers a bulk request. It is all or nothing per line: lines without
// a fault were taken, the others are listed.
type Loaded struct {
	Taken    int64       `json:"taken" doc:"Lines that are now in the hub's state"`
	Refused  int64       `json:"refused" doc:"Lines that are not"`
	Faults   []LineFault `json:"faults,omitempty" doc:"Why, for the first refused lines"`
	Position string      `json:"position" example:"7.918273"`
}

// LineFault is what is wrong with one line of a bulk request.
type LineFault struct {
	Line   int64        `json:"line" doc:"Counted from 1"`
	Errors []FieldError `json:"errors"`
}

// Lined is faults with the line of the bulk request before each path.
func Lined(line int64, errors []FieldError) LineFault {
	lined := LineFault{Line: line}
	for _, e := range errors {
		lined.Errors = append(lined.Errors, FieldError{Path: "line " + strconv.FormatInt(line, 10) + ": " + e.Path, Message: e.Message})
	}
	return lined
}

// maxFactor bounds how many units one of an alias is.
const maxFactor = int64(stock.MaxQuantity / stock.Unit)
