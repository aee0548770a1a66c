// Package cosapi speaks the COS XML API over HTTP, and nothing else: it
// signs, sends, retries, checks and decodes.
//
// # Promises
//
//   - Every call takes a context first, and ends when the context does.
//   - Every read names the version it wants. Get sends If-Match and compares
//     the answer's ETag before the first byte; another version is Changed,
//     never somebody else's bytes. A body that breaks off is continued with a
//     further ranged request for the same version.
//   - Every write of content is checked: the CRC-64 (ECMA, cos-api.md 3.0.6)
//     of the bytes sent is compared with the one COS answers.
//   - Every error is an *Error, made where the wire is read, with a Kind to
//     act on (errors.Is(err, cosapi.NotFound)), the key, COS's own code,
//     message and request id, and never a credential.
//   - Retries follow cos-api.md 4.5: full-jitter exponential back-off,
//     Retry-After honoured, the request signed again, the body rewound. A
//     call which is not idempotent (append; a create with ForbidOverwrite) is
//     not repeated blindly.
//
// # What it does not do
//
// It has no cache, writes no files and starts no goroutine that outlives a
// call. It logs only through Config.Observe and Config.Log.
//
// # Ownership and locks
//
// A Client is immutable after New and safe for concurrent use. The caller
// owns bodies it passes (they are read and rewound, never closed) and must
// Close every Reader that Get returns. The only lock is the one inside the
// rate limiters; it is never held across a request.
package cosapi
