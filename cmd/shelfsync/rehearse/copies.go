package rehearse

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"slices"

	"github.com/shelfsync/shelfsync/protocol/api"
)

// A store's PC is copied, and then there are two histories of one store: an image
// of its disk is started beside it (cloned), or in its place hours later
// (restored). What each wrote was answered under ids that the other gave as well.
// The hub has both, some of them under new ids, and every store's ledger says
// which: so each PC's own ledger is asked before it ends.
//
// Goods do not go from such a store to others: the id on a slip is the one that
// was answered, and two pallets would carry the same.

// copied are the places of a day's copies; they need a store that is neither.
type copied struct{ cloned, restored string }

// drawCopies chooses the stores, and when: not while they are cut off anyhow.
func (p *plan) drawCopies(r *Run, order []int) {
	if len(order) < 3 {
		return
	}
	p.copied = copied{r.day.Locations[order[0]], r.day.Locations[order[1]]}
	clone, restore := 0.1, 0.72
	for _, c := range p.cuts {
		switch {
		case c.location == p.copied.cloned && c.from < cloneBefore:
			clone = c.to + 0.04
		case c.location == p.copied.restored:
			restore = max(restore, c.to+0.05)
		}
	}
	p.add(pcImaged, 0.22)
	p.add(pcCloned, clone)
	p.add(pcRestored, restore)
}

// cloneBefore is the share of the day by which a copy that was started at its
// beginning is switched off again.
const cloneBefore = 0.4

func (p *plan) isCopied(location string) bool {
	return location == p.copied.cloned || location == p.copied.restored
}

// slips is how many sales a PC makes by itself while it is off the network.
const slips = 3

// image stops a store's PC, copies its disk and starts it again.
func (r *Run) image(ctx context.Context, location, name string) (copied string, err error) {
	s := r.agents[location]
	s.shut.Lock()
	defer s.shut.Unlock()
	s.agent.Stop()
	if copied, err = r.copyDisk(s.agent.folder(), s.agent.Name+name); err != nil {
		return "", err
	}
	return copied, s.agent.restart(ctx)
}

// copyDisk copies the folder of a program that does not run.
func (r *Run) copyDisk(folder, name string) (copied string, err error) {
	copied = filepath.Join(r.dir, fmt.Sprintf("%s-%d", name, r.tries.Add(1)))
	if err := os.CopyFS(copied, os.DirFS(folder)); err != nil {
		return "", fmt.Errorf("copy the disk %s: %w", folder, err)
	}
	return copied, nil
}

// folder is where a program keeps its data.
func (p *Process) folder() string { return p.args[1+slices.Index(p.args, "--data")] }

// keepImage copies the disk of the store that is to be restored.
func (r *Run) keepImage(ctx context.Context, _ int) (observed bool, err error) {
	r.kept, err = r.image(ctx, r.plan.copied.restored, "-image")
	return err == nil, err
}

// restorePC puts the image into the place of the store's disk, when the hub has
// all that this one wrote, and lets the store sell before it is on the network
// again. It is observed when what it sold had to be written again.
func (r *Run) restorePC(ctx context.Context, _ int) (observed bool, err error) {
	location := r.plan.copied.restored
	s := r.agents[location]
	if err := r.until(ctx, r.plan.duration+settleWithin, location+" is cut off for ever", func() bool { return !s.isCut() }); err != nil {
		return false, err
	}
	s.shut.Lock()
	defer s.shut.Unlock()
	if err := r.hasSent(ctx, location); err != nil {
		return false, err
	}
	if err := r.readLedger(ctx, s.agent, s.pc); err != nil {
		return false, err
	}
	if !s.agent.Kill() {
		return false, s.agent.restart(ctx)
	}
	s.agent.args = slices.Clone(s.agent.args)
	if s.agent.args[1+slices.Index(s.agent.args, "--data")], err = r.copyDisk(r.kept, s.agent.Name+"-restored"); err != nil {
		return false, err
	}
	s.pc = filepath.Base(s.agent.folder())
	s.cut()
	if err := s.agent.restart(ctx); err != nil {
		return false, err
	}
	if err := r.sellsAlone(ctx, s.agent, location, s.pc, "a"); err != nil {
		return false, err
	}
	s.heal()
	if err := r.hasSent(ctx, location); err != nil {
		return false, err
	}
	again, err := r.wroteAgain(ctx, s.agent)
	r.report.Faults.WrittenAgain += again
	return again > 0, err
}

