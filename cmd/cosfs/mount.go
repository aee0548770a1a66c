package main

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"golang.org/x/sys/unix"

	"cosfs/writeback"
)

func newMount(p *program) *cobra.Command {
	c := new(mountConfig)
	cmd := &cobra.Command{
		Use:   "mount {BUCKET-APPID[:/PREFIX] | --local DIR} MOUNTPOINT",
		Short: "Mount a bucket, and return when it answers",
		Long: `Mount a bucket, a prefix of one, or an embedded server over a local directory,
and return when the mount answers.

The key pair comes from --passwd-file; COS_SECRET_ID, COS_SECRET_KEY and, for a
temporary one, COS_SESSION_TOKEN; COSACCESSKEYID and COSSECRETACCESSKEY; the
file named by COS_CREDENTIAL_FILE; ~/.passwd-cosfs; /etc/passwd-cosfs.

A daemon goes on in the background. SIGTERM unmounts and stores what is left,
as cosfs umount does. A mount that was killed is replaced by mounting again.

` + exitCodesHelp,
		Example: `  cosfs mount --local ~/bucket ~/mnt
  cosfs mount photos-1250000000 /mnt/photos --region ap-guangzhou
  cosfs mount photos-1250000000:/2026 /mnt/photos -o ro,allow_other,url=https://cos.ap-guangzhou.myqcloud.com`,
		RunE: func(cmd *cobra.Command, args []string) error {
			return p.mountCommand(cmd.Context(), c, cmd.Flags(), args)
		},
	}
	c.register(cmd.Flags())
	return cmd
}

// mountCommand is the parent, the foreground process, or the child of a
// parent, told apart by --foreground and --ready-fd.
func (p *program) mountCommand(ctx context.Context, c *mountConfig, flags *pflag.FlagSet, args []string) error {
	parent, err := inheritReady(c.readyFD)
	if err != nil {
		return err
	}
	defer parent.close()
	err = p.prepareMount(ctx, c, flags, args)
	switch {
	case err != nil:
	case c.stays(parent):
		err = p.mountHere(ctx, c, parent)
	default:
		return p.daemonize(ctx, p.logPath(c))
	}
	if parent.failed(err) {
		return nil // the parent says it
	}
	return err
}

// stays says whether this process serves the mount. The child of a parent
// does, whatever the flags say: with --foreground=false it would have a child of
// its own, and so on without end.
func (c *mountConfig) stays(parent *ready) bool { return c.foreground || parent != nil }

// prepareMount does all that can be done and refused before anything is
// mounted or put into the background.
func (p *program) prepareMount(ctx context.Context, c *mountConfig, flags *pflag.FlagSet, args []string) error {
	if err := c.parse(flags, args); err != nil {
		return err
	}
	if err := checkFUSE(c.allowOther); err != nil {
		return err
	}
	var err error
	if c.mountpoint, err = prepareMountpoint(c.mountpoint, c.nonEmpty); err != nil {
		return err
	}
	if c.cacheDir, err = p.mountCacheDir(c); err != nil {
		return err
	}
	if err := checkOutside("the cache directory", c.cacheDir, c.mountpoint); err != nil {
		return err
	}
	if c.local != "" {
		if err := checkOutside("the directory of --local", c.local, c.mountpoint); err != nil {
			return err
		}
	}
	if c.readyFD != 0 {
		return nil // the parent has asked the bucket, and warned
	}
	if text := lowSpace(c); text != "" {
		fmt.Fprintln(p.stderr, "cosfs: warning:", text)
	}
	if c.local != "" {
		return nil
	}
	return p.askBucket(ctx, c)
}

// lowSpace says what is wrong with the disk of the cache directory, if writing
// would fail from the start. It exists or is about to be made.
func lowSpace(c *mountConfig) string {
	var st unix.Statfs_t
	dir := c.cacheDir
	for unix.Statfs(dir, &st) != nil && dir != filepath.Dir(dir) {
		dir = filepath.Dir(dir)
	}
	free, floor := int64(st.Bavail)*st.Bsize, cmp.Or(int64(c.diskFree), writeback.DefaultFreeFloor)
	if free >= floor {
		return ""
	}
	return fmt.Sprintf("the disk of %s has %d MiB free, and %d MiB are kept free: until there is room, writing fails with ENOSPC; free some, or give another --cache-dir",
		c.cacheDir, free>>20, floor>>20)
}

// askBucket is the one request of the parent.
func (p *program) askBucket(ctx context.Context, c *mountConfig) error {
	t, err := p.remoteTarget(c)
	if err != nil {
		return err
	}
	client, err := t.client(c, slog.New(slog.DiscardHandler))
	if err != nil {
		return err
	}
	return checkBucket(ctx, client, c.source, t.place(c.source.bucket))
}

// parse completes the flags with -o and the arguments.
func (c *mountConfig) parse(flags *pflag.FlagSet, args []string) error {
	if err := c.applyOptions(flags); err != nil {
		return err
	}
	if c.local != "" {
		if len(args) != 1 {
			return fail(exitUsage, "%d arguments given, 1 expected beside --local DIR: the mountpoint", len(args))
		}
		c.source, c.mountpoint = source{bucket: localBucket}, args[0]
		return c.check()
	}
	if len(args) != 2 {
		return fail(exitUsage, "%d arguments given, 2 expected: the bucket and the mountpoint (or --local DIR and the mountpoint)", len(args))
	}
	var err error
	if c.source, err = parseSource(args[0]); err != nil {
		return err
	}
	c.mountpoint = args[1]
	return c.check()
}

// mountHere mounts in this process and stays until the mount is gone.
func (p *program) mountHere(ctx context.Context, c *mountConfig, parent *ready) error {
	log, closeLog, err := p.openMountLog(c, parent != nil)
	if err != nil {
		return err
	}
	defer closeLog()
	if len(c.ignored) > 0 {
		log.Warn("options without effect", "options", c.ignored)
	}
	s, err := p.openSession(ctx, c, log)
	if err != nil {
		log.Error("mount failed", "err", err)
		return err
	}
	if parent != nil {
		if err := os.Chdir("/"); err != nil { // a daemon keeps no directory busy
			log.Warn("still in the directory of the mount command", "err", err)
		}
	}
	parent.ok()
	return s.run(ctx)
}
