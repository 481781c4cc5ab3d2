package main

import (
	"slices"
	"strings"
	"testing"
)

// A row forbids arrows. Rooms are folders of the module, or single files;
// targets begin with std/, ours/ or third/. A name that ends in /... means
// everything below it too, and "..." alone means everything.
type arrowRow struct {
	in      []string // the rooms that are bound
	but     []string // rooms or files among them that are not
	never   []string // targets that they must not import
	unless  []string // targets among those that they may
	because string

	// An arrow that this row must refuse, and one beside it that it must let be:
	// the proof that the row says what it means.
	refuses, allows arrow
}

// An arrow is one import in one file.
type arrow struct{ file, to string }

var (
	everywhere   = []string{"..."}
	anythingElse = []string{"std/...", "ours/...", "third/..."}
	raftFamily   = []string{
		"third/github.com/hashicorp/raft/...", "third/github.com/hashicorp/raft-wal/...",
		"third/github.com/hashicorp/raft-boltdb/...", "third/github.com/hashicorp/go-hclog/...",
		"third/go.etcd.io/bbolt/...",
	}
	network   = []string{"std/net/...", "third/nhooyr.io/websocket/...", "third/github.com/coder/websocket/..."}
	databases = []string{"std/database/sql/...", "third/github.com/mattn/go-sqlite3/..."}
)

