package main

import (
	"bufio"
	"errors"
	"io"
	iofs "io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

const fuseDevice = "/dev/fuse"

// checkFUSE finds out whether this machine can mount at all. fusermount3 opens
// the device with the rights of its caller, so everybody needs them.
func checkFUSE(allowOther bool) error {
	f, err := os.OpenFile(fuseDevice, os.O_RDWR, 0)
	switch {
	case errors.Is(err, iofs.ErrPermission):
		return fail(exitMountpoint, "%s may not be opened: mount as root, or let an administrator chmod 666 %s", fuseDevice, fuseDevice)
	case err != nil:
		return fail(exitMountpoint, "this machine has no usable %s (%w): load the module with `modprobe fuse`; "+
			"a container needs --device /dev/fuse --cap-add SYS_ADMIN", fuseDevice, err)
	}
	f.Close()
	if os.Geteuid() == 0 {
		return nil
	}
	if _, err := fusermount(); err != nil {
		return err
	}
	if allowOther && !userAllowOther() {
		return fail(exitMountpoint, "--allow-other needs the line user_allow_other in /etc/fuse.conf when root does not mount")
	}
	return nil
}

// fusermount is the helper by which users other than root mount.
func fusermount() (string, error) {
	for _, name := range []string{"fusermount3", "fusermount"} {
		if path, err := exec.LookPath(name); err == nil {
			return path, nil
		}
	}
	return "", fail(exitMountpoint, "fusermount3 is not installed, and only root mounts without it: apt install fuse3")
}

// userAllowOther says whether the administrator lets users open their mounts
// to others.
func userAllowOther() bool {
	f, err := os.Open("/etc/fuse.conf")
	if err != nil {
		return false
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		if strings.TrimSpace(lines.Text()) == "user_allow_other" {
			return true
		}
	}
	return false
}

// prepareMountpoint checks that dir can be mounted on and gives its name
// without symbolic links, as the kernel will show it. A dead mount of ours in
// its place is taken away first.
func prepareMountpoint(dir string, nonEmpty bool) (string, error) {
	dir, err := resolveMountpoint(dir)
	if err != nil {
		return "", err
	}
	if err := makeWay(dir); err != nil {
		return "", err
	}
	info, err := os.Stat(dir)
	switch {
	case errors.Is(err, iofs.ErrNotExist):
		return "", fail(exitMountpoint, "the mountpoint %s does not exist: mkdir %s", dir, dir)
	case err != nil:
		return "", fail(exitMountpoint, "the mountpoint %s cannot be used: %w", dir, err)
	case !info.IsDir():
		return "", fail(exitMountpoint, "the mountpoint %s is not a directory", dir)
	}
	if os.Geteuid() != 0 && unix.Access(dir, unix.R_OK|unix.W_OK|unix.X_OK) != nil {
		return "", fail(exitMountpoint, "the mountpoint %s must be readable and writable by you: chown or chmod it", dir)
	}
	return dir, checkEmpty(dir, nonEmpty)
}

// resolveMountpoint resolves symbolic links, without asking a mount that may
// not answer any more.
func resolveMountpoint(dir string) (string, error) {
	if _, mounted, err := mountAt(dir); err == nil && mounted {
		return dir, nil
	}
	parent, err := filepath.EvalSymlinks(filepath.Dir(dir))
	if err != nil {
		return "", fail(exitMountpoint, "the mountpoint %s does not exist (%w): mkdir -p %s", dir, err, dir)
	}
	direct := filepath.Join(parent, filepath.Base(dir))
	if _, mounted, err := mountAt(direct); err == nil && mounted {
		return direct, nil
	}
	if resolved, err := filepath.EvalSymlinks(direct); err == nil {
		return resolved, nil
	}
	return direct, nil // whoever needs it to exist finds out
}

// makeWay takes away what killed programs of ours left mounted on dir, and
// refuses to cover one that lives. Whoever still stands in a dead mount keeps
// getting ENOTCONN; nobody else sees it any more.
func makeWay(dir string) error {
	const most = 16 // dead mounts may lie on one another
	for range most {
		entry, mounted, err := mountAt(dir)
		if err != nil {
			return fail(exitFailed, "the table of mounts cannot be read: %w", err)
		}
		if !mounted || !strings.HasPrefix(entry.fsType, "fuse") {
			return nil
		}
		switch alive, err := answers(dir); {
		case err != nil:
			return err
		case alive && entry.fsType == fsType:
			return fail(exitBusy, "%s is mounted on %s already: `cosfs umount %s` first", entry.source, dir, dir)
		case alive:
			return nil
		case entry.fsType != fsType:
			return fail(exitMountpoint, "the mountpoint %s holds a dead mount of another program (type %s): `umount -l %s` first", dir, entry.fsType, dir)
		}
		if err := detach(dir); err != nil {
			return fail(exitMountpoint, "the dead mount on %s cannot be taken away: %w; `umount -l %s` as its owner or as root", dir, err, dir)
		}
	}
	return fail(exitMountpoint, "the mountpoint %s holds too many dead mounts: `umount -l %s` until none is left", dir, dir)
}

// answerLimit is how long a daemon on this machine may take to say anything.
const answerLimit = 5 * time.Second

// answers says whether a mount is alive. It asks with statfs, the one question
// about a mount that the kernel never answers from what it remembers.
func answers(dir string) (alive bool, err error) {
	said := make(chan error, 1)
	go func() { said <- unix.Statfs(dir, new(unix.Statfs_t)) }() // a daemon that hangs keeps it until the end of this command
	select {
	case err := <-said:
		return !errors.Is(err, unix.ENOTCONN) && !errors.Is(err, unix.ECONNABORTED), nil
	case <-time.After(answerLimit):
		return false, fail(exitBusy, "the mount on %s does not answer: look at its daemon, or take it away with `umount -l %s`", dir, dir)
	}
}

func checkEmpty(dir string, nonEmpty bool) error {
	if nonEmpty {
		return nil
	}
	f, err := os.Open(dir)
	if err != nil {
		return fail(exitMountpoint, "the mountpoint %s cannot be used: %w", dir, err)
	}
	defer f.Close()
	names, err := f.Readdirnames(1)
	if err != nil && !errors.Is(err, io.EOF) {
		return fail(exitMountpoint, "the mountpoint %s cannot be used: %w", dir, err)
	}
	if len(names) > 0 {
		return fail(exitMountpoint, "the mountpoint %s is not empty (it holds %q): use an empty directory, or -o nonempty to hide what is there", dir, names[0])
	}
	return nil
}

// checkOutside refuses a directory of ours that the mount would cover: a file
// system that waits for itself hangs.
func checkOutside(what, dir, mountpoint string) error {
	if resolved, err := filepath.EvalSymlinks(dir); err == nil {
		dir = resolved
	}
	if dir == mountpoint || strings.HasPrefix(dir, mountpoint+"/") {
		return fail(exitUsage, "%s %s lies below the mountpoint %s: choose another place", what, dir, mountpoint)
	}
	return nil
}
