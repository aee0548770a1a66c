// Package cosapi speaks the COS XML API over HTTP, and nothing else: it
// signs, sends, retries, checks and decodes.
//
// "cos-api.md" in comments here and below is the project's own reference of
// that API, put together from Tencent's documentation and SDKs; it is not in
// the repository. Its section is named as the source of a fact, and what the
// code relies on is always said in the comment itself.
//
// # Promises
//
//   - Every call takes a context first, and ends when the context does.
//   - Every read names the version it wants. Get sends If-Match and compares
//     the answer's ETag before the first byte; another version is Changed,
//     never somebody else's bytes. A body that breaks off is continued with a
//     further ranged request for the same version.
//   - Every write of content is checked: the CRC-64 (ECMA, cos-api.md 3.0.6)
//     of the bytes sent is compared with the one COS answers. Behind a gateway
//     that drops it, an ETag that is an MD5 takes its place.
//   - Every error is an *Error, made where the wire is read, with a Kind to
//     act on (errors.Is(err, cosapi.NotFound)), the key, COS's own code,
//     message and request id, and never a credential.
//   - Retries follow cos-api.md 4.5: full-jitter exponential back-off,
//     Retry-After honoured, the request signed again, the body rewound. A
//     call which is not idempotent (append; a create with ForbidOverwrite) is
//     not repeated blindly: what is there is looked at first.
//   - What cannot arrive as it was meant is refused before it is sent: keys
//     that a hop would turn into another request, metadata that is not
//     printable ASCII, a part without an upload.
//
// # How a call runs
//
// An operation describes itself as a request. Client.run sends it until it is
// settled: attempt takes a token of the rate class, asks for credentials,
// signs and sends; the request's accept reads the answer; on a failure amend
// corrects the clock or the token once, settle decides what only this
// operation can know, and the Kind decides the rest. Nothing else in the
// package touches the network.
//
// What is rare for all calls alike goes by the context: WithHeader adds headers,
// WithResponse tells of every answer's status, request id and header.
//
// An attempt has no deadline of its own, large bodies take their time. A
// watchdog ends it when no byte moved in either direction for AnswerTimeout.
//
// # Transfers of files
//
// Upload, UploadFrom, Download, UploadDir and DownloadDir are built on the
// calls and have no way around them. Their workers have ended when they
// return; until then Config.Observe is called from several of them at once.
// They hold one buffer per request in flight and no part; the result of a
// directory has a line per file.
//
//   - Upload keeps no state of its own: COS knows the parts, their MD5s and
//     the local file say which are ours. A failed or killed upload leaves its
//     parts to the next call; one that nobody resumes costs storage until it is
//     aborted, by AbortUpload or a lifecycle rule. It is aborted at once when
//     the parts are worthless: the file changed, the key exists and may not
//     be overwritten.
//   - Download writes .cosfs-<hash>.part and .record beside the target, then
//     the target by fsync and rename (DownloadDir also makes directories). The
//     record is not synced and is believed only as far as the bytes have its
//     checksums, so a crash at any point costs time, not content. The two files
//     stay after a failure, and go when nobody can resume them.
//   - A download holds flock on its .part, a second one is InProgress. Two
//     uploads of one file to one key are not kept apart: one completes, the
//     other may find its upload gone.
//
// # What it does not do
//
// It has no cache, and starts no goroutine that outlives a call (net/http
// keeps two per idle connection, see CloseIdleConnections). It logs only
// through Config.Observe and Config.Log. It follows no redirects and never
// switches hosts. Only the transfers above touch local files; they and
// CopyLarge alone split contents into parts. Of files, Download and DownloadDir alone write any, and they set
// no modes or times.
//
// # Ownership and locks
//
// A Client is immutable after New and safe for concurrent use; what clients
// of several buckets share (the clock's offset) is atomic. The caller owns
// bodies it passes: they are read and rewound, never closed, and at rest when
// the call returns. It must Close every Reader that Get returns; the Reader
// keeps the context of its Get until then.
//
// The locks of a call are the one inside the rate limiters, and sendBody.mu,
// which keeps net/http from reading a body that is being rewound. Those of a
// transfer are meter.mu, held during the caller's Progress; target.mu, held
// while a line is added to a download's record; dirTransfer.mu, held during
// the caller's OnFile. None is held across a request. meter.mu is taken under
// sendBody.mu, and the meter.mu of a directory under that of a file; no lock
// is taken under the others.
package cosapi
