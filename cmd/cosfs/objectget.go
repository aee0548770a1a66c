package main

import (
	"context"
	"crypto/rand"
	"io"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"cosfs/cosapi"
)

// getFlags are the choices of a read by one request.
type getFlags struct {
	readFlags
	offset, length int64
	response       cosapi.GetOptions // of which only the Response… and the limit
}

func newObjectGet(p *program, f *remoteFlags) *cobra.Command {
	var o getFlags
	cmd := &cobra.Command{
		Use: "get BUCKET:/KEY [FILE]", Short: "Write an object, or a range of it, to stdout or a file, by one request",
		Args: rangeArgs(1, 2), ValidArgsFunction: completeFiles("get BUCKET:/KEY FILE"),
		RunE: p.onObject(f, func(ctx context.Context, r *remote, key string, args []string) error {
			return r.get(ctx, key, append(args, "-")[0], &o)
		}),
	}
	cmd.Long = `Write an object, or a range of it, to stdout or a file, by one request.

The bytes are checked against the checksum of COS. A file appears when it is
complete. cosfs object download is faster for large objects, and resumes.`
	o.register(cmd.Flags())
	fs := cmd.Flags()
	fs.Int64Var(&o.offset, "offset", 0, "first `byte`")
	fs.Int64Var(&o.length, "length", -1, "`bytes` from there on (default up to the end)")
	fs.Int64Var(&o.response.TrafficLimit, "traffic-limit", 0, "`bit/s` the service sends at most, from 819200")
	fs.StringVar(&o.response.ResponseContentType, "response-content-type", "", "Content-Type of the answer")
	fs.StringVar(&o.response.ResponseContentLanguage, "response-content-language", "", "Content-Language of the answer")
	fs.StringVar(&o.response.ResponseExpires, "response-expires", "", "Expires of the answer")
	fs.StringVar(&o.response.ResponseCacheControl, "response-cache-control", "", "Cache-Control of the answer")
	fs.StringVar(&o.response.ResponseContentDisposition, "response-content-disposition", "", "Content-Disposition of the answer")
	fs.StringVar(&o.response.ResponseContentEncoding, "response-content-encoding", "", "Content-Encoding of the answer")
	return cmd
}

func (r *remote) get(ctx context.Context, key, file string, o *getFlags) error {
	head, err := o.options()
	if err != nil {
		return err
	}
	with := o.response
	with.HeadOptions = head
	rd, err := r.client.GetWith(ctx, cosapi.Version{Key: key}, cosapi.Range{Off: o.offset, Len: o.length}, with)
	if err != nil {
		return err
	}
	defer discardClose(rd)
	if file == "-" {
		return r.copyOut(r.p.stdout, rd, o)
	}
	if err := writeFile(file, func(w io.Writer) error { return r.copyOut(w, rd, o) }); err != nil {
		return err
	}
	if r.json {
		return r.showObject(rd.Object)
	}
	return nil
}

// copyOut moves the bytes, with a bar unless they go where the bar goes.
func (r *remote) copyOut(w io.Writer, rd *cosapi.Reader, o *getFlags) error {
	size := rd.Object.Size - o.offset
	if o.length >= 0 {
		size = min(size, o.length)
	}
	var bar *progress
	if !isTerminal(w) {
		bar = r.progress(rd.Object.Key, size)
	}
	if bar != nil {
		w = &meteredWriter{Writer: w, p: bar, size: size}
	}
	_, err := io.Copy(w, rd)
	bar.finish(err)
	return err
}

// writeFile makes a file that appears under its name when write has
// succeeded, so that nobody takes half a file for a whole one.
func writeFile(path string, write func(io.Writer) error) (err error) {
	temporary := filepath.Join(filepath.Dir(path), ".cosfs-"+rand.Text()+".part")
	f, err := os.OpenFile(temporary, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o666)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = os.Remove(temporary) // the first error is the one to tell
		}
	}()
	if err := write(f); err != nil {
		discardClose(f)
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	return os.Rename(temporary, path)
}
