package main

import (
	"context"
	"errors"
	"sync"

	"golang.org/x/sync/errgroup"

	"cosfs/cosapi"
)

const (
	copyPartSize = 512 << 20 // moves inside COS; large, because each is a request
	copyParallel = 5
)

// copyObject copies by one request, or by parts of partSize if one is given
// and the source is larger, or if it is too large for one request.
func (r *remote) copyObject(ctx context.Context, src cosapi.Object, dst string, o cosapi.CopyOptions, partSize int64) (cosapi.Object, error) {
	if src.Size <= cosapi.MaxPutSize && (partSize == 0 || src.Size <= partSize) {
		return r.client.Copy(ctx, src.Version, dst, o)
	}
	c := &partsCopy{r: r, src: src, dst: dst, o: o, partSize: partSize}
	if c.partSize == 0 {
		c.partSize = copyPartSize
	}
	if least := (src.Size + cosapi.MaxParts - 1) / cosapi.MaxParts; c.partSize < least {
		c.partSize = least
	}
	return c.run(ctx)
}

// partsCopy is one copy by parts, all pinned to the source's ETag.
type partsCopy struct {
	r        *remote
	src      cosapi.Object
	dst      string
	o        cosapi.CopyOptions
	partSize int64

	mu    sync.Mutex // guards done
	done  int64      // bytes
	bar   *progress
	parts []cosapi.Part // each goroutine has its own element
}

func (c *partsCopy) run(ctx context.Context) (cosapi.Object, error) {
	put := c.o.PutOptions
	if !c.o.Replace {
		// A multipart upload has no source whose attributes it could take over.
		put.Attrs = c.src.Attrs
		put.StorageClass, put.Encryption = c.o.StorageClass, c.o.Encryption
	}
	id, err := c.r.client.StartUpload(ctx, c.dst, put)
	if err != nil {
		return cosapi.Object{}, err
	}
	c.bar = c.r.progress(c.dst, c.src.Size)
	object, err := c.copyParts(ctx, id)
	c.bar.finish(err)
	if err != nil {
		// What is copied helps nobody and costs storage; a context that has
		// ended must not keep it.
		err = errors.Join(err, c.r.client.AbortUpload(context.WithoutCancel(ctx), c.dst, id))
	}
	return object, err
}

func (c *partsCopy) copyParts(ctx context.Context, id string) (cosapi.Object, error) {
	c.parts = make([]cosapi.Part, (c.src.Size+c.partSize-1)/c.partSize)
	workers, working := errgroup.WithContext(ctx)
	workers.SetLimit(copyParallel)
	for i := range c.parts {
		workers.Go(func() error {
			off := int64(i) * c.partSize
			rng := cosapi.Range{Off: off, Len: min(c.partSize, c.src.Size-off)}
			part, err := c.r.client.CopyPartFrom(working, c.dst, id, i+1, c.src.Version, rng, c.o.CopySource)
			if err != nil {
				return err
			}
			c.parts[i] = part
			c.advance(rng.Len)
			return nil
		})
	}
	if err := workers.Wait(); err != nil {
		return cosapi.Object{}, err
	}
	if c.o.ForbidOverwrite {
		return c.r.client.CompleteExclusive(ctx, c.dst, id, c.parts)
	}
	return c.r.client.CompleteUpload(ctx, c.dst, id, c.parts)
}

func (c *partsCopy) advance(n int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.done += n
	c.bar.report(c.done, c.src.Size)
}
