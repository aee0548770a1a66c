package fs

import (
	"fmt"
	"log/slog"
	"os"
	"strconv"
	"strings"
	"time"

	fusefs "github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"
	"golang.org/x/sys/unix"
)

// MountOptions are what the kernel is told of the mount.
type MountOptions struct {
	Name       string // shown as the source in /proc/mounts
	AllowOther bool
	ReadOnly   bool
	Debug      bool     // every kernel request to stderr
	Options    []string // further words for mount(2), such as "nosuid"
}

// Mount is a file system at its mountpoint.
type Mount struct {
	server *fuse.Server
	done   chan struct{}
}

// Kernel settings (design.md 4.1, measured there).
const (
	maxWrite      = 1 << 20 // bytes of one WRITE, and of one READ when read_ahead_kb allows
	maxBackground = 64      // requests the kernel keeps in flight for read-ahead
	fsType        = "cosfs" // fuse.cosfs in /proc/mounts
	readAheadKiB  = 4096    // the kernel's own read-ahead; its default of 128 also bounds READs to that size
)

// Mount mounts the file system and returns when the kernel has been answered.
func (f *FS) Mount(dir string, o MountOptions) (*Mount, error) {
	server, err := fuse.NewServer(fusefs.NewNodeFS(f.root, f.nodeOptions()), dir, f.kernelOptions(o))
	if err != nil {
		return nil, fmt.Errorf("mounting at %s: %w", dir, err)
	}
	m := &Mount{server: server, done: make(chan struct{})}
	go func() {
		defer close(m.done)
		server.Serve()
	}()
	if err := server.WaitMount(); err != nil {
		return nil, fmt.Errorf("mounting at %s: %w", dir, err)
	}
	device := deviceOf(dir)
	if err := raiseReadAhead(device); err != nil {
		f.log.Debug("the kernel's read-ahead stays as it is, so it reads in smaller pieces", "mountpoint", dir, "err", err)
	}
	f.device.Store(device)
	return m, nil
}

// raiseReadAhead makes READs as large as maxWrite, which halves the cost of
// reading through the daemon (design.md 4.1). Only root may.
func raiseReadAhead(device uint64) error {
	bdi := fmt.Sprintf("/sys/class/bdi/%d:%d/read_ahead_kb", unix.Major(device), unix.Minor(device))
	return os.WriteFile(bdi, []byte(strconv.Itoa(readAheadKiB)), 0)
}

func (f *FS) nodeOptions() *fusefs.Options {
	// A name that is absent is believed half by Names, half by the kernel, so
	// that both together keep the promised time.
	negative := f.cfg.NegativeTTL / 2
	return &fusefs.Options{
		NegativeTimeout: &negative,
		NullPermissions: true, // mode 0 means mode 0
		RootStableAttr:  &fusefs.StableAttr{Ino: rootIno},
		Logger:          slog.NewLogLogger(f.log.Handler(), slog.LevelWarn),
	}
}

func (f *FS) kernelOptions(o MountOptions) *fuse.MountOptions {
	options := append([]string{"default_permissions"}, o.Options...)
	if o.ReadOnly {
		options = append(options, "ro")
	}
	return &fuse.MountOptions{
		AllowOther:               o.AllowOther,
		Options:                  options,
		FsName:                   strings.ReplaceAll(o.Name, ",", "_"),
		Name:                     fsType,
		MaxWrite:                 maxWrite,
		MaxBackground:            maxBackground,
		DisableSplice:            true, // fails at 1 MiB and logs on every reply
		ExplicitDataCacheControl: true, // pages of a node change only through the kernel itself
		DirectMount:              os.Geteuid() == 0,
		ExtraCapabilities:        fuse.CAP_ATOMIC_O_TRUNC | fuse.CAP_READDIRPLUS_AUTO | fuse.CAP_HANDLE_KILLPRIV_V2,
		Debug:                    o.Debug,
		PanicHandler: func(p any) fuse.Status {
			f.log.Error("a handler panicked; the program got EIO", "panic", p)
			return fuse.EIO
		},
	}
}

// Wait returns when the mount is gone: by umount(8), fusermount3 -u or Unmount.
func (m *Mount) Wait() { <-m.done }

// Unmount takes the mount away. It fails while programs use it.
func (m *Mount) Unmount() error {
	var err error
	for range 10 { // a RELEASE may still be on its way
		if err = m.server.Unmount(); err == nil {
			return nil
		}
		select {
		case <-m.done:
			return nil
		case <-time.After(20 * time.Millisecond):
		}
	}
	return err
}
