package cluster

import "sync/atomic"

// fuse stops the node at the first thing that it cannot be right after. Whoever
// finds it blows the fuse; from then on nothing is applied or answered as done,
// while the program that was told ends.
type fuse struct {
	cause atomic.Pointer[error]
	fatal func(error)
}

// blow tells the program once, and gives the error back.
func (f *fuse) blow(err error) error {
	if f.cause.CompareAndSwap(nil, &err) {
		f.fatal(err)
	}
	return err
}

// blown is why the node stops, nil while it does not.
func (f *fuse) blown() error {
	if cause := f.cause.Load(); cause != nil {
		return *cause
	}
	return nil
}
