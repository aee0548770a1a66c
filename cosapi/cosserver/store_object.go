package cosserver

import (
	"bytes"
	"encoding/base64"
	"strconv"
)

// put is the storing of one object.
type put struct {
	bucket, key string
	object      *objectRecord
	// forbid makes it fail when the key exists. It has no effect in a bucket
	// that was ever versioned (cos-api.md 3.4.1).
	forbid bool
	// check, when set, sees the current version (nil when there is none)
	// inside the transaction and may refuse.
	check func(current *objectRecord) error
}

// put makes p.object the current version of its key and fills in its
// VersionID, Seq and Modified.
func (st *store) put(p put) error {
	return st.update(func(c *change) error { return st.putIn(c, p) })
}

// putIn is put within a transaction. The blobs of the object gain a reference.
func (st *store) putIn(c *change, p put) error {
	b, err := bucketOf(c, p.bucket)
	if err != nil {
		return err
	}
	raw := c.get(tableObjects, objectKey(p.bucket, p.key))
	if p.forbid && raw != nil && b.Versioning == "" {
		return failure("FileAlreadyExists")
	}
	var current *objectRecord
	if raw != nil {
		if current, err = decodeObject(raw); err != nil {
			return err
		}
	}
	if p.check != nil {
		if err := p.check(current); err != nil {
			return err
		}
	}
	p.object.Modified = st.now().UTC()
	p.object.VersionID, p.object.Seq = "", 0
	if err := c.retain(p.object.Segments); err != nil {
		return err
	}
	if err := st.makeRoom(c, b, p.bucket, p.key, current, &p.object.objectHead); err != nil {
		return err
	}
	value, err := p.object.encode()
	if err != nil {
		return err
	}
	return c.put(tableObjects, objectKey(p.bucket, p.key), value)
}

// makeRoom does with the current version what the bucket's versioning wants
// before head becomes the newest one, and numbers head.
func (st *store) makeRoom(c *change, b *bucketRecord, bucket, key string, current *objectRecord, head *objectHead) error {
	if b.Versioning == "" {
		if current == nil {
			return nil
		}
		return c.release(current.Segments)
	}
	seq, err := newestSeq(c, bucket, key, current)
	if err != nil {
		return err
	}
	head.Seq = max(seq+1, uint64(st.now().UnixNano()))
	if b.Versioning == versioningEnabled {
		head.VersionID = versionID(head.Seq)
	} else {
		head.VersionID = nullVersion
		if err := st.dropNull(c, bucket, key); err != nil {
			return err
		}
	}
	if current == nil || isNull(current.VersionID) && head.VersionID == nullVersion {
		return dropCurrent(c, bucket, key, current)
	}
	return archive(c, bucket, key, current)
}

// dropCurrent gives up the current version of a key for good.
func dropCurrent(c *change, bucket, key string, current *objectRecord) error {
	if current == nil {
		return nil
	}
	if err := c.release(current.Segments); err != nil {
		return err
	}
	return c.del(tableObjects, objectKey(bucket, key))
}

// deleted is what a deletion did, for its answer.
type deleted struct {
	marker    bool   // a delete marker was written, or was what was removed
	versionID string // of the marker written, or of the version removed
}

// remove deletes a key, or the version of it that is named (cos-api.md
// 3.4.4). What is not there is no error.
func (st *store) remove(bucket, key, version string) (d deleted, err error) {
	err = st.update(func(c *change) error {
		d, err = st.removeIn(c, bucket, key, version)
		return err
	})
	return d, err
}

func (st *store) removeIn(c *change, bucket, key, version string) (deleted, error) {
	b, err := bucketOf(c, bucket)
	if err != nil {
		return deleted{}, err
	}
	if version != "" {
		return st.removeVersion(c, bucket, key, version)
	}
	raw := c.get(tableObjects, objectKey(bucket, key))
	if raw == nil && b.Versioning == "" {
		return deleted{}, nil
	}
	var current *objectRecord
	if raw != nil {
		if current, err = decodeObject(raw); err != nil {
			return deleted{}, err
		}
	}
	if b.Versioning == "" {
		return deleted{}, dropCurrent(c, bucket, key, current)
	}
	return st.putMarker(c, b, bucket, key, current)
}

