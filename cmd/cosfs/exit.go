package main

import (
	"errors"
	"fmt"
	"io"
)

// The exit codes, one per class of what a user or a script does about it.
const (
	exitOK          = 0
	exitFailed      = 1  // everything else; of umount and a foreground mount: something is left to store
	exitUsage       = 2  // a wrong flag, option or argument
	exitMountpoint  = 3  // FUSE or the mountpoint cannot be used
	exitNotFound    = 4  // no such bucket, prefix, object, version, upload or configuration
	exitDenied      = 5  // no or wrong credentials, or no permission
	exitClock       = 6  // the clock is wrong
	exitUnreachable = 7  // the endpoint does not answer
	exitBusy        = 8  // another cosfs has the same bucket's stage, or the mountpoint is in use
	exitConflict    = 9  // the state of the bucket or object forbids it: exists, not empty, changed, archived, locked
	exitPartly      = 10 // some of many objects failed; each is named
)

// exitCodesHelp is the table above for -h.
const exitCodesHelp = `Exit codes:
  0  done
  1  failed; of umount and of a foreground mount: something is left to store
  2  a wrong flag, option or argument
  3  FUSE or the mountpoint cannot be used
  4  the bucket or the prefix does not exist
  5  no credentials, wrong credentials, or no permission
  6  the clock of this machine is wrong
  7  the endpoint does not answer
  8  in use: the mountpoint, or the stage of the same bucket by another cosfs`

// callExitCodesHelp has also what only commands on buckets and objects say.
const callExitCodesHelp = exitCodesHelp + `
  9  the state of the bucket or object forbids it
  10 some of many objects failed; each is named on stderr

Of the commands on buckets and objects, 4 also means that an object, version,
upload or configuration does not exist, and 9 that something exists already, is
not empty, has changed or has not changed, is archived, being restored or locked.`

// failure is an error as the user sees it: one sentence that names the thing,
// the cause and the remedy, and the exit code of its class.
type failure struct {
	code     int
	sentence string
	cause    error // for errors.Is; it is not printed
}

func (f *failure) Error() string { return f.sentence }

func (f *failure) Unwrap() error { return f.cause }

// fail makes a failure. A %w in the format becomes its cause.
func fail(code int, format string, args ...any) *failure {
	err := fmt.Errorf(format, args...)
	return &failure{code: code, sentence: err.Error(), cause: errors.Unwrap(err)}
}

// asFailure gives any error an exit code.
func asFailure(err error) *failure {
	var f *failure
	if errors.As(err, &f) {
		return f
	}
	return &failure{code: exitFailed, sentence: err.Error(), cause: err}
}

// report prints how the program ends and returns its exit code.
func report(stderr io.Writer, err error) int {
	if err == nil {
		return exitOK
	}
	f := asFailure(err)
	fmt.Fprintf(stderr, "cosfs: %s\n", f.sentence)
	return f.code
}
