package cache

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	iofs "io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"cosfs/cosapi"
)

// id names a version on the disk. A collision would serve wrong bytes, so it
// is a whole SHA-256. Size and ETag cannot contain the separator, so no two
// versions are hashed from the same bytes.
type id [sha256.Size]byte

func idOf(v cosapi.Version) id {
	return sha256.Sum256([]byte(strconv.FormatInt(v.Size, 10) + "\x00" + v.ETag + "\x00" + v.Key))
}

// partSuffix marks files that are not trusted: being fetched, or on their way
// out.
const partSuffix = ".part"

// freshSuffix marks whole files that may not be on the disk yet.
const freshSuffix = ".new"

// dir is the directory of a cache: up to 16 fan-out directories, in them
// finished files named by their id, whole ones that are not synced yet named
// "<id>.<boot>.new", and partial ones named "<id>.<number>.part". The fan-out
// directories are made when they are needed, and are few, because making one
// takes as long as several files do and ext4 spreads them over the disk.
type dir struct {
	path  string
	lock  *os.File
	floor int64  // bytes to leave free
	boot  string // changes when the machine starts, as page caches do
	seq   atomic.Int64

	sample atomic.Pointer[freeSample]

	// Tests put failing ones here.
	create func(path string, size int64) (store, error)
	free   func() (int64, error)
	sync   func(diskStore) error
}

