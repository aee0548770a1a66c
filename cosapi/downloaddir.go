package cosapi

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// DownloadDirOptions are the choices of DownloadDir. The zero value is a good
// one.
type DownloadDirOptions struct {
	// DownloadOptions hold for each file; VersionID and the conditions are of
	// no use here. Progress is told of the bytes of all objects found so far:
	// its total grows while the bucket is listed.
	DownloadOptions
	Workers   int              // files on their way at once. 0: 5. Each may have Concurrency ranges on its way
	Overwrite bool             // fetch files without comparing those that are there
	OnFile    func(FileResult) // as in UploadDirOptions
}

// DownloadDir fetches every object under prefix into files below dir, which
// is made if it is not there: the inverse of UploadDir. A file of the size
// and CRC64 of its object (or the ETag, where COS has no CRC64) is skipped.
// An empty object whose key ends with a slash becomes a directory.
//
// A key that would leave dir, or that a path cannot express (a//b, a/../b),
// fails; so do those that contradict each other (a and a/b). Nothing is
// removed from dir. Failures and the end of ctx are told as by UploadDir.
func (c *Client) DownloadDir(ctx context.Context, prefix, dir string, o DownloadDirOptions) (DirResult, error) {
	const op = "DownloadDir"
	prefix = dirPrefix(prefix)
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return DirResult{}, &Error{Op: op, Key: prefix, Kind: Other, Message: "the directory " + dir + " cannot be made", Err: err}
	}
	t := newDirTransfer(op, prefix, o.Workers, o.Progress, o.OnFile)
	return t.finish(c.eachObject(ctx, prefix, func(object Object) {
		f := FileResult{Key: object.Key, Size: object.Size}
		rel := strings.TrimPrefix(object.Key, prefix)
		if rel == "" {
			return // the marker of the directory itself
		}
		var err error
		if f.Path, err = localPath(op, object, dir, rel); err != nil {
			f.Err = err
			t.list(f)
			return
		}
		t.start(ctx, f, func(ctx context.Context, f FileResult, m *fileMeter) FileResult {
			return c.downloadFile(ctx, f, m, o)
		})
	}))
}

// eachObject lists what is under a prefix until ctx ends.
func (c *Client) eachObject(ctx context.Context, prefix string, visit func(Object)) error {
	for page, err := range c.Pages(ctx, ListOptions{Prefix: prefix}) {
		if err != nil {
			return err
		}
		for _, e := range page.Entries {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			visit(e.Object)
		}
	}
	return nil
}

// localPath is where an object goes below dir.
func localPath(op string, o Object, dir, rel string) (string, error) {
	name, marker := strings.CutSuffix(rel, "/")
	local := filepath.FromSlash(name)
	switch {
	case !filepath.IsLocal(local) || local == "." || filepath.Clean(local) != local || strings.Contains(name, "\x00"):
		return "", invalid(op, o.Key, "no file below %s can have that name; download this object alone, to a file of another name", dir)
	case marker && o.Size > 0:
		return "", invalid(op, o.Key, "it is named as a directory and has %d bytes; download this object alone, to a file of another name", o.Size)
	}
	return filepath.Join(dir, local), nil
}

// downloadFile fetches one object, unless its file is there.
func (c *Client) downloadFile(ctx context.Context, f FileResult, m *fileMeter, o DownloadDirOptions) FileResult {
	if strings.HasSuffix(f.Key, "/") {
		f.Err = makeDir(f.Key, f.Path)
		return f
	}
	if !o.Overwrite {
		same, err := c.sameAsStored(ctx, f, o.CustomerKey)
		if err != nil {
			f.Err = err
			return f
		}
		if same {
			f.Reason = "equal"
			return f
		}
	}
	if f.Err = makeDir(f.Key, filepath.Dir(f.Path)); f.Err != nil {
		return f
	}
	o.Progress = m.progress
	object, err := c.Download(ctx, Version{Key: f.Key}, f.Path, o.DownloadOptions)
	if f.Err = err; err == nil {
		f.Size = object.Size // it may have changed since the listing
	}
	return f
}

// sameAsStored compares a local file of the right size with its object, of
// which a listing does not have the checksum.
func (c *Client) sameAsStored(ctx context.Context, f FileResult, customerKey []byte) (bool, error) {
	info, err := os.Stat(f.Path)
	if err != nil || !info.Mode().IsRegular() || info.Size() != f.Size {
		return false, nil // Download says what is wrong with it, if anything is
	}
	object, err := c.HeadWith(ctx, f.Key, HeadOptions{CustomerKey: customerKey})
	if err != nil {
		return false, err
	}
	same, err := sameContent(ctx, f.Path, object)
	if errors.Is(err, fs.ErrPermission) {
		return false, nil // it cannot be read, but perhaps replaced
	}
	return same, err
}

func makeDir(key, path string) error {
	if err := os.MkdirAll(path, 0o777); err != nil {
		return &Error{Op: "DownloadDir", Key: key, Kind: Other, Message: "its directory cannot be made", Err: err}
	}
	return nil
}
