package api

// Page is one page of a list.
type Page[T any] struct {
	Data       []T    `json:"data"`
	NextCursor string `json:"next_cursor,omitempty" doc:"Pass as cursor for the next page; absent on the last"`
}

// Paging is embedded in the input of every list.
type Paging struct {
	Limit  int    `query:"limit" default:"100" minimum:"1" maximum:"1000" doc:"Most entries on one page"`
	Cursor string `query:"cursor" doc:"next_cursor of the page before; opaque"`
}
