package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
)

// readyFD is the child's end of the pipe on which the parent waits.
const readyFD = 3

// readyWord is what the child says when the mount answers. What it says
// otherwise is an exit code, a blank and a sentence.
const readyWord = "ready"

// ready is the child's end. A nil *ready is a process without a parent.
type ready struct{ pipe *os.File }

func inheritReady(fd int) (*ready, error) {
	if fd == 0 {
		return nil, nil
	}
	if fd != readyFD {
		return nil, fail(exitUsage, "--ready-fd is for cosfs itself")
	}
	syscall.CloseOnExec(fd) // fusermount3 must not keep the parent waiting
	return &ready{os.NewFile(uintptr(fd), "ready")}, nil
}

// ok lets the parent end well.
func (r *ready) ok() { r.say(readyWord) }

// failed hands an error to the parent; false if there is no parent that waits.
func (r *ready) failed(err error) bool {
	if err == nil || r == nil || r.pipe == nil {
		return false
	}
	f := asFailure(err)
	r.say(fmt.Sprintf("%d %s", f.code, f.sentence))
	return true
}

// say speaks once. A parent that was killed does not hear it; the mount stands
// or falls without it.
func (r *ready) say(line string) {
	if r != nil && r.pipe != nil {
		io.WriteString(r.pipe, line)
		r.close()
	}
}

func (r *ready) close() {
	if r != nil && r.pipe != nil {
		r.pipe.Close()
		r.pipe = nil
	}
}

// daemonize runs this command again in a session of its own and waits until
// the mount answers or the child has said why not. Credentials travel in the
// environment, or are read again from the same file.
func (p *program) daemonize(ctx context.Context, logPath string) error {
	hear, speak, err := os.Pipe()
	if err != nil {
		return fail(exitFailed, "cannot start the daemon: %w", err)
	}
	defer hear.Close()
	child, err := p.startChild(speak)
	speak.Close() // the child has its own; ours would hide its end
	if err != nil {
		return fail(exitFailed, "cannot start the daemon: %w", err)
	}
	stop := context.AfterFunc(ctx, func() { child.Process.Signal(syscall.SIGTERM) })
	defer stop()
	said, err := io.ReadAll(hear)
	if err != nil {
		return fail(exitFailed, "cannot hear the daemon (pid %d): %w", child.Process.Pid, err)
	}
	if string(said) == readyWord {
		return child.Process.Release()
	}
	return childFailure(string(said), child.Wait(), logPath)
}

func (p *program) startChild(speak *os.File) (*exec.Cmd, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	args := append([]string{"mount", "--foreground", "--ready-fd", strconv.Itoa(readyFD)}, p.args[1:]...)
	child := exec.Command(self, args...)
	child.Env = p.env
	child.ExtraFiles = []*os.File{speak} // becomes descriptor 3
	child.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if f, ok := p.stderr.(*os.File); ok {
		child.Stderr = f // until its log is open
	}
	return child, child.Start()
}

// childFailure is what the child said, or that it died speechless.
func childFailure(said string, end error, logPath string) error {
	number, sentence, ok := strings.Cut(said, " ")
	code, err := strconv.Atoi(number)
	if ok && err == nil {
		return &failure{code: code, sentence: sentence}
	}
	how := "without a word"
	if end != nil {
		how = "with " + end.Error()
	}
	return fail(exitFailed, "the daemon ended %s before the mount was ready: see its log, %s", how, logPath)
}