// arrows is the table "Rooms, and which way the arrows point": what each room
// never imports, and which room alone may import a library.
var arrows = []arrowRow{
	{
		in:    []string{"protocol/stock/..."},
		never: anythingElse,
		// The tables of unicode change with the Go release, so two builds could
		// differ about a character: utf8 only.
		unless: []string{"std/bytes", "std/cmp", "std/container/heap", "std/errors", "std/iter", "std/maps", "std/math", "std/math/bits",
			"std/slices", "std/sort", "std/strconv", "std/strings", "std/unicode/utf8"},
		because: "the stock model is pure: the same log must give the same state everywhere, so it sees no clock, disk, network or library",
		refuses: arrow{"protocol/stock/state.go", "std/time"},
		allows:  arrow{"protocol/stock/state.go", "std/math/bits"},
	},
	{
		in:      []string{"protocol/..."},
		never:   slices.Concat(network, databases, raftFamily, []string{"ours/sync/...", "ours/agent/...", "ours/hub/..."}),
		because: "protocol defines bytes; it carries, stores and orders none",
		refuses: arrow{"protocol/frame.go", "ours/sync/session"},
		allows:  arrow{"protocol/frame.go", "ours/protocol/stock"},
	},
	{
		in:      []string{"protocol/api/..."},
		never:   []string{"ours/...", "third/..."},
		unless:  []string{"ours/protocol", "ours/protocol/stock"},
		because: "HTTP shapes are plain values that any client may use",
		refuses: arrow{"protocol/api/sale.go", "third/github.com/danielgtaylor/huma/v2"},
		allows:  arrow{"protocol/api/sale.go", "ours/protocol/stock"},
	},
	{
		in:      []string{"sync/session/..."},
		never:   slices.Concat(network, databases, raftFamily, []string{"std/time", "std/context", "ours/protocol/stock/..."}),
		because: "a session decides the next frame from what it was told: it counts beats, opens no body and waits for nothing",
		refuses: arrow{"sync/session/session.go", "std/time"},
		allows:  arrow{"sync/session/session.go", "ours/protocol"},
	},
	{
		in:      []string{"sync/link/...", "sync/serve/..."},
		never:   slices.Concat(databases, raftFamily, []string{"ours/protocol/stock/..."}),
		because: "links and servers carry and answer; what the bytes mean is decided elsewhere",
		refuses: arrow{"sync/link/link.go", "ours/protocol/stock"},
		allows:  arrow{"sync/link/link.go", "ours/protocol"},
	},
	{
		in:      []string{"sync/..."},
		never:   []string{"ours/agent/...", "ours/hub/..."},
		because: "sync lies below the agent and the hub, and both stand on it",
		refuses: arrow{"sync/client/client.go", "ours/hub"},
		allows:  arrow{"sync/client/client.go", "ours/sync/session"},
	},
	{
		in:      []string{"agent/..."},
		never:   slices.Concat(raftFamily, []string{"ours/hub/..."}),
		because: "a store sells without a hub, and meets one only in frames",
		refuses: arrow{"agent/till/till.go", "ours/hub/board"},
		allows:  arrow{"agent/till/till.go", "ours/sync/serve"},
	},
	{
		in:      []string{"hub/..."},
		never:   []string{"ours/agent/..."},
		because: "a hub meets an agent only in frames, so that either can be replaced",
		refuses: arrow{"hub/hub.go", "ours/agent/ledger"},
		allows:  arrow{"hub/hub.go", "ours/hub/cluster"},
	},
	{
		in:      []string{"hub/cluster/..."},
		never:   []string{"ours/hub/console/...", "ours/hub/channel/..."},
		because: "the cluster orders commands and knows no page and no outside system",
		refuses: arrow{"hub/cluster/cluster.go", "ours/hub/console"},
		allows:  arrow{"hub/cluster/cluster.go", "ours/protocol"},
	},
	{
		in:      everywhere,
		but:     []string{"hub/cluster/..."},
		never:   raftFamily,
		because: "raft, its stores and its logger stay behind the small port of hub/cluster",
		refuses: arrow{"hub/channel/budget.go", "third/github.com/hashicorp/raft"},
		allows:  arrow{"hub/cluster/cluster.go", "third/github.com/hashicorp/raft"},
	},
	{
		in:      everywhere,
		but:     []string{"cmd/shelfsync/rehearse/..."},
		never:   []string{"third/github.com/anishathalye/porcupine"},
		because: "histories are checked where they are recorded, by the rehearsal",
		refuses: arrow{"hub/hub.go", "third/github.com/anishathalye/porcupine"},
		allows:  arrow{"cmd/shelfsync/rehearse/linear/check.go", "third/github.com/anishathalye/porcupine"},
	},
	{
		in:      everywhere,
		but:     []string{"agent/ledger"},
		never:   databases,
		because: "SQLite stays behind the ledger port, which has one writer",
		refuses: arrow{"agent/agent.go", "third/github.com/mattn/go-sqlite3"},
		allows:  arrow{"agent/ledger/sqlite.go", "third/github.com/mattn/go-sqlite3"},
	},
	{
		in:      everywhere,
		never:   []string{"ours/agent/ledger/crashdisk"},
		because: "a disk that forgets and fails is for tests; a program has the machine's",
		refuses: arrow{"agent/ledger/database.go", "ours/agent/ledger/crashdisk"},
		allows:  arrow{"agent/ledger/database.go", "third/github.com/mattn/go-sqlite3"},
	},
	{
		in:      everywhere,
		but:     []string{"protocol"},
		never:   []string{"third/github.com/vmihailenco/msgpack/..."},
		because: "bytes that two processes must agree on are defined in protocol",
		refuses: arrow{"agent/ledger/row.go", "third/github.com/vmihailenco/msgpack/v5"},
		allows:  arrow{"protocol/frame.go", "third/github.com/vmihailenco/msgpack/v5"},
	},
	{
		in:      everywhere,
		but:     []string{"cmd/shelfsync/yaml.go"},
		never:   []string{"third/go.yaml.in/yaml/..."},
		because: "one file turns JSON into YAML for people at a terminal; everything else speaks JSON",
		refuses: arrow{"cmd/shelfsync/show.go", "third/go.yaml.in/yaml/v3"},
		allows:  arrow{"cmd/shelfsync/yaml.go", "third/go.yaml.in/yaml/v3"},
	},
	{
		in:      everywhere,
		but:     []string{"sync/link/websocket.go"},
		never:   []string{"third/nhooyr.io/websocket/...", "third/github.com/coder/websocket/..."},
		because: "the frozen websocket library is imported by one file, so that its twin is one line away",
		refuses: arrow{"sync/link/link.go", "third/nhooyr.io/websocket"},
		allows:  arrow{"sync/link/websocket.go", "third/nhooyr.io/websocket"},
	},
	{
		in:      everywhere,
		but:     []string{"sync/serve"},
		never:   []string{"third/github.com/danielgtaylor/huma/...", "third/github.com/knadh/koanf/...", "third/github.com/prometheus/..."},
		because: "both programs serve, read configuration and count in one way: the one of sync/serve",
		refuses: arrow{"hub/api/api.go", "third/github.com/danielgtaylor/huma/v2"},
		allows:  arrow{"sync/serve/serve.go", "third/github.com/knadh/koanf/v2"},
	},
	{
		in:      everywhere,
		but:     []string{"cmd/..."},
		never:   []string{"third/github.com/spf13/cobra/..."},
		because: "command lines are read in cmd, and what they start knows nothing of flags",
		refuses: arrow{"installer/installer.go", "third/github.com/spf13/cobra"},
		allows:  arrow{"cmd/dev/main.go", "third/github.com/spf13/cobra"},
	},
	{
		in:      everywhere,
		but:     []string{"cmd/..."},
		never:   []string{"ours/cmd/..."},
		because: "cmd only chooses the real clock, disk and network, and starts; nothing stands on it",
		refuses: arrow{"hub/hub.go", "ours/cmd/shelfsync-hub"},
		allows:  arrow{"cmd/shelfsync/main.go", "ours/cmd/shelfsync/rehearse"},
	},
	{
		in:      []string{"installer/..."},
		never:   []string{"ours/...", "third/..."},
		unless:  []string{"ours/installer/..."},
		because: "the installer puts files on a machine and must not change when they do",
		refuses: arrow{"installer/plan.go", "ours/protocol"},
		allows:  arrow{"installer/plan.go", "std/os"},
	},
}

