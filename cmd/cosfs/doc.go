// Cosfs is the program: it mounts a COS bucket, unmounts it, and serves a
// directory as a COS endpoint. It is the only place that builds everything
// and knows every other package; nothing imports it.
//
// # Promises
//
//   - mount returns when the mount answers, or with one sentence that names
//     what is wrong and what to do, and the exit code of its class (exit.go).
//   - Every knob is a flag, and every flag of mount has an -o spelling, so
//     that /etc/fstab can say it (options.go).
//   - Secrets come from the environment or from files that only their owner
//     can read. They never stand on a command line, in a log or in an error.
//   - umount returns when the daemon has gone, so that what it prints about
//     the bucket is final.
//
// # How a mount starts
//
// The parent looks at everything a user can get wrong (FUSE, the mountpoint,
// the credentials, the bucket: one LIST), then runs itself again as
// mount --foreground --ready-fd 3 in a new session. The child builds
//
//	client → writeback.Stage → cache.Cache → cache.Names → fs.FS → mount
//
// and says "ready" or its sentence on descriptor 3 (daemon.go). The parent
// ends with what it hears. With --foreground there is one process only.
//
// # How a mount ends
//
// By umount(8), fusermount3 -u, cosfs umount, or SIGINT/SIGTERM: the kernel
// lets go, then what is still to be stored is stored (for at most drainLimit),
// then everything is closed in the reverse order. What could not be stored
// stays in the stage for the next mount of the same bucket and is named in
// the log and to every cosfs umount that waits (control.go). A second signal
// ends the process at once, which is safe for the same reason.
//
// # Ownership
//
// session.go owns what is built and closes it. The goroutines of this package
// are the accept loop of the control socket and the HTTP servers of serve and
// --local; each is waited for by the Close of what started it.
package main
