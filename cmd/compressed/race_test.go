//go:build race

package compressed

// racing: the tests were built with the race detector.
const racing = true
