package fs

import (
	"context"
	"errors"
	"os"
	"sync"
	"syscall"
	"time"

	"cosfs/cosapi"
	"cosfs/writeback"
)

// errnos is the one table from the kinds of package cosapi to what a program
// sees (cos-api.md 4.3 proposes it).
var errnos = map[cosapi.Kind]syscall.Errno{
	cosapi.NotFound:    syscall.ENOENT,
	cosapi.NoBucket:    syscall.EIO, // not ENOENT: a vanished bucket must not look like deleted files
	cosapi.NoUpload:    syscall.EIO,
	cosapi.NotSet:      syscall.ENODATA,
	cosapi.Denied:      syscall.EACCES,
	cosapi.Skewed:      syscall.EACCES,
	cosapi.Exists:      syscall.EEXIST,
	cosapi.NotEmpty:    syscall.ENOTEMPTY,
	cosapi.Changed:     syscall.ESTALE,
	cosapi.Invalid:     syscall.EINVAL,
	cosapi.NameTooLong: syscall.ENAMETOOLONG,
	cosapi.TooLarge:    syscall.EFBIG,
	cosapi.NoSpace:     syscall.ENOSPC,
	cosapi.OutOfRange:  syscall.EINVAL,
	cosapi.Archived:    syscall.EIO,
	cosapi.InProgress:  syscall.EALREADY,
	cosapi.Locked:      syscall.EPERM,
	cosapi.Unsupported: syscall.EOPNOTSUPP,
	cosapi.Throttled:   syscall.EIO,
	cosapi.Unavailable: syscall.EIO,
	cosapi.Timeout:     syscall.ETIMEDOUT,
	cosapi.Canceled:    syscall.EINTR,
	cosapi.Corrupt:     syscall.EIO,
	cosapi.NotModified: syscall.EIO,
}

// errno gives the number a program sees for an error.
func errno(err error) syscall.Errno {
	var number syscall.Errno
	var kind cosapi.Kind
	var api *cosapi.Error
	switch {
	case err == nil:
		return 0
	case errors.Is(err, writeback.Conflict):
		return syscall.ESTALE
	case errors.As(err, &api): // before the number of a socket call below it
		kind = api.Kind
	case errors.As(err, &kind):
	case errors.As(err, &number):
		return number
	case errors.Is(err, context.Canceled):
		return syscall.EINTR
	case errors.Is(err, context.DeadlineExceeded):
		return syscall.ETIMEDOUT
	case errors.Is(err, os.ErrClosed):
		return syscall.EBADF
	}
	if number, ok := errnos[kind]; ok {
		return number
	}
	return syscall.EIO
}

// fail turns an error into a number, with one log line unless it is an answer
// that programs ask for every day.
func (f *FS) fail(op, key string, err error) syscall.Errno {
	number := errno(err)
	switch number {
	case 0, syscall.ENOENT, syscall.EEXIST, syscall.ENOTEMPTY, syscall.ENODATA, syscall.EOPNOTSUPP, syscall.EINTR:
	default:
		if f.repeats.first(op+" "+key+" "+number.Error(), f.now()) {
			f.log.Error(op+" failed", "key", key, "errno", number.Error(), "err", err)
		}
	}
	return number
}

// repeats keeps an error out of the log that it has just been in: the kernel
// asks again, page by page, for what a read-ahead did not get.
type repeats struct {
	mu   sync.Mutex
	seen map[string]time.Time
}

const (
	repeatTime = 5 * time.Second
	maxRepeats = 1000 // lines remembered
)

// first says whether a line was not there for a while.
func (r *repeats) first(line string, now time.Time) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if at, ok := r.seen[line]; ok && now.Sub(at) < repeatTime {
		return false
	}
	if r.seen == nil || len(r.seen) >= maxRepeats {
		r.seen = make(map[string]time.Time)
	}
	r.seen[line] = now
	return true
}

// fail is FS.fail for an operation on a node.
func (n *node) fail(op string, err error) syscall.Errno {
	if err == nil {
		return 0
	}
	return n.fs.fail(op, n.label(), err)
}
