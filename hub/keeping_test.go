package hub

import (
	"fmt"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/shelfsync/shelfsync/hub/journal"
	"github.com/shelfsync/shelfsync/protocol"
	"github.com/shelfsync/shelfsync/protocol/stock"
)

// startInDays is a node whose wall clock a test can set forward.
func startInDays(t *testing.T, shape journal.Config) (n *node, nextDay func()) {
	var shift atomic.Int64
	config := serverConfig
	config.Now = func() time.Time { return time.Now().Add(time.Duration(shift.Load())) }
	n = startNodeAs(t, config, inMemory, shape)
	return n, func() {
		shift.Add(int64(24 * time.Hour))
		time.Sleep(15 * time.Second) // ticks of the new day, and the keeper's next look
		synctest.Wait()
	}
}

func (n *node) images() (days []string) {
	images, err := n.Journal().Images()
	if err != nil {
		n.t.Fatal(err)
	}
	for _, i := range images {
		if n.Journal().Reaches(i) {
			days = append(days, fmt.Sprint((i.At-images[len(images)-1].At)/dayMS))
		}
	}
	return days
}

// TestADayEndsWithAnImage: one a day, each the state as of its index.
func TestADayEndsWithAnImage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n, nextDay := startInDays(t, journal.Config{})
		for day := range 4 {
			n.do(&stock.PutItems{Items: []stock.Item{{Code: fmt.Sprint("day ", day), Unit: "piece", Stocked: true}}})
			nextDay()
		}
		if got := strings.Join(n.images(), " "); got != "-4 -3 -2 -1 0" {
			t.Errorf("images of the days %s", got)
		}
		images, err := n.Journal().Images()
		if err != nil {
			t.Fatal(err)
		}
		for day, i := range images[1:] {
			in, err := i.Open()
			if err != nil {
				t.Fatal(err)
			}
			state, err := protocol.ReadSnapshot(in)
			_ = in.Close() // only read
			if err != nil || state.Index() != i.Index || state.Sizes().Items != day+1 {
				t.Errorf("the image of day %d at %d: %v", day, i.Index, err)
			}
		}
	})
}

// TestOldDaysGoWithTheirImages: by whole segments, from the newest entry back.
func TestOldDaysGoWithTheirImages(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n, nextDay := startInDays(t, journal.Config{SegmentBytes: 400})
		for range 6 {
			nextDay()
		}
		whole := n.Journal().Horizon()
		n.Retain(Retention{Days: 3})
		nextDay()
		nextDay()
		records, err := n.Journal().Read(0, 1, 1)
		if err != nil || len(records) != 1 || n.Journal().Horizon() <= whole {
			t.Fatalf("%d records, %v", len(records), err)
		}
		if days := (n.Journal().LastAt() - records[0].At) / dayMS; days < 2 || days > 3 { // a segment covers some seconds
			t.Errorf("the horizon is %d days old", days)
		}
		if got := strings.Join(n.images(), " "); got != "-3 -2 -1 0" && got != "-2 -1 0" {
			t.Errorf("images of the days %s", got)
		}
		before := n.Journal().Horizon()
		n.Retain(Retention{Bytes: 1})
		nextDay()
		if n.Journal().Horizon() <= before {
			t.Error("bytes do not bound it")
		}
		left, err := filepath.Glob(filepath.Join(n.folder, "*"))
		if err != nil || len(left) > 12 {
			t.Errorf("%d files are left, %v", len(left), err)
		}
	})
}
