package main

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/shelfsync/shelfsync/protocol"
	"github.com/shelfsync/shelfsync/protocol/api"
)

// call is one command that asks the hub or tells it something. A new call of
// the hub is a new row: its words, where it goes, what it takes and what of the
// answer a person sees.
type call struct {
	under   string // the noun that it stands below; empty: it is a noun itself
	use     string // words in capitals are arguments: they stand in path, or name a file
	short   string
	long    string
	example string

	method string // empty: GET
	path   string // with {ARGUMENT}, also as the value of a query
	flags  []flag
	list   bool                         // answered in pages, which are followed up to --limit
	file   func([]byte) ([]byte, error) // makes the body of what FILE holds
	body   func(*asked) (object, error) // what the flags alone do not say of the body
	id     string                       // member of the body that makes a repetition safe
	run    func(*asked) error           // in place of asking and showing

	columns string                                 // HEAD=path:as …; empty: every value
	above   string                                 // columns of a row ahead of the table, about the whole answer
	below   []string                               // and of those behind it
	rows    func(w io.Writer, answer []byte) error // in place of all these
}

// object is a JSON object on its way out.
type object map[string]any

// kind is what a flag holds.
type kind uint8

const (
	text kind = iota
	number
	seconds // a length of time, sent in whole seconds
	quantity
	yes
	many // may be given again
)

// place is where a flag goes; an own one is read by the row's body or run.
type place uint8

const (
	inQuery place = iota
	inBody
	own
)

type flag struct {
	name string
	what string // for people
	kind kind
	in   place
	must bool
}

// key is the flag's name in the API.
func (f flag) key() string {
	if f.kind == seconds {
		return strings.ReplaceAll(f.name, "-", "_") + "_s"
	}
	return strings.ReplaceAll(f.name, "-", "_")
}

// asked is one run of a call.
type asked struct {
	*call
	hub   *hubs
	cmd   *cobra.Command
	words map[string]string // the arguments by name
	limit int
}

var argument = regexp.MustCompile(`[A-Z]{2,}`)

// addCalls makes a command of every row.
func addCalls(root *cobra.Command, tables ...[]call) {
	groups := map[string]*cobra.Command{}
	h := &hubs{} // one: a command line runs one command
	for _, rows := range tables {
		for i := range rows {
			cmd := rows[i].command(h)
			if rows[i].under == "" {
				h.flags(cmd)
				root.AddCommand(cmd)
				continue
			}
			group := groups[rows[i].under]
			if group == nil {
				group = groupCommand(rows[i].under)
				h.flags(group)
				groups[rows[i].under] = group
				root.AddCommand(group)
			}
			group.AddCommand(cmd)
		}
	}
}

// groupCommand is a noun with commands below it.
func groupCommand(noun string) *cobra.Command {
	return &cobra.Command{
		Use:   noun,
		Short: nouns[noun],
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return nil
			}
			problem := fmt.Errorf("%s has no command %q", cmd.CommandPath(), args[0])
			if near := cmd.SuggestionsFor(args[0]); len(near) > 0 {
				problem = fmt.Errorf("%w; did you mean %s?", problem, strings.Join(near, " or "))
			}
			return usage{problem}
		},
		RunE:                       func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
		SuggestionsMinimumDistance: 2,
	}
}

func (c *call) command(h *hubs) *cobra.Command {
	names := argument.FindAllString(c.use, -1)
	a := &asked{call: c, hub: h}
	cmd := &cobra.Command{
		Use: c.use, Short: c.short, Long: c.long, Example: c.example, Args: cobra.ExactArgs(len(names)),
		RunE: func(cmd *cobra.Command, args []string) error {
			a.cmd, a.words = cmd, map[string]string{}
			for i, name := range names {
				a.words[name] = args[i]
			}
			if err := a.ready(); err != nil {
				return err
			}
			if c.run != nil {
				return c.run(a)
			}
			return a.ask()
		},
	}
	for _, one := range c.flags {
		one.add(cmd)
	}
	if c.list {
		cmd.Flags().IntVar(&a.limit, "limit", 1000, "most rows, over as many pages as they take; 0: all")
	}
	return cmd
}

func (f flag) add(cmd *cobra.Command) {
	to, what := cmd.Flags(), f.what
	if f.must {
		what += " (required)"
	}
	switch f.kind {
	case number:
		to.Int64(f.name, 0, what)
	case seconds:
		to.Duration(f.name, 0, what)
	case yes:
		to.Bool(f.name, false, what)
	case many:
		to.StringArray(f.name, nil, what)
	default:
		to.String(f.name, "", what)
	}
}

// ready checks the command line before anything is asked.
func (a *asked) ready() error {
	if err := a.hub.begin(a.cmd); err != nil {
		return err
	}
	for _, f := range a.flags {
		if f.must && !a.cmd.Flags().Changed(f.name) {
			return usage{fmt.Errorf("--%s is required: %s", f.name, f.what)}
		}
	}
	if a.limit < 0 {
		return usage{errors.New("--limit is 0 or more")}
	}
	return nil
}

