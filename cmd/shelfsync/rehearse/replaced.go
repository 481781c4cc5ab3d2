package rehearse

import (
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/shelfsync/shelfsync/protocol/api"
)

// replacePC lets a store's PC die with sales that it has not sent, puts a new one
// in its place that has nothing but the location's code, and brings the disk of
// the old one to the hub later. It is observed when that disk had something new.
//
// Nobody asks the store for anything while its PC is changed: a till that repeats
// to the new PC what the old one recorded without an answer would be right to do
// so, and the receipt would be there twice.
func (r *Run) replacePC(ctx context.Context, drawn int) (observed bool, err error) {
	location := r.replaceable(drawn)
	s := r.agents[location]
	s.cut()
	key, item := fmt.Sprintf("replaced-%d", r.tries.Add(1)), r.day.Items[drawn%len(r.day.Items)]
	if _, _, err := r.goodsIn(ctx, location, key, item); err != nil {
		return false, err
	}
	if err := r.pause(ctx, offlineFor); err != nil {
		return false, err
	}
	old, err := r.changePC(ctx, location, s)
	if err != nil || old == "" {
		return false, err
	}
	// The goods that the old PC took in are found by a count: what its disk says of
	// them later is part of that.
	if _, err := r.counts(ctx, location, counting{key: key + "/count", item: item, more: 2, confirmed: true}); err != nil {
		return false, err
	}
	if err := r.hasSent(ctx, location); err != nil {
		return false, err
	}
	return r.imports(ctx, location, old)
}

// replaceable draws a store whose PC may be replaced: none of which there are
// copies, for a PC that is lost cannot say what of its own stands under another id;
// one that is not cut off soon, if there is any.
func (r *Run) replaceable(drawn int) (location string) {
	for i := range r.day.Locations {
		next := r.day.Locations[(drawn+i)%len(r.day.Locations)]
		switch {
		case r.plan.isCopied(next):
		case !r.cutSoon(next):
			return next
		case location == "":
			location = next
		}
	}
	return location
}

// offlineFor is the share of the day that the store goes on without the network
// before its PC dies.
const offlineFor = 0.06

// hasSent waits until a store has nothing unsent.
func (r *Run) hasSent(ctx context.Context, location string) error {
	return r.comes(ctx, location+" has nothing unsent", func(ctx context.Context) bool {
		var status api.Status
		_, err := r.client.get(ctx, r.agents[location].agent.one("/v1/status"), &status)
		return err == nil && status.Backlog.Operations == 0
	})
}

// changePC does so while the store's counter is shut, and returns the old disk.
func (r *Run) changePC(ctx context.Context, location string, s *store) (old string, err error) {
	s.shut.Lock()
	defer s.shut.Unlock()
	epoch := ""
	var page struct {
		Data []api.OperationRecord `json:"data"`
	}
	if _, err := r.client.get(ctx, s.agent.one("/v1/operations?limit=1"), &page); err == nil && len(page.Data) == 1 {
		epoch, _ = placeOf(page.Data[0].ID)
	}
	if epoch == "" || !s.agent.Kill() {
		s.heal()
		return "", nil
	}
	s.old = append(s.old, epoch)
	s.pc = fmt.Sprintf("%s-new-%d", location, len(s.old))
	at := 1 + slices.Index(s.agent.args, "--data")
	old = s.agent.args[at]
	s.agent.args = append(slices.Clone(s.agent.args), "--replace")
	s.agent.args[at] = filepath.Join(r.dir, fmt.Sprintf("%s-new-%d", s.agent.Name, len(s.old)))
	s.heal()
	if err := s.agent.restart(ctx); err != nil {
		return "", err
	}
	return old, r.until(ctx, settleWithin, "the new PC of "+location+" has not heard all", func() bool {
		var status api.Status
		_, err := r.client.get(ctx, s.agent.one("/v1/status"), &status)
		return err == nil && status.Link.State == "online" && r.behind(ctx, location, s) == ""
	})
}

var newToHub = regexp.MustCompile(`; (\d+) were new to it`)

// imports brings an old disk to the hub.
func (r *Run) imports(ctx context.Context, location, disk string) (observed bool, err error) {
	hubs := strings.Join(r.hub(0, "").addresses, ",")
	out, err := exec.CommandContext(ctx, r.agents[location].agent.binary, "import", filepath.Join(disk, "ledger.db"), "--location", location, "--hub", hubs).CombinedOutput()
	if err != nil {
		return false, fmt.Errorf("import the old disk of %s: %w: %s", location, err, out)
	}
	fresh := 0
	for _, m := range newToHub.FindAllSubmatch(out, -1) {
		n, _ := strconv.Atoi(string(m[1]))
		fresh += n
	}
	r.report.Faults.OperationsImported += fresh
	return fresh > 0, nil
}

// isReplaced reports whether an operation was written by a PC that is no more.
func (r *Run) isReplaced(answer *Answer) bool {
	epoch, _ := placeOf(answer.Operation)
	s := r.agents[answer.Location]
	return s != nil && slices.Contains(s.old, epoch)
}

// atStore posts to a store, unless its PC is being changed: then it waits.
func (r *Run) atStore(ctx context.Context, location string, d deed) (reply, error) {
	s := r.agents[location]
	s.shut.RLock()
	defer s.shut.RUnlock()
	answered, err := r.client.post(ctx, s.agent.one(d.path), d.key, d.body)
	answered.pc = s.pc
	return answered, err
}
