package cosapi

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"unicode/utf8"
)

// UploadDirOptions are the choices of UploadDir. The zero value is a good one.
type UploadDirOptions struct {
	// UploadOptions hold for each file. Progress is told of the bytes of all
	// files found so far: its total grows while the directory is walked.
	UploadOptions
	// Workers is the number of files on their way at once (SimpleThreadPool's
	// num_threads). 0: 5. Each may have Concurrency parts on its way.
	Workers int
	// Overwrite sends files without asking whether they are stored already.
	Overwrite bool
	// OnFile is told what became of each file as soon as it is known. Its
	// calls come one after another and hold the workers up. May be nil.
	OnFile func(FileResult)
}

// UploadDir stores the files below dir under prefix (the seeds' folder
// upload): dir/a/b becomes the key prefix/a/b. An empty prefix is the root of
// the bucket. A file whose key has an object of the same size and CRC64 (its
// ETag, where COS has no CRC64) is skipped, so that the same call, repeated,
// sends what is missing.
//
// Symbolic links to files are followed, as the seeds do; links to
// directories, devices, pipes and what Download left unfinished are skipped
// and listed. Empty directories leave no key. One file's failure does not
// keep the others from being sent: the result lists each, and the error, nil
// when none failed, has the first. When ctx ends, files that the walk did not
// reach are not in the result.
func (c *Client) UploadDir(ctx context.Context, dir, prefix string, o UploadDirOptions) (DirResult, error) {
	const op = "UploadDir"
	prefix = dirPrefix(prefix)
	if err := isDir(op, prefix, dir); err != nil {
		return DirResult{}, err
	}
	t := newDirTransfer(op, prefix, o.Workers, o.Progress, o.OnFile)
	// With the slash, dir itself may be a symbolic link.
	return t.finish(filepath.WalkDir(dir+string(filepath.Separator), func(path string, entry fs.DirEntry, err error) error {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		c.visit(ctx, t, dir, prefix, path, entry, err, o)
		return nil
	}))
}

// visit deals with one entry of the walk, err being why it cannot be read.
func (c *Client) visit(ctx context.Context, t *dirTransfer, dir, prefix, path string, entry fs.DirEntry, err error, o UploadDirOptions) {
	if err == nil && entry.IsDir() {
		return
	}
	f := FileResult{Path: path}
	rel, relErr := filepath.Rel(dir, path)
	f.Key = prefix + filepath.ToSlash(rel)
	var info fs.FileInfo
	if err = errors.Join(err, relErr); err == nil {
		info, err = os.Stat(path)
	}
	switch {
	case err != nil:
		f.Err = transferError(t.op, f.Key, err, "%s cannot be read", path)
		t.list(f)
	case !info.Mode().IsRegular():
		f.Reason = "not a regular file"
		t.list(f)
	case unfinishedName(filepath.Base(path)):
		f.Reason = "an unfinished download"
		t.list(f)
	default:
		f.Size = info.Size()
		t.start(ctx, f, func(ctx context.Context, f FileResult, m *fileMeter) FileResult {
			return c.uploadFile(ctx, f, m, o)
		})
	}
}

// uploadFile sends one file, unless it is there. A HEAD that fails decides
// nothing, as in the seeds: the upload that follows does.
func (c *Client) uploadFile(ctx context.Context, f FileResult, m *fileMeter, o UploadDirOptions) FileResult {
	if !utf8.ValidString(f.Key) {
		f.Err = invalid("UploadDir", f.Key, "the name of %q is not UTF-8; rename it", f.Path)
		return f
	}
	if !o.Overwrite {
		there, err := c.HeadWith(ctx, f.Key, HeadOptions{CustomerKey: o.Encryption.CustomerKey})
		if err == nil && there.Size == f.Size {
			same, err := sameContent(ctx, f.Path, there)
			if err == nil && same {
				f.Reason = "equal"
				return f
			}
		}
	}
	o.Progress = m.progress
	up, err := c.Upload(ctx, f.Key, f.Path, o.UploadOptions)
	if f.Err = err; err == nil {
		f.Size = up.Size // it may have changed since the walk
	}
	return f
}
