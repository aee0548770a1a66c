package main

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"cosfs/cosapi"
)

// mountConfig is what the user asks of one mount. Flags and -o options write
// straight into it; check then refuses what cannot be and makes paths absolute.
type mountConfig struct {
	source     source
	mountpoint string

	endpoint, region string
	local            string // directory of the embedded server; empty: a real endpoint
	pathStyle        bool
	passwdFile       string

	foreground, allowOther, readOnly bool
	uid, gid                         uint32
	fileMode, dirMode, umask         permBits
	attrTTL, negativeTTL             time.Duration
	deadline                         time.Duration // of an endpoint that is silent
	attrs                            attrMode
	names                            nameMode

	cacheDir          string
	cacheSize         byteSize
	partSize          byteSize
	memory            byteSize
	parallel          int
	writeback         string // what close(2) waits for: writebackClose or writebackAsync
	storageClass, acl string

	logLevel, logFile string
	options           []string // of -o, each opt,opt…

	// Only -o says these: they come from mount(8) or from the old tool.
	nonEmpty      bool
	public        bool // unsigned requests
	retries       int  // of one request
	answerTimeout time.Duration
	diskFree      byteSize // bytes the disk keeps free
	rootMode      permBits // of the mount's root; 0: --dir-mode
	encryption    cosapi.Encryption
	kernelOptions []string // handed to mount(2)
	ignored       []string // accepted without effect

	readyFD int // where a daemonised child says that it is ready; 0: nowhere
}

func (c *mountConfig) register(f *pflag.FlagSet) {
	f.StringVar(&c.endpoint, "endpoint", "", "`URL` of the endpoint, without the bucket; needed unless --region or --local is given")
	f.StringVar(&c.region, "region", "", "`region` of the bucket, such as ap-guangzhou")
	f.StringVar(&c.local, "local", "", "mount an embedded server that keeps its objects in `DIR`; no account is needed")
	f.BoolVar(&c.pathStyle, "path-style", false, "address the bucket in the path instead of the host (by itself when the host is an IP address or localhost)")
	f.StringVar(&c.passwdFile, "passwd-file", "", "`file` with lines of [bucket:]SecretId:SecretKey")

	f.BoolVarP(&c.foreground, "foreground", "f", false, "stay in the foreground and log to stderr")
	f.BoolVar(&c.allowOther, "allow-other", false, "let other users use the mount")
	f.BoolVar(&c.readOnly, "read-only", false, "refuse every change")
	f.Uint32Var(&c.uid, "uid", uint32(os.Getuid()), "numeric owner of files that have none stored")
	f.Uint32Var(&c.gid, "gid", uint32(os.Getgid()), "numeric group of files that have none stored")
	c.fileMode, c.dirMode = 0o644, 0o755
	f.Var(&c.fileMode, "file-mode", "permissions of files that have none stored")
	f.Var(&c.dirMode, "dir-mode", "permissions of directories that have none stored")
	f.Var(&c.umask, "umask", "permissions taken away from --file-mode and --dir-mode")
	c.names = namesDeferred
	f.Var(&c.names, "names", "when a removal is answered: deferred (at once, and COS is told of many within a second) or sync (when COS has done it)")
	f.Var(&c.attrs, "attrs", "where modes, owners and times come from: exact (one HEAD per object, once), list (none), or "+
		"auto (as exact once a mount has stored any in the bucket)")
	f.DurationVar(&c.attrTTL, "attr-ttl", 10*time.Second, "how long names and attributes are believed before COS is asked again")
	f.DurationVar(&c.negativeTTL, "negative-ttl", 2*time.Second, "how long the absence of a name is believed")

	f.StringVar(&c.cacheDir, "cache-dir", "", "`directory` of cached and of staged data (default /var/cache/cosfs for root, else ~/.cache/cosfs)")
	c.cacheSize, c.partSize = 10<<30, 8<<20
	f.Var(&c.cacheSize, "cache-size", "bytes of cached data kept on disk")
	c.memory = 64 << 20
	f.Var(&c.memory, "memory", "bytes of memory for transfers, and for content while the disk of --cache-dir fails")
	f.Var(&c.partSize, "part-size", "content above this size is uploaded in parts of it")
	f.IntVar(&c.parallel, "parallel", 8, "transfers at once, in each direction")
	f.DurationVar(&c.deadline, "deadline", 2*time.Minute, "how long a request to an endpoint that does not answer is repeated before programs get EIO; "+
		"uploads are tried again in the background")
	f.StringVar(&c.writeback, "writeback", writebackClose, "what close(2) waits for: close (COS has the file) or async (the local disk has it)")
	f.StringVar(&c.storageClass, "storage-class", "", "storage `class` of new objects (default the bucket's)")
	f.StringVar(&c.acl, "acl", "", "canned `ACL` of new objects (default the bucket's)")

	f.StringVar(&c.logLevel, "log-level", "info", "debug, info, warn or error")
	f.StringVar(&c.logFile, "log-file", "", "`file` of the log (default cosfs.log below the cache directory; stderr in the foreground)")
	f.StringArrayVarP(&c.options, "options", "o", nil, "`opt,opt…`: mount options as in /etc/fstab; every flag above has one, with _ for -")
	f.IntVar(&c.readyFD, "ready-fd", 0, "")
	if err := f.MarkHidden("ready-fd"); err != nil {
		panic(err) // it is defined one line up
	}
}

