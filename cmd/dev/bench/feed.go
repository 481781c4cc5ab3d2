package bench

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"sort"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/shelfsync/shelfsync/protocol/api"
)

// feed follows the hub's feed as a channel would, and remembers when it had been
// told everything up to a position. stop ends it; only then are its pages read.
type feed struct {
	cancel  context.CancelFunc
	done    chan struct{}
	pages   []arrival
	reached atomic.Uint64 // index of the last page, for those who may not look at pages yet
	err     error
}

type arrival struct {
	index uint64
	at    time.Time
}

// follow reads the feed with a query until stop.
func follow(ctx context.Context, address, query string) *feed {
	ctx, cancel := context.WithCancel(ctx)
	f := &feed{cancel: cancel, done: make(chan struct{})}
	go func() { // stop waits
		defer close(f.done)
		if err := f.read(ctx, "http://"+address+"/v1/feed?"+query); ctx.Err() == nil {
			f.err = fmt.Errorf("the feed ended: %w", err)
		}
	}()
	return f
}

// stopAt ends the feed once it was told everything up to index.
func (f *feed) stopAt(ctx context.Context, index uint64) error {
	ctx, cancel := context.WithTimeout(ctx, feedWait)
	defer cancel()
	for f.reached.Load() < index {
		select {
		case <-f.done:
			return f.err
		case <-ctx.Done():
			return errors.Join(fmt.Errorf("the feed stands at %d and was not told %d in %s", f.reached.Load(), index, feedWait), f.stop())
		case <-time.After(10 * time.Millisecond):
		}
	}
	return f.stop()
}

// feedWait bounds how long a feed may be behind at the end.
const feedWait = 10 * time.Second

func (f *feed) stop() error {
	f.cancel()
	<-f.done
	return f.err
}

func (f *feed) read(ctx context.Context, address string) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("answered %d", response.StatusCode)
	}
	lines := bufio.NewScanner(response.Body)
	lines.Buffer(nil, 4<<20)
	for lines.Scan() {
		if !strings.HasPrefix(lines.Text(), `{"kind":"through"`) {
			continue
		}
		var line api.FeedLine
		if err := json.Unmarshal(lines.Bytes(), &line); err != nil {
			return err
		}
		f.pages = append(f.pages, arrival{indexOf(line.Position), time.Now()})
		f.reached.Store(indexOf(line.Position))
	}
	return lines.Err()
}

func indexOf(position string) uint64 {
	_, index, _ := strings.Cut(position, ".")
	n, _ := strconv.ParseUint(index, 10, 64)
	return n
}

// told is when everything up to index had arrived.
func (f *feed) told(index uint64) (time.Time, bool) {
	i := sort.Search(len(f.pages), func(i int) bool { return f.pages[i].index >= index })
	if i == len(f.pages) {
		return time.Time{}, false
	}
	return f.pages[i].at, true
}

// places reads the whole journal for the index at which each operation took
// effect.
func places(ctx context.Context, address string) (map[string]uint64, error) {
	at := map[string]uint64{}
	for cursor := ""; ; {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+address+"/v1/journal?limit=1000&cursor="+cursor, nil)
		if err != nil {
			return nil, err
		}
		body, err := call(http.DefaultClient, request, http.StatusOK)
		if err != nil {
			return nil, err
		}
		var page struct {
			Data []struct {
				Operation string `json:"operation"`
				Position  string `json:"position"`
			} `json:"data"`
			Next string `json:"next_cursor"`
		}
		if err := json.Unmarshal(body, &page); err != nil {
			return nil, fmt.Errorf("read the journal: %w", err)
		}
		for _, record := range page.Data {
			if record.Operation == "" {
				continue
			}
			if _, twice := at[record.Operation]; twice {
				return nil, fmt.Errorf("%s stands in the hub's journal twice", record.Operation)
			}
			at[record.Operation] = indexOf(record.Position)
		}
		if cursor = page.Next; cursor == "" {
			return at, nil
		}
	}
}