// clonePC copies a store's disk and runs the copy beside it, with the same wires:
// both sell while the store is cut off, and both go on when it is linked again.
// When all of the copy is in the hub, it is switched off. It is observed when one
// of them had to write something again.
func (r *Run) clonePC(ctx context.Context, _ int) (observed bool, err error) {
	location := r.plan.copied.cloned
	s := r.agents[location]
	folder, err := r.image(ctx, location, "-copy")
	if err != nil {
		return false, err
	}
	copied, err := r.process(s.agent.Name+"-copy", s.agent.binary, slices.Clone(s.agent.args[:slices.Index(s.agent.args, "--listen")])...)
	if err != nil {
		return false, err
	}
	copied.args[1+slices.Index(copied.args, "--data")] = folder
	pc := filepath.Base(folder)
	s.cut()
	if err := errorOf(copied.Start(), func() error { return copied.Ready(ctx) }); err != nil {
		return false, err
	}
	defer copied.Stop()
	for n, p := range []*Process{copied, s.agent} {
		if err := r.sellsAlone(ctx, p, location, []string{pc, s.pc}[n], "a"); err != nil {
			return false, err
		}
	}
	s.heal()
	if err := r.sellsAlone(ctx, copied, location, pc, "b"); err != nil {
		return false, err
	}
	for _, p := range []*Process{copied, s.agent} {
		err = r.comes(ctx, "all of "+p.Name+" is in the hub", func(ctx context.Context) bool {
			var status api.Status
			_, err := r.client.get(ctx, p.one("/v1/status"), &status)
			return err == nil && status.Backlog.Operations == 0
		})
		if err != nil {
			return false, err
		}
	}
	again := 0
	for _, p := range []*Process{copied, s.agent} {
		n, err := r.wroteAgain(ctx, p)
		if err != nil {
			return false, err
		}
		again += n
	}
	r.report.Faults.WrittenAgain += again
	return again > 0, r.readLedger(ctx, copied, pc)
}

// errorOf is the first of two errors; the second step waits for the first.
func errorOf(first error, second func() error) error {
	if first != nil {
		return first
	}
	return second()
}

// sellsAlone lets one PC record a few slips, whatever the store's counter does.
func (r *Run) sellsAlone(ctx context.Context, p *Process, location, pc, name string) error {
	for n := range slips {
		slip := fmt.Sprintf("%s/%s/%d", pc, name, n)
		item := r.day.Items[int(r.tries.Add(1))%len(r.day.Items)]
		reply, err := r.client.post(ctx, p.one("/v1/sales"), "", api.Sale{Receipt: slip, Till: "T1", Lines: []api.SaleLine{{Item: item, Quantity: units(1)}}})
		if err != nil {
			return err
		}
		if reply.status != 201 {
			return fmt.Errorf("%w: slip %s answered %d: %s", errOdd, slip, reply.status, reply.body)
		}
		reply.pc = pc
		err = r.noteOperation(Answer{Kind: "sale", Location: location, Till: "T1", Receipt: slip, Lines: []Line{{Kind: "sale", Item: item, Thousandths: 1000}}}, reply, r.agents[location])
		if err != nil {
			return err
		}
	}
	return nil
}

// wroteAgain counts the operations of a ledger that a fork made it write again.
func (r *Run) wroteAgain(ctx context.Context, p *Process) (n int, err error) {
	err = pages(ctx, r.client, p.one("/v1/operations"), url.Values{}, func(op api.OperationRecord) {
		if op.Was != "" {
			n++
		}
	})
	return n, err
}

// papers is what the ledger of one PC says: how often each operation stands there,
// and under which id now what was answered under another.
type papers struct {
	times map[string]int
	now   map[string]string
}

// readLedger keeps what a PC's ledger says, before that PC ends.
func (r *Run) readLedger(ctx context.Context, p *Process, pc string) error {
	read := papers{map[string]int{}, map[string]string{}}
	err := pages(ctx, r.client, p.one("/v1/operations"), url.Values{}, func(op api.OperationRecord) {
		if read.times[op.ID]++; op.Was != "" {
			read.now[op.Was] = op.ID
		}
	})
	r.ledgers[pc] = read
	return err
}

// renamed puts the ids under which operations stand now into the answers.
func (a *auditor) renamed(ctx context.Context) error {
	for _, s := range a.run.agents {
		if err := a.run.readLedger(ctx, s.agent, s.pc); err != nil {
			return err
		}
	}
	for i := range a.answers {
		answer := &a.answers[i]
		if answer.PC == "" {
			continue
		}
		answer.Answered = answer.Operation
		for _, id := range []*string{&answer.Operation, &answer.Reverses, &answer.After} {
			if now, again := a.run.ledgers[answer.PC].now[*id]; again {
				*id = now
			}
		}
	}
	return nil
}

// forks counts the epochs that begin with something written again: a person is
// told of each.
func (a *auditor) forks() (n int) {
	for id, answer := range a.byOperation {
		if _, sequence := placeOf(id); sequence == 1 && answer.Answered != id {
			n++
		}
	}
	return n
}
