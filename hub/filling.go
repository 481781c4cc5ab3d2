package hub

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"time"

	"github.com/shelfsync/shelfsync/hub/cluster"
	"github.com/shelfsync/shelfsync/hub/journal"
	"github.com/shelfsync/shelfsync/protocol"
)

const (
	// askWithin bounds the wait for one piece of another node's journal.
	askWithin = 5 * time.Second
	// fillPause lies between two pieces: the other node's disk and the line belong
	// to the log first. At 256 KiB a piece it leaves some 10 MiB a second.
	fillPause = 20 * time.Millisecond
	// fillAgain is when nodes are asked again that had nothing.
	fillAgain = 10 * time.Second
)

// filling is how the keeper stands with what the journal lacks.
type filling struct {
	next   time.Time // when to ask again
	images bool      // all that the others have of the journal's days are here
}

var (
	errAskedInVain = errors.New("the node does not know the question: it is of an earlier version")
	errPieceGone   = errors.New("the node no longer has it")
)

// answerJournal answers another node from what readers see here.
func (s *Server) answerJournal(q protocol.JournalQuestion) ([]byte, error) {
	a, kept := &protocol.JournalAnswer{}, s.journal.kept
	var err error
	switch q.Ask {
	case protocol.AskStretch:
		var at journal.Stretch
		at, err = kept.Before(q.Index)
		a.Stretch = protocol.JournalStretch{First: at.First, Last: at.Last, Next: at.Next, Oldest: at.Oldest, Bytes: uint64(at.Bytes), At: at.At, Begins: at.Begins}
	case protocol.AskPiece:
		a.Piece, err = kept.Piece(q.Index, int64(q.Offset), protocol.MaxJournalPiece)
	case protocol.AskImages:
		a.Stretch.Oldest = kept.Horizon()
		images, _ := kept.Images() // what is damaged here is not offered
		for _, i := range images {
			if i.Index >= q.Index && kept.Reaches(i) && len(a.Images) < protocol.MaxJournalImages {
				a.Images = append(a.Images, protocol.JournalImage{Index: i.Index, At: i.At, Bytes: uint64(i.Bytes)})
			}
		}
	case protocol.AskImage:
		var image journal.Image
		if image, err = kept.Image(q.Index); err == nil {
			a.Piece, err = image.Piece(int64(q.Offset), protocol.MaxJournalPiece)
		}
	default:
		err = errAskedInVain
	}
	if err != nil {
		return nil, err
	}
	return protocol.EncodeJournalAnswer(a), nil
}

// peerJournal is another node's journal.
type peerJournal struct {
	members cluster.Members
	address string
}

func (p peerJournal) ask(q protocol.JournalQuestion) (*protocol.JournalAnswer, error) {
	answer, err := p.members.Ask(p.address, protocol.EncodeJournalQuestion(q), askWithin)
	if err != nil {
		return nil, fmt.Errorf("ask %s for its journal: %w", p.address, err)
	}
	a, ok := protocol.DecodeJournalAnswer(answer)
	if !ok {
		return nil, fmt.Errorf("ask %s for its journal: %w", p.address, errAskedInVain)
	}
	return a, nil
}

// fetch brings a file here, up to size, from where an earlier try ended.
func (p peerJournal) fetch(ctx context.Context, to *journal.Part, q protocol.JournalQuestion, size uint64) error {
	pause := time.NewTimer(0)
	defer pause.Stop()
	for uint64(to.Size) < size {
		select {
		case <-pause.C:
		case <-ctx.Done():
			return ctx.Err()
		}
		q.Offset = uint64(to.Size)
		a, err := p.ask(q)
		if err != nil {
			return err
		}
		if len(a.Piece) == 0 {
			return errPieceGone
		}
		if _, err := to.Write(a.Piece); err != nil {
			return err
		}
		pause.Reset(fillPause)
	}
	return nil
}

// name is that of a file that is fetched: bytes of two nodes are never mixed.
func (p peerJournal) name(of string, index uint64) string {
	sum := fnv.New64a()
	_, _ = io.WriteString(sum, p.address) // never fails
	return fmt.Sprintf("%020d-%016x-%s", index, sum.Sum64(), of)
}

// others are the other nodes' journals.
func (s *Server) others() (peers []peerJournal) {
	members, ok := s.Members()
	if !ok {
		return nil
	}
	here := s.Status().ID
	for _, n := range members.Nodes() {
		if n.ID != here {
			peers = append(peers, peerJournal{members, n.Address})
		}
	}
	return peers
}