// cannedACLs are those of an object (cos-api.md 3.0.8).
var cannedACLs = []string{"", "default", "private", "public-read", "authenticated-read", "bucket-owner-read", "bucket-owner-full-control"}

// storageClassName is the form of every class; there is no list, new ones appear.
var storageClassName = regexp.MustCompile(`^[A-Z_]*$`)

// The values of --writeback.
const (
	writebackClose = "close"
	writebackAsync = "async"
)

const (
	minPartSize = 1 << 20 // COS refuses smaller parts (cos-api.md 3.5)
	maxPartSize = 5 << 30
	minMemory   = 16 << 20
	minDeadline = time.Second
)

// check refuses what cannot work and completes what is left open.
func (c *mountConfig) check() error {
	c.storageClass = strings.ToUpper(c.storageClass)
	switch {
	case c.local != "" && (c.endpoint != "" || c.region != "" || c.passwdFile != "" || c.public):
		return fail(exitUsage, "--local has its own endpoint and key: leave --endpoint, --region, --passwd-file and public_bucket out")
	case c.local == "" && c.endpoint == "" && c.region == "":
		return fail(exitUsage, "the bucket %s needs its region: --region ap-guangzhou, or --endpoint URL", c.source.bucket)
	case c.public && c.passwdFile != "":
		return fail(exitUsage, "public_bucket sends unsigned requests: leave --passwd-file out")
	case c.parallel < 1 || c.parallel > 1024:
		return fail(exitUsage, "--parallel %d is not between 1 and 1024", c.parallel)
	case c.partSize < minPartSize || c.partSize > maxPartSize:
		return fail(exitUsage, "--part-size %s is not between 1MiB and 5GiB, the limits of COS", &c.partSize)
	case c.memory < minMemory:
		return fail(exitUsage, "--memory %s is less than 16MiB, which transfers need", &c.memory)
	case c.writeback != writebackClose && c.writeback != writebackAsync:
		return fail(exitUsage, "--writeback %q is neither close nor async", c.writeback)
	case c.attrTTL < 0 || c.negativeTTL < 0:
		return fail(exitUsage, "--attr-ttl and --negative-ttl cannot be negative")
	case c.deadline < minDeadline:
		return fail(exitUsage, "--deadline %v is less than %v, in which an endpoint may well answer", c.deadline, minDeadline)
	case !slices.Contains(cannedACLs, c.acl):
		return fail(exitUsage, "--acl %q is not one of %s", c.acl, strings.Join(cannedACLs[1:], ", "))
	case !storageClassName.MatchString(c.storageClass):
		return fail(exitUsage, "--storage-class %q is not a name such as STANDARD_IA", c.storageClass)
	}
	if file, dir := c.applyUmask(); file == 0 || dir == 0 {
		return fail(exitUsage, "--file-mode, --dir-mode and --umask leave no permission to anybody")
	}
	if _, err := parseLevel(c.logLevel); err != nil {
		return err
	}
	return c.absolute()
}

// absolute frees the paths from the working directory, which a daemon leaves.
func (c *mountConfig) absolute() error {
	for _, path := range []*string{&c.mountpoint, &c.local, &c.cacheDir, &c.passwdFile, &c.logFile} {
		if *path == "" {
			continue
		}
		abs, err := filepath.Abs(*path)
		if err != nil {
			return fail(exitMountpoint, "the path %s cannot be made absolute: %w", *path, err)
		}
		*path = abs
	}
	return nil
}

// applyUmask gives the permissions that files and directories show when the
// bucket has none.
func (c *mountConfig) applyUmask() (file, dir uint32) {
	return uint32(c.fileMode &^ c.umask), uint32(c.dirMode &^ c.umask)
}

// describe is what the log says of a mount; there is no secret in a config.
func (c *mountConfig) describe() string {
	where := c.endpoint
	if where == "" {
		where = c.region
	}
	if c.local != "" {
		where = "the local directory " + c.local
	}
	return fmt.Sprintf("%s of %s", c.source, where)
}
