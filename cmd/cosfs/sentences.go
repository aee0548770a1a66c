package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"

	"cosfs/cosapi"
	"cosfs/writeback"
)

// place is what a sentence about a bucket has to name.
type place struct {
	bucket   string
	endpoint string // the URL or host that was asked
	origin   string // where the key pair comes from; empty: unsigned
}

// explain makes the sentence of an error that the bucket's first request
// ended with. This file and callerrors.go, for the commands on buckets and
// objects, are the only ones that turn errors of other packages into words
// for the user of a command.
func explain(err error, p place) *failure {
	var e *cosapi.Error
	if !errors.As(err, &e) {
		return asFailure(err)
	}
	f := p.sentence(e)
	if e.RequestID != "" {
		f.sentence += fmt.Sprintf(" [COS: %s, request %s]", e.Code, e.RequestID)
	}
	f.cause = err
	return f
}

func (p place) sentence(e *cosapi.Error) *failure {
	switch e.Kind {
	case cosapi.NoBucket:
		return fail(exitNotFound, "the bucket %s does not exist at %s: check its name, its APPID and the region", p.bucket, p.endpoint)
	case cosapi.Denied:
		return p.denied(e)
	case cosapi.Skewed:
		return p.skewed()
	case cosapi.Unavailable, cosapi.Timeout, cosapi.Throttled:
		return p.unreachable(e)
	case cosapi.Canceled:
		return fail(exitFailed, "interrupted while asking %s for the bucket %s", p.endpoint, p.bucket)
	}
	if e.Code == "PathStyleDomainForbidden" {
		return fail(exitUsage, "the bucket %s cannot be addressed in the path: leave --path-style out", p.bucket)
	}
	return fail(exitFailed, "the bucket %s at %s refuses to be listed: %s", p.bucket, p.endpoint, whatCOSSays(e))
}

// denied tells a wrong key from missing rights: the user mends them in
// different places.
func (p place) denied(e *cosapi.Error) *failure {
	switch {
	case p.origin == "":
		return fail(exitDenied, "the bucket %s cannot be listed without a key: set COS_SECRET_ID and COS_SECRET_KEY", p.bucket)
	case e.Code == "InvalidAccessKeyId":
		return fail(exitDenied, "COS does not know the secret id from %s: check it, or create a key in the console of CAM", p.origin)
	case e.Code == "SignatureDoesNotMatch":
		return fail(exitDenied, "the secret key from %s does not belong to its secret id: check both for missing or extra characters", p.origin)
	case e.Code == "ExpiredToken":
		return fail(exitDenied, "the temporary key from %s has expired: get a new one", p.origin)
	case e.Code == "Request has expired", strings.Contains(e.Message, "expired"):
		return p.skewed()
	}
	return fail(exitDenied, "access to the bucket %s is denied to the key from %s: it needs at least cos:GetBucket, cos:HeadObject and cos:GetObject", p.bucket, p.origin)
}

// skewed: the client has corrected its clock by the answer's Date once
// already, so what is left is a clock that runs away or a broken gateway.
func (p place) skewed() *failure {
	return fail(exitClock, "the clock of this machine (%s) is too far from that of %s: set it, for example with `timedatectl set-ntp true`",
		time.Now().Format(time.RFC3339), p.endpoint)
}

// unreachable tells no answer at all, and which kind, from bad answers.
func (p place) unreachable(e *cosapi.Error) *failure {
	var dns *net.DNSError
	switch {
	case e.Status != 0:
		return fail(exitUnreachable, "%s answers with an error (%s): try again later", p.endpoint, whatCOSSays(e))
	case errors.As(e, &dns) && dns.IsNotFound:
		return fail(exitUnreachable, "the host %s does not exist: check the region or --endpoint", dns.Name)
	case e.Kind == cosapi.Timeout, errors.Is(e, context.DeadlineExceeded):
		return fail(exitUnreachable, "%s does not answer within %s: check the network, a proxy, the region and --endpoint", p.endpoint, preflightLimit)
	}
	return fail(exitUnreachable, "%s cannot be reached (%v): check the network, the region and --endpoint", p.endpoint, rootCause(e))
}

// whatCOSSays is an answer's own words.
func whatCOSSays(e *cosapi.Error) string {
	switch {
	case e.Code != "" && e.Message != "":
		return e.Code + ": " + strings.TrimSuffix(e.Message, ".")
	case e.Code != "":
		return e.Code
	}
	return e.Error()
}

// rootCause is the innermost error: "connection refused" without the request
// that met it.
func rootCause(err error) error {
	for {
		inner := errors.Unwrap(err)
		if inner == nil {
			return err
		}
		err = inner
	}
}

// explainConfig is for a client that could not even be made.
func explainConfig(err error) *failure {
	var e *cosapi.Error
	if errors.As(err, &e) && e.Message != "" {
		return &failure{code: exitUsage, sentence: e.Message, cause: err}
	}
	return fail(exitUsage, "%w", err)
}

// explainStage is for a stage that cannot be opened.
func explainStage(err error) *failure {
	var locked *writeback.LockedError
	if !errors.As(err, &locked) {
		return fail(exitFailed, "the stage cannot be opened: %w", err)
	}
	who := "another cosfs"
	if locked.PID != 0 {
		who = fmt.Sprintf("another cosfs (pid %d)", locked.PID)
	}
	f := fail(exitBusy, "%s has the same bucket mounted and uses the stage %s: unmount that one first, or give this one another --cache-dir", who, locked.Dir)
	f.cause = err
	return f
}