func openDir(path string, floor int64) (*dir, error) {
	d := &dir{path: path, boot: bootID(), create: createDisk, sync: diskStore.sync}
	d.free = d.recentFree
	if err := os.MkdirAll(path, 0o700); err != nil {
		return nil, fmt.Errorf("cache directory: %w; choose another with --cache-dir", err)
	}
	lock, err := os.OpenFile(filepath.Join(path, "lock"), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("cache directory: %w; choose another with --cache-dir", err)
	}
	d.lock = lock
	// flock goes with the process, so a killed mount leaves nothing behind.
	if err := unix.Flock(int(lock.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		lock.Close()
		return nil, fmt.Errorf("cache directory %s is in use by another mount (%w); unmount that one or choose another with --cache-dir", path, err)
	}
	if d.floor, err = d.chooseFloor(floor); err != nil {
		lock.Close()
		return nil, fmt.Errorf("cache directory %s: %w", path, err)
	}
	return d, nil
}

func (d *dir) close() error { return d.lock.Close() }

func (d *dir) chooseFloor(floor int64) (int64, error) {
	if floor > 0 {
		return floor, nil
	}
	var st unix.Statfs_t
	if err := unix.Statfs(d.path, &st); err != nil {
		return 0, err
	}
	return min(1<<30, int64(st.Blocks)*st.Bsize/20), nil
}

// freeSample is what statfs said a moment ago.
type freeSample struct {
	bytes int64
	at    time.Time
}

// A sample is believed for freeAge while it is freeMargin bytes above the
// floor: a statfs per GET is a twelfth of a small random read (measured).
const (
	freeAge    = 50 * time.Millisecond
	freeMargin = 1 << 30
)

// recentFree is statfs, asked no more often than it matters.
func (d *dir) recentFree() (int64, error) {
	if s := d.sample.Load(); s != nil && s.bytes-d.floor > freeMargin && time.Since(s.at) < freeAge {
		return s.bytes, nil
	}
	free, err := d.statfs()
	if err == nil {
		d.sample.Store(&freeSample{free, time.Now()})
	}
	return free, err
}

func (d *dir) statfs() (int64, error) {
	var st unix.Statfs_t
	if err := unix.Statfs(d.path, &st); err != nil {
		return 0, err
	}
	return int64(st.Bavail) * st.Bsize, nil
}

func (d *dir) final(i id) string {
	name := hex.EncodeToString(i[:])
	return filepath.Join(d.path, name[:1], name)
}

// bootID names this run of the kernel (random(4)). Where it cannot be told,
// every Open counts as another boot: then nothing unsynced is believed.
func bootID() string {
	raw, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	boot := strings.ReplaceAll(strings.TrimSpace(string(raw)), "-", "")
	if _, bad := hex.DecodeString(boot); err != nil || bad != nil || boot == "" {
		return strings.ToLower(rand.Text())
	}
	return boot
}

// fresh is the name of a whole file that is yet to be synced.
func (d *dir) fresh(i id) string { return d.final(i) + "." + d.boot + freshSuffix }

// inFanOut makes the directory of path if do fails for the lack of it.
func inFanOut(path string, do func() error) error {
	err := do()
	if !errors.Is(err, iofs.ErrNotExist) {
		return err
	}
	if made := os.Mkdir(filepath.Dir(path), 0o700); made != nil && !errors.Is(made, iofs.ErrExist) {
		return err
	}
	return do()
}

func openInFanOut(path string, flag int) (f *os.File, err error) {
	err = inFanOut(path, func() (err error) {
		f, err = os.OpenFile(path, flag, 0o600)
		return err
	})
	return f, err
}

func renameToFanOut(from, to string) error {
	return inFanOut(to, func() error { return os.Rename(from, to) })
}

// part is a new name that is deleted at the next Open.
func (d *dir) part(i id) string {
	return d.final(i) + "." + strconv.FormatInt(d.seq.Add(1), 10) + partSuffix
}

// found is a whole file of an earlier mount.
type found struct {
	id    id
	path  string
	fresh bool // not synced yet, but of this boot
	size  int64
	used  time.Time
}

// list gives the whole files, the longest unused first, and deletes the
// partial ones and those that a power cut may have spoiled. Other files are
// left alone.
func (d *dir) list() ([]found, error) {
	var all []found
	for i := range 16 {
		sub := filepath.Join(d.path, fmt.Sprintf("%x", i))
		entries, err := os.ReadDir(sub)
		if err != nil && !errors.Is(err, iofs.ErrNotExist) {
			return nil, fmt.Errorf("cache directory: %w", err)
		}
		for _, e := range entries {
			if d.doubtful(e.Name()) {
				if err := os.Remove(filepath.Join(sub, e.Name())); err != nil {
					return nil, fmt.Errorf("cache directory: %w", err)
				}
				continue
			}
			if f, ok := d.whole(e); ok {
				f.path = filepath.Join(sub, e.Name())
				all = append(all, f)
			}
		}
	}
	slices.SortFunc(all, func(a, b found) int { return a.used.Compare(b.used) })
	return all, nil
}

// doubtful: such a name is never believed.
func (d *dir) doubtful(name string) bool {
	return strings.HasSuffix(name, partSuffix) ||
		strings.HasSuffix(name, freshSuffix) && !strings.HasSuffix(name, "."+d.boot+freshSuffix)
}

func (d *dir) whole(e iofs.DirEntry) (found, bool) {
	var f found
	name, fresh := strings.CutSuffix(e.Name(), "."+d.boot+freshSuffix)
	raw, err := hex.DecodeString(name)
	if err != nil || len(raw) != len(f.id) {
		return f, false
	}
	f.id, f.fresh = id(raw), fresh
	info, err := e.Info()
	if err != nil || !info.Mode().IsRegular() {
		return f, false
	}
	f.size, f.used = info.Size(), info.ModTime()
	return f, true
}

// touch notes in the file that it was used. Recency after a remount need not
// be exact, so one write a minute is enough.
func (d *dir) touch(path string, last time.Time) time.Time {
	now := time.Now()
	if now.Sub(last) < time.Minute {
		return last
	}
	if err := os.Chtimes(path, time.Time{}, now); err != nil {
		return last
	}
	return now
}

// drop deletes files; those that are gone already are no error.
func drop(paths []string) error {
	var errs []error
	for _, p := range paths {
		if err := os.Remove(p); err != nil && !errors.Is(err, iofs.ErrNotExist) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}
