package cosapi

import (
	"context"
	"crypto/md5"
	"encoding/hex"
	"errors"
	"io"

	"golang.org/x/sync/errgroup"
)

// errOtherContent ends the comparison of an upload that is not of our file.
var errOtherContent = errors.New("the unfinished upload is of another content")

// resumable says that the parts of an unfinished upload could be recognised:
// their ETags are MD5s only without keys of others (cos-api.md 3.0.9).
func (u *partsUpload) resumable() bool {
	e := u.opts.Encryption
	return !u.opts.Fresh && len(e.CustomerKey) == 0 && e.Algorithm != "cos/kms"
}

// resume takes the newest unfinished upload of the key over, if all that it
// has fits. Without one, or without the permission to ask for one, u.id stays
// empty.
func (u *partsUpload) resume(ctx context.Context) error {
	unfinished, stored, err := u.find(ctx)
	switch {
	case errors.Is(err, Denied) || errors.Is(err, Unsupported):
		u.c.cfg.Log.Warn("unfinished uploads cannot be listed; a new one is begun", "key", u.key, "err", err)
		return nil
	case errors.Is(err, NoUpload):
		return nil // it ended between the two listings
	case err != nil:
		return transferError("Upload", u.key, err, "looking for an unfinished upload; upload again")
	case unfinished.ID == "" || !u.plausible(stored):
		return nil
	}
	found, err := u.compare(ctx, stored)
	if errors.Is(err, errOtherContent) {
		return nil
	}
	if err != nil {
		return transferError("Upload", u.key, err, "reading the local file to resume its upload")
	}
	u.id, u.resumed = unfinished.ID, len(found)
	for _, p := range found {
		u.parts[p.Number-1] = p
		u.meter.add(p.Size, 0)
	}
	return nil
}

// find gives the newest unfinished upload of exactly this key, as the seeds'
// resume chooses it, and its parts.
func (u *partsUpload) find(ctx context.Context) (newest Upload, parts []Part, err error) {
	for candidate, err := range u.c.Uploads(ctx, u.key) {
		if err != nil {
			return Upload{}, nil, err
		}
		if candidate.Key != u.key {
			break // longer keys come after it
		}
		if !candidate.Initiated.Before(newest.Initiated) {
			newest = candidate
		}
	}
	if newest.ID == "" || orStandard(newest.StorageClass) != orStandard(u.opts.StorageClass) {
		return Upload{}, nil, nil
	}
	parts, err = u.c.Parts(ctx, u.key, newest.ID)
	return newest, parts, err
}

func orStandard(class string) string {
	if class == "" {
		return "STANDARD"
	}
	return class
}

// plausible compares what costs no reading: the places and sizes of all parts.
func (u *partsUpload) plausible(stored []Part) bool {
	for _, p := range stored {
		if p.Number < 1 || p.Number > len(u.parts) {
			return false
		}
		if _, length := u.split.piece(p.Number); p.Size != length {
			return false
		}
	}
	return true
}

// compare reads the local bytes of every stored part and gives the parts with
// the CRC64 of those bytes, which COS does not list. One that differs is
// errOtherContent.
func (u *partsUpload) compare(ctx context.Context, stored []Part) ([]Part, error) {
	found := make([]Part, len(stored))
	workers, ctx := errgroup.WithContext(ctx)
	workers.SetLimit(concurrency(u.opts.Concurrency))
	for i, p := range stored {
		workers.Go(func() error {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			sum, crc, err := u.digest(ctx, p.Number)
			if err == nil && sum != p.ETag {
				err = errOtherContent
			}
			p.CRC64, p.HasCRC64 = crc, true
			found[i] = p
			return err
		})
	}
	return found, workers.Wait()
}

// digest is the MD5, in hexadecimal, and the CRC64 of a local piece.
func (u *partsUpload) digest(ctx context.Context, number int) (sum string, crc uint64, err error) {
	off, length := u.split.piece(number)
	m, c := md5.New(), NewCRC64()
	n, err := io.Copy(io.MultiWriter(m, c), contextReader{ctx, io.NewSectionReader(u.src, off, length)})
	if err == nil && n < length {
		err = io.ErrUnexpectedEOF
	}
	return hex.EncodeToString(m.Sum(nil)), c.Sum64(), err
}
