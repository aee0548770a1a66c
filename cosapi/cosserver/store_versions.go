package cosserver

import (
	"bytes"
	"strings"
)

// versionRow is a row of the listing of versions.
type versionRow struct {
	listRow
	latest bool
}

// versionWalk goes through all versions of a bucket: keys ascending, newest
// first within a key. It merges the current versions with the older ones.
type versionWalk struct {
	bucket     string
	within     []byte // what keys of tableObjects begin with
	withinOld  []byte // and those of tableVersions
	cur, old   cursor
	key        string // of the row last given
	started    bool   // a row was given
	versioning bool
}

func newVersionWalk(tx txn, bucket, prefix, from string, versioning bool) *versionWalk {
	base := objectKey(bucket, "")
	return &versionWalk{
		bucket: bucket, versioning: versioning,
		within: objectKey(bucket, prefix), withinOld: appendEscaped(base, prefix),
		cur: tx.seek(tableObjects, objectKey(bucket, from)),
		old: tx.seek(tableVersions, appendEscaped(objectKey(bucket, ""), from)),
	}
}

// next gives the next version; ok is false at the end.
func (w *versionWalk) next() (row versionRow, ok bool, err error) {
	haveCur, haveOld := bytes.HasPrefix(w.cur.key(), w.within), bytes.HasPrefix(w.old.key(), w.withinOld)
	var curKey, oldKey string
	if haveCur {
		curKey = string(w.cur.key()[len(w.bucket)+1:])
	}
	if haveOld {
		oldKey, _ = splitEnded(w.old.key(), w.bucket)
	}
	from := w.old
	switch {
	case !haveCur && !haveOld:
		return row, false, nil
	case haveCur && (!haveOld || curKey <= oldKey):
		row.name, from = curKey, w.cur
	default:
		row.name = oldKey
	}
	if row.objectHead, _, err = decodeHead(from.value()); err != nil {
		return row, false, err
	}
	if row.VersionID == "" && w.versioning {
		row.VersionID = nullVersion
	}
	row.latest = !w.started || row.name != w.key
	w.started, w.key = true, row.name
	from.next()
	return row, true, nil
}

// skip goes on behind a folded group.
func (w *versionWalk) skip(group string) {
	w.cur.seek(after(objectKey(w.bucket, group)))
	w.old.seek(after(appendEscaped(objectKey(w.bucket, ""), group)))
}

// listVersions gives a page of versions. q.marker is the key marker; idMarker,
// when set, lets the marker's own key in with the versions after that one.
func (st *store) listVersions(bucket string, q listQuery, idMarker string) (rows []versionRow, more bool, err error) {
	err = st.index.view(func(tx txn) error {
		rows, more = nil, false
		b, err := bucketOf(tx, bucket)
		if err != nil || q.max == 0 {
			return err
		}
		w := newVersionWalk(tx, bucket, q.prefix, max(q.prefix, q.marker), b.Versioning != "")
		if strings.HasPrefix(q.marker, q.prefix) {
			if group, folded := q.group(q.marker); folded {
				w.skip(group)
			}
		}
		reached := q.marker == "" // what the marker names
		for {
			row, ok, err := w.next()
			if err != nil || !ok {
				return err
			}
			if row.name == q.marker && !reached {
				reached = idMarker != "" && row.VersionID == idMarker
				continue
			}
			if group, folded := q.group(row.name); folded {
				w.skip(group)
				row = versionRow{listRow: listRow{name: group, prefix: true}}
			}
			if more = len(rows) == q.max; more {
				return nil
			}
			rows = append(rows, row)
		}
	})
	return rows, more, err
}
