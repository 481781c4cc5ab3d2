//go:build !unix

package rehearse

// Without SIGSTOP no program can be paused: a plan that wants it ends as vacuous.
func (p *Process) pause() bool  { return false }
func (p *Process) resume() bool { return false }
