package main

import (
	"context"
	"errors"
	"fmt"
	iofs "io/fs"
	"strings"
	"syscall"

	"cosfs/cosapi"
)

// explainCall is explain for the commands on buckets and objects: any
// operation can have failed, and most errors are about one key.
func explainCall(err error, p place) error {
	var f *failure
	if errors.As(err, &f) {
		return err
	}
	var e *cosapi.Error
	if !errors.As(err, &e) {
		return explainLocal(err)
	}
	f = p.callSentence(e)
	if e.RequestID != "" {
		f.sentence += fmt.Sprintf(" [COS: %s, request %s]", e.Code, e.RequestID)
	}
	f.cause = err
	return f
}

// explainLocal is for files of this machine.
func explainLocal(err error) *failure {
	switch {
	case errors.Is(err, context.Canceled):
		return fail(exitFailed, "interrupted")
	case errors.Is(err, syscall.EPIPE):
		return fail(exitFailed, "nobody reads the output any more")
	case errors.Is(err, iofs.ErrNotExist):
		return fail(exitFailed, "%w: check the path", err)
	case errors.Is(err, iofs.ErrPermission):
		return fail(exitFailed, "%w: check who may use it", err)
	}
	return asFailure(err)
}

// thing is what an error is about.
func (p place) thing(e *cosapi.Error) string {
	if e.Key == "" {
		return "the bucket " + p.bucket
	}
	return p.bucket + ":/" + showKey(e.Key)
}

func (p place) callSentence(e *cosapi.Error) *failure {
	thing := p.thing(e)
	if e.Kind == cosapi.Exists && e.Key == "" {
		return fail(exitConflict, "%s exists already: %s", thing, bucketOwner(e))
	}
	if remedy, ok := conflicts[e.Kind]; ok && e.Status == 0 && e.Message != "" {
		return fail(exitConflict, "%s: %s", thing, e.Message) // the client's own finding says more
	} else if ok {
		return fail(exitConflict, "%s %s", thing, remedy)
	}
	switch e.Kind {
	case cosapi.NotFound:
		return fail(exitNotFound, "%s does not exist: `cosfs object ls %s:/` shows what there is", thing, p.bucket)
	case cosapi.NoUpload:
		return fail(exitNotFound, "%s has no such upload, it was completed or aborted: `cosfs bucket uploads list %s` shows the open ones", thing, p.bucket)
	case cosapi.NotSet:
		return fail(exitNotFound, "%s has none set", thing)
	case cosapi.Denied:
		return p.callDenied(e)
	case cosapi.Canceled:
		if strings.HasPrefix(e.Op, "Upload") || strings.HasPrefix(e.Op, "Download") {
			return fail(exitFailed, "interrupted: the same command goes on with %s where it stopped", thing)
		}
		return fail(exitFailed, "interrupted: %s of %s may or may not be done", e.Op, thing)
	case cosapi.NoBucket, cosapi.Skewed, cosapi.Unavailable, cosapi.Throttled, cosapi.Timeout:
		return p.sentence(e)
	case cosapi.Invalid, cosapi.NameTooLong, cosapi.TooLarge, cosapi.OutOfRange:
		return fail(exitUsage, "%s: %s", thing, whatIsWrong(e))
	case cosapi.Corrupt:
		return fail(exitFailed, "the bytes of %s and their checksum do not agree: %s; try again", thing, whatIsWrong(e))
	case cosapi.Unsupported:
		return fail(exitFailed, "%s does not offer %s here: %s", p.endpoint, e.Op, whatIsWrong(e))
	}
	return fail(exitFailed, "%s of %s failed: %s", e.Op, thing, whatIsWrong(e))
}

// bucketOwner says whose a bucket is that could not be created.
func bucketOwner(e *cosapi.Error) string {
	if e.Code == "BucketAlreadyOwnedByYou" {
		return "it is this account's, and can be used"
	}
	return "choose another name"
}

// conflicts are what stands in the way of a request that is right in itself,
// and what removes it.
var conflicts = map[cosapi.Kind]string{
	cosapi.Exists:      "exists already: choose another name, or leave --forbid-overwrite out",
	cosapi.NotEmpty:    "is not empty: remove its objects, versions and open uploads first (cosfs object rm -r --all-versions, cosfs bucket uploads abort --all)",
	cosapi.Changed:     "is not the version, or not in the state, that was asked for: look at it with cosfs object head",
	cosapi.NotModified: "has not changed",
	cosapi.Archived:    "is archived: have it restored first, with cosfs object restore",
	cosapi.InProgress:  "is being restored already: cosfs object head shows how far it is",
	cosapi.Locked:      "is locked against changes until its retention ends",
	cosapi.NoSpace:     "would exceed a limit of COS: remove something of its kind first",
}

// callDenied: a wrong key is told as for a mount, missing rights for the
// operation at hand.
func (p place) callDenied(e *cosapi.Error) *failure {
	known := p.denied(e)
	switch {
	case known.code == exitClock,
		e.Code == "InvalidAccessKeyId", e.Code == "SignatureDoesNotMatch", e.Code == "ExpiredToken":
		return known
	case p.origin == "":
		return fail(exitDenied, "%s of %s is denied without a key: leave --anonymous out", e.Op, p.thing(e))
	}
	return fail(exitDenied, "%s of %s is denied to the key from %s: give it the right in the console of CAM, the bucket's policy or its ACL", e.Op, p.thing(e), p.origin)
}

// whatIsWrong is COS's word, or that of the client for what was never sent.
func whatIsWrong(e *cosapi.Error) string {
	if e.Status != 0 || e.Message == "" {
		return whatCOSSays(e)
	}
	var errno syscall.Errno // what this machine has against it, such as a full disk
	if errors.As(e.Err, &errno) {
		return e.Message + ": " + errno.Error()
	}
	return e.Message
}
