package cosserver

import (
	"bytes"
	"crypto/md5"
	"encoding/hex"
	"fmt"
	"strings"
	"time"

	"cosfs/cosapi"
)

// startUpload stores a new upload and gives it its id.
func (st *store) startUpload(bucket, key string, u *uploadRecord, check func(txn) error) error {
	u.Initiated = st.now().UTC()
	u.ID = fmt.Sprintf("%d%x", u.Initiated.Unix(), randomBytes(30))
	return st.update(func(c *change) error {
		if _, err := bucketOf(c, bucket); err != nil {
			return err
		}
		if check != nil {
			if err := check(c); err != nil {
				return err
			}
		}
		return putJSON(c, tableUploads, uploadKey(bucket, key, u.ID), u)
	})
}

// upload gives an unfinished upload.
func (st *store) upload(bucket, key, id string) (u *uploadRecord, err error) {
	err = st.index.view(func(tx txn) error {
		u, err = uploadOf(tx, bucket, key, id)
		return err
	})
	return u, err
}

func uploadOf(tx txn, bucket, key, id string) (*uploadRecord, error) {
	if _, err := bucketOf(tx, bucket); err != nil {
		return nil, err
	}
	raw := tx.get(tableUploads, uploadKey(bucket, key, id))
	if raw == nil {
		return nil, failure("NoSuchUpload")
	}
	u := &uploadRecord{}
	return u, decodeJSON(raw, u)
}

// putPart stores a part; an earlier one of the same number is given up. check,
// when set, runs first in the same transaction and may refuse.
func (st *store) putPart(bucket, key, id string, part *partRecord, check func(txn) error) error {
	return st.update(func(c *change) error {
		if _, err := uploadOf(c, bucket, key, id); err != nil {
			return err
		}
		if check != nil {
			if err := check(c); err != nil {
				return err
			}
		}
		part.Modified = st.now().UTC()
		at := partKey(id, part.Number)
		old, err := partOf(c.get(tableParts, at))
		if err != nil {
			return err
		}
		if err := c.retain(part.Segments); err != nil {
			return err
		}
		if err := c.release(old.Segments); err != nil {
			return err
		}
		return putJSON(c, tableParts, at, part)
	})
}

// partOf decodes a part; an absent one is empty.
func partOf(raw []byte) (*partRecord, error) {
	p := &partRecord{}
	if raw == nil {
		return p, nil
	}
	return p, decodeJSON(raw, p)
}

// parts lists at most limit parts with numbers greater than marker.
func (st *store) parts(bucket, key, id string, marker, limit int) (u *uploadRecord, rows []partRecord, more bool, err error) {
	err = st.index.view(func(tx txn) error {
		rows, more = nil, false
		if u, err = uploadOf(tx, bucket, key, id); err != nil || marker >= maxPartNumber || limit == 0 {
			return err
		}
		return eachPart(tx, id, marker+1, func(p *partRecord) bool {
			if more = len(rows) == limit; !more {
				rows = append(rows, *p)
			}
			return !more
		})
	})
	return u, rows, more, err
}

// eachPart walks an upload's parts in ascending order while fn wants more.
func eachPart(tx txn, id string, from int, fn func(*partRecord) bool) error {
	prefix := append([]byte(id), 0)
	for cur := tx.seek(tableParts, partKey(id, from)); bytes.HasPrefix(cur.key(), prefix); cur.next() {
		p, err := partOf(cur.value())
		if err != nil {
			return err
		}
		if !fn(p) {
			return nil
		}
	}
	return nil
}

// namedPart is a line of the list that completes an upload.
type namedPart struct {
	Number int
	ETag   string // without quotes
}

// complete turns the listed parts of an upload into the current version of
// the key. No byte is moved: the object is the list of the parts' segments.
func (st *store) complete(p put, id string, list []namedPart) error {
	return st.update(func(c *change) error {
		u, err := uploadOf(c, p.bucket, p.key, id)
		if err != nil {
			return err
		}
		var stored []partRecord
		err = eachPart(c, id, 1, func(part *partRecord) bool {
			stored = append(stored, *part)
			return true
		})
		if err != nil {
			return err
		}
		*p.object = objectRecord{objectDetail: u.Object}
		p.object.StorageClass = u.Class
		if err := assemble(p.object, stored, list); err != nil {
			return err
		}
		// The object takes its references before the parts give theirs up, so
		// that none reaches zero in between.
		if err := st.putIn(c, p); err != nil {
			return err
		}
		return dropUpload(c, p.bucket, p.key, id, stored)
	})
}

