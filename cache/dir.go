package cache

import (
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

// dir is the directory of a cache: 256 fan-out directories, in them finished
// files named by their id, and partial ones named "<id>.<number>.part".
type dir struct {
	path  string
	lock  *os.File
	floor int64 // bytes to leave free
	seq   atomic.Int64

	// Tests put failing ones here.
	create func(path string, size int64) (store, error)
	free   func() (int64, error)
}

func openDir(path string, floor int64) (*dir, error) {
	d := &dir{path: path, create: createDisk}
	d.free = d.statfs
	for i := range 256 {
		if err := os.MkdirAll(filepath.Join(path, fmt.Sprintf("%02x", i)), 0o700); err != nil {
			return nil, fmt.Errorf("cache directory: %w; choose another with --cache-dir", err)
		}
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

func (d *dir) statfs() (int64, error) {
	var st unix.Statfs_t
	if err := unix.Statfs(d.path, &st); err != nil {
		return 0, err
	}
	return int64(st.Bavail) * st.Bsize, nil
}

func (d *dir) final(i id) string {
	name := hex.EncodeToString(i[:])
	return filepath.Join(d.path, name[:2], name)
}

// part is a new name that is deleted at the next Open.
func (d *dir) part(i id) string {
	return d.final(i) + "." + strconv.FormatInt(d.seq.Add(1), 10) + partSuffix
}

// found is a finished file of an earlier mount.
type found struct {
	id   id
	size int64
	used time.Time
}

// list gives the finished files, the longest unused first, and deletes the
// partial ones. Other files are left alone.
func (d *dir) list() ([]found, error) {
	var all []found
	for i := range 256 {
		sub := filepath.Join(d.path, fmt.Sprintf("%02x", i))
		entries, err := os.ReadDir(sub)
		if err != nil {
			return nil, fmt.Errorf("cache directory: %w", err)
		}
		for _, e := range entries {
			if strings.HasSuffix(e.Name(), partSuffix) {
				if err := os.Remove(filepath.Join(sub, e.Name())); err != nil {
					return nil, fmt.Errorf("cache directory: %w", err)
				}
				continue
			}
			if f, ok := finished(e); ok {
				all = append(all, f)
			}
		}
	}
	slices.SortFunc(all, func(a, b found) int { return a.used.Compare(b.used) })
	return all, nil
}

func finished(e iofs.DirEntry) (found, bool) {
	var f found
	raw, err := hex.DecodeString(e.Name())
	if err != nil || len(raw) != len(f.id) {
		return f, false
	}
	f.id = id(raw)
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
