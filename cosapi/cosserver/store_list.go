package cosserver

import (
	"bytes"
	"strings"
)

// listQuery selects rows of a bucket in the order of their key's bytes.
type listQuery struct {
	prefix, delimiter, marker string
	max                       int
}

// listRow is an object, or a common prefix of objects folded into one row.
type listRow struct {
	name   string
	prefix bool
	objectHead
}

// group gives the common prefix that name folds into: up to and with the first
// delimiter after the prefix.
func (q *listQuery) group(name string) (string, bool) {
	if q.delimiter == "" {
		return "", false
	}
	i := strings.Index(name[len(q.prefix):], q.delimiter)
	if i < 0 {
		return "", false
	}
	return name[:len(q.prefix)+i+len(q.delimiter)], true
}

// start is the first key of the index that may be a row: after the marker, and
// after the whole group when the marker is a group or lies inside one
// (cos-api.md 3.2.4).
func (q *listQuery) start(bucket string) []byte {
	if q.marker < q.prefix {
		return objectKey(bucket, q.prefix)
	}
	if strings.HasPrefix(q.marker, q.prefix) {
		if group, folded := q.group(q.marker); folded {
			return after(objectKey(bucket, group))
		}
	}
	return append(objectKey(bucket, q.marker), 0)
}

// list gives a page of a bucket. It costs its rows, whatever the size of the
// bucket: a folded group is skipped by one seek.
func (st *store) list(bucket string, q listQuery) (rows []listRow, more bool, err error) {
	err = st.index.view(func(tx txn) error {
		rows, more = nil, false
		if _, err := bucketOf(tx, bucket); err != nil || q.max == 0 {
			return err
		}
		rows = make([]listRow, 0, q.max)
		within := objectKey(bucket, q.prefix)
		cur := tx.seek(tableObjects, q.start(bucket))
		for bytes.HasPrefix(cur.key(), within) {
			if more = len(rows) == q.max; more {
				return nil
			}
			row := listRow{name: string(cur.key()[len(bucket)+1:])}
			if group, folded := q.group(row.name); folded {
				rows = append(rows, listRow{name: group, prefix: true})
				cur.seek(after(objectKey(bucket, group)))
				continue
			}
			var err error
			if row.objectHead, _, err = decodeHead(cur.value()); err != nil {
				return err
			}
			rows = append(rows, row)
			cur.next()
		}
		return nil
	})
	return rows, more, err
}
