package cosapi

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
)

// The names of the files beside a target.
const (
	unfinishedPrefix = ".cosfs-"
	partSuffix       = ".part"
	recordSuffix     = ".record"
)

// unfinishedName says that a file is what an unfinished Download left.
func unfinishedName(name string) bool {
	return strings.HasPrefix(name, unfinishedPrefix) &&
		(strings.HasSuffix(name, partSuffix) || strings.HasSuffix(name, recordSuffix))
}

// target is the file that a download gathers its pieces in. It is locked, by
// flock, until close: a lock that the death of the process ends as well.
type target struct {
	path  string
	file  *os.File
	split split

	// mu guards the fields below, and is held while the record is written.
	mu     sync.Mutex
	record *os.File
	parts  []filePart
}

// filePart is a piece of the file.
type filePart struct {
	length int64
	crc    uint64
	known  bool // the piece is in the file and crc is that of its bytes
}

// openTarget opens the files beside path and finds out which pieces they have
// of object already.
func openTarget(ctx context.Context, object Object, path string, s split, fresh bool) (*target, error) {
	refused := func(err error) error {
		return transferError("Download", object.Key, err, "%s cannot be written", path)
	}
	info, err := os.Stat(path)
	switch {
	case err == nil && !info.Mode().IsRegular():
		return nil, invalid("Download", object.Key, "%s is there and not a regular file", path)
	case errors.Is(err, syscall.ENAMETOOLONG):
		// The files beside it have short names: without this, all would be
		// fetched before the last step fails.
		return nil, refused(err)
	}
	base := filepath.Join(filepath.Dir(path), fmt.Sprintf("%s%016x", unfinishedPrefix, CRC64([]byte(filepath.Base(path)))))
	file, err := lockFile(base + partSuffix)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return nil, &Error{Op: "Download", Key: object.Key, Kind: InProgress,
			Message: fmt.Sprintf("%s is being downloaded by somebody else; wait for it", path)}
	}
	if err != nil {
		return nil, refused(err)
	}
	t := &target{path: path, file: file, split: s, parts: make([]filePart, s.count())}
	for i := range t.parts {
		_, t.parts[i].length = s.piece(i + 1)
	}
	header := recordHeader{Target: filepath.Base(path), Key: object.Key, ETag: object.ETag, Size: object.Size, PartSize: s.part}
	err = t.openRecord(ctx, base+recordSuffix, header, fresh || object.ETag == "")
	if err == nil {
		err = t.file.Truncate(object.Size)
	}
	switch {
	case err == nil:
		return t, nil
	case ctx.Err() != nil:
		err = transferError("Download", object.Key, err, "%s keeps what it has: download again to fetch the rest", file.Name())
	case t.have() == 0:
		t.discard()
		fallthrough
	default:
		err = refused(err)
	}
	t.close()
	return nil, err
}

// lockFile opens or creates a file and locks it. A file that was renamed or
// removed between the two is somebody's finished download: it is left alone.
func lockFile(path string) (*os.File, error) {
	for {
		f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|syscall.O_NOFOLLOW, 0o666)
		if err != nil {
			return nil, err
		}
		if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
			f.Close()
			return nil, fmt.Errorf("lock %s: %w", path, err)
		}
		ours, err := f.Stat()
		if err != nil {
			f.Close()
			return nil, err
		}
		there, err := os.Lstat(path)
		if err == nil && os.SameFile(ours, there) {
			return f, nil
		}
		f.Close()
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
	}
}

// have is the number of bytes that are noted.
func (t *target) have() (n int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, p := range t.parts {
		if p.known {
			n += p.length
		}
	}
	return n
}

// commit makes the file the target's: on the disk first, then under its name.
func (t *target) commit() error {
	if err := t.file.Sync(); err != nil {
		return err
	}
	if err := os.Rename(t.file.Name(), t.path); err != nil {
		return err
	}
	// A record left behind would describe a file that is gone, and be seen to.
	os.Remove(t.record.Name())
	dir, err := os.Open(filepath.Dir(t.path))
	if err != nil {
		return err
	}
	defer dir.Close()
	// Some file systems cannot sync a directory; the file itself is safe.
	if err := dir.Sync(); err != nil && !errors.Is(err, syscall.EINVAL) {
		return err
	}
	return nil
}

// discard removes what nobody can resume. The lock goes with close.
func (t *target) discard() {
	if t.record != nil {
		os.Remove(t.record.Name())
	}
	os.Remove(t.file.Name())
}

func (t *target) close() {
	if t.record != nil {
		t.record.Close()
	}
	t.file.Close()
}

// checksum is the CRC64 of a piece as it is in the file.
func (t *target) checksum(number int) (uint64, error) {
	off, length := t.split.piece(number)
	h := NewCRC64()
	n, err := io.Copy(h, io.NewSectionReader(t.file, off, length))
	if err == nil && n < length {
		err = io.ErrUnexpectedEOF
	}
	return h.Sum64(), err
}
