package writeback

import "fmt"

// sentinel is an error that is a constant.
type sentinel string

func (s sentinel) Error() string { return string(s) }

// Errors of this package. ENOSPC of the local disk stays syscall.ENOSPC, and
// errors of COS stay *cosapi.Error. After Finish or Discard a File answers
// os.ErrClosed.
const (
	// Conflict is matched by *ConflictError.
	Conflict = sentinel("the bucket has another version")
	// ErrDirty refuses to let go of bytes that COS does not have.
	ErrDirty = sentinel("not stored yet")
	// ErrBusy means that an upload is past recall: Hold first.
	ErrBusy = sentinel("an upload is in flight")
	// errMoved calls an attempt off that a writer has overtaken; the next one
	// begins anew.
	errMoved = sentinel("the content changed while it was compared or sent")
	// ErrStageClosed ends the waiting of those whose upload Close interrupted.
	// What they asked for is owed and durable.
	ErrStageClosed = sentinel("stage closed before the upload ended; it is kept and sent after the next mount")
	// ErrRefused ends a change of nothing but attributes that COS has refused
	// for good, or whose object somebody else has replaced or removed: the file
	// is as it was before.
	ErrRefused = sentinel("the change of attributes came to nothing")
	// ErrCalledBack ends the waiting of a Store by CallBack.
	ErrCalledBack = sentinel("the upload was called back")
	// ErrOvertaken ends an intent whose place a later change of the same key
	// has taken: what that one comes to is what counts.
	ErrOvertaken = sentinel("overtaken by a later change of the same name")
)

// ConflictError says that somebody else wrote the key since our base was
// read. Theirs keeps the name. The bytes of ours are in the bucket under Kept,
// or, when Kept is empty, only in the stage, in the file Path.
type ConflictError struct {
	Key  string // the name both wanted
	Kept string // the key that ours has now
	Path string // where ours is if it could not be stored
	Err  error  // why it could not
}

func (e *ConflictError) Error() string {
	if e.Kept != "" {
		return fmt.Sprintf("store %q: the bucket has another version of it; yours is stored as %q", e.Key, e.Kept)
	}
	return fmt.Sprintf("store %q: the version it was based on is gone from the bucket (%v); what was written is kept in %s", e.Key, e.Err, e.Path)
}

// Is matches Conflict.
func (e *ConflictError) Is(target error) bool { return target == Conflict }

// Unwrap gives the cause, if there is one.
func (e *ConflictError) Unwrap() error { return e.Err }

// LockedError says that another process uses the stage.
type LockedError struct {
	Dir string
	PID int // 0 if unknown
}

func (e *LockedError) Error() string {
	if e.PID == 0 {
		return fmt.Sprintf("stage %s is in use by another process; unmount that one first or choose another cache directory", e.Dir)
	}
	return fmt.Sprintf("stage %s is in use by process %d; unmount that one first or choose another cache directory", e.Dir, e.PID)
}
