package protocol

// JournalAsk is what one hub node asks of another's journal. Written on the wire:
// add, never renumber.
type JournalAsk uint8

// Questions about a journal.
const (
	AskStretch JournalAsk = 1 + iota // what do you have before the entry Index?
	AskPiece                         // bytes from Offset on of the segment whose first entry is Index
	AskImages                        // which images do you have, from Index on?
	AskImage                         // bytes from Offset on of the image at Index
)

// JournalQuestion is one of them.
type JournalQuestion struct {
	Ask    JournalAsk
	Index  uint64
	Offset uint64
}

// JournalAnswer answers it: Stretch, Piece or Images.
type JournalAnswer struct {
	Stretch JournalStretch
	Piece   []byte // at most MaxJournalPiece; empty: the file ends, or is no longer there
	Images  []JournalImage
}

// JournalStretch is the part of one segment that ends before an entry.
type JournalStretch struct {
	First, Last, Next, Oldest uint64 // entries: of the segment, the last before, the next, the horizon; 0: none
	Bytes                     uint64 // of the segment's file before Next
	At                        int64  // wall stamp of Last, unix ms
	Begins                    bool   // Oldest is the first entry of the log
}

// JournalImage is one image of the state.
type JournalImage struct {
	Index uint64
	At    int64 // wall stamp, unix ms
	Bytes uint64
}

// EncodeJournalQuestion gives a question its bytes: a map that EncodeCodes never
// makes, so that both can be asked of Members.Ask.
func EncodeJournalQuestion(q JournalQuestion) []byte {
	w := newWriter()
	w.object(func(f *fields) {
		f.object('j', func(f *fields) {
			f.uint('k', uint64(q.Ask))
			f.uint('i', q.Index)
			f.uint('o', q.Offset)
		})
	})
	return w.bytes()
}

// DecodeJournalQuestion walks it; false: it is a question of another kind.
func DecodeJournalQuestion(b []byte) (q JournalQuestion, ok bool) {
	r := newReader(b)
	r.lenient = true
	r.fields(func(key byte) {
		if key != 'j' {
			r.unknown()
			return
		}
		r.fields(func(key byte) {
			switch key {
			case 'k':
				q.Ask = JournalAsk(r.uintMax(255))
			case 'i':
				q.Index = r.uint()
			case 'o':
				q.Offset = r.uint()
			default:
				r.unknown()
			}
		})
	})
	return q, r.finish() == nil && q.Ask != 0
}

// EncodeJournalAnswer gives an answer its bytes.
func EncodeJournalAnswer(a *JournalAnswer) []byte {
	w := newWriter()
	w.object(func(f *fields) {
		f.object('j', func(f *fields) {
			s := &a.Stretch
			f.uint('f', s.First)
			f.uint('l', s.Last)
			f.uint('n', s.Next)
			f.uint('h', s.Oldest)
			f.uint('b', s.Bytes)
			f.int('a', s.At)
			f.bool('g', s.Begins)
			f.bin('p', a.Piece)
			f.objects('m', len(a.Images), func(i int, f *fields) {
				f.uint('i', a.Images[i].Index)
				f.int('a', a.Images[i].At)
				f.uint('b', a.Images[i].Bytes)
			})
			f.bool('y', true) // a node that does not know the question cannot say so by chance
		})
	})
	return w.bytes()
}

// DecodeJournalAnswer walks it; false: the node does not know the question.
func DecodeJournalAnswer(b []byte) (a *JournalAnswer, ok bool) {
	r := newReader(b)
	r.lenient = true
	a = &JournalAnswer{}
	r.fields(func(key byte) {
		if key != 'j' {
			r.unknown()
			return
		}
		r.fields(func(key byte) {
			if key == 'y' {
				ok = r.bool()
				return
			}
			readJournalAnswer(r, key, a)
		})
	})
	return a, r.finish() == nil && ok
}

func readJournalAnswer(r *reader, key byte, a *JournalAnswer) {
	s := &a.Stretch
	switch key {
	case 'f':
		s.First = r.uint()
	case 'l':
		s.Last = r.uint()
	case 'n':
		s.Next = r.uint()
	case 'h':
		s.Oldest = r.uint()
	case 'b':
		s.Bytes = r.uintMax(1 << 62)
	case 'a':
		s.At = r.int()
	case 'g':
		s.Begins = r.bool()
	case 'p':
		a.Piece = r.bin(MaxJournalPiece)
	case 'm':
		r.list(MaxJournalImages, func() { a.Images = append(a.Images, readJournalImage(r)) })
	default:
		r.unknown()
	}
}

func readJournalImage(r *reader) (i JournalImage) {
	r.fields(func(key byte) {
		switch key {
		case 'i':
			i.Index = r.uint()
		case 'a':
			i.At = r.int()
		case 'b':
			i.Bytes = r.uintMax(1 << 62)
		default:
			r.unknown()
		}
	})
	return i
}
