package protocol_test

import (
	"bytes"
	"encoding/hex"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/shelfsync/shelfsync/protocol"
	"github.com/shelfsync/shelfsync/protocol/stock"
)

var update = flag.Bool("update", false, "rewrite the golden files")

func reflectName(v any) string { return fmt.Sprintf("%T", v) }

// TestGolden: every format has the bytes it always had, and they mean what they
// always meant. A golden file is a hex dump with the text beside it.
func TestGolden(t *testing.T) {
	for _, f := range formats(t) {
		t.Run(f.name, func(t *testing.T) {
			path, dump := goldenPath(f.name), hex.Dump(f.bytes)
			if *update {
				if err := os.WriteFile(path, []byte(dump), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want := goldenBytes(t, path)
			if hex.Dump(want) != dump {
				t.Errorf("the bytes have changed:\n%s\nwant:\n%s", dump, hex.Dump(want))
			}
			got, err := f.decode(want)
			if err != nil {
				t.Fatalf("cannot read what was written: %v", err)
			}
			if state, ok := got.(*stock.State); ok {
				if !bytes.Equal(snapshotOf(t, state), f.bytes) || state.Hash() != sampleState(t).Hash() {
					t.Error("a state read back says something else")
				}
			} else if !reflect.DeepEqual(got, f.value) {
				t.Errorf("read back %+v\nwant %+v", got, f.value)
			}
		})
	}
}

// generations are the formats that have grown: the file of the present bytes.
// The files of older ones stay as they are.
var generations = map[string]string{"operation": "operation_3", "frame_hello": "frame_hello_2", "frame_welcome": "frame_welcome_3",
	"frame_round": "frame_round_4", "entry_step": "entry_step_2",
	"entry_document": "entry_document_3", "entry_batch": "entry_batch_3", "entry_reserve": "entry_reserve_2", "entry_found": "entry_found_2", "snapshot": "snapshot_5"}

func goldenPath(name string) string {
	if grown, ok := generations[name]; ok {
		name = grown
	}
	return filepath.Join("testdata", name+".golden")
}

func goldenBytes(t *testing.T, path string) []byte {
	t.Helper()
	dump, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return undump(t, string(dump))
}

// TestOlderBytes: what an earlier version wrote means what it meant then.
func TestOlderBytes(t *testing.T) {
	for _, f := range earlier(t) {
		got, err := f.decode(goldenBytes(t, filepath.Join("testdata", f.name+".golden")))
		if err != nil || !reflect.DeepEqual(got, f.value) {
			t.Errorf("%s reads as %+v, %v\nwant %+v", f.name, got, err, f.value)
		}
	}
}

// TestASnapshotOfVersion1: it is read, and its levels are settled by the rule
// when something touches them.
func TestASnapshotOfVersion1(t *testing.T) {
	read, err := snapshot(goldenBytes(t, "testdata/snapshot.golden"))
	if err != nil {
		t.Fatal(err)
	}
	state := read.(*stock.State)
	const hashThen = 0xf05ff5a07bed22cc
	at, _ := state.Location("S014")
	item, _ := state.ItemNo("85123A")
	r, ok := state.Reservation("r1")
	if state.Hash() != hashThen || !ok || len(r.Lines) != 3 || at.Level(item).Claims != 8000 || state.Sizes().Exceptions != 2 {
		t.Fatalf("read hash %#x, reservation %+v, level %+v", state.Hash(), r, at.Level(item))
	}
	state.Apply(state.Index()+1, &stock.Entry{Commands: []stock.Command{&stock.Document{Source: "erp", Location: "S014", Operation: stock.Operation{
		Document: "D2", Lines: []stock.Line{{Kind: stock.Adjust, Item: "85123A", Quantity: -1000, Account: stock.Sellable}}}}}})
	if err := state.Check(); err != nil || state.Totals().Short != 1 {
		t.Errorf("settled %+v, %v", state.Totals(), err)
	}
	again, err := snapshot(snapshotOf(t, state))
	if err != nil || again.(*stock.State).Hash() != state.Hash() {
		t.Errorf("written again it reads as %v", err)
	}
}

// TestEarlierSnapshots: version 2 has grown by rows and fields, and is read without them.
func TestEarlierSnapshots(t *testing.T) {
	for _, then := range []struct {
		name             string
		hash, index      uint64
		transfers, cases int
	}{{"snapshot_2", 0x4e2fb8364e2488db, 11, 0, 4}, {"snapshot_3", 0x725c72cce7e1a894, 12, 2, 4}} {
		read, err := snapshot(goldenBytes(t, "testdata/"+then.name+".golden"))
		if err != nil {
			t.Fatal(err)
		}
		state := read.(*stock.State)
		if n := state.Sizes(); state.Hash() != then.hash || state.Index() != then.index || n.Transfers != then.transfers || n.Conflicts == 0 || n.Exceptions != then.cases {
			t.Errorf("%s reads as hash %#x, index %d, %+v", then.name, state.Hash(), state.Index(), n)
		}
	}
}

// TestASnapshotBeforeThePolicy is read with the policy that is built in.
func TestASnapshotBeforeThePolicy(t *testing.T) {
	read, err := snapshot(goldenBytes(t, "testdata/snapshot_3.golden"))
	if err != nil {
		t.Fatal(err)
	}
	state := read.(*stock.State)
	const hashThen = 0x725c72cce7e1a894
	if state.Hash() != hashThen || state.Index() != 12 || state.PolicyVersion() != stock.PolicyBuiltIn || state.PolicyChanged() != 0 {
		t.Errorf("read hash %#x, index %d, policy %d", state.Hash(), state.Index(), state.PolicyVersion())
	}
}

// undump reads what hex.Dump wrote.
func undump(t *testing.T, dump string) (b []byte) {
	for _, line := range strings.Split(strings.TrimSpace(dump), "\n") {
		digits, _, _ := strings.Cut(line[10:], "|")
		part, err := hex.DecodeString(strings.ReplaceAll(digits, " ", ""))
		if err != nil {
			t.Fatal(err)
		}
		b = append(b, part...)
	}
	return b
}

// TestEveryFieldIsInASample, so that a field without a key fails the golden test.
func TestEveryFieldIsInASample(t *testing.T) {
	for _, f := range formats(t) {
		v := reflect.Indirect(reflect.ValueOf(f.value))
		if f.value == nil || v.Type() == reflect.TypeFor[stock.Entry]() {
			continue
		}
		allSet(t, v, f.name)
	}
	for _, c := range commands() {
		allSet(t, reflect.ValueOf(c).Elem(), typeName(c))
	}
}

// elsewhere are the fields that no format carries: they come from a place in the
// log, or are set where bytes could not be understood.
var elsewhere = map[string]bool{"ID": true, "Fault": true, "Raw": true, "First": true, "Source": true}

func allSet(t *testing.T, v reflect.Value, path string) {
	for i := range v.NumField() {
		name, field := v.Type().Field(i).Name, v.Field(i)
		if !v.Type().Field(i).IsExported() || elsewhere[name] && field.IsZero() {
			continue
		}
		if field.IsZero() {
			t.Errorf("%s.%s has no value in its sample", path, name)
		}
		if field.Kind() == reflect.Slice && field.Len() > 0 {
			field = field.Index(0)
		}
		if field.Kind() == reflect.Struct {
			allSet(t, field, path+"."+name)
		}
	}
}

// TestDamagedBytes: cut anywhere, followed by anything, or with any bit wrong,
// bytes give an error or a value, never a panic; a snapshot always an error.
func TestDamagedBytes(t *testing.T) {
	for _, f := range formats(t) {
		for n := range f.bytes {
			if _, err := f.decode(f.bytes[:n:n]); err == nil {
				t.Errorf("%s cut after %d of %d bytes was accepted", f.name, n, len(f.bytes))
			}
			for bit := range 8 {
				wrong := bytes.Clone(f.bytes)
				wrong[n] ^= 1 << bit
				if _, err := f.decode(wrong); err == nil && f.name == "snapshot" {
					t.Errorf("a snapshot with bit %d of byte %d wrong was accepted", bit, n)
				}
			}
		}
		if f.name == "snapshot" {
			continue // ends where its checksum says so
		}
		if _, err := f.decode(append(bytes.Clone(f.bytes), 0xc0)); !errors.Is(err, protocol.ErrTrailing) {
			t.Errorf("%s followed by a byte gives %v", f.name, err)
		}
	}
}

// TestVersions: a later version that this program may read is read, one that it
// may not is refused with a sentence.
func TestVersions(t *testing.T) {
	e := protocol.EncodeEntry(1, nil)
	later := append([]byte("SE\x07\x01"), e[4:]...)
	if _, err := protocol.DecodeEntry(later); err != nil {
		t.Errorf("a later entry for this reader gives %v", err)
	}
	tooLate := append([]byte("SE\x07\x02"), e[4:]...)
	if _, err := protocol.DecodeEntry(tooLate); !errors.Is(err, protocol.ErrEntryVersion) {
		t.Errorf("an entry for a later reader gives %v", err)
	}
	if _, err := protocol.DecodeEntry([]byte("PK\x03\x04")); !errors.Is(err, protocol.ErrEntryMagic) {
		t.Errorf("another file gives %v", err)
	}
	s := snapshotOf(t, sampleState(t))
	s[5] = 3
	if _, err := protocol.ReadSnapshot(bytes.NewReader(s)); !errors.Is(err, protocol.ErrSnapshotVersion) {
		t.Errorf("a snapshot for a later reader gives %v", err)
	}
	if _, err := protocol.ReadSnapshot(strings.NewReader("SQLite format 3\x00")); !errors.Is(err, protocol.ErrSnapshotMagic) {
		t.Errorf("another file gives %v", err)
	}
	if _, err := protocol.DecodeFrame([]byte{99, 0x80}); !errors.Is(err, protocol.ErrFrameType) {
		t.Errorf("an unknown frame type gives %v", err)
	}
	if _, err := protocol.DecodeApplied([]byte{2, 0x80}); !errors.Is(err, protocol.ErrEntryVersion) {
		t.Errorf("a later journal record gives %v", err)
	}
}
