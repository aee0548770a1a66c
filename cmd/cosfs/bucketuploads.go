package main

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"cosfs/cosapi"
)

func newBucketUploads(p *program, f *remoteFlags) *cobra.Command {
	return group("uploads", "List or abort multipart uploads that were never completed, or make one call by call",
		newUploadsList(p, f), newUploadsParts(p, f), newUploadsAbort(p, f),
		newUploadsStart(p, f), newUploadsPut(p, f), newUploadsCopy(p, f), newUploadsComplete(p, f))
}

// uploadView is an open upload in JSON.
type uploadView struct {
	Key          string     `json:"key"`
	UploadID     string     `json:"upload_id"`
	Initiated    *time.Time `json:"initiated,omitempty"`
	StorageClass string     `json:"storage_class,omitempty"`
	Initiator    string     `json:"initiator,omitempty"`
}

func newUploadsList(p *program, f *remoteFlags) *cobra.Command {
	return leaf("list BUCKET[:/PREFIX]", "List open uploads", 1,
		p.onBucket(f, func(ctx context.Context, r *remote, prefix string, _ []string) error {
			t := r.table("INITIATED", "UPLOAD ID", "KEY")
			n := 0
			for u, err := range r.client.Uploads(ctx, prefix) {
				if err != nil {
					return err
				}
				t.item(uploadView{u.Key, u.ID, jsonTime(u.Initiated), u.StorageClass, u.Initiator.ID}, u.Initiated, u.ID, u.Key)
				if n++; n%cosapi.MaxListPage == 0 {
					if err := t.flush(); err != nil {
						return err
					}
				}
			}
			return t.flush()
		}))
}

func newUploadsParts(p *program, f *remoteFlags) *cobra.Command {
	return leaf("parts BUCKET:/KEY UPLOAD-ID", "List the parts that an open upload has", 2,
		p.onObject(f, func(ctx context.Context, r *remote, key string, args []string) error {
			parts, err := r.client.Parts(ctx, key, args[0])
			if err != nil {
				return err
			}
			t := r.table("PART", "SIZE", "ETAG")
			for _, part := range parts {
				t.item(viewPart(part), part.Number, byteCount(part.Size), part.ETag)
			}
			return t.flush()
		}))
}

func newUploadsAbort(p *program, f *remoteFlags) *cobra.Command {
	var all, yes bool
	var olderThan time.Duration
	cmd := &cobra.Command{
		Use: "abort BUCKET:/KEY UPLOAD-ID | abort --all BUCKET[:/PREFIX]", Short: "Throw away one open upload, or all below a prefix",
		Args: rangeArgs(1, 2), ValidArgsFunction: cobra.NoFileCompletions,
		RunE: p.onBucket(f, func(ctx context.Context, r *remote, key string, args []string) error {
			if all != (len(args) == 0) {
				return fail(exitUsage, "either one upload is named by its key and id, or --all by a bucket or prefix")
			}
			if !all {
				return r.abortOne(ctx, key, args[0])
			}
			if !yes {
				return fail(exitUsage, "--all throws away every open upload of %s below %q, those that are under way included: add --yes", r.place.bucket, key)
			}
			return r.abortAll(ctx, key, time.Now().Add(-olderThan))
		}),
	}
	cmd.Flags().BoolVar(&all, "all", false, "abort all uploads of the bucket, or below the prefix")
	cmd.Flags().BoolVar(&yes, "yes", false, "confirm --all")
	cmd.Flags().DurationVar(&olderThan, "older-than", 0, "with --all, only those begun at least so long ago")
	return cmd
}

func (r *remote) abortOne(ctx context.Context, key, id string) error {
	if err := cosapi.CheckKey(key); err != nil {
		return fail(exitUsage, "%q cannot be a key: %w", key, keyProblem(err))
	}
	if err := r.client.AbortUpload(ctx, key, id); err != nil {
		return err
	}
	return r.done("abort", key)
}

// abortAll goes on after a failure: the others still cost storage.
func (r *remote) abortAll(ctx context.Context, prefix string, before time.Time) error {
	var tally tally
	for u, err := range r.client.Uploads(ctx, prefix) {
		if err != nil {
			return err
		}
		if u.Initiated.After(before) {
			continue
		}
		if err := r.client.AbortUpload(ctx, u.Key, u.ID); err != nil && ctx.Err() == nil {
			tally.fail(r, u.Key, "", err)
		} else if err != nil {
			return err
		} else {
			tally.Done++
		}
	}
	return r.showTally("abort", &tally)
}
