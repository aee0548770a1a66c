// Package cosserver is a COS-compatible object server: an http.Handler over a
// directory or over memory. (What "cos-api.md" is, package cosapi says; where
// that document could find no source it marks a choice of its own, [C].)
//
// # Promises
//
//   - It speaks the COS XML API of cos-api.md, byte for byte where clients
//     depend on it, and where that document marks a choice [C], that choice.
//   - Keys are taken from the raw path and decoded once. Nothing merges or
//     cleans a path: "a//b", "." and ".." are keys like any other.
//   - A write is atomic: readers see the old object or the new one, and a
//     reader that began goes on with what it began with.
//   - A listing costs the rows it gives, whatever the size of the bucket: it is
//     a seek in an ordered index, and a folded prefix is skipped by another.
//   - Bodies stream both ways. Only the memory store holds whole objects.
//     A GET from the directory store goes out by sendfile.
//   - Requests are verified: q-sign in the header or the query, temporary
//     tokens, times; and AWS's Signature Version 4, so that S3 tools work.
//     Those who do not sign get what the ACLs grant everybody.
//   - Copies and completed uploads move no bytes: an object is a list of
//     segments of files that never change, and these are shared and counted.
//
// # Durability of the directory store
//
// A write is acknowledged after the transaction of the index that makes it
// visible was committed and synced; writes that wait at the same time share a
// commit. The body was written to its file before.
//
// So an acknowledged write survives the death of the process at any moment,
// kill -9 included. An unacknowledged one is there wholly or not at all.
//
// A power cut is another matter, and Config.Sync chooses. SyncIndex, the
// default, syncs the index at every commit: it cannot be damaged, but the
// bodies of the writes of the last half minute or so may be lost, which the
// kernel had not yet written back; such an object answers InternalError or a
// broken body, since its file is shorter than the index says. SyncAll syncs
// each body before its commit too, and costs nothing that was acknowledged,
// on a file system whose journal holds a new file's name before its content is
// called synced (ext4, XFS, btrfs).
// SyncNone leaves both to the kernel: a power cut may cost the whole store.
// A small PUT alone at the server takes 1.2 ms with SyncIndex and 0.2 ms with
// SyncNone on the disk this was measured on; sixteen at once take 0.26 ms each
// with either.
//
// What a crash leaves behind is cleaned up when the store is next opened:
// files under tmp whose blob the index knows get their final name, the others
// are removed, and so are the files of blobs in the index's trash. This looks
// only at what was in flight, never at the whole store.
//
// # Layout on disk
//
//	root/index.db           bbolt; index.go names the tables
//	root/tmp/<blob>         being written, or committed a moment ago
//	root/objects/<xx>/<blob>
//
// # Locks
//
// The index orders all changes: bbolt's single writer is one goroutine, owned
// by the store and ended by Close, as is the one that carries out lifecycle
// rules when Config.LifecycleEvery is set. store.mu guards what is being read and what
// is to be removed; it is innermost. Nothing waits for a client under a lock.
//
// # What it does not do
//
// It does not encrypt: the headers of server-side encryption are remembered,
// answered and enforced, the bytes are stored as they came. There is no TLS;
// put a proxy in front. Signed accounts may do everything: there are no users
// and no policies, which are stored and answered only, as is replication.
// Chunks of a SigV4 streaming body are not checked one by one, only the
// request is. A page of a listing is read in one transaction; the next page
// sees what was written in between.
package cosserver
