package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"
)

func newUmount(p *program) *cobra.Command {
	return &cobra.Command{
		Use:     "umount MOUNTPOINT",
		Aliases: []string{"unmount"},
		Short:   "Unmount, and wait until everything is stored and the daemon has gone",
		Long: `Unmount, and wait until everything is stored and the daemon has gone.

Exit code 1 says that something could not be stored; it is named on stderr, and
kept for the next mount of the same bucket. Exit code 8 says that the mount is
in use, and by whom.`,
		Args: exactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return p.umount(cmd.Context(), args[0]) },
	}
}

func (p *program) umount(ctx context.Context, arg string) error {
	abs, err := filepath.Abs(arg)
	if err != nil {
		return fail(exitMountpoint, "the path %s cannot be made absolute: %w", arg, err)
	}
	dir, err := resolveMountpoint(abs)
	if err != nil {
		return err
	}
	d, err := findDaemon(dir, askWait) // before the unmount, after which it may be gone
	if err != nil {
		return fail(exitFailed, "the daemon of %s cannot be asked: %w; `umount -l %s` unmounts without waiting for it", dir, err, dir)
	}
	entry, mounted, err := mountAt(dir)
	if err != nil {
		return fail(exitFailed, "the table of mounts cannot be read: %w", err)
	}
	if mounted && entry.fsType != fsType {
		return fail(exitMountpoint, "what is mounted on %s is not cosfs but %s: use umount(8)", dir, entry.fsType)
	}
	if !mounted && d == nil {
		return fail(exitMountpoint, "nothing is mounted on %s; /proc/mounts lists what is", dir)
	}
	if mounted {
		if err := unmount(dir); err != nil {
			return unmountFailure(dir, err)
		}
	}
	if d == nil {
		return nil // a dead mount: its daemon is gone
	}
	return p.waitForDaemon(ctx, dir, d)
}

// waitForDaemon reports what the daemon says when it ends.
func (p *program) waitForDaemon(ctx context.Context, dir string, d *daemon) error {
	left, err := d.wait(ctx)
	if err != nil {
		return fail(exitFailed, "%s is unmounted, but its daemon (pid %d) is still storing: %w; it goes on by itself", dir, d.pid, err)
	}
	if len(left) == 0 {
		return nil
	}
	return fail(exitFailed, "%s is unmounted, but not everything is stored; the next mount of the same bucket goes on with it:\n  %s",
		dir, strings.Join(left, "\n  "))
}

func unmountFailure(dir string, err error) error {
	if !errors.Is(err, unix.EBUSY) {
		return fail(exitMountpoint, "%s cannot be unmounted: %w", dir, err)
	}
	who := "a process of another user"
	if users := usersOf(dir); len(users) > 0 {
		who = joinUsers(users)
	}
	return fail(exitBusy, "%s is in use by %s: end it or let it leave the directory, then unmount again", dir, who)
}

// joinUsers names the first few.
func joinUsers(users []user) string {
	const most = 5
	var names []string
	for _, u := range users[:min(most, len(users))] {
		names = append(names, u.String())
	}
	if more := len(users) - most; more > 0 {
		names = append(names, fmt.Sprintf("%d more", more))
	}
	return strings.Join(names, ", ")
}
