package fs

import (
	"golang.org/x/sync/errgroup"

	"cosfs/cosapi"
)

// Limits of one copy request (cos-api.md 3.0.5), and what is used beyond it.
const (
	maxCopy       = 5 << 30   // bytes
	copyPart      = 512 << 20 // bytes; 10,000 of them are 4.8 TiB
	parallelCopys = 16
)

// copyObject copies an object inside the bucket, by parts if it must, and
// returns what is there now. Without o.Replace the attributes stay.
func (f *FS) copyObject(src cosapi.Object, key string, o cosapi.CopyOptions) (cosapi.Object, error) {
	if !o.Replace {
		o.StorageClass, o.Encryption = src.StorageClass, src.Encryption
	}
	var info cosapi.Object
	var err error
	if src.Size <= maxCopy {
		info, err = f.bucket.Copy(f.ctx, src.Version, key, o)
	} else {
		info, err = f.copyByParts(src, key, o)
	}
	if err != nil {
		return cosapi.Object{}, err
	}
	info.Size, info.Listed = src.Size, src.Listed && !o.Replace
	info.Attrs = src.Attrs
	if o.Replace {
		info.Attrs = o.Attrs
	}
	if !info.HasCRC64 {
		info.CRC64, info.HasCRC64 = src.CRC64, src.HasCRC64
	}
	f.written(info, o.PutOptions)
	return info, nil
}

func (f *FS) copyByParts(src cosapi.Object, key string, o cosapi.CopyOptions) (cosapi.Object, error) {
	put := o.PutOptions
	if !o.Replace { // a multipart upload inherits nothing
		put.Attrs = src.Attrs
	}
	id, err := f.bucket.StartUpload(f.ctx, key, put)
	if err != nil {
		return cosapi.Object{}, err
	}
	size := max(copyPart, (src.Size+9999)/10000)
	parts := make([]cosapi.Part, (src.Size+size-1)/size)
	g, ctx := errgroup.WithContext(f.ctx)
	g.SetLimit(parallelCopys)
	for i := range parts {
		g.Go(func() (err error) {
			off := int64(i) * size
			r := cosapi.Range{Off: off, Len: min(size, src.Size-off)}
			parts[i], err = f.bucket.CopyPart(ctx, key, id, i+1, src.Version, r)
			return err
		})
	}
	if err := g.Wait(); err != nil {
		if abort := f.bucket.AbortUpload(f.ctx, key, id); abort != nil {
			f.log.Warn("unfinished upload left behind", "key", key, "upload", id, "err", abort)
		}
		return cosapi.Object{}, err
	}
	return f.bucket.CompleteUpload(f.ctx, key, id, parts)
}
