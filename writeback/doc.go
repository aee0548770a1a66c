// Package writeback holds the bytes that the bucket does not have yet.
//
// # The stage
//
// A Stage is one directory, locked by one process. A staged file is two files
// in it: <id>.data, sparse, the bytes written here; and <id>.json, the record:
// key, base version, attributes, state, upload id and parts. The record is
// replaced atomically (write aside, rename), so a staged file describes itself
// and recovery is a directory scan; there is no database to corrupt. Records:
//
//	open      being written, nothing promised for it
//	owed      promised to the user: will be uploaded, now or after a remount
//
// An owed record is made durable (data fdatasync'd, record fsync'd, directory
// fsync'd) before anything is answered on its strength. A stored file has no
// record.
//
// # Files
//
// A File is the unsaved content of one inode: the ranges written here (an
// extent set) over a base version in the bucket, if there is one. Clean or
// dirty is one comparison: the generation of the last change against the
// generation that COS has acknowledged. Nothing else says it.
//
// Store uploads a snapshot: a pure planner turns (size, extents, base) into
// one put or into parts, of which the untouched are copied inside COS. It
// commits only if the generation is still the snapshot's; if not, it makes one
// more pass that keeps writers waiting. Every answer's CRC-64 is compared with
// the bytes sent; a difference is an error, never a success.
//
// # Crash rules
//
// Open scans the directory: owed files are uploaded again (an upload begun is
// continued by comparing the listed parts with the local bytes); open files,
// whose close was never answered, are kept, listed by Kept, and not uploaded;
// data without a record and half-written records are moved aside, not
// deleted. Check verifies all invariants of the directory.
//
// # Conflicts
//
// A new name is put with x-cos-forbid-overwrite; an overwrite whose base was
// last checked longer ago than Config.BaseTTL asks HEAD first. If COS has
// something else, theirs keeps the name, ours is stored beside it as
// name.cosfs-conflict-<host>-<time>, and Store says Conflict.
//
// # Locks and ownership
//
// File.mu before Stage.mu. Neither is held across a request, a callback or a
// wait. Uploads run in goroutines of the Stage, under its context: a caller's
// context ends only its waiting. Close cancels them and waits; Drain waits
// until nothing is owed.
package writeback