// assemble joins the listed parts.
func assemble(o *objectRecord, stored []partRecord, list []namedPart) error {
	parts, err := pick(stored, list)
	if err != nil {
		return err
	}
	sums := md5.New()
	o.Segments, o.Size, o.CRC64 = nil, 0, 0
	for _, part := range parts {
		sum, err := hex.DecodeString(part.ETag)
		if err != nil {
			return err
		}
		sums.Write(sum)
		o.Segments = append(o.Segments, part.Segments...)
		o.CRC64 = cosapi.CombineCRC64(o.CRC64, part.CRC64, part.Size)
		o.Size += part.Size
	}
	o.ETag = fmt.Sprintf("%x-%d", sums.Sum(nil), len(parts))
	return nil
}

// pick finds the listed parts and checks the list as cos-api.md 3.4.6 says:
// its order, its members, and then their sizes.
func pick(stored []partRecord, list []namedPart) ([]*partRecord, error) {
	byNumber := make(map[int]*partRecord, len(stored))
	for i := range stored {
		byNumber[stored[i].Number] = &stored[i]
	}
	for i := 1; i < len(list); i++ {
		if list[i].Number <= list[i-1].Number {
			return nil, failure("InvalidPartOrder")
		}
	}
	parts := make([]*partRecord, len(list))
	for i, named := range list {
		part := byNumber[named.Number]
		if part == nil || part.ETag != strings.ToLower(named.ETag) || named.Number != i+1 {
			return nil, failure("InvalidPart").because(fmt.Sprintf(
				"part %d is missing, has another ETag, or a number before it is not listed", named.Number))
		}
		parts[i] = part
	}
	for _, part := range parts[:len(parts)-1] {
		if part.Size < minPartSize {
			return nil, failure("EntityTooSmall")
		}
	}
	return parts, nil
}

// dropUpload removes an upload with all its parts.
func dropUpload(c *change, bucket, key, id string, stored []partRecord) error {
	for _, part := range stored {
		if err := c.release(part.Segments); err != nil {
			return err
		}
		if err := c.del(tableParts, partKey(id, part.Number)); err != nil {
			return err
		}
	}
	return c.del(tableUploads, uploadKey(bucket, key, id))
}

// abort gives an upload up.
func (st *store) abort(bucket, key, id string) error {
	return st.update(func(c *change) error {
		if _, err := uploadOf(c, bucket, key, id); err != nil {
			return err
		}
		var stored []partRecord
		err := eachPart(c, id, 1, func(part *partRecord) bool {
			stored = append(stored, *part)
			return true
		})
		if err != nil {
			return err
		}
		return dropUpload(c, bucket, key, id, stored)
	})
}

// uploadRow is a row of the listing of uploads, or a common prefix.
type uploadRow struct {
	key, id   string
	prefix    bool
	initiated time.Time
	class     string
	owner     string
}

// uploads lists unfinished uploads by key and then id. q.marker is the key
// marker; idMarker, when set, lets the marker's own key in with greater ids.
func (st *store) uploads(bucket string, q listQuery, idMarker string) (rows []uploadRow, more bool, err error) {
	err = st.index.view(func(tx txn) error {
		rows, more = nil, false
		if _, err := bucketOf(tx, bucket); err != nil || q.max == 0 {
			return err
		}
		within := appendEscaped(objectKey(bucket, ""), q.prefix)
		cur := tx.seek(tableUploads, within)
		for bytes.HasPrefix(cur.key(), within) {
			key, id := splitEnded(cur.key(), bucket)
			if skip := q.skipUpload(bucket, key, string(id), idMarker); skip != nil {
				cur.seek(skip)
				continue
			}
			if more = len(rows) == q.max; more {
				return nil
			}
			if group, folded := q.group(key); folded {
				rows = append(rows, uploadRow{key: group, prefix: true})
				cur.seek(after(appendEscaped(objectKey(bucket, ""), group)))
				continue
			}
			var u uploadRecord
			if err := decodeJSON(cur.value(), &u); err != nil {
				return err
			}
			rows = append(rows, uploadRow{key: key, id: string(id), initiated: u.Initiated, class: u.Class, owner: u.Object.Owner})
			cur.next()
		}
		return nil
	})
	return rows, more, err
}

// skipUpload gives where to go on when the marker excludes a row, else nil.
func (q *listQuery) skipUpload(bucket, key, id, idMarker string) []byte {
	if q.marker == "" || key > q.marker {
		if group, folded := q.group(key); q.marker != "" && folded && group <= q.marker {
			return after(appendEscaped(objectKey(bucket, ""), group))
		}
		return nil
	}
	if key < q.marker {
		return endedKey(bucket, q.marker)
	}
	if idMarker == "" {
		return after(endedKey(bucket, key))
	}
	if id <= idMarker {
		return append(uploadKey(bucket, key, idMarker), 0)
	}
	return nil
}
