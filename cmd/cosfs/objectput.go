package main

import (
	"context"
	"io"
	"mime"
	"os"
	"path"

	"github.com/spf13/cobra"

	"cosfs/cosapi"
)

func newObjectPut(p *program, f *remoteFlags) *cobra.Command {
	var o putFlags
	cmd := leaf("put FILE BUCKET:/KEY", "Store a file, or stdin (-), as an object, by one request of at most 5 GiB", 2,
		p.at(f, 1, false, func(ctx context.Context, r *remote, key string, args []string) error {
			put, err := o.options()
			if err != nil {
				return err
			}
			if key, err = destination(r.place.bucket, key, args[0]); err != nil {
				return err
			}
			guessType(&put.Attrs, key)
			return r.put(ctx, args[0], key, put)
		}))
	o.register(cmd)
	cmd.Flags().BoolVar(&o.contentMD5, "content-md5", false, "let the service compare the MD5 before it stores anything")
	return cmd
}

func (r *remote) put(ctx context.Context, file, key string, o cosapi.PutOptions) error {
	body, size, err := r.p.openBody(file)
	if err != nil {
		return err
	}
	defer discardClose(body)
	bar := r.progress(key, size)
	object, err := r.client.Put(ctx, key, metered(body, size, bar), o)
	bar.finish(err)
	if err != nil {
		return err
	}
	return r.showWritten(object)
}

// destination is the key that a file of this machine gets.
func destination(bucket, key, file string) (string, error) {
	if file == "-" && under(key, file) != key {
		return "", fail(exitUsage, "stdin has no name that an object could get: write %s:/KEY", bucket)
	}
	key = under(key, file)
	if err := cosapi.CheckKey(key); err != nil {
		return "", fail(exitUsage, "%q cannot be a key: %w", key, keyProblem(err))
	}
	return key, nil
}

// guessType gives an object the media type of its name's ending.
func guessType(a *cosapi.Attrs, key string) {
	if a.ContentType == "" {
		a.ContentType = mime.TypeByExtension(path.Ext(key))
	}
}

// openBody opens what is to be sent. Stdin is first gathered in a file without
// a name: a request that is repeated must be able to read it again.
func (p *program) openBody(file string) (*os.File, int64, error) {
	if file != "-" {
		return openRegular(file)
	}
	f, err := os.CreateTemp("", "cosfs-stdin-")
	if err != nil {
		return nil, 0, fail(exitFailed, "stdin cannot be gathered in a file: %w; TMPDIR chooses another directory", err)
	}
	size, err := int64(0), os.Remove(f.Name())
	if err == nil {
		size, err = io.Copy(f, p.stdin)
	}
	if err == nil {
		_, err = f.Seek(0, io.SeekStart)
	}
	if err != nil {
		discardClose(f)
		return nil, 0, fail(exitFailed, "stdin cannot be gathered in a file: %w; TMPDIR chooses another directory", err)
	}
	return f, size, nil
}

func openRegular(file string) (*os.File, int64, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, 0, err
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = fail(exitUsage, "%s is not a regular file; cosfs object upload -r sends directories, - is stdin", file)
	}
	if err != nil {
		discardClose(f)
		return nil, 0, err
	}
	return f, info.Size(), nil
}
