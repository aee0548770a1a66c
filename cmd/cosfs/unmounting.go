package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// unmount takes a mount away; it fails with EBUSY while somebody uses it. The
// kernel lets go of a file a moment after its last user has, so "busy" is
// believed only when it lasts.
func unmount(dir string) error {
	const tries, pause = 10, 30 * time.Millisecond
	var err error
	for range tries {
		if err = unmountWith(dir, 0, "-u"); !errors.Is(err, unix.EBUSY) {
			return err
		}
		time.Sleep(pause)
	}
	return err
}

// detach takes a mount out of the tree at once; who uses it may go on.
func detach(dir string) error { return unmountWith(dir, unix.MNT_DETACH, "-u", "-z") }

// unmountWith asks the kernel, or the helper when the kernel wants root.
func unmountWith(dir string, flags int, helperFlags ...string) error {
	err := unix.Unmount(dir, flags|unix.UMOUNT_NOFOLLOW)
	if !errors.Is(err, unix.EPERM) {
		return err
	}
	helper, err := fusermount()
	if err != nil {
		return err
	}
	out, err := exec.Command(helper, append(helperFlags, "--", dir)...).CombinedOutput()
	if err == nil {
		return nil
	}
	text := strings.TrimSpace(string(out))
	if strings.Contains(text, "busy") { // its exit code is the same for everything
		return unix.EBUSY
	}
	return fmt.Errorf("%s: %s", filepath.Base(helper), text)
}

// user is a process that keeps a mount busy.
type user struct {
	pid  int
	name string
	how  string // cwd, root, exe, or an open file
}

func (u user) String() string { return fmt.Sprintf("%s (pid %d, %s)", u.name, u.pid, u.how) }

// usersOf finds the processes, as far as this user may look into them, that
// work below dir. Links are only read, never followed: that would ask the mount.
func usersOf(dir string) []user {
	procs, err := os.ReadDir("/proc")
	if err != nil {
		return nil
	}
	var users []user
	for _, p := range procs {
		pid, err := strconv.Atoi(p.Name())
		if err != nil {
			continue
		}
		if how, ok := uses(pid, dir); ok {
			name, _ := os.ReadFile(fmt.Sprintf("/proc/%d/comm", pid))
			users = append(users, user{pid: pid, name: strings.TrimSpace(string(name)), how: how})
		}
	}
	return users
}

func uses(pid int, dir string) (how string, ok bool) {
	proc := fmt.Sprintf("/proc/%d/", pid)
	for _, link := range []string{"cwd", "root", "exe"} {
		if target, err := os.Readlink(proc + link); err == nil && isBelow(target, dir) {
			return link + " " + target, true
		}
	}
	fds, err := os.ReadDir(proc + "fd")
	if err != nil {
		return "", false
	}
	for _, fd := range fds {
		if target, err := os.Readlink(proc + "fd/" + fd.Name()); err == nil && isBelow(target, dir) {
			return "open file " + target, true
		}
	}
	return "", false
}

func isBelow(path, dir string) bool { return path == dir || strings.HasPrefix(path, dir+"/") }
