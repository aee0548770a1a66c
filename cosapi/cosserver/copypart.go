package cosserver

import (
	"bytes"
	"crypto/md5"
	"encoding/hex"
	"errors"
	"io"
	"strings"

	"cosfs/cosapi"
)

// errMoved says that a copy's source was replaced while it was read.
var errMoved = errors.New("the copy source was replaced meanwhile")

// copyPart is Upload Part - Copy. The part refers to the source's blobs; its
// bytes are read once, because its ETag is their MD5, and not written.
func (c *call) copyPart() error {
	number, err := c.partNumber()
	if err != nil {
		return err
	}
	src, err := c.copySource()
	if err != nil {
		return err
	}
	for {
		part := &partRecord{Number: number}
		sourceVersion, err := c.copyPartOnce(src, part)
		if errors.Is(err, errMoved) {
			continue
		}
		if err != nil {
			return err
		}
		o := &objectRecord{objectHead: objectHead{ETag: part.ETag, Modified: part.Modified}}
		o.CRC64 = part.CRC64
		return c.copied("CopyPartResult", o, sourceVersion)
	}
}

// copyPartOnce makes the part out of the source as it is now.
func (c *call) copyPartOnce(src copySource, part *partRecord) (sourceVersion string, err error) {
	st := c.s.store
	source, raw, err := st.lookup(src.bucket, src.key, src.version)
	if err != nil {
		return "", err
	}
	if source.DeleteMarker {
		return "", failure("InvalidRequest").because("the copy source is a delete marker")
	}
	if err := c.checkSource(source); err != nil {
		return "", err
	}
	piece, err := c.copyRange(source.Size)
	if err != nil {
		return "", err
	}
	part.Segments, part.Size = slice(source.Segments, piece), piece.len
	release, ok, err := st.pin(part.Segments, func() (bool, error) {
		return st.unchanged(src.bucket, src.key, src.version, raw)
	})
	if err != nil {
		return "", err
	}
	if !ok {
		return "", errMoved
	}
	defer release()
	if err := c.hashPart(part); err != nil {
		return "", err
	}
	return source.VersionID, st.putPart(c.bucket, c.key, c.q.get("uploadId"), part, func(tx txn) error {
		_, now, err := find(tx, src.bucket, src.key, src.version)
		if err != nil || !bytes.Equal(now, raw) {
			return errMoved
		}
		return nil
	})
}

// hashPart reads the part's bytes for its ETag and checksum.
func (c *call) hashPart(part *partRecord) error {
	if part.Size > maxPutSize {
		return failure("EntityTooLarge")
	}
	sum, crc := md5.New(), cosapi.NewCRC64()
	r := c.s.store.reader(part.Segments)
	defer r.Close()
	if _, err := r.WriteTo(io.MultiWriter(sum, crc)); err != nil {
		return err
	}
	part.ETag, part.CRC64 = hex.EncodeToString(sum.Sum(nil)), crc.Sum64()
	return nil
}

// copyRange reads x-cos-copy-source-range, bytes=first-last with both given.
// Absent or empty it means everything (cos-api.md 3.4.6).
func (c *call) copyRange(size int64) (span, error) {
	header := c.r.Header.Get("x-cos-copy-source-range")
	if header == "" {
		return span{0, size}, nil
	}
	first, last, ok := strings.Cut(strings.TrimPrefix(header, "bytes="), "-")
	from, err1 := offset(first)
	to, err2 := offset(last)
	if !ok || err1 != nil || err2 != nil || to < from {
		return span{}, failure("InvalidArgument").because("x-cos-copy-source-range must be bytes=first-last")
	}
	if to >= size {
		return span{}, failure("InvalidRange").because("x-cos-copy-source-range reaches beyond the source")
	}
	return span{from, to - from + 1}, nil
}
