package sim

import (
	"errors"

	"github.com/shelfsync/shelfsync/agent"
)

// fact is one thing that a till told its PC.
type fact struct {
	key     string
	pc      *pc
	request func() *agent.Request
	state   factState
	body    string // the answer
	waived  string // why nobody may count on it any more
	again   bool   // the till asked again where nobody remembered: it may be there twice
}

type factState uint8

const (
	factAsked    factState = iota // nobody knows
	factAnswered                  // it must survive
	factRefused                   // it was never recorded
)

// ask tells a PC some facts at once, as its server's group commit does.
func (p *pc) ask(w *World, facts ...*fact) {
	requests := make([]*agent.Request, len(facts))
	for i, f := range facts {
		requests[i] = f.request()
	}
	var answers []agent.Answer
	p.run(w, func() error {
		answers = p.agent.Record(requests)
		if err := p.agent.Failed(); err != nil {
			p.fallen(w, answers)
			return err
		}
		return p.agent.Follow()
	})
	for i, f := range facts {
		switch {
		case answers == nil || errors.Is(answers[i].Err, errDiskFull) || errors.Is(answers[i].Err, errSync): // the power went, or the disk: the till asks again
			w.tell("%s does not answer %s", p.name, f.key)
			if f.state == factAsked {
				p.wait(f)
			}
		case f.state == factAnswered:
			if answers[i].Err != nil || !answers[i].Replayed || string(answers[i].Body) != f.body {
				w.fail("O2", "%s: %s was answered %q, and asked again gets %q (%v)", p.name, f.key, f.body, answers[i].Body, answers[i].Err)
			}
			w.reach("a till asks again and gets its first answer")
			p.askOther(w, f)
		case p.agent == nil:
			w.fail("O9", "%s stopped over %s: %v", p.name, f.key, answers[i].Err)
		case answers[i].Err != nil:
			f.state = factRefused
		default:
			f.state, f.body = factAnswered, string(answers[i].Body)
			if f.body == "" { // a count of which no line stands
				f.state = factRefused
			}
			w.reached["a fact recorded"]++
			w.tell("%s answers %s: %s", p.name, f.key, f.body)
		}
	}
}

// askOther uses a key that was answered for something else: that is refused.
func (p *pc) askOther(w *World, f *fact) {
	other := f.request()
	other.Fingerprint[1]++
	if a := p.agent.Record([]*agent.Request{other})[0]; !errors.Is(a.Err, agent.ErrKeyReused) {
		w.fail("O2", "%s answered %s although its key had come with other content: %q", p.name, f.key, a.Body)
	}
}

func (p *pc) wait(f *fact) {
	for _, other := range p.asked {
		if other == f {
			return
		}
	}
	p.asked = append(p.asked, f)
}

// fallen: after an error of storage nobody gets anything but that error (O9).
func (p *pc) fallen(w *World, answers []agent.Answer) {
	for i := range answers {
		if answers[i].Err == nil {
			w.fail("O9", "%s answered a till after its disk had failed", p.name)
		}
	}
	later := p.agent.Record([]*agent.Request{w.newFact(p, sale(w.items[0].code, 1)).request()})
	if later[0].Err == nil {
		w.fail("O9", "%s goes on recording after its disk has failed", p.name)
	}
	w.reach("a till told that nothing was recorded")
}
