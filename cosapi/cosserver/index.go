package cosserver

// An index is an ordered map of byte strings in a few tables, changed in
// transactions. Everything the server knows beside the bytes of bodies is in
// one, so that the meaning of COS is written once, above it, and a store is
// only these few calls.
type index interface {
	// view runs fn on one consistent state. What fn got from the txn is
	// invalid after it returns.
	view(fn func(txn) error) error
	// update runs fn alone and makes its changes durable together; when it
	// returns nil the changes survive the death of the process. An error of fn
	// undoes what fn did. fn may run more than once, so it must set its
	// results anew each time.
	update(fn func(txn) error) error
	close() error
}

// A txn reads, and within update writes, one state of the index. Slices that
// come out belong to the index; slices that go in belong to it afterwards.
type txn interface {
	get(t table, key []byte) []byte // nil when absent
	put(t table, key, value []byte) error
	del(t table, key []byte) error
	// seek gives a cursor at the first key not less than key. It is invalid
	// after the next put or del of the table.
	seek(t table, key []byte) cursor
}

// A cursor walks a table upwards.
type cursor interface {
	key() []byte // nil at the end
	value() []byte
	next()
	seek(key []byte)
}

// A table is a part of the index.
type table uint8

// The tables. keys.go builds their keys, record.go their values.
const (
	tableBuckets  table = iota // bucket name → bucketRecord
	tableObjects               // bucket, key → the current objectRecord
	tableVersions              // bucket, key, age → older objectRecords and delete markers
	tableUploads               // bucket, key, upload id → uploadRecord
	tableParts                 // upload id, number → partRecord
	tableBlobs                 // blob id → number of references
	tableTrash                 // blob id → nothing: no longer referenced, file to remove
	tableCount
)

// tableNames are the names on disk.
var tableNames = [tableCount]string{"buckets", "objects", "versions", "uploads", "parts", "blobs", "trash"}
