package cosapi

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"
)

// abortTimeout is for the abort of an upload whose caller may have gone.
const abortTimeout = 30 * time.Second

// partsUpload is one call of Upload that sends parts.
type partsUpload struct {
	c     *Client
	key   string
	src   *source
	opts  UploadOptions
	split split
	meter *meter

	id      string
	resumed int
	// parts are those stored, by number-1; the others are zero. A worker
	// writes only the element of its own part.
	parts []Part
}

func (u *partsUpload) run(ctx context.Context) (Uploaded, error) {
	if err := u.begin(ctx); err != nil {
		return Uploaded{}, err
	}
	err := u.sendMissing(ctx)
	if change := u.src.changed(); change != "" {
		return Uploaded{}, u.changed(ctx, err, change)
	}
	if err != nil {
		return u.done(Object{}), u.failed(err)
	}
	return u.complete(ctx)
}

func (u *partsUpload) done(o Object) Uploaded {
	return Uploaded{Object: o, UploadID: u.id, Parts: len(u.parts), Resumed: u.resumed}
}

// begin finds an unfinished upload or starts one.
func (u *partsUpload) begin(ctx context.Context) error {
	if u.resumable() {
		if err := u.resume(ctx); err != nil || u.id != "" {
			return err
		}
	}
	var err error
	u.id, err = u.c.StartUpload(ctx, u.key, u.opts.PutOptions)
	return err
}

// sendMissing sends the parts that are not stored. After a failure no further
// part is begun; those on their way have a chance to be stored for the next
// call.
func (u *partsUpload) sendMissing(ctx context.Context) error {
	workers, begin := errgroup.WithContext(ctx)
	workers.SetLimit(concurrency(u.opts.Concurrency))
	for number := 1; number <= len(u.parts); number++ {
		if u.parts[number-1].Number != 0 {
			continue
		}
		workers.Go(func() error {
			if begin.Err() != nil {
				return ctx.Err()
			}
			return u.send(ctx, number)
		})
	}
	return workers.Wait()
}

func (u *partsUpload) send(ctx context.Context, number int) error {
	off, length := u.split.piece(number)
	part, err := u.c.UploadPartWith(ctx, u.key, u.id, number, u.src.body(off, length, u.meter), PartOptions{
		ContentMD5: u.opts.ContentMD5, TrafficLimit: u.opts.TrafficLimit, CustomerKey: u.opts.Encryption.CustomerKey,
	})
	if err != nil {
		return transferError("Upload", u.key, err, "part %d", number)
	}
	u.parts[number-1] = part
	return nil
}

// complete makes the object. CompleteUpload compares the checksum.
func (u *partsUpload) complete(ctx context.Context) (Uploaded, error) {
	finish := u.c.CompleteUpload
	if u.opts.ForbidOverwrite {
		finish = u.c.CompleteExclusive
	}
	object, err := finish(ctx, u.key, u.id, u.parts)
	switch {
	case errors.Is(err, Corrupt):
		return Uploaded{}, transferError("Upload", u.key, err, "the object that was stored is damaged; upload it again")
	case errors.Is(err, Exists):
		// The parts can never become an object: nobody will resume them.
		return Uploaded{}, transferError("Upload", u.key, err, "%s", u.abort(ctx))
	case err != nil:
		return u.done(Object{}), u.failed(err)
	}
	// The answer does not say it (cos-api.md 3.0.2), but an upload of another
	// class would not have been resumed.
	object.StorageClass = cmp.Or(object.StorageClass, u.opts.StorageClass)
	return u.done(object), nil
}

// failed tells what is left of an upload that could not be finished.
func (u *partsUpload) failed(err error) *Error {
	if errors.Is(err, NoUpload) {
		return transferError("Upload", u.key, err,
			"the unfinished upload is gone, completed or aborted by somebody else; upload again to begin anew")
	}
	stored := 0
	for _, p := range u.parts {
		if p.Number != 0 {
			stored++
		}
	}
	return transferError("Upload", u.key, err,
		"the unfinished upload %s keeps %d of %d parts: upload again to send the rest, or abort it", u.id, stored, len(u.parts))
}

// changed is the end of an upload of mixed content.
func (u *partsUpload) changed(ctx context.Context, cause error, change string) *Error {
	return changedSource(u.key, cause, fmt.Sprintf("%s; %s; upload it again when nobody writes to it", change, u.abort(ctx)))
}

// abort removes the upload, also when ctx has ended, and tells what became of
// it.
func (u *partsUpload) abort(ctx context.Context) string {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), abortTimeout)
	defer cancel()
	if err := u.c.AbortUpload(ctx, u.key, u.id); err != nil && !errors.Is(err, NoUpload) {
		return fmt.Sprintf("the unfinished upload %s could not be aborted (%v) and has to be", u.id, err)
	}
	return "the unfinished upload was aborted"
}
