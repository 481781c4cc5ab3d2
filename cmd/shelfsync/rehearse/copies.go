package rehearse

import (
	"cmp"
	"context"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"time"

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

// drawCopies chooses the stores, and when: not while they are cut off anyhow. The
// store that is cut off last has a copy of its PC early.
func (p *plan) drawCopies() {
	if len(p.cuts) < 3 {
		return
	}
	cuts := slices.SortedFunc(slices.Values(p.cuts), func(a, b cut) int { return cmp.Compare(b.from, a.from) })
	p.copied = copied{cloned: cuts[0].location, restored: cuts[len(cuts)-1].location}
	p.add(pcCloned, 0.03)
	p.add(pcImaged, 0.22)
	p.add(pcRestored, max(0.72, cuts[len(cuts)-1].to+0.05))
}

// copyWithin bounds how long all that a copy wrote may be on its way: two copies
// take turns, and who was cut off waits longer for the next one.
const copyWithin = 3 * time.Minute

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
// again.
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
	defer s.heal()
	if err := s.agent.restart(ctx); err != nil {
		return false, err
	}
	return true, r.sellsAlone(ctx, s.agent, location, s.pc, "a")
}

// clonePC copies a store's disk and runs the copy beside it, with the same wires:
// both hold slips that the hub has not seen, sell more while the store is cut off,
// and go on when it is linked again.
func (r *Run) clonePC(ctx context.Context, _ int) (observed bool, err error) {
	location := r.plan.copied.cloned
	s := r.agents[location]
	s.cut()
	defer s.heal()
	if err := r.sellsAlone(ctx, s.agent, location, s.pc, "both"); err != nil {
		return false, err
	}
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
	if err := copied.Start(); err != nil {
		return false, err
	}
	r.beside(func(ctx context.Context) error { return r.switchesOff(ctx, copied, location, pc) })
	if err := copied.Ready(ctx); err != nil {
		return false, err
	}
	for n, p := range []*Process{copied, s.agent} {
		if err := r.sellsAlone(ctx, p, location, []string{pc, s.pc}[n], "a"); err != nil {
			return false, err
		}
	}
	return true, nil
}

// switchesOff lets a copy go on to sell, and ends it when all that it wrote is in
// the hub, which it reads off its own ledger.
func (r *Run) switchesOff(ctx context.Context, copied *Process, location, pc string) error {
	defer copied.Stop()
	if err := copied.Ready(ctx); err != nil {
		return err
	}
	for n := range slips {
		if err := r.pause(ctx, 0.04); err != nil {
			return err
		}
		if err := r.sellsAlone(ctx, copied, location, pc, fmt.Sprintf("b%d", n)); err != nil {
			return err
		}
	}
	err := r.until(ctx, copyWithin, "all of "+pc+" is not in the hub", func() bool {
		var status api.Status
		_, err := r.client.get(ctx, copied.one("/v1/status"), &status)
		return err == nil && status.Backlog.Operations == 0
	})
	if err != nil {
		return fmt.Errorf("%w: %w", errOdd, err)
	}
	return r.readLedger(ctx, copied, pc)
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
	r.problems.Lock()
	defer r.problems.Unlock()
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
		if answer.Operation != answer.Answered {
			a.report.Faults.WrittenAgain++
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
