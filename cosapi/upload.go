package cosapi

import (
	"cmp"
	"context"
	"io"
)

// UploadOptions are the choices of Upload, named as the seeds' upload_file
// names them where it has them. The zero value is a good one.
type UploadOptions struct {
	// PutOptions hold for the object: its attributes, metadata, ACL,
	// encryption and tags. TrafficLimit is that of each request.
	PutOptions
	// Threshold is the size in bytes up to which a file is sent by one put
	// and above which by parts. 0: 20 MiB; at most 5 GiB.
	Threshold int64
	// PartSize is the size of a part in bytes, at least 1 MiB. 0: 1 MiB. It
	// grows when 10,000 parts of it would not hold the file.
	PartSize int64
	// Concurrency (the seeds' MAXThread) is the number of parts on their way
	// at once. 0: 5.
	Concurrency int
	// Progress (progress_callback) is told how many of the total bytes were
	// read to be sent, or found to be stored already. Its calls come one after
	// another, never backwards, from several goroutines, and hold the upload
	// up. With ContentMD5 the pass that computes it counts already.
	Progress func(consumed, total int64)
	// Fresh begins anew in place of resuming an unfinished upload.
	Fresh bool
}

// Uploaded is what an upload made.
type Uploaded struct {
	Object
	UploadID string // of the multipart upload; empty after one put
	Parts    int    // of that upload
	Resumed  int    // parts that an earlier call had stored
}

// Upload stores the file at path as the content of key (the seeds'
// upload_file): by Put up to Threshold, by parallel parts above. The CRC64 of
// the whole, combined from those of the parts, is compared with COS's.
//
// A file sent in parts resumes the newest unfinished upload of exactly this
// key, if it is of the same storage class and every part it has lies where
// ours would, has its size and, as ETag, the MD5 of those local bytes; such
// parts are not sent again. Otherwise a new one begins, and the other is left
// alone: it may be somebody else's. The attributes and the ACL of the object
// are those that its upload was started with. Encryption with keys of KMS or
// of the customer hides the MD5s: such uploads are never resumed.
//
// When parts fail, those on their way are still finished, and the upload
// stays for the next call; the error says so. A file that was changed
// meanwhile is Changed, and its upload is aborted: by size and time of
// modification, a writer that hides from both is not seen.
//
// No more than a buffer per part on its way is held in memory.
func (c *Client) Upload(ctx context.Context, key, path string, o UploadOptions) (Uploaded, error) {
	src, err := openSource("Upload", key, path)
	if err != nil {
		return Uploaded{}, err
	}
	defer src.close()
	return c.upload(ctx, key, src, o)
}

// UploadFrom is Upload of the first size bytes of r, which must not change
// and must allow parallel reads.
func (c *Client) UploadFrom(ctx context.Context, key string, r io.ReaderAt, size int64, o UploadOptions) (Uploaded, error) {
	if size < 0 {
		return Uploaded{}, invalid("Upload", key, "the size is %d", size)
	}
	return c.upload(ctx, key, &source{ReaderAt: r, size: size}, o)
}

func (c *Client) upload(ctx context.Context, key string, src *source, o UploadOptions) (Uploaded, error) {
	if err := CheckKey(key); err != nil {
		return Uploaded{}, err
	}
	o.Threshold = cmp.Or(o.Threshold, defaultThreshold)
	if o.Threshold < 0 || o.Threshold > MaxPutSize {
		return Uploaded{}, invalid("Upload", key, "the threshold of %d bytes is not between 1 and 5 GiB", o.Threshold)
	}
	o.PartSize = cmp.Or(o.PartSize, defaultUploadPart)
	if o.PartSize < MinPartSize || o.PartSize > MaxPutSize {
		return Uploaded{}, invalid("Upload", key, "the part size of %d bytes is not between 1 MiB and 5 GiB", o.PartSize)
	}
	pieces := newSplit(src.size, o.PartSize)
	if pieces.part > MaxPutSize {
		return Uploaded{}, &Error{Op: "Upload", Key: key, Kind: TooLarge, Message: "COS takes 10,000 parts of 5 GiB"}
	}
	if src.size <= o.Threshold {
		return c.uploadWhole(ctx, key, src, o)
	}
	u := &partsUpload{
		c: c, key: key, src: src, opts: o, split: pieces,
		meter: newMeter(o.Progress, src.size), parts: make([]Part, pieces.count()),
	}
	return u.run(ctx)
}

// uploadWhole stores a small file.
func (c *Client) uploadWhole(ctx context.Context, key string, src *source, o UploadOptions) (Uploaded, error) {
	body := src.body(0, src.size, newMeter(o.Progress, src.size))
	object, err := c.Put(ctx, key, body, o.PutOptions)
	if change := src.changed(); change != "" {
		return Uploaded{}, changedSource(key, err, change+"; upload it again when nobody writes to it")
	}
	return Uploaded{Object: object}, err
}

// changedSource is the error of a file that was written to meanwhile, which
// explains any other.
func changedSource(key string, cause error, text string) *Error {
	return &Error{Op: "Upload", Key: key, Kind: Changed, Message: text, Err: cause}
}
