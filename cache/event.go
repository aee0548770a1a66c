package cache

import (
	"time"

	"cosfs/cosapi"
)

// EventKind says what an Event tells.
type EventKind uint8

// The kinds of events.
const (
	Opened     EventKind = iota + 1 // Get found the complete version
	Missed                          // Get found nothing of the version, or a part
	Fetched                         // one GET is over; Bytes were stored, Err says why not all
	Completed                       // a version is whole, verified and under its final name
	Evicted                         // Bytes were given up for want of room
	Corrupted                       // the bytes of a version were wrong and are dropped
	DiskFailed                      // the local disk refused; the version goes on in memory
)

// Event is one finished fact, for Config.Observe.
type Event struct {
	Kind     EventKind
	Version  cosapi.Version // zero for evicted files of an earlier mount
	Off      int64          // Fetched: where the GET began
	Bytes    int64
	Duration time.Duration // Fetched
	Err      error
}

// Stats are the sizes of a Cache at one moment, and its counts since Open.
type Stats struct {
	Files, Pinned            int   // versions known; of these open
	Tasks                    int   // fetches, checks and deletions under way
	Bytes, Limit             int64 // on the disk
	MemoryBytes, MemoryLimit int64
	Gets                     int64 // GETs done
	Fetched                  int64 // bytes they stored
	Hits, Misses             int64 // Opened and Missed
	Evicted                  int64 // bytes
	Corrupted, DiskFailures  int64
}

// errorText is a constant error.
type errorText string

func (e errorText) Error() string { return string(e) }

const (
	// ErrTooLarge is the answer of Fill for a version that the cache can
	// never hold as a whole.
	ErrTooLarge = errorText("cache: the object is larger than the cache; raise the cache size")
	// errRetry tells a waiter to look again: nothing is wrong with the object.
	errRetry = errorText("cache: look again")
	// errDamaged is a cache file that is not what was written.
	errDamaged = errorText("not what was written")
	// errNoRoom ends a read-ahead that would push out what is in use.
	errNoRoom = errorText("cache: no room for read-ahead")
)