// values are a flag's values as JSON takes them; none where it was not given.
func (a *asked) values(f flag) (values []any, err error) {
	set := a.cmd.Flags()
	if !set.Changed(f.name) {
		return nil, nil
	}
	var value any
	switch f.kind {
	case number:
		value, err = set.GetInt64(f.name)
	case yes:
		value, err = set.GetBool(f.name)
	case seconds:
		var length time.Duration
		if length, err = set.GetDuration(f.name); length%time.Second != 0 || length < 0 {
			return nil, usage{fmt.Errorf("--%s is a number of whole seconds, such as 90s or 15m", f.name)}
		}
		value = int64(length / time.Second)
	case quantity:
		literal, _ := set.GetString(f.name) // it is there: the row made it
		if value, err = api.ParseQuantity(literal); err != nil {
			return nil, usage{fmt.Errorf("--%s %w", f.name, err)}
		}
	case many:
		list, err := set.GetStringArray(f.name)
		for _, one := range list {
			values = append(values, one)
		}
		return values, err
	default:
		value, err = set.GetString(f.name)
	}
	return []any{value}, err
}

// ask puts the question together, sends it, follows its pages and shows the answer.
func (a *asked) ask() error {
	q, query, err := a.question()
	if err != nil {
		return err
	}
	answer, err := a.send(q, query)
	if err != nil {
		return err
	}
	rows := a.table
	if a.rows != nil {
		rows = a.rows
	}
	return a.hub.show(answer, func(w io.Writer) error { return rows(w, answer) })
}

func (a *asked) question() (q question, query url.Values, err error) {
	path, fixed, _ := strings.Cut(a.path, "?")
	q = question{method: cmp.Or(a.method, http.MethodGet), path: a.at(path)}
	if query, err = url.ParseQuery(fixed); err != nil {
		return q, nil, err
	}
	for key, value := range query {
		if word, ok := a.words[strings.Trim(value[0], "{}")]; ok {
			query.Set(key, word)
		}
	}
	body := object{}
	if a.body != nil {
		if body, err = a.body(a); err != nil {
			return q, nil, err
		}
	}
	for _, f := range a.flags {
		values, err := a.values(f)
		if err != nil {
			return q, nil, err
		}
		for _, value := range values {
			switch f.in {
			case inQuery:
				query.Add(f.key(), fmt.Sprint(value))
			case inBody:
				body[f.key()] = value
			}
		}
	}
	switch {
	case a.file != nil:
		if q.body, err = readFile(a.words["FILE"], a.cmd.InOrStdin()); err == nil {
			q.body, err = a.file(q.body)
		}
	case len(body) > 0:
		q.body, err = json.Marshal(body)
	}
	return q, query, err
}

// at fills a path's arguments in, so that an id may hold any character.
func (a *asked) at(path string) string {
	for name, word := range a.words {
		path = strings.ReplaceAll(path, "{"+name+"}", url.PathEscape(word))
	}
	return path
}

func (a *asked) send(q question, query url.Values) ([]byte, error) {
	if err := a.tellID(q.body); err != nil {
		return nil, err
	}
	if a.list {
		return a.pages(q, query)
	}
	if len(query) > 0 {
		q.path += "?" + query.Encode()
	}
	return a.hub.send(a.cmd.Context(), q)
}

// tellID says, before anything is sent, what makes a repetition safe.
func (a *asked) tellID(body []byte) error {
	if a.id == "" {
		return nil
	}
	var held map[string]json.RawMessage
	if err := json.Unmarshal(body, &held); err != nil {
		return usage{fmt.Errorf("the body is no JSON object: %w", err)}
	}
	var id string
	if json.Unmarshal(held[a.id], &id) != nil || id == "" {
		return usage{fmt.Errorf("the body has no %s: it makes repeating safe, choose one", a.id)}
	}
	fmt.Fprintf(a.hub.say, "%s %s: if no answer comes, repeat with the same one\n", a.id, plain(id))
	return nil
}

// pages gathers the pages of a list into one: the first, with the rows of all.
func (a *asked) pages(q question, query url.Values) ([]byte, error) {
	var first members
	rows, cursor := []json.RawMessage{}, ""
	for path := q.path; ; {
		size := protocol.MaxPage
		if a.limit > 0 {
			size = min(size, a.limit-len(rows))
		}
		query.Set("limit", fmt.Sprint(size))
		if cursor != "" {
			query.Set("cursor", cursor)
		}
		q.path = path + "?" + query.Encode()
		answer, err := a.hub.send(a.cmd.Context(), q)
		if err != nil {
			return nil, err
		}
		var next struct {
			Data       []json.RawMessage
			NextCursor string `json:"next_cursor"`
		}
		if err := json.Unmarshal(answer, &next); err != nil {
			return nil, fmt.Errorf("read a page of %s: %w", path, err)
		}
		if first == nil {
			if first, err = membersOf(answer); err != nil {
				return nil, fmt.Errorf("read a page of %s: %w", path, err)
			}
		}
		rows, cursor = append(rows, next.Data...), next.NextCursor
		if cursor == "" || a.limit > 0 && len(rows) >= a.limit {
			break
		}
	}
	if cursor != "" {
		fmt.Fprintf(a.hub.say, "There is more than these %d: see --limit.\n", len(rows))
	}
	return first.page(rows, cursor)
}

// with joins flags that many calls share with a call's own.
func with(shared []flag, own ...flag) []flag { return slices.Concat(own, shared) }
