// Package cache holds what the bucket has said: bytes of immutable versions,
// and names. Nothing in it is the only copy of anything, so everything in it
// may be forgotten at any time, and nothing in it can be wrong: bytes are
// named by (key, ETag, size), names carry the time until which they hold.
//
// # Blocks
//
// A Cache is a directory with one sparse file per version below 256 fan-out
// directories. Blocks of BlockSize bytes are fetched with ranged GETs that
// name the version, each at most once however many readers wait for it, and
// their bytes are handed out as they arrive. Presence is a bitmap. When the
// last block is there the file is verified against COS's CRC-64, fsynced and
// renamed to its final name.
//
// Crash rules: a final name is trusted, whatever happened; a partial file
// found at Open is deleted. Bytes and recency survive a remount.
//
// An Object is a pin: while one is open its version is not evicted. Eviction
// is by bytes (Config.Size) and by the free space of the disk
// (Config.FreeFloor), least recently used first.
//
// # Names
//
// Names answers what a path is (Lookup) and what a directory holds (Rows)
// from HEAD and LIST, keeps the answers for their TTL, merges concurrent
// questions, and remembers the attributes that only a HEAD shows under
// exactly (key, ETag, Last-Modified, size), so that a listing proves them
// again. It knows nothing of local changes; package fs lays those over it.
//
// # Locks
//
// Object.mu before Cache.mu; Names.mu alone. None is held across a request,
// a callback or a wait. Goroutines (fetches, eviction, read-ahead) belong to
// the Cache: Close cancels them and waits.
package cache
