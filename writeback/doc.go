// Package writeback holds the bytes that the bucket does not have yet.
//
// # The stage
//
// A Stage is one directory, locked by one process. A staged file is two files
// in it: <id>.data, sparse, the bytes written here; and <id>.json, the record:
// key, base version, attributes, state, upload id. The record is replaced
// atomically (write aside, rename), so a staged file describes itself and
// recovery is a directory scan; there is no database to corrupt. Records:
//
//	open      being written, nothing promised for it
//	owed      promised to the user: will be uploaded, now or after a remount
//
// An owed record is made durable (data fdatasync'd, record fsync'd, directory
// fsync'd) before anything is answered on its strength. A stored file has no
// record, and the removal of an owed one is durable, too. The first record of a
// file is written before its first change, and neither it nor the data is
// synced: a small file that is created, stored and finished costs one create,
// three renames, and one PUT. The files of records that have gone are used again
// (spares), because making and removing one for every file is what costs most.
//
// A record holds attributes as they are sent, a customer's encryption key
// among them: files are made with mode 0600 in a directory of mode 0700.
//
// # Files
//
// A File is the unsaved content of one inode: the ranges written here (an
// extent set) over a base version in the bucket, if there is one. Clean or
// dirty is one comparison: the generation of the last change against the
// generation that COS has acknowledged. Nothing else says it. Changes are
// writes, truncations, holes and other attributes.
//
// The extent set says exactly which bytes the data file has: local. Bytes at
// and beyond baseLen are all local (a hole of the data file gives the zeros),
// so what is missing is always below baseLen and the base has it. Two coarser
// sets, in cells of 1 MiB, say what may differ from the base (fresh) and from
// the last snapshot (since). They may say too much, never too little.
//
// # Uploads
//
// Store uploads a snapshot. Content up to a part (and 8 MiB) is one put, read
// into memory in one go: the object is one generation, writers go on, and what
// they change meanwhile stays dirty. Above, a pure planner turns (size, fresh,
// base) into parts, of which the untouched are copied inside COS under the
// condition that the base still has its ETag. Parts are sent while writers go
// on; if one of them has changed something by then, one more pass keeps
// writers waiting and sends only the changed parts again. Parts that do not
// belong together never become an object. Every answer's CRC-64 is compared
// with the bytes sent, and the combined one with that of the object; a
// difference is an error, never a success.
//
// Attributes are fixed when an upload begins. Those set later make the file
// dirty; storing it again then copies the object onto itself, on condition
// that it is still the base, and moves no bytes. StoreLater of a file that
// misses nothing else waits 700 ms for more of them. If COS refuses it for good,
// or somebody else has replaced or removed the object, there is nothing to keep:
// the change is undone, without a conflict (refuse).
//
// Parts of a file that is written in order are sent ahead, behind the write
// frontier (front): Store then waits for the tail. The plan of a file that
// grows keeps the parts it had, since part sizes depend on the number of a part
// and not on the size of the file. It is an attempt like others that makes no
// object, and becomes one that does when Store asks; a failure of it concerns
// nobody. What is written is known exactly (upload.touched), so that no pass of
// checksums is needed to find the parts to be sent again; there is one request
// for a part at a time, or the older bytes could be the last to arrive. They
// still can when a request was called back; COS then refuses to make the object,
// and the parts it lists with another ETag are sent again. Parts
// that changed after they were sent are left for the end, and a file to which
// that happens often is not sent ahead. A quarter of the transfers, and of the
// files that may be stored at once, is kept for those that somebody waits for.
//
// A failed attempt keeps the parts it has sent for the next, unless COS has
// refused it for good: then the upload is aborted. Attempts in the background
// go on with back-off for as long as the stage is open.
//
// At most Config.Parallel requests carry bytes at a time, for all files
// together; files that somebody waits for go first. Memory is bounded by that
// many bodies of 8 MiB, and 1 MiB for each that is filled from its base.
//
// A disk is not filled beyond Config.FreeFloor, neither by writers nor by what
// is copied from a base; Config.MakeRoom is asked first. A write that the disk
// cuts short counts as far as it came (writeAt): bytes in the data file that
// local does not know of would be taken for part of a hole. Uploads go on when
// records cannot be written: they are what makes room.
//
// # Crash rules
//
// Open scans the directory: intents are carried out in the background, oldest
// first; owed files are recovered and uploaded again once
// the caller says so (an upload begun is continued by comparing the ETags of
// the listed parts with the MD5 of the local bytes); open files, whose close
// was never answered, are kept, listed by Kept, and not uploaded, and an
// upload begun for one is aborted. Data without a record is deleted: records
// come before their data, so it belonged to a file that was stored, or to one
// that nothing was promised for. So are records that were being written. A
// record that cannot be decoded, or whose data is too short, is moved into
// aside/ with its data, and nothing is deleted there; what can be decoded is
// listed by Kept. Any other error, a newer format among them, fails Open, and
// all stays where it is. The data file is cut to what the record says. Check
// verifies all invariants of the directory, and Inspect reads one that is not
// open here, for cosfs fsck.
//
// A crash after a request that makes an object and before the removal of the
// record leaves an owed record of a stored file, perhaps one that was promised
// again since. We know our own work by prints: size and CRC-64 of what is being
// sent, with the generation. The record gets them before the request if it
// describes another content than the one sent, else before the next change of
// the content. Without a print the next attempt compares: the bucket's object
// has our checksum, or, of a file that is only partly here, our bytes wherever
// we have written. That is why the first change of a recovered file waits for a
// HEAD, and fails if there is no answer. Object and file being equal does not
// make the attributes so; those that differ are sent. A comparison that a writer
// has overtaken proves nothing and is made again. (Parts copied without a
// checksum, by an endpoint that gives none, leave no print.)
//
// A sync of the data that has failed keeps failing until COS has the content:
// the kernel may have dropped what it could not write. An owed file that is cut
// is synced first, for what is left of it is promised anew.
//
// Orphan withdraws a promise: the file's name was removed while it is open. It
// has no record from then on, and its data goes at the next mount.
//
// An owed file that waits has its data file closed, so that no number of them
// uses up the descriptors.
//
// Promise makes a file owed that nobody waits for yet: another process than the
// opener has closed it, and the last close is still to come. Behind says that
// more is owed than Config.MaxOwed allows, so that who closes files faster than
// COS takes them can be made to wait; nothing is refused.
//
// Close makes durable what is owed and lets go. It waits for no upload and no
// intent; Drain does, and Settle for the intents of a tree.
//
// # Conflicts
//
// A new name is put with x-cos-forbid-overwrite (without it, after a HEAD,
// where the endpoint does not know it); an overwrite whose base was last
// checked longer ago than Config.BaseTTL asks HEAD first. Equal bytes are no
// conflict, whoever wrote them; nor is a request of ours whose answer was
// lost; the client repeats those, so that a key that exists may be our doing. If
// COS has something else, theirs keeps the name, ours is stored beside it as
// name.cosfs-conflict-<host>-<time>, the File goes on under that key, and Store
// says Conflict. The name is chosen once and recorded. An object that arrived
// damaged is overwritten without asking, under its own key and for BaseTTL.
//
// If the base is gone and unwritten ranges are needed from it, and OpenBase
// cannot give them either, ours cannot be stored at all: Store says Conflict
// with the path of the data file, the stage stops trying, and the record
// becomes one that Kept lists, with the reason.
//
// # Intents
//
// An Intent is a change of names that a program was told of and COS was not: a
// delete, a small object (a directory's marker, a link), other attributes.
// Defer writes its record, <id>.todo.json, and returns; jobs carry it out
// within a second. A later program sees no difference, the next Open finds
// the record. Records of puts and attributes are made durable, those of
// deletes are not: after a power cut the file is simply still there.
//
// The intents of one key are a line. Its first may be in flight; the last, if
// COS cannot have seen it, becomes one with whatever comes next (merge): a new
// name that goes again is nothing, a removed one that is made again is
// overwritten. What waits behind one in flight builds on its outcome
// (succeed). An intent means a version, and does nothing to another: deletes
// are checked with a HEAD when they are older than 10 s, come from an earlier
// run, or an upload has come between; attributes are copied under If-Match;
// overwrites are checked like those of files. A put that names no base
// overwrites what is there.
//
// Deletes wait 700 ms for others, and up to 5 s while others keep coming, and go
// together, up to 1000 in a
// request (one by one where COS takes no such request), attributes wait 700 ms
// for more of them, puts not at all. Config.Parallel jobs go on at a time,
// beside the transfers of files, so that a large upload holds up no name.
//
// A refusal ends an intent, and its done says so; what fails for the moment is
// tried again with back-off. done is called before the next intent of the key
// goes and before the record does: after a crash in between it is carried out
// again, which changes nothing.
//
// An upload of a File is in the line of its key: it waits for what is in
// flight and replaces what is only recorded, whose records go when it has
// succeeded and not before. It overwrites the object that those meant, and is
// a conflict if there is another. What is deferred meanwhile builds on it.
//
// A Rename is the record, <id>.rename.json, of a rename: of a directory its two
// prefixes, how far it is, and how young the youngest object was that was
// copied; of a file two keys and the version that is renamed. That of a file is
// not synced: a rename is frequent, and a power cut that loses the record leaves
// two names and no loss. The requests are its owner's, who finds it in Renames
// after a crash.
//
// # Names
//
// A request that makes an object cannot be called back once it is sent. So
// Rename of a file in that moment is ErrBusy; Hold waits it out and keeps new
// uploads from starting while the caller arranges the keys in the bucket.
// MayExist tells whether there is anything to arrange. Rename and Rebase happen
// in memory and in the record, or not at all.
//
// # Locks and ownership
//
// File.disk before File.mu before Stage.mu; space.mu is last and alone. disk
// serialises what is done to a file's record, syncing included; mu is held
// over local reads and writes of one file, over a sync only when a file that
// is owed is cut. Likewise line.disk, over the records of one key's intents,
// before book.mu, and Rename.mu before Stage.mu; these three go with no lock
// of a File. None is held across a request, a callback or a wait.
//
// Uploads run in goroutines of the Stage, under its context: a caller's
// context ends only its waiting. One goroutine dispatches them, a bounded
// number of them run, each file has at most one; the same holds of intents.
// Close cancels them and waits, for Defer too; only the abort of a discarded
// file's upload is given a few seconds. At most 10,000 intents are pending,
// with bodies of 4 KiB at most: Defer waits for room.
//
// # What it does not do
//
// It keeps no directory, no names of inodes and no cache: package fs decides
// when to store and what a key is, and takes a stored file's data over in
// Finish. It decides no rename and lists nothing. It sees only writes that come
// through WriteAt; the kernel's own writes to the data file are for a later mode.
package writeback
