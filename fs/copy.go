package fs

import "cosfs/cosapi"

// copyObject copies an object inside the bucket, by parts if it must, and
// returns what is there now. Without o.Replace the attributes stay.
func (f *FS) copyObject(src cosapi.Object, key string, o cosapi.CopyOptions) (cosapi.Object, error) {
	if !o.Replace {
		o.StorageClass, o.Encryption = src.StorageClass, src.Encryption
	}
	var info cosapi.Object
	var err error
	if src.Size <= cosapi.MaxPutSize {
		info, err = f.bucket.Copy(f.ctx, src.Version, key, o)
	} else {
		info, err = f.bucket.CopyLarge(f.ctx, src.Version, key, cosapi.CopyLargeOptions{CopyOptions: o, Concurrency: f.cfg.Parallel})
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
