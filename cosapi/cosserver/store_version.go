package cosserver

import (
	"bytes"
)

// The current version of a key is in tableObjects unless it is a delete
// marker; everything older, and a delete marker that is the newest, is in
// tableVersions. A bucket that was never versioned has nothing there and pays
// nothing for it.

const (
	versioningEnabled   = "Enabled"
	versioningSuspended = "Suspended"
)

// newestSeq is the sequence number of the newest version of a key, 0 if none.
func newestSeq(tx txn, bucket, key string, current *objectRecord) (uint64, error) {
	if current != nil && current.Seq > 0 {
		return current.Seq, nil
	}
	prefix := endedKey(bucket, key)
	cur := tx.seek(tableVersions, prefix)
	if !bytes.HasPrefix(cur.key(), prefix) {
		return 0, nil
	}
	head, _, err := decodeHead(cur.value())
	return head.Seq, err
}

// archive moves the current version among the older ones.
func archive(c *change, bucket, key string, current *objectRecord) error {
	if current == nil {
		return nil
	}
	if current.VersionID == "" {
		current.VersionID = nullVersion
	}
	value, err := current.encode()
	if err != nil {
		return err
	}
	if err := c.put(tableVersions, versionKey(bucket, key, current.Seq), value); err != nil {
		return err
	}
	return c.del(tableObjects, objectKey(bucket, key))
}

// dropNull removes an older version named null, which a new one replaces.
func (st *store) dropNull(c *change, bucket, key string) error {
	at, raw, err := findOlder(c, bucket, key, nullVersion)
	if isCode(err, "NoSuchVersion") {
		return nil
	}
	if err != nil {
		return err
	}
	return dropAt(c, at, raw)
}

// dropAt removes a record with its content.
func dropAt(c *change, at place, raw []byte) error {
	o, err := decodeObject(raw)
	if err != nil {
		return err
	}
	if err := c.release(o.Segments); err != nil {
		return err
	}
	return c.del(at.table, at.key)
}

// putMarker makes a delete marker the current version.
func (st *store) putMarker(c *change, b *bucketRecord, bucket, key string, current *objectRecord) (deleted, error) {
	marker := &objectRecord{objectHead: objectHead{Modified: st.now().UTC(), DeleteMarker: true}}
	if err := st.makeRoom(c, b, bucket, key, current, &marker.objectHead); err != nil {
		return deleted{}, err
	}
	value, err := marker.encode()
	if err != nil {
		return deleted{}, err
	}
	err = c.put(tableVersions, versionKey(bucket, key, marker.Seq), value)
	return deleted{marker: true, versionID: marker.VersionID}, err
}

// removeVersion removes one version for good. When it was the newest, the
// next one becomes current.
func (st *store) removeVersion(c *change, bucket, key, version string) (deleted, error) {
	d := deleted{versionID: version}
	at, raw, err := find(c, bucket, key, version)
	if isCode(err, "NoSuchVersion") {
		return d, nil
	}
	if err != nil {
		return d, err
	}
	head, _, err := decodeHead(raw)
	if err != nil {
		return d, err
	}
	d.marker = head.DeleteMarker
	if err := dropAt(c, at, raw); err != nil {
		return d, err
	}
	return d, promote(c, bucket, key)
}

// promote makes the newest of the older versions current when the key has no
// current one and that is not a delete marker.
func promote(c *change, bucket, key string) error {
	if c.get(tableObjects, objectKey(bucket, key)) != nil {
		return nil
	}
	prefix := endedKey(bucket, key)
	cur := c.seek(tableVersions, prefix)
	if !bytes.HasPrefix(cur.key(), prefix) {
		return nil
	}
	head, _, err := decodeHead(cur.value())
	if err != nil || head.DeleteMarker {
		return err
	}
	from, value := bytes.Clone(cur.key()), bytes.Clone(cur.value())
	if err := c.put(tableObjects, objectKey(bucket, key), value); err != nil {
		return err
	}
	return c.del(tableVersions, from)
}

// absent is the error for a key without a current version: it tells whether
// that is because of a delete marker.
func absent(tx txn, bucket, key string) error {
	prefix := endedKey(bucket, key)
	cur := tx.seek(tableVersions, prefix)
	if !bytes.HasPrefix(cur.key(), prefix) {
		return failure("NoSuchKey")
	}
	head, _, err := decodeHead(cur.value())
	if err != nil {
		return err
	}
	f := failure("NoSuchKey")
	f.deleteMarker = head.DeleteMarker
	return f
}

// findOlder looks for a version among the older ones. The sequence number
// would give its place, but null versions do not name theirs, so it walks.
func findOlder(tx txn, bucket, key, version string) (place, []byte, error) {
	prefix := endedKey(bucket, key)
	for cur := tx.seek(tableVersions, prefix); bytes.HasPrefix(cur.key(), prefix); cur.next() {
		head, _, err := decodeHead(cur.value())
		if err != nil {
			return place{}, nil, err
		}
		if sameVersion(head.VersionID, version) {
			return place{tableVersions, bytes.Clone(cur.key())}, bytes.Clone(cur.value()), nil
		}
	}
	return place{}, nil, failure("NoSuchVersion")
}
