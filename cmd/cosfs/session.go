package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"

	"cosfs/cache"
	"cosfs/cosapi"
	"cosfs/fs"
	"cosfs/writeback"
)

// drainLimit (the default of session.drainLimit) is how long the end of a mount waits for what is still to be
// stored. With --writeback=close only files whose close failed are left then,
// so it is the time for COS to come back, not the time of a long upload.
const drainLimit = 2 * time.Minute

// session is one mount and everything it is made of.
type session struct {
	config  *mountConfig
	log     *slog.Logger
	fs      *fs.FS
	mount   *fs.Mount
	stage   *writeback.Stage
	blocks  *cache.Cache
	names   *cache.Names
	since   time.Time // when it was mounted
	control *control  // nil when another process has its name
	closers []func() error

	drainLimit time.Duration
}

// openSession builds everything in order, up to the answering mount. What was
// built is closed again when a later step fails.
func (p *program) openSession(ctx context.Context, c *mountConfig, log *slog.Logger) (s *session, err error) {
	s = &session{config: c, log: log, drainLimit: drainLimit}
	defer func() {
		if err != nil {
			s.drainLimit = 0 // what an earlier run left waits for the next mount, not for this one to fail
			err = errors.Join(err, s.close())
			s = nil
		}
	}()
	t, err := s.openTarget(p)
	if err != nil {
		return s, err
	}
	client, err := t.client(c, log)
	if err != nil {
		return s, err
	}
	if err := s.openFS(client); err != nil {
		return s, err
	}
	return s, s.openMount(ctx)
}

// openTarget finds the endpoint, or starts the embedded one.
func (s *session) openTarget(p *program) (target, error) {
	if s.config.local == "" {
		return p.remoteTarget(s.config)
	}
	server, t, err := startLocal(s.config.local, s.log)
	if err == nil {
		s.onClose(server.close)
	}
	return t, err
}

// openFS stacks cache, stage and file system on a client. The stage comes
// first because its lock knows the process that holds it; it asks for bytes of
// the cache only after newFS.
func (s *session) openFS(client *cosapi.Client) error {
	c := s.config
	var blocks *cache.Cache
	stage, err := writeback.Open(writeback.Config{
		Dir: filepath.Join(c.cacheDir, "stage"), Store: client,
		OpenBase: func(v cosapi.Version) (writeback.Base, error) { return blocks.Get(v) },
		MakeRoom: func(n int64) { blocks.MakeRoom(n) },
		PartSize: int64(c.partSize), Parallel: c.parallel, FreeFloor: int64(c.diskFree),
		BaseTTL: max(c.attrTTL, minTTL), Log: s.log,
	})
	if err != nil {
		return explainStage(err)
	}
	blocks, err = cache.Open(cache.Config{
		Dir: filepath.Join(c.cacheDir, "blocks"), Size: int64(c.cacheSize), FreeFloor: int64(c.diskFree),
		Source: client, Parallel: c.parallel, Memory: int64(c.memory), Log: s.log,
	})
	if err != nil {
		return errors.Join(fail(exitFailed, "%w", err), stage.Close())
	}
	names := cache.NewNames(cache.NamesConfig{
		Bucket: client, TTL: max(c.attrTTL, minTTL), NegativeTTL: max(c.negativeTTL, minTTL),
		Prefix: c.source.prefix, Attrs: cache.AttrMode(c.attrs), AttrFile: filepath.Join(c.cacheDir, "attrs.db"), Log: s.log,
	})
	s.onClose(blocks.Close)
	s.onClose(func() error { names.Close(); return nil })
	s.onClose(stage.Close)
	return s.newFS(client, blocks, names, stage)
}

