//go:build unix

package rehearse

import "syscall"

// pause stops a program without ending it, as a disk that hangs would; resume
// lets it go on.
func (p *Process) pause() bool  { return p.command.Process.Signal(syscall.SIGSTOP) == nil }
func (p *Process) resume() bool { return p.command.Process.Signal(syscall.SIGCONT) == nil }
