package cosapi

import (
	"cmp"
	"context"
	"crypto/md5"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"sync"

	"golang.org/x/sync/errgroup"
)

// FileResult is what became of one file or key of a directory transfer.
type FileResult struct {
	Path   string // local, below the directory given and beginning with it
	Key    string
	Size   int64  // bytes; 0 when it is not known
	Reason string // why it was skipped, empty otherwise
	Err    error  // why it failed, nil otherwise
}

// DirResult lists every file and key that a directory transfer came to, each
// once, in order of key. With all of them in Done or Skipped the transfer
// succeeded (the seeds' success_all).
type DirResult struct {
	Done, Skipped, Failed []FileResult
	// Partial says that the walk or the listing ended before its end: there
	// may be more than is listed here.
	Partial bool
}

// dirTransfer is one call of UploadDir or DownloadDir.
type dirTransfer struct {
	op, name string // name is for errors: the prefix or the directory
	workers  *errgroup.Group
	meter    *meter
	onFile   func(FileResult)

	// mu guards result, and is held during onFile.
	mu     sync.Mutex
	result DirResult
}

func newDirTransfer(op, name string, workers int, progress func(consumed, total int64), onFile func(FileResult)) *dirTransfer {
	t := &dirTransfer{op: op, name: name, workers: new(errgroup.Group), meter: newMeter(progress, 0), onFile: onFile}
	t.workers.SetLimit(concurrency(workers))
	return t
}

// start gives one file to a worker, and waits while all are busy. What
// transfer returns is listed. One file's failure does not end the others.
func (t *dirTransfer) start(ctx context.Context, f FileResult, transfer func(ctx context.Context, f FileResult, m *fileMeter) FileResult) {
	m := &fileMeter{meter: t.meter, size: f.Size}
	t.meter.add(0, f.Size)
	t.workers.Go(func() error {
		f := transfer(ctx, f, m)
		if f.Err == nil {
			m.progress(m.size, m.size)
		}
		t.list(f)
		return nil
	})
}

// list puts a result where it belongs.
func (t *dirTransfer) list(f FileResult) {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case f.Err != nil:
		t.result.Failed = append(t.result.Failed, f)
	case f.Reason != "":
		t.result.Skipped = append(t.result.Skipped, f)
	default:
		t.result.Done = append(t.result.Done, f)
	}
	if t.onFile != nil {
		t.onFile(f)
	}
}

// finish waits for the workers. err is what ended the walk or the listing
// before its end, if anything did.
func (t *dirTransfer) finish(err error) (DirResult, error) {
	_ = t.workers.Wait() // workers list their errors and return none
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, list := range [][]FileResult{t.result.Done, t.result.Skipped, t.result.Failed} {
		slices.SortFunc(list, func(a, b FileResult) int {
			return cmp.Or(strings.Compare(a.Key, b.Key), strings.Compare(a.Path, b.Path))
		})
	}
	failed := len(t.result.Failed)
	all := failed + len(t.result.Done) + len(t.result.Skipped)
	switch {
	case err != nil:
		t.result.Partial = true
		err = transferError(t.op, t.name, err, "ended early, after %d files of which %d failed; the same call goes on", all, failed)
	case failed > 0:
		err = transferError(t.op, t.name, t.result.Failed[0].Err,
			"%d of %d files failed, the first is %q; the same call tries them again", failed, all, t.result.Failed[0].Key)
	}
	return t.result, err
}

// fileMeter is the part of a directory's meter that one file moves. It is
// used by one call of Upload or Download, whose calls are serial.
type fileMeter struct {
	meter          *meter
	size, consumed int64
}

func (m *fileMeter) progress(consumed, _ int64) {
	if consumed > m.consumed {
		m.meter.add(consumed-m.consumed, 0)
		m.consumed = consumed
	}
}

// sameContent says that a local file is equal to an object: by size, then by
// the CRC64, or where there is none by an ETag that is an MD5. When neither
// is known they count as different.
func sameContent(ctx context.Context, path string, o Object) (bool, error) {
	src, err := openSource("compare", o.Key, path)
	if err != nil {
		return false, err
	}
	defer src.close()
	if src.size != o.Size {
		return false, nil
	}
	m, c := md5.New(), NewCRC64()
	to := io.Writer(c)
	if !o.HasCRC64 {
		to = m
	}
	if _, err := io.Copy(to, contextReader{ctx, src.file}); err != nil {
		return false, transferError("compare", o.Key, err, "%s cannot be read", path)
	}
	if o.HasCRC64 {
		return c.Sum64() == o.CRC64, nil
	}
	return hex.EncodeToString(m.Sum(nil)) == o.ETag, nil
}

// contextReader ends a long read of a local file with its context.
type contextReader struct {
	ctx context.Context
	r   io.Reader
}

func (r contextReader) Read(p []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	return r.r.Read(p)
}

// dirPrefix makes the beginning of keys of a directory's name: "" is the
// root, "a" and "a/" are the same.
func dirPrefix(prefix string) string {
	if prefix == "" || strings.HasSuffix(prefix, "/") {
		return prefix
	}
	return prefix + "/"
}

// isDir refuses what is not a directory before anything is sent.
func isDir(op, key, dir string) error {
	info, err := os.Stat(dir)
	if err == nil && !info.IsDir() {
		err = errors.New("not a directory")
	}
	if err != nil {
		return &Error{Op: op, Key: key, Kind: Other, Message: fmt.Sprintf("the directory %s cannot be used", dir), Err: err}
	}
	return nil
}
