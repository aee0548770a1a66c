package fs

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/hanwen/go-fuse/v2/fuse"
	"golang.org/x/sys/unix"
)

// What /proc tells of the process that calls.

// caller is the thread that makes a call; 0 if it is not known, as when it
// lives in another pid namespace.
func caller(ctx context.Context) uint32 {
	c, ok := fuse.FromContext(ctx)
	if !ok {
		return 0
	}
	return c.Pid
}

// hasOpen says whether a process has a file of ours open to write to it, which
// the permissions of the link in /proc tell. statx(2) with
// AT_STATX_DONT_SYNC answers from the kernel's inode: nothing is asked of any
// file system, ours least of all, whose handler this runs in.
func hasOpen(pid uint32, device, ino uint64) bool {
	dir := fmt.Sprintf("/proc/%d/fd", pid)
	entries, err := os.ReadDir(dir)
	if err != nil {
		return false
	}
	for _, e := range entries {
		if link, err := e.Info(); err != nil || link.Mode()&0o200 == 0 {
			continue
		}
		var st unix.Statx_t
		err := unix.Statx(unix.AT_FDCWD, dir+"/"+e.Name(), unix.AT_STATX_DONT_SYNC, unix.STATX_INO, &st)
		if err == nil && st.Ino == ino && unix.Mkdev(st.Dev_major, st.Dev_minor) == device {
			return true
		}
	}
	return false
}

// deviceOf is the device number of a mount, asked without a request to it: a
// process that is killed while it waits for itself never ends, for the kernel
// waits for the answer and keeps /dev/fuse open (fuse_dev_do_read has given the
// request away).
func deviceOf(dir string) uint64 {
	var st unix.Statx_t
	if unix.Statx(unix.AT_FDCWD, dir, unix.AT_STATX_DONT_SYNC, unix.STATX_INO, &st) != nil {
		return 0
	}
	return unix.Mkdev(st.Dev_major, st.Dev_minor)
}

// interruptPoll is how often a waiting call whose caller was sent a signal
// looks whether there is another: the kernel tells of the first only.
const interruptPoll = 50 * time.Millisecond

// waitInterrupted goes on waiting for done after the kernel has told of a
// signal, until there is one that counts.
func waitInterrupted(ctx context.Context, done <-chan error) error {
	pid := caller(ctx)
	tick := time.NewTicker(interruptPoll)
	defer tick.Stop()
	for {
		if counts(pid) {
			return syscall.EINTR
		}
		select {
		case err := <-done:
			return err
		case <-tick.C:
		}
	}
}

// counts says that a signal waits for the calling thread for which close(2)
// and fsync(2) are worth interrupting: one that will kill it, or one by which
// users and timers interrupt. The kernel tells of any signal. A program that
// catches others does not expect EINTR of close: the Go runtime sends itself
// SIGURG all the time, profilers SIGPROF, shells get SIGCHLD.
func counts(pid uint32) bool {
	if pid == 0 {
		return false
	}
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return os.IsNotExist(err) // nobody waits any more
	}
	return signalsOf(status).count()
}

// signals are sets of signals of a thread; bit n-1 is signal n.
type signals struct{ pending, blocked, ignored, caught uint64 }

// signalsOf reads them from /proc/<pid>/status (proc_pid_status(5)).
func signalsOf(status []byte) (s signals) {
	for line := range bytes.Lines(status) {
		name, value, _ := strings.Cut(string(line), ":")
		set, err := strconv.ParseUint(strings.TrimSpace(value), 16, 64)
		if err != nil {
			continue
		}
		switch name {
		case "SigPnd", "ShdPnd":
			s.pending |= set
		case "SigBlk":
			s.blocked = set
		case "SigIgn":
			s.ignored = set
		case "SigCgt":
			s.caught = set
		}
	}
	return s
}

func (s signals) count() bool {
	pending := s.pending &^ s.blocked &^ s.ignored
	asked := sigset(syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGQUIT, syscall.SIGALRM)
	harmless := sigset(syscall.SIGCHLD, syscall.SIGCONT, syscall.SIGURG, syscall.SIGWINCH,
		syscall.SIGSTOP, syscall.SIGTSTP, syscall.SIGTTIN, syscall.SIGTTOU)
	return pending&(asked|^s.caught&^harmless) != 0
}

func sigset(list ...syscall.Signal) (set uint64) {
	for _, n := range list {
		set |= 1 << (n - 1)
	}
	return set
}
