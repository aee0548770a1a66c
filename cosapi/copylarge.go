package cosapi

import (
	"cmp"
	"context"

	"golang.org/x/sync/errgroup"
)

// CopyLargeOptions are the choices of CopyLarge. The zero value is a good one.
type CopyLargeOptions struct {
	CopyOptions
	// PartSize is the size in bytes of a part of a copy by parts. 0: 512 MiB;
	// it grows when 10,000 parts would not hold the object.
	PartSize int64
	// Threshold is the size in bytes above which parts are copied. 0: 5 GiB,
	// the most that one request copies.
	Threshold   int64
	Concurrency int // parts at once. 0: 5
	// Progress is told the bytes that are copied, of how many; only a copy by
	// parts has any to tell. Calls come one after another and never backwards.
	Progress func(copied, total int64)
}

// CopyLarge makes dst a copy of src of any size: by Copy up to 5 GiB, by parts
// above, which move inside COS too (the seeds' copy_object). All parts are of
// the one version: src.ETag, or what is there when it begins. A copy by parts
// that fails is aborted. Tags are copied only by Copy.
func (c *Client) CopyLarge(ctx context.Context, src Version, dst string, o CopyLargeOptions) (Object, error) {
	if o.SourceRegion != "" && o.SourceRegion != c.cfg.Region {
		return c.copyBlind(ctx, src, dst, o)
	}
	there, err := c.headSource(ctx, src, o.CopySource)
	if err != nil {
		return Object{}, err
	}
	return c.CopyLargeFrom(ctx, there, dst, o)
}

// headSource looks at a source of this region.
func (c *Client) headSource(ctx context.Context, src Version, s CopySource) (Object, error) {
	in := c
	if s.SourceBucket != "" && s.SourceBucket != c.cfg.Bucket {
		var err error
		if in, err = c.WithBucket(s.SourceBucket); err != nil {
			return Object{}, err
		}
	}
	return in.HeadWith(ctx, src.Key, HeadOptions{VersionID: s.SourceVersionID, IfMatch: src.ETag, CustomerKey: s.SourceCustomerKey})
}

// copyBlind copies from another region, where this client cannot ask: src has
// to say how large it is.
func (c *Client) copyBlind(ctx context.Context, src Version, dst string, o CopyLargeOptions) (Object, error) {
	if src.Size > MaxPutSize && !o.Replace {
		return Object{}, invalid("CopyObject", dst, "the attributes of a source above 5 GiB in another region must be given: set Replace")
	}
	return c.CopyLargeFrom(ctx, Object{Version: src}, dst, o)
}

// CopyLargeFrom is CopyLarge of a source that was looked at: src is what Head
// gave, and no request asks again, so that it may be in another region too.
func (c *Client) CopyLargeFrom(ctx context.Context, src Object, dst string, o CopyLargeOptions) (Object, error) {
	if src.Size <= min(MaxPutSize, cmp.Or(o.Threshold, MaxPutSize)) {
		return c.Copy(ctx, src.Version, dst, o.CopyOptions)
	}
	put := o.PutOptions
	if !o.Replace {
		// An upload has no source whose attributes it could take over.
		put.Attrs = src.Attrs
		put.StorageClass, put.Encryption = o.StorageClass, o.Encryption
	}
	id, err := c.StartUpload(ctx, dst, put)
	if err != nil {
		return Object{}, err
	}
	object, err := c.copyParts(ctx, src, dst, id, o)
	if err != nil {
		// What is copied helps nobody and costs storage; a context that has
		// ended must not keep it.
		if c.AbortUpload(context.WithoutCancel(ctx), dst, id) != nil {
			err = transferError("CopyObject", dst, err, "its upload %s could not be aborted and costs storage", id)
		}
		return Object{}, err
	}
	return object, nil
}

// copyParts fills an upload from src and completes it.
func (c *Client) copyParts(ctx context.Context, src Object, dst, id string, o CopyLargeOptions) (Object, error) {
	const defaultPart = 512 << 20
	pieces := newSplit(src.Size, cmp.Or(o.PartSize, defaultPart))
	parts := make([]Part, pieces.count())
	bytes := newMeter(o.Progress, src.Size)
	workers, working := errgroup.WithContext(ctx)
	workers.SetLimit(concurrency(o.Concurrency))
	for i := range parts {
		workers.Go(func() (err error) {
			off, n := pieces.piece(i + 1)
			parts[i], err = c.CopyPartFrom(working, dst, id, i+1, src.Version, Range{off, n}, o.CopySource)
			if err == nil {
				bytes.add(n, 0)
			}
			return err
		})
	}
	if err := workers.Wait(); err != nil {
		return Object{}, err
	}
	return c.complete(ctx, dst, id, parts, o.ForbidOverwrite)
}
