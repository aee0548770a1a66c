package main

import (
	"context"
	"fmt"
	"path/filepath"

	"github.com/spf13/cobra"

	"cosfs/cosapi"
)

func newObjectDownload(p *program, f *remoteFlags) *cobra.Command {
	var o readFlags
	var t transferFlags
	var limit int64
	cmd := &cobra.Command{
		Use: "download BUCKET[:/KEY] [FILE|DIR]", Short: "Fetch an object of any size, or a prefix with -r, in parallel ranges; resumes",
		Args: rangeArgs(1, 2), ValidArgsFunction: completeFiles("download BUCKET:/KEY FILE"),
		RunE: p.onBucket(f, func(ctx context.Context, r *remote, key string, args []string) error {
			head, err := o.options()
			if err == nil {
				err = t.check()
			}
			if err != nil {
				return err
			}
			down := cosapi.DownloadOptions{
				HeadOptions: head, PartSize: int64(t.partSize), Concurrency: t.parallel, TrafficLimit: limit, Fresh: t.fresh,
			}
			where := append(args, ".")[0]
			if t.recursive {
				return r.downloadDir(ctx, key, where, down, t)
			}
			return r.download(ctx, key, where, down)
		}),
	}
	cmd.Long = `Fetch an object of any size, or all below a prefix with -r, in parallel ranges.

All ranges are of one version, and the file appears when it is complete and its
checksum agrees. A download that was interrupted is resumed by the same command.`
	o.register(cmd.Flags())
	t.register(cmd.Flags(), 8<<20)
	cmd.Flags().Int64Var(&limit, "traffic-limit", 0, "`bit/s` of each request at most, from 819200")
	return cmd
}

func (r *remote) download(ctx context.Context, key, file string, o cosapi.DownloadOptions) error {
	if err := cosapi.CheckKey(key); err != nil {
		return fail(exitUsage, "%q cannot be a key: write BUCKET-APPID:/KEY, or add -r for all below a prefix", key)
	}
	if isDir(file) {
		file = filepath.Join(file, filepath.Base(key))
	}
	bar := r.progress(key, 0)
	o.Progress = bar.callback()
	object, err := r.client.Download(ctx, cosapi.Version{Key: key}, file, o)
	bar.finish(err)
	if err != nil {
		return err
	}
	return r.show(struct {
		objectView
		File string `json:"file"`
	}{r.viewObject(object), file}, row{file, byteCount(object.Size), "ETag " + object.ETag})
}

func (r *remote) downloadDir(ctx context.Context, prefix, dir string, o cosapi.DownloadOptions, t transferFlags) error {
	bar := r.progress(r.place.bucket+":/"+prefix, 0)
	o.Progress = bar.callback()
	result, err := r.client.DownloadDir(ctx, prefix, dir, cosapi.DownloadDirOptions{DownloadOptions: o, Workers: t.files, Overwrite: t.overwrite})
	bar.finish(err)
	return r.showTransfer("download", result, err)
}

// transferView is the outcome of a transfer of many files in JSON.
type transferView struct {
	Action  string     `json:"action"`
	Bucket  string     `json:"bucket"`
	Done    []fileView `json:"done"`
	Skipped []fileView `json:"skipped"`
	Failed  []fileView `json:"failed"`
}

type fileView struct {
	Path   string `json:"path"`
	Key    string `json:"key"`
	Size   int64  `json:"size"`
	Reason string `json:"reason,omitempty"`
	Error  string `json:"error,omitempty"`
}

// showTransfer prints what became of every file. Failures of single files
// stand on stderr; an error without any, or of a transfer that ended early, is
// that of the transfer itself.
func (r *remote) showTransfer(action string, d cosapi.DirResult, err error) error {
	v := transferView{action, r.place.bucket, r.viewFiles(d.Done), r.viewFiles(d.Skipped), r.viewFiles(d.Failed)}
	for _, f := range v.Failed {
		where := f.Path
		if where == "" {
			where = f.Key // it has no place here
		}
		fmt.Fprintf(r.p.stderr, "cosfs: %s: %s\n", showKey(where), f.Error)
	}
	var bytes int64
	for _, f := range d.Done {
		bytes += f.Size
	}
	shown := r.show(v, row{action, fmt.Sprintf("%d done (%v)", len(d.Done), byteCount(bytes)),
		fmt.Sprintf("%d skipped", len(d.Skipped)), fmt.Sprintf("%d failed", len(d.Failed))})
	switch n := len(d.Failed); {
	case err != nil && (n == 0 || d.Partial):
		return err // what ended the listing or the walk; the rest was never tried
	case n > 0:
		return fail(exitPartly, "%s: %d of %d files failed; the same command tries them again", action, n, n+len(d.Done)+len(d.Skipped))
	}
	return shown
}

func (r *remote) viewFiles(files []cosapi.FileResult) []fileView {
	views := make([]fileView, len(files))
	for i, f := range files {
		views[i] = fileView{Path: f.Path, Key: f.Key, Size: f.Size, Reason: f.Reason}
		if f.Err != nil {
			views[i].Error = explainCall(f.Err, r.place).Error()
		}
	}
	return views
}
