package stock

import "math/bits"

// mix folds a word into a running hash. It tells diverging nodes apart; it does
// not withstand an attacker, who never chooses what a node computes.
func mix(hash, word uint64) uint64 {
	high, low := bits.Mul64(hash^0x9e3779b97f4a7c15, word^0xd6e8feb86659fd93)
	return bits.RotateLeft64(high^low, 23) + hash
}

// note folds one change into the state's rolling hash. Every change of state
// passes here or through noteText, in the order in which apply makes it.
func (s *State) note(words ...uint64) {
	for _, w := range words {
		s.hash = mix(s.hash, w)
	}
}

func (s *State) noteText(text string) { s.hash = mix(s.hash, hashCode(text)) }
