package serve

import (
	"reflect"

	"github.com/danielgtaylor/huma/v2"

	"github.com/shelfsync/shelfsync/protocol/api"
)

// huma keeps its way to make errors and its view of arrays in package
// variables; this package is its only importer, so they are set once, here.
func init() {
	huma.DefaultArrayNullable = false
	huma.NewError = func(status int, message string, errs ...error) huma.StatusError {
		return humaProblem("", status, message, errs)
	}
	huma.NewErrorWithContext = func(ctx huma.Context, status int, message string, errs ...error) huma.StatusError {
		return humaProblem(RequestID(ctx.Context()), status, message, errs)
	}
}

// openAPI is a bare configuration: no $schema members, no documentation page
// from a foreign server, and unknown members of a body are ignored, so that
// an older program does not refuse a newer client.
func openAPI(cfg Config) huma.Config {
	c := huma.DefaultConfig(cfg.Title, cfg.Version.Version)
	c.CreateHooks = nil
	c.DocsPath, c.SchemasPath = "", ""
	c.OpenAPIPath = "" // served by mountHealth: huma's own fills a cache without a lock
	c.AllowAdditionalPropertiesByDefault = true
	format := huma.Format{Marshal: huma.DefaultJSONFormat.Marshal, Unmarshal: decode}
	c.Formats = map[string]huma.Format{"application/json": format, "json": format} // huma looks problem+json up as json
	c.Components.Schemas.RegisterTypeAlias(reflect.TypeFor[api.Quantity](), reflect.TypeFor[quantitySchema]())
	return c
}

// quantitySchema stands for api.Quantity in the OpenAPI documents. Type and
// multipleOf are written but not enforced by huma, which would judge the
// quantity as a float; api.Quantity judges its own literal.
type quantitySchema struct{}

func (quantitySchema) Schema(huma.Registry) *huma.Schema {
	return &huma.Schema{
		Description: "Decimal number with at most three decimals",
		Extensions:  map[string]any{"type": huma.TypeNumber, "multipleOf": 0.001},
	}
}
