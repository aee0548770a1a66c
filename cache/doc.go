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
// again. It knows of local changes only what COS has acknowledged (Learn,
// Removed); package fs lays the others over it.
//
// A fresh listing of a directory answers for every name it covers, there or
// not. Without one a single name costs a HEAD and a LIST of one row at once;
// the next question about a name of the same directory within a second lists
// the directory, four pages at most.
//
// Rows come in byte order of names, which is not the order of the listing: it
// sorts directory d as "d/", after "d-1" and "d.txt". So rows are held back
// while a directory may still have to go before them; when too many wait (16
// pages), one LIST asks for that directory. A listing is read a page at a
// time, the next one ahead; of a directory larger than NamesConfig.MaxRows
// only a window is kept, and Rows goes on from any name. What cannot be a
// name, and a file behind a directory of the same name, is hidden, counted
// and logged.
//
// A change of our own overtakes the questions under way: their answers, which
// may be older, go to those who asked before and are not kept, and a listing
// has the changes laid over it. This goes on for a TTL, because COS does not
// promise that a listing shows what was just written (cos-api.md 3.2.4).
// What another host does is seen when the TTL of the answer is over.
//
// Everything is bounded: answers (32768), directories (32768), rows of all
// listings (MaxRows, about 125 bytes each), attributes (200,000), changes
// (65536); what was used least recently goes first.
//
// # Locks
//
// Object.mu before Cache.mu; Names.mu before attrMemory.mu, a leaf. None is
// held across a request, a callback or a wait. Goroutines (fetches, eviction,
// read-ahead) belong to the Cache, questions about names to Names: Close
// cancels them and waits.
package cache
