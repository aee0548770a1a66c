// Package cache holds what the bucket has said: bytes of immutable versions,
// and names. Nothing in it is the only copy of anything, so everything in it
// may be forgotten at any time, and nothing in it can be wrong: bytes are
// named by (key, ETag, size), names carry the time until which they hold.
//
// # Blocks
//
// A Cache is a directory with one sparse file per version below up to 16
// fan-out directories. Missing bytes are fetched with ranged GETs that name the
// version, each at most once however many readers wait for it, and handed out
// as they arrive. Presence is a bitmap of 128 KiB, so a small random read
// moves no more than that; a sequential reader (four are told apart in each
// Object) is kept up to 16 MiB ahead by GETs of 8 MiB. Reads up to 5 MiB
// out of order are one reader's: the kernel keeps that much in flight. Checksums
// and eviction go by blocks of BlockSize. Prefetch brings a whole small version
// as read-ahead, for who knows what is opened next.
//
// When the last byte is there the blocks' checksums are combined and compared
// with COS's CRC-64, the file is fsynced, renamed to its final name, and from
// then on open read-only. Wrong bytes are dropped and fetched once more, then
// they are cosapi.Corrupt. Readers of a version that is not complete get bytes
// whose checksum nobody knows yet: that is the price of not waiting for the
// end. The last bytes of an object fetched by one GET are withheld until its
// checksum agrees.
//
// Crash rules: a final name is given to synced files only, so it is trusted,
// whatever happened; a partial file found at Open is deleted. An adopted file
// is whole but neither sealed nor synced, and so is a fetched one of up to 1 MiB.
// Its name has the boot id of the kernel and is trusted, unchecked, while that is
// the same: a killed process leaves the bytes in the page cache, a power cut
// changes the boot id. A task of the Cache seals and syncs such files when the
// kernel has written them anyhow, of this mount or of an earlier one, and then
// gives them the final name; one that cannot be synced is dropped. (A disk that is lost and comes back without a
// boot, unsynced, is the case in which this trust is wrong.) Bytes and recency
// survive a remount; recency is the file's mtime, written at most once a
// minute.
//
// A final file is sealed with the CRC32C of its blocks (of spans of 2 MiB and
// more from 768 MiB on) in an extended attribute. After a remount a span is
// checked when it is first read, the whole before File or Take give the file
// away; what is wrong, and a file of a wrong length, is dropped, counted as
// Corrupted and fetched again. What rots after it was checked is not noticed
// until the next remount, and nothing is where the file system has no such
// attributes.
//
// An Object is a pin: while one is open its version is not evicted as a whole.
// Eviction is by bytes (Config.Size) and by the free space of the disk
// (Config.FreeFloor), least recently used first. If that is not enough, blocks
// of open files are punched out that no reader is about to need, of complete
// files last and of files that File has given away never; they are fetched
// again when they are read. A read that waits is not refused for want of room,
// so the bound can be exceeded by the GETs under way, when nothing else is
// left in the cache.
//
// MakeRoom gives up idle files for others that share the disk.
//
// The local disk cannot make a read fail. A file that cannot be opened for a
// reason that is not its own (no descriptors) is kept, and who opens it reads
// through memory. A version for which it cannot be
// written or read, or whose file does not fit the free space, goes on in
// memory (Config.Memory, evicted and punched likewise) until it is evicted. A
// Cache without a directory is all memory.
//
// Memory is one transfer buffer per GET, the bitmaps (1 bit per 128 KiB and 8
// bytes per MiB of incomplete versions), and about 400 bytes per known version,
// of which there are at most 262,144.
//
// Adopt and Take move a file between the cache and the stage by rename, so the
// inode stays the one that the kernel may have open; File gives a descriptor
// of it. Whoever had an Object open reads on, from the same inode. Adopt waits
// for a rename, not for a sync or a deletion; Take waits until the old name is
// durably gone.
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
// Whether a HEAD is spent on attributes is NamesConfig.Attrs. In AttrsAuto the
// bucket says so by the object .cosfs/posix below the mounted prefix, which
// MarkPosix puts there; until it is seen it is looked for once per TTL, beside
// the request of an asker, so another host's first chmod shows within two TTLs.
// AttrFile remembers that it was seen, so that later mounts do not ask.
// The directory .cosfs itself is hidden, and Reserved tells who may want to
// make it. Whoever stores an object's attributes again gets them from Full,
// which asks in every mode.
//
// NamesConfig.AttrFile keeps attributes and ACLs across mounts (bbolt): a write
// of ours, and what was at least 3 s old when it was asked for. A goroutine
// writes them in batches, twice a second at most; what was forgotten is not
// found from then on. The entries are in four buckets by age, of which the
// oldest is dropped when the newest is full, 800,000 entries in all. A file that
// is damaged is made anew, one that another mount has or that fails in use is
// done without. ACLs that somebody else sets are not noticed, since that makes
// no new version (cos-api.md 3.4.5).
//
// A fresh listing of a directory answers for every name it covers, there or
// not. Without one a single name costs a HEAD and a LIST of one row at once;
// the next question about a name of the same directory within a second lists
// the directory, four pages at most. Of a name whose attributes the file of
// attributes has, a LIST of the very key takes the place of the HEAD: it proves
// them, so programs that compare a known tree (rsync) make no HEAD.
//
// Rows come in order of name + "/" (InOrder), which is that of the listing for
// directories: it has "d/" behind "d-1" and "d.txt". Files it has before them;
// so a file whose name begins that of others waits until the place of a
// directory of its name is passed, everything else can be shown as soon as it
// is read. (In byte order of names a thousand files "img-0001" would wait for a
// directory "img".) A listing is read a page at a time, the next one ahead; of
// a directory larger than NamesConfig.MaxRows only a window is kept, and Rows
// goes on from any name: the files that wait there are asked for first, a LIST
// each. What cannot be a name, and a file behind a directory of the same name,
// is hidden, counted and logged.
//
// Who opens directories in order (the next of its siblings, or the first one
// after reading all of them) is taken for a walker: find, du, grep -r, a copy.
// Everything below the parent is then listed flat, from that directory on, and
// each page fills the listings of all directories it shows, so that a tree
// costs a LIST per thousand objects. The walk is two pages ahead of the newest
// directory opened, and only after a second one was opened. The keys below a
// directory are contiguous, so a fed listing has a frontier like any other and
// can go on by itself with a delimiter: it does when a page ends below it and
// its reader is one (later three) pages without rows, so a huge subtree holds
// up nobody. Files of the parent itself are skipped by its own listing. A
// directory that the walk does not reach in three pages is listed by itself; two
// of them in a row end it, and from then on more order (8, 16, ...) is asked
// for. So does an error: rights are given by prefix. Forget and ForgetTree end
// the walks they touch, pages in flight included.
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
// blob.mu (the state that the Objects of one version share) before Cache.mu;
// Names.mu before attrMemory.mu before attrStore.mu, a leaf. None is held across a request, a
// callback or a wait; the first two are held over open and rename, so that the
// tables and the directory agree, but not over reads, writes, punches, syncs
// and deletions. A reader therefore compares blob.gen before and after its
// pread, and does it again if blocks were given up meanwhile. The name of a
// file and whether its blob is still in the table are Cache.mu's alone, for a
// blob is displaced without its mu. Goroutines (fetches, read-ahead, settling,
// deletions, checks) belong to the Cache, questions about names to Names: Close
// cancels them and waits.
package cache
