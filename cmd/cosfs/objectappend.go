package main

import (
	"context"
	"errors"

	"github.com/spf13/cobra"

	"cosfs/cosapi"
)

func newObjectAppend(p *program, f *remoteFlags) *cobra.Command {
	var o putFlags
	var position int64
	cmd := leaf("append FILE BUCKET:/KEY", "Add a file, or stdin (-), at the end of an appendable object", 2,
		p.at(f, 1, true, func(ctx context.Context, r *remote, key string, args []string) error {
			put, err := o.options()
			if err != nil {
				return err
			}
			at := position
			if at < 0 {
				if at, err = r.lengthOf(ctx, key); err != nil {
					return err
				}
			}
			return r.append(ctx, args[0], key, at, put)
		}))
	cmd.Long = `Add a file, or stdin (-), at the end of an appendable object.

The object is made if there is none; only objects made so can be appended to.
Without --position its present length is asked for. When another appender was
first nothing is written, and the exit code is 9.`
	o.register(cmd)
	cmd.Flags().Int64Var(&position, "position", -1, "present `length` of the object in bytes")
	return cmd
}

// lengthOf is where an append goes: 0 for an object that does not exist.
func (r *remote) lengthOf(ctx context.Context, key string) (int64, error) {
	there, err := r.client.Head(ctx, key)
	if errors.Is(err, cosapi.NotFound) {
		return 0, nil
	}
	return there.Size, err
}

func (r *remote) append(ctx context.Context, file, key string, position int64, o cosapi.PutOptions) error {
	body, size, err := r.p.openBody(file)
	if err != nil {
		return err
	}
	defer discardClose(body)
	bar := r.progress(key, size)
	appended, err := r.client.Append(ctx, key, position, metered(body, size, bar), o)
	bar.finish(err)
	if err != nil {
		return err
	}
	return r.show(struct {
		Bucket       string `json:"bucket"`
		Key          string `json:"key"`
		Appended     int64  `json:"appended"`
		NextPosition int64  `json:"next_position"`
		ETag         string `json:"etag"`
	}{r.place.bucket, key, size, appended.Next, appended.ETag},
		row{r.place.bucket + ":/" + showKey(key), byteCount(size), "next position " + plain(appended.Next)})
}
