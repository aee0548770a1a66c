package cosserver

import (
	"bytes"
	"maps"
	"slices"
)

// maxOwned is how many buckets an account may have (cos-api.md 3.2.1).
const maxOwned = 200

// createBucket makes a bucket that does not exist.
func (st *store) createBucket(name string, b bucketRecord) error {
	return st.update(func(c *change) error {
		old, err := bucketOf(c, name)
		switch {
		case err == nil && old.Owner == b.Owner:
			return failure("BucketAlreadyOwnedByYou")
		case err == nil:
			return failure("BucketAlreadyExists")
		case !isCode(err, "NoSuchBucket"):
			return err
		}
		if n, err := owned(c, b.Owner); err != nil {
			return err
		} else if n >= maxOwned {
			return failure("TooManyBuckets")
		}
		return putJSON(c, tableBuckets, []byte(name), &b)
	})
}

// owned counts the buckets of an account.
func owned(tx txn, owner string) (n int, err error) {
	for c := tx.seek(tableBuckets, nil); c.key() != nil; c.next() {
		var b bucketRecord
		if err := decodeJSON(c.value(), &b); err != nil {
			return 0, err
		}
		if b.Owner == owner {
			n++
		}
	}
	return n, nil
}

// bucket gives a bucket's record.
func (st *store) bucket(name string) (b *bucketRecord, err error) {
	err = st.index.view(func(tx txn) error {
		b, err = bucketOf(tx, name)
		return err
	})
	return b, err
}

func bucketOf(tx txn, name string) (*bucketRecord, error) {
	raw := tx.get(tableBuckets, []byte(name))
	if raw == nil {
		return nil, failure("NoSuchBucket")
	}
	b := &bucketRecord{}
	return b, decodeJSON(raw, b)
}

// changeBucket replaces a bucket's record by what fn makes of it.
func (st *store) changeBucket(name string, fn func(*bucketRecord) error) error {
	return st.update(func(c *change) error {
		b, err := bucketOf(c, name)
		if err != nil {
			return err
		}
		b.Configs = maps.Clone(b.Configs)
		if err := fn(b); err != nil {
			return err
		}
		return putJSON(c, tableBuckets, []byte(name), b)
	})
}

// deleteBucket removes a bucket that holds no object, version, delete marker
// or unfinished upload (cos-api.md 3.2.2).
func (st *store) deleteBucket(name string) error {
	return st.update(func(c *change) error {
		if _, err := bucketOf(c, name); err != nil {
			return err
		}
		prefix := objectKey(name, "")
		for _, t := range []table{tableObjects, tableVersions, tableUploads} {
			if bytes.HasPrefix(c.seek(t, prefix).key(), prefix) {
				return failure("BucketNotEmpty")
			}
		}
		return c.del(tableBuckets, []byte(name))
	})
}

// namedBucket is a row of the service listing.
type namedBucket struct {
	name string
	bucketRecord
}

// buckets lists at most limit buckets by name, those after marker.
func (st *store) buckets(marker string, limit int) (rows []namedBucket, more bool, err error) {
	err = st.index.view(func(tx txn) error {
		rows, more = nil, false
		if limit == 0 {
			return nil
		}
		for c := tx.seek(tableBuckets, []byte(marker)); c.key() != nil; c.next() {
			if string(c.key()) == marker {
				continue
			}
			if more = len(rows) == limit; more {
				return nil
			}
			row := namedBucket{name: string(c.key())}
			if err := decodeJSON(c.value(), &row.bucketRecord); err != nil {
				return err
			}
			rows = append(rows, row)
		}
		return nil
	})
	return slices.Clip(rows), more, err
}
