package cosapi

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"

	"golang.org/x/sync/errgroup"
)

// DownloadOptions are the choices of Download. The zero value is a good one.
type DownloadOptions struct {
	// HeadOptions select a version, and the conditions under which there is a
	// download at all: NotModified or Changed otherwise. CustomerKey is that
	// of SSE-C.
	HeadOptions
	// PartSize is the size of one ranged GET in bytes. 0: 8 MiB. It grows when
	// there would be more than 10,000 of them.
	PartSize     int64
	Concurrency  int   // ranged GETs at once. 0: 5
	TrafficLimit int64 // of each GET, bit/s between 819,200 and 838,860,800; 0: none
	// Progress is told how many of the total bytes are in the file. Its calls
	// come as those of UploadOptions.Progress.
	Progress func(written, total int64)
	// Fresh begins anew in place of resuming an unfinished download.
	Fresh bool
}

// Download writes one version of an object into the file at path (the seeds'
// get_stream_to_file, made parallel). With v.ETag set it is that version or
// Changed; empty means the one that is there now. All ranges are asked for
// under the ETag of that one version: an object overwritten meanwhile is
// Changed, never a mix.
//
// The bytes are gathered in a file beside path, .cosfs-<hash>.part, and what
// it has is noted in .cosfs-<hash>.record. When the checksum agrees with
// COS's, else Corrupt, it is synced and renamed to path: nobody sees half a
// file, and a file that was there stays until then. The new one has the mode
// of a new file; a symbolic link is replaced, not followed. A download that failed or was killed leaves the two
// files, and the next one of the same version to the same path fetches only
// what is missing, after comparing what is there with the checksums noted. A
// second download to the same path at the same time is InProgress.
//
// No more than a buffer per range on its way is held in memory.
func (c *Client) Download(ctx context.Context, v Version, path string, o DownloadOptions) (Object, error) {
	o.PartSize = cmp.Or(o.PartSize, defaultDownloadPart)
	if o.PartSize < 0 {
		return Object{}, invalid("Download", v.Key, "the part size is %d bytes", o.PartSize)
	}
	if v.ETag != "" {
		o.IfMatch = v.ETag
	}
	object, err := c.HeadWith(ctx, v.Key, o.HeadOptions)
	if err != nil {
		return Object{}, err
	}
	pieces := newSplit(object.Size, o.PartSize)
	if object.ETag == "" {
		// Nothing to pin ranges to: one request, whose bytes are of one version.
		pieces.part = max(1, object.Size)
	}
	t, err := openTarget(ctx, object, path, pieces, o.Fresh)
	if err != nil {
		return Object{}, err
	}
	defer t.close()
	d := &download{c: c, object: object, opts: o, target: t, meter: newMeter(o.Progress, object.Size)}
	return object, d.run(ctx)
}

// download is one call of Download.
type download struct {
	c      *Client
	object Object
	opts   DownloadOptions
	target *target
	meter  *meter
}

func (d *download) run(ctx context.Context) error {
	for _, crc := range d.target.parts {
		if crc.known {
			d.meter.add(crc.length, 0)
		}
	}
	if err := d.fetchMissing(ctx); err != nil {
		return d.failed(err)
	}
	if err := d.verify(); err != nil {
		d.target.discard()
		return err
	}
	if err := d.target.commit(); err != nil {
		return d.failed(err)
	}
	return nil
}

// fetchMissing fetches the pieces that are not in the file. After a failure
// the others end too: the pieces that are complete are noted.
func (d *download) fetchMissing(ctx context.Context) error {
	workers, ctx := errgroup.WithContext(ctx)
	workers.SetLimit(concurrency(d.opts.Concurrency))
	for i, p := range d.target.parts {
		if p.known {
			continue
		}
		workers.Go(func() error {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			return d.fetch(ctx, i+1)
		})
	}
	return workers.Wait()
}

// fetch brings one piece into the file and notes it.
func (d *download) fetch(ctx context.Context, number int) error {
	off, length := d.target.split.piece(number)
	rd, err := d.c.GetWith(ctx, d.object.Version, Range{Off: off, Len: length}, GetOptions{
		HeadOptions:  HeadOptions{VersionID: d.opts.VersionID, CustomerKey: d.opts.CustomerKey},
		TrafficLimit: d.opts.TrafficLimit,
	})
	if err != nil {
		return err
	}
	defer rd.Close()
	crc := NewCRC64()
	to := io.MultiWriter(crc, io.NewOffsetWriter(d.target.file, off), d)
	// Reader has no WriterTo and a MultiWriter no ReaderFrom, so that the
	// buffer is all the memory there is.
	n, err := io.CopyBuffer(to, rd, make([]byte, transferBuffer))
	if err != nil {
		return err
	}
	if n != length {
		return fmt.Errorf("%d of the %d bytes at %d came", n, length, off)
	}
	return d.target.note(number, crc.Sum64())
}

// Write counts for the progress what the writers before it have taken.
func (d *download) Write(p []byte) (int, error) {
	d.meter.add(int64(len(p)), 0)
	return len(p), nil
}

// verify compares the checksum of the pieces, put together, with COS's.
func (d *download) verify() error {
	var whole uint64
	for _, p := range d.target.parts {
		whole = CombineCRC64(whole, p.crc, p.length)
	}
	if !d.object.HasCRC64 || whole == d.object.CRC64 {
		return nil
	}
	return &Error{Op: "Download", Key: d.object.Key, Kind: Corrupt, Message: fmt.Sprintf(
		"CRC64 %d is stored, %d came; what came was thrown away, download again", d.object.CRC64, whole)}
}

// failed tells what is left of a download that could not be finished.
func (d *download) failed(err error) error {
	have := d.target.have()
	switch {
	case errors.Is(err, Changed) || errors.Is(err, NotFound):
		d.target.discard()
		return transferError("Download", d.object.Key, err,
			"the object was replaced or removed while it was downloaded; what came was thrown away, download again")
	case have == 0:
		d.target.discard()
		return transferError("Download", d.object.Key, err, "nothing came; download again")
	}
	return transferError("Download", d.object.Key, err,
		"%s keeps %d of %d bytes: download again to fetch the rest, or remove it", d.target.file.Name(), have, d.object.Size)
}
