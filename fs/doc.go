// Package fs gives a bucket the shape of a POSIX file system: go-fuse nodes
// over package cache (what the bucket said) and package writeback (what the
// bucket does not have yet). SEMANTICS.md says what users are promised.
//
// # Nodes
//
// A directory (dirNode) is a prefix, a file (fileNode), symbolic link
// (linkNode) or special file (specialNode) is an object. Numbers are counters,
// never reused. There is one node per name, in its directory's kids, and each
// node knows its own parent and name; keys are made from those, so that a
// renamed directory takes everything below it along.
//
// The invariant of a fileNode:
//
//	staged == nil: the truth is the version info, in the bucket.
//	staged != nil: the truth is the staged file.
//
// A file is staged from its first change until COS has everything and the last
// writable handle is closed; then its data file becomes the cached version, by
// rename (finish), during which fileNode.ending is set and everybody else who
// wants the staged file waits. A version that was made elsewhere is a new node;
// opens of the old one give ESTALE, upon which the kernel looks the path up
// again. A version may look foreign while our own operation that made it is
// under way, so the lookup that meets one claims the key and asks again. A file
// whose name somebody else has taken (lost) or that was removed (orphan) has no
// parent any more. A removed one is never stored again; of one that was lost,
// what is written later goes to the key of its conflict file, and every close
// and fsync says ESTALE (displaced), for the stage may have found out before.
// A version that is being replaced when the local disk fills up is not stored
// by half: see full.go.
//
// # Names
//
// A lookup or listing is what Names says (what COS has answered, and what it has
// acknowledged to us), with the overlay laid over it: the files that COS does
// not have yet. The overlay is addressed by directory key and name, because it
// outlives the kernel's interest in nodes.
//
// The first reply of a listing could bring nodes (READDIRPLUS_AUTO); whether it
// does, for files, is decided by what programs did with the listings before
// (habits, dirhandle.go): find(1) over 10,000 files in 200 directories costs the
// daemon half as much without.
//
// # Attributes
//
// A row of a listing shows no mode, owner or header. Whoever stores an object
// again learns them first (learn), in every mode of --attrs, and its ACL
// (learnAccess), which Names remembers across mounts. Before anything is stored
// that a listing would not show, the bucket is marked (markPosix), so that other
// mounts ask. listxattr names what a copy should carry, see xattr.go.
//
// # Requests
//
// Operations on names reach COS before they return, but for removals in a
// directory where COS has accepted one before (later.go): the stage carries
// those out as intents. Until COS has answered a tomb in the overlay hides the
// name. Who makes something under a hidden name waits for the removal first
// (settle), but for a file that is created where one was: its upload takes the
// intent's place, and ends the tomb when the file leaves the overlay. A refusal ends the tomb,
// too, makes Names forget what it knows of the name, and has the next removal in
// the directory wait again.
//
// A change of a stored file's attributes stages the file with no bytes of its
// own (setattrlater.go), where COS has accepted an object of ours before: the
// stage copies the object onto itself once for all that change within 700 ms, or
// undoes it when COS refuses (writeback.ErrRefused). Those of directories, links
// and special files, and the making of these and of markers, still wait for COS:
// one request each, under the name's claim.
//
// Work that takes several
// requests claims the keys it touches (claims), in the order of arrival, and
// holds no lock meanwhile: plan under locks, act without, commit under locks.
// Keys are made again when the claim is granted, for a directory above may have
// moved (own). A removal that must wait for a claim calls the upload back that
// holds it (callBack): close(2) lets go, and comes after it. A rename of a directory claims both subtrees, and holds back the
// uploads that the stage would begin by itself below it.
//
// A rename has a record in the stage from before its first copy until after its
// last delete. Of a directory it says how far it is (renameTree): copies are
// undone; an answer that is lost after the first delete was sent undoes nothing.
// What a crash leaves is undone or completed before the next mount answers, from
// the record and from what both trees show (renamerecover.go); when that takes
// longer than resumeLimit the mount answers, shows what the bucket has, and
// stores and removals in both trees wait. What could not be deleted of the old
// tree is deleted in the background, or by the next mount; what programs have
// made there meanwhile stays. The old name of a file becomes a deferred deletion
// in that case.
//
// A page of a thousand objects is copied at a time, and is then a hash and a key
// in memory: the deletes find by it whether another host has changed anything
// (treecopy.go). Copies may not overwrite, so what another host makes under the
// new name is never lost; but that there is nothing is believed as long as any
// other answer of Names, and costs no request. All of a RENAME happens before
// its reply, and Mount.Wait returns after the last reply: FS.Close finds no
// rename under way, only what is left of one.
//
// Requests run under the context of the mount, not of the kernel's call: any
// signal to the calling program cancels the latter. cosapi bounds each in time.
//
// Waiting is another matter: close(2) and fsync(2) may be waited for in vain, so
// the work goes on in a goroutine of the mount's (FS.wait) and a signal ends the
// waiting with EINTR. The kernel tells of the first pending signal only, whatever
// it is, and SIGURG of Go's runtime is the most frequent. So /proc is asked which
// it is, and from then on whether there is one that counts (caller.go).
//
// # Reading ahead
//
// Inside a file that is the cache's work. Across files it is ours (ahead): the
// first read of a stored file is compared with the listing of its directory, if
// a program has read its entries and it is complete and fresh in memory; after
// three files in that order the next ones are prefetched, files of up to 1 MiB,
// 24 at most and no more bytes than a quarter of what the sequence has read (or
// 64 KiB), so that little is wasted whenever the reader stops. Files that
// come out of order are a new sequence. FS.ReadAhead counts.
//
// # Kernel passthrough: the plan
//
// Not built yet: every read and write comes to the daemon. Reads alone cannot
// be given away first. A plain open of an inode that is open by passthrough is
// EIO (design.md 4.2), and a writer may come at any time while a reader has the
// file open; so the first step must hold all of these together:
//
//   - the mode of a fileNode is chosen under leaf.mu when handles goes 0→1, and
//     kept until the kernel has released the last one; go-fuse drops the backing
//     id only after our Release has returned, so the count must be taken down
//     after that, not in it
//   - passthrough at 0→1 only for a reader of a version whose cache.Object.File
//     succeeds, never for S_ISUID or S_ISGID, an orphan, or a staged file
//   - a writable open of such an inode first owns the file: stage.Edit must Take
//     the cached file (rename), make its record durable, and truncate that inode
//     for O_TRUNC; if Take refuses, the open fails with ESTALE, not EIO
//   - O_DIRECT opens, and writers of files over 64 MiB, are
//     FOPEN_PASSTHROUGH|FOPEN_DIRECT_IO
//   - writes then reach the file without a WRITE: writeback must find them by
//     ctime and by a CRC64 per MiB, and the lease test must precede Adopt
//   - one registration is tried at mount; a refusal switches it off for good
//
// # Locks
//
// Outermost first:
//
//	dirHandle.mu    one listing's position; held while it asks for rows, since
//	                nobody else can use the handle meanwhile
//	FS.tree         parent and name of all nodes; written by commits, and to make
//	                a node and give it its place in one step
//	dirNode.mu      kids, marker, attributes
//	leaf.mu         info, attributes, staged, handles, pin
//	writeback.File's and Stage's, cache.Object's and Cache's, Names'
//	overlay.mu, claims.mu, repeats.mu, ahead.mu   innermost, nothing is called under them
//
// Whoever waits for fileNode.ending holds none of them.
//
// Goroutines: the FUSE server's, ended by the unmount that Mount.Wait waits for;
// that of renames which an earlier run has left and the notifier's, which Close
// waits for.
// Uploads, and the calls that tell of them, belong to the Stage; Close waits
// for both.
//
// # What the kernel believes
//
// A reply says how long the kernel may believe a name, so what other hosts do
// shows after the TTL by itself. What a listing shows earlier, or a conflict, is
// told at once by the notifier (notify.go), which owns a queue and one goroutine
// and holds nothing: the kernel takes the lock of the directory for it.
//
// # Errors
//
// errno.go holds the only table from errors to numbers. An error that programs
// do not ask for every day is logged once, where it becomes a number, with the
// key and COS's request id.
package fs