func TestArchitecture(t *testing.T) {
	for _, file := range readTree(t).programFiles() {
		for _, to := range file.imports {
			for _, row := range arrows {
				if a := (arrow{file.path, to}); row.forbids(a) {
					t.Errorf("%s imports %s: forbidden, because %s", a.file, a.to, row.because)
				}
			}
		}
	}
}

func TestArchitectureOneFolderForEachLibrary(t *testing.T) {
	tree := readTree(t)
	for library, folders := range tree.importers() {
		if len(folders) > 1 && library != "github.com/spf13/cobra" {
			t.Errorf("%s is imported from %s: a dependency is imported from one folder, so that it can be replaced there",
				library, strings.Join(folders, " and "))
		}
	}
}

func TestEachRowRefusesWhatItMust(t *testing.T) {
	for _, row := range arrows {
		t.Run(strings.Join(row.in, ",")+" never "+row.never[0], func(t *testing.T) {
			if !row.forbids(row.refuses) {
				t.Errorf("lets %s import %s", row.refuses.file, row.refuses.to)
			}
			if row.forbids(row.allows) {
				t.Errorf("refuses %s to import %s", row.allows.file, row.allows.to)
			}
			for _, never := range row.never {
				if a := (arrow{row.refuses.file, strings.TrimSuffix(never, "/...")}); !row.forbids(a) {
					t.Errorf("lets %s import %s", a.file, a.to)
				}
			}
			if row.because == "" {
				t.Error("gives no reason")
			}
		})
	}
}

// forbids reports whether the row binds the file of the arrow and refuses its target.
func (r arrowRow) forbids(a arrow) bool {
	room := folderOf(a.file)
	bound := covers(r.in, room) || covers(r.in, a.file)
	free := covers(r.but, room) || covers(r.but, a.file)
	return bound && !free && covers(r.never, a.to) && !covers(r.unless, a.to)
}

// covers reports whether one of the names is the path, or has it below itself.
func covers(names []string, path string) bool {
	for _, name := range names {
		above, wide := strings.CutSuffix(name, "...")
		above = strings.TrimSuffix(above, "/")
		if name == path || wide && (above == "" || above == path || strings.HasPrefix(path, above+"/")) {
			return true
		}
	}
	return false
}

func TestCovers(t *testing.T) {
	for _, c := range []struct {
		name, path string
		want       bool
	}{
		{"...", "hub", true},
		{"hub", "hub", true},
		{"hub", "hub/api", false},
		{"hub/...", "hub/api", true},
		{"hub/...", "hubcap", false},
		{"std/net/...", "std/net", true},
		{"third/github.com/hashicorp/raft/...", "third/github.com/hashicorp/raft-wal", false},
	} {
		if got := covers([]string{c.name}, c.path); got != c.want {
			t.Errorf("%s covers %s: %v", c.name, c.path, got)
		}
	}
}

func folderOf(file string) string {
	if i := strings.LastIndex(file, "/"); i >= 0 {
		return file[:i]
	}
	return "."
}
