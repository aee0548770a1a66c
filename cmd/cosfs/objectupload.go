package main

import (
	"context"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"cosfs/cosapi"
)

// transferFlags are what uploads and downloads have in common.
type transferFlags struct {
	recursive, fresh, overwrite bool
	partSize                    byteSize
	parallel, files             int
}

func (o *transferFlags) register(f *pflag.FlagSet, partSize byteSize) {
	o.partSize = partSize
	f.BoolVarP(&o.recursive, "recursive", "r", false, "a whole directory or prefix; what is equal already is skipped")
	f.BoolVar(&o.fresh, "fresh", false, "begin anew instead of resuming")
	f.BoolVar(&o.overwrite, "overwrite", false, "with -r, do not compare with what is there")
	f.Var(&o.partSize, "part-size", "bytes of one part; it grows when there would be more than 10000")
	f.IntVar(&o.parallel, "parallel", 5, "parts of one file at once")
	f.IntVar(&o.files, "files", 5, "with -r, files at once")
}

func (o *transferFlags) check() error {
	switch {
	case o.partSize < minPartSize || o.partSize > maxPartSize:
		return fail(exitUsage, "--part-size %s is not between 1MiB and 5GiB", &o.partSize)
	case o.parallel < 1 || o.parallel > 1024 || o.files < 1 || o.files > 1024:
		return fail(exitUsage, "--parallel and --files are between 1 and 1024")
	}
	return nil
}

func newObjectUpload(p *program, f *remoteFlags) *cobra.Command {
	var o putFlags
	var t transferFlags
	threshold := byteSize(20 << 20)
	cmd := leaf("upload FILE|DIR BUCKET[:/KEY]", "Store a file of any size, or a directory with -r, in parallel parts; resumes", 2,
		p.at(f, 1, false, func(ctx context.Context, r *remote, key string, args []string) error {
			put, err := o.options()
			if err == nil {
				err = t.check()
			}
			if err != nil {
				return err
			}
			up := cosapi.UploadOptions{
				PutOptions: put, Threshold: int64(threshold), PartSize: int64(t.partSize), Concurrency: t.parallel, Fresh: t.fresh,
			}
			switch {
			case t.recursive:
				return r.uploadDir(ctx, args[0], key, up, t)
			case isDir(args[0]):
				return fail(exitUsage, "%s is a directory: add -r", args[0])
			}
			return r.upload(ctx, args[0], key, up)
		}))
	cmd.Long = `Store a file of any size, or a directory with -r, in parallel parts.

An upload that was interrupted is resumed by the same command: parts that are
stored are not sent again. The result is checked against the CRC64 of the whole.
The media type is found from the ending of a file's name, not with -r.`
	o.register(cmd)
	t.register(cmd.Flags(), 8<<20)
	cmd.Flags().Var(&threshold, "threshold", "content up to this size is sent by one request")
	return cmd
}

func (r *remote) upload(ctx context.Context, file, key string, o cosapi.UploadOptions) error {
	key, err := destination(r.place.bucket, key, file)
	if err != nil {
		return err
	}
	guessType(&o.Attrs, key)
	var uploaded cosapi.Uploaded
	bar := r.progress(key, 0)
	o.Progress = bar.callback()
	if file == "-" {
		uploaded, err = r.uploadStdin(ctx, key, o)
	} else {
		uploaded, err = r.client.Upload(ctx, key, file, o)
	}
	bar.finish(err)
	if err != nil {
		return err
	}
	return r.showWritten(uploaded.Object)
}

func (r *remote) uploadStdin(ctx context.Context, key string, o cosapi.UploadOptions) (cosapi.Uploaded, error) {
	body, size, err := r.p.openBody("-")
	if err != nil {
		return cosapi.Uploaded{}, err
	}
	defer discardClose(body)
	return r.client.UploadFrom(ctx, key, body, size, o)
}

func (r *remote) uploadDir(ctx context.Context, dir, prefix string, o cosapi.UploadOptions, t transferFlags) error {
	if !isDir(dir) {
		return fail(exitUsage, "%s is not a directory: leave -r out, or check the path", dir)
	}
	bar := r.progress(dir, 0)
	o.Progress = bar.callback()
	result, err := r.client.UploadDir(ctx, dir, prefix, cosapi.UploadDirOptions{UploadOptions: o, Workers: t.files, Overwrite: t.overwrite})
	bar.finish(err)
	return r.showTransfer("upload", result, err)
}
