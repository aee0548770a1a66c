// Cosfs is the program: it mounts a COS bucket, unmounts it, serves a
// directory as a COS endpoint, and has a command for every operation on
// buckets and objects. It is the only place that builds everything
// and knows every other package; nothing imports it.
//
// Comments name sections of three documents that are not in the repository:
// cos-api.md, of which package cosapi says what it is; design.md, the decisions
// the project started from; and field.md, what the older tool of this name does.
//
// # Promises
//
//   - mount returns when the mount answers, or with one sentence that names
//     what is wrong and what to do, and the exit code of its class (exit.go).
//   - Every knob is a flag, and every flag of mount has an -o spelling, so
//     that /etc/fstab can say it (options.go).
//   - Secrets come from the environment or from files that only their owner
//     can read. They never stand on a command line, in a log or in an error.
//   - Every command on buckets and objects prints a table, or with --json a
//     form whose field names stay; what get prints, put accepts. Progress is
//     drawn on stderr only where somebody watches.
//   - A command that removes or aborts many things wants --yes.
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
// # How a command on buckets and objects runs
//
// Program.at parses the name of the bucket and the key, finds the credentials
// as mount does, dials, and hands the call to one function per command
// (bucket*.go, object*.go). That returns the client's error as it is;
// callerrors.go makes the sentence and the exit code of it. The JSON forms are
// types of this package, converted from those of cosapi by hand, so that a
// name changed there is not one changed for users. Lists are printed page by
// page; nothing holds a whole bucket, except the result of a directory
// transfer, which names every file.
//
// # Ownership
//
// session.go owns what is built and closes it. The goroutines of this package
// are the accept loop of the control socket and the HTTP servers of serve and
// --local, the drawing of a progress bar and the parts of a large copy; each is
// waited for by the Close, finish or run of what started it.
package main