// fill fetches one stretch of what the journal lacks from another node, or one
// image; more: there may be another. Below a gap nothing is shown, so the newest
// part of it comes first, and the horizon moves down stretch by stretch.
func (s *Server) fill(ctx context.Context) (more bool, err error) {
	gap, missing, err := s.journal.kept.Gap()
	if err != nil || !missing && s.filling.images || s.Now().Before(s.filling.next) {
		return false, err
	}
	others := s.others()
	if len(others) == 0 {
		return false, nil
	}
	for _, p := range others {
		done, fault := false, error(nil)
		if missing {
			done, fault = s.fillFrom(ctx, p, gap)
		} else {
			done, fault = s.imageFrom(ctx, p)
		}
		if done {
			s.filling.images = s.filling.images && !missing
			return true, nil
		}
		err = errors.Join(err, fault)
	}
	if !missing && err == nil {
		s.filling.images = true
		return false, s.journal.kept.DropParts()
	}
	s.filling.next = s.Now().Add(fillAgain)
	if missing && err == nil { // as far as the others reach; their images are of use here too
		for _, p := range others {
			done, fault := s.imageFrom(ctx, p)
			if done {
				s.filling.next = time.Time{}
				return true, nil
			}
			err = errors.Join(err, fault)
		}
		err = errors.Join(err, s.journal.kept.DropParts())
	}
	return false, err
}

// fillFrom asks one node for what ends where this journal begins.
func (s *Server) fillFrom(ctx context.Context, p peerJournal, gap journal.Gap) (done bool, err error) {
	a, err := p.ask(protocol.JournalQuestion{Ask: protocol.AskStretch, Index: gap.Before})
	if err != nil {
		return false, err
	}
	t := a.Stretch
	stretch := journal.Stretch{First: t.First, Last: t.Last, Next: t.Next, Bytes: int64(t.Bytes), At: t.At, Begins: t.Begins, Oldest: t.Oldest}
	joined := stretch.Next == gap.Before && (stretch.Last == gap.After && gap.After > 0 || stretch.First == 0 && stretch.Begins && gap.After == 0)
	if joined { // nothing is missing after all
		return true, s.adopt(gap.Before, "")
	}
	if stretch.Last == 0 || stretch.Next != gap.Before || !s.keeps(stretch) {
		return false, nil
	}
	part, err := s.journal.kept.Part(p.name("segment", stretch.First))
	if err != nil {
		return false, err
	}
	if err := p.fetch(ctx, part, protocol.JournalQuestion{Ask: protocol.AskPiece, Index: stretch.First}, t.Bytes); err != nil {
		return false, errors.Join(err, part.Close())
	}
	path, err := s.journal.kept.Join(part, stretch, gap)
	if err := errors.Join(err, part.Drop()); err != nil {
		return false, fmt.Errorf("the journal of %s: %w", p.address, err)
	}
	return true, s.adopt(gap.Before, path)
}

// keeps reports whether the retention would keep a stretch, so that nothing is
// fetched only to be dropped.
func (s *Server) keeps(t journal.Stretch) bool {
	r := s.retains()
	return t.At >= s.stamp()-r.Days*dayMS && s.bytesKept()+t.Bytes+t.Bytes/protocol.JournalFilterShare <= r.Bytes
}

func (s *Server) bytesKept() int64 {
	total := s.journal.kept.Bytes()
	images, _ := s.journal.kept.Images() // what is damaged was named before
	for _, i := range images {
		total += i.Bytes
	}
	return total
}

// adopt lets the journal's writer take in a segment, and waits until it has.
func (s *Server) adopt(before uint64, path string) error {
	s.journal.change(func(j *journal.Journal) error { return j.Adopt(before, path) })
	return s.journal.flushed()
}

// imageFrom fetches one image of a day that has none here.
func (s *Server) imageFrom(ctx context.Context, p peerJournal) (done bool, err error) {
	kept := s.journal.kept
	here, _ := kept.Images() // what is damaged was named before
	days := map[int64]bool{}
	begins := false
	for _, i := range here {
		days[i.At/dayMS] = days[i.At/dayMS] || i.Index > 0 && kept.Reaches(i)
		begins = begins || i.Index == 0
	}
	a, err := p.ask(protocol.JournalQuestion{Ask: protocol.AskImages})
	if err != nil {
		return false, err
	}
	for _, i := range a.Images {
		useful := i.Index+1 >= kept.Horizon() && i.Index <= kept.Last() && !days[i.At/dayMS]
		if i.Index == 0 {
			_, missing, _ := kept.Gap()
			useful = !begins && !missing && a.Stretch.Oldest == kept.Horizon()
		}
		if !useful || s.bytesKept()+int64(i.Bytes) > s.retains().Bytes {
			continue
		}
		part, err := kept.Part(p.name("image", i.Index))
		if err != nil {
			return false, err
		}
		if err := p.fetch(ctx, part, protocol.JournalQuestion{Ask: protocol.AskImage, Index: i.Index}, i.Bytes); err != nil {
			return false, errors.Join(err, part.Close())
		}
		err = kept.TakeImage(part, i.Index, checkImage)
		if err := errors.Join(err, part.Drop()); err != nil {
			return false, fmt.Errorf("the image at %d of %s: %w", i.Index, p.address, err)
		}
		return true, nil
	}
	return false, nil
}

// checkImage reads a state whole, checksum and all.
func checkImage(in io.Reader) (index uint64, err error) {
	state, err := protocol.ReadSnapshot(in)
	if err != nil {
		return 0, err
	}
	return state.Index(), nil
}