// lookup gives a version of a key: the current one when version is empty.
func (st *store) lookup(bucket, key, version string) (o *objectRecord, raw []byte, err error) {
	err = st.index.view(func(tx txn) error {
		if _, err := bucketOf(tx, bucket); err != nil {
			return err
		}
		_, value, err := find(tx, bucket, key, version)
		if err != nil {
			return err
		}
		raw = bytes.Clone(value)
		o, err = decodeObject(raw)
		return err
	})
	return o, raw, err
}

// unchanged tells whether a version's record is still raw.
func (st *store) unchanged(bucket, key, version string, raw []byte) (same bool, err error) {
	err = st.index.view(func(tx txn) error {
		_, value, err := find(tx, bucket, key, version)
		same = err == nil && bytes.Equal(value, raw)
		return nil
	})
	return same, err
}

// place is where a record was found.
type place struct {
	table table
	key   []byte
}

// find gives the record of a version. It fails with NoSuchKey, NoSuchVersion,
// or noSuchMarker when the current version is a delete marker.
func find(tx txn, bucket, key, version string) (place, []byte, error) {
	current := place{tableObjects, objectKey(bucket, key)}
	raw := tx.get(current.table, current.key)
	if version == "" {
		if raw == nil {
			return place{}, nil, absent(tx, bucket, key)
		}
		return current, raw, nil
	}
	if raw != nil {
		head, _, err := decodeHead(raw)
		if err != nil {
			return place{}, nil, err
		}
		if sameVersion(head.VersionID, version) {
			return current, raw, nil
		}
	}
	return findOlder(tx, bucket, key, version)
}

// changeObject replaces the record of a version by what fn makes of it;
// content and head stay.
func (st *store) changeObject(bucket, key, version string, fn func(*objectRecord) error) error {
	return st.update(func(c *change) error {
		if _, err := bucketOf(c, bucket); err != nil {
			return err
		}
		at, raw, err := find(c, bucket, key, version)
		if err != nil {
			return err
		}
		o, err := decodeObject(raw)
		if err != nil {
			return err
		}
		if o.DeleteMarker {
			return failure("MethodNotAllowed")
		}
		if err := fn(o); err != nil {
			return err
		}
		value, err := o.encode()
		if err != nil {
			return err
		}
		return c.put(at.table, at.key, value)
	})
}

// versionID is the name of a version: opaque to clients, and like COS's own
// the base64 of a number that falls with time.
func versionID(seq uint64) string {
	return base64.RawURLEncoding.EncodeToString([]byte(strconv.FormatUint(^seq, 10)))
}

// isNull tells whether a version is the one written without versioning.
func isNull(id string) bool { return id == "" || id == nullVersion }

func sameVersion(stored, asked string) bool {
	return stored == asked || stored == "" && asked == nullVersion
}

// copySource names a version to copy from.
type copySource struct{ bucket, key, version string }

// copy stores p with the content of src, without moving a byte: both refer to
// the same blobs. prepare sees the source and fills p.object in, all but the
// content; it may refuse.
func (st *store) copy(src copySource, p put, prepare func(source, target *objectRecord) error) error {
	return st.update(func(c *change) error {
		source, err := sourceOf(c, src)
		if err != nil {
			return err
		}
		*p.object = objectRecord{}
		p.object.Size, p.object.ETag = source.Size, source.ETag
		p.object.Segments, p.object.CRC64 = source.Segments, source.CRC64
		if err := prepare(source, p.object); err != nil {
			return err
		}
		return st.putIn(c, p)
	})
}

// sourceOf gives the record to copy from.
func sourceOf(c *change, src copySource) (*objectRecord, error) {
	if _, err := bucketOf(c, src.bucket); err != nil {
		return nil, err
	}
	_, raw, err := find(c, src.bucket, src.key, src.version)
	if err != nil {
		return nil, err
	}
	o, err := decodeObject(raw)
	if err != nil {
		return nil, err
	}
	if o.DeleteMarker {
		return nil, failure("InvalidRequest").because("the copy source is a delete marker")
	}
	return o, nil
}
