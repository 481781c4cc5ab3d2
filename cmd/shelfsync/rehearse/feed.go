package rehearse

import (
	"bufio"
	"context"
	"encoding/json"
	"net/http"
	"sort"
	"strconv"
	"strings"
	"time"

	"github.com/shelfsync/shelfsync/protocol/api"
)

// feed follows the hub's feed as a channel would, and remembers when each
// position had arrived.
type feed struct {
	cancel context.CancelFunc
	done   chan struct{}
	pages  []arrived      // by position
	said   []api.FeedLine // some of the levels it told, with where
	levels int
}

type arrived struct {
	index uint64
	at    time.Time
}

func follow(hub target) *feed {
	ctx, cancel := context.WithCancel(context.Background())
	f := &feed{cancel: cancel, done: make(chan struct{})}
	go f.run(ctx, hub) // stop waits
	return f
}

// stop ends the feed; afterwards its pages may be read.
func (f *feed) stop() {
	f.cancel()
	<-f.done
}

// run reads from one node after another: each goes on where the last one broke off.
func (f *feed) run(ctx context.Context, hub target) {
	defer close(f.done)
	after := ""
	for n := 0; ctx.Err() == nil; n++ {
		after = f.read(ctx, hub.attempt(n)+"?after="+after, after)
		select {
		case <-ctx.Done():
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// read follows one connection to its end and returns the position reached.
func (f *feed) read(ctx context.Context, address, after string) string {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return after
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return after
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return after
	}
	lines := bufio.NewScanner(response.Body)
	lines.Buffer(nil, 4<<20)
	for lines.Scan() {
		if strings.HasPrefix(lines.Text(), `{"kind":"level"`) {
			f.hear(lines.Bytes())
			continue
		}
		if !strings.HasPrefix(lines.Text(), `{"kind":"through"`) {
			continue
		}
		var line api.FeedLine
		if json.Unmarshal(lines.Bytes(), &line) != nil {
			break
		}
		after = line.Position
		f.pages = append(f.pages, arrived{indexOf(line.Position), time.Now()})
	}
	return after
}

// heardEvery is of how many levels one is kept, to be asked of the past.
const heardEvery = 97

// hear keeps some of what is said of levels.
func (f *feed) hear(text []byte) {
	var line api.FeedLine
	if f.levels++; f.levels%heardEvery == 0 && json.Unmarshal(text, &line) == nil {
		f.said = append(f.said, line)
	}
}

func indexOf(position string) uint64 {
	_, index, _ := strings.Cut(position, ".")
	n, _ := strconv.ParseUint(index, 10, 64)
	return n
}

// arrival is when the feed had told everything up to index.
func (f *feed) arrival(index uint64) (time.Time, bool) {
	i := sort.Search(len(f.pages), func(i int) bool { return f.pages[i].index >= index })
	if i == len(f.pages) {
		return time.Time{}, false
	}
	return f.pages[i].at, true
}
