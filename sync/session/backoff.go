package session

import "github.com/shelfsync/shelfsync/protocol"

// Backoff is how long to wait before dialling again, in ms, after attempt
// failures in a row (from 0). random is any uniformly random number. The wait is
// anywhere between nothing and a ceiling that doubles, so that stores cut off
// together do not come back together; it begins after retryMS, which a Bye asks for.
func Backoff(attempt int, random, retryMS uint64) uint64 {
	ceiling := uint64(protocol.BackoffMostMS)
	if attempt < 16 {
		ceiling = min(ceiling, protocol.BackoffBaseMS<<max(attempt, 0))
	}
	return min(retryMS, protocol.BackoffMostMS) + random%(ceiling+1)
}
