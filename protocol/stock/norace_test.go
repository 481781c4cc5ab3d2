//go:build !race

package stock_test

// racing: the tests were built with the race detector.
const racing = false