func (s *session) newFS(client *cosapi.Client, blocks *cache.Cache, names *cache.Names, stage *writeback.Stage) (err error) {
	c := s.config
	s.stage, s.blocks, s.names = stage, blocks, names
	file, dir := c.applyUmask()
	s.fs, err = fs.New(fs.Config{
		Bucket: client, Prefix: c.source.prefix, Cache: blocks, Names: names, Stage: stage,
		AttrTTL: max(c.attrTTL, minTTL), NegativeTTL: max(c.negativeTTL, minTTL),
		UID: c.uid, GID: c.gid, FileMode: file, DirMode: dir,
		StorageClass: c.storageClass, ACL: c.acl, Encryption: c.encryption, RootMode: uint32(c.rootMode), ReadOnly: c.readOnly,
		Async: c.writeback == writebackAsync, Parallel: c.parallel, SyncNames: c.names == namesSync, Log: s.log,
	})
	if err != nil {
		return fail(exitFailed, "the file system cannot be set up: %w", err)
	}
	return nil
}

// minTTL stands for "believe nothing": to the packages below zero means their
// default, and they look after what expires once per TTL.
const minTTL = 10 * time.Millisecond

// openMount makes the kernel ask us.
func (s *session) openMount(ctx context.Context) error {
	c := s.config
	if ctx.Err() != nil {
		return fail(exitFailed, "interrupted before %s was mounted", c.mountpoint)
	}
	s.since = time.Now()
	var err error
	if s.control, err = listenControl(c.mountpoint, s.status); err != nil {
		s.log.Warn("cosfs umount will not wait for this process", "err", err)
	}
	s.mount, err = s.fs.Mount(c.mountpoint, fs.MountOptions{
		Name: c.source.String(), AllowOther: c.allowOther, ReadOnly: c.readOnly, Options: c.kernelOptions,
	})
	if err != nil {
		return fail(exitMountpoint, "the mount on %s is refused: %s", c.mountpoint, strings.TrimSpace(err.Error()))
	}
	s.log.Info("mounted", "what", c.describe(), "mountpoint", c.mountpoint, "cache", c.cacheDir, "version", version(), "pid", os.Getpid())
	return nil
}

// run stays until the mount is gone, by whomever, and then stores and closes
// everything. ctx ends when the user wants the mount to end.
func (s *session) run(ctx context.Context) error {
	gone := make(chan struct{})
	go func() {
		defer close(gone)
		s.mount.Wait()
	}()
	select {
	case <-ctx.Done():
		s.letGo()
		<-gone
	case <-gone:
	}
	s.log.Info("unmounted", "mountpoint", s.config.mountpoint)
	return s.close()
}

// letGo unmounts, or takes the mount out of the tree when somebody is in it:
// then it ends with the last of them.
func (s *session) letGo() {
	dir := s.config.mountpoint
	err := unmount(dir)
	if err == nil {
		return
	}
	s.log.Warn("the mount is in use; it ends when these processes let go of it, or at the next signal",
		"mountpoint", dir, "users", joinUsers(usersOf(dir)), "err", err)
	if err := detach(dir); err != nil {
		s.log.Error("the mount cannot be detached", "mountpoint", dir, "err", err)
	}
}

func (s *session) onClose(f func() error) { s.closers = append(s.closers, f) }

// close stores what is left, for drainLimit at most, and closes everything in
// the reverse order of building. Its error says what is not stored.
func (s *session) close() error {
	var left []string
	if s.fs != nil {
		left = s.drain()
	}
	for i := len(s.closers) - 1; i >= 0; i-- {
		if err := s.closers[i](); err != nil {
			s.log.Error("close", "err", err)
			left = append(left, err.Error())
		}
	}
	if s.control != nil {
		s.control.finish(left)
	}
	if len(left) == 0 {
		return nil
	}
	return fail(exitFailed, "not everything of %s is stored; it is kept in %s and the next mount goes on with it:\n  %s",
		s.config.source, s.config.cacheDir, strings.Join(left, "\n  "))
}

func (s *session) drain() (left []string) {
	ctx, cancel := context.WithTimeout(context.Background(), s.drainLimit)
	defer cancel()
	err := s.fs.Close(ctx)
	if err == nil {
		return nil
	}
	s.log.Error("not everything is stored; it is kept for the next mount", "stage", s.config.cacheDir, "err", err)
	for line := range strings.Lines(fmt.Sprint(err)) {
		left = append(left, strings.TrimSpace(line))
	}
	return left
}
