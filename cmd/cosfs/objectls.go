package main

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"cosfs/cosapi"
)

// entryView is a row of a listing in JSON: an object, a version or a prefix.
type entryView struct {
	Key          string     `json:"key"`
	Prefix       bool       `json:"prefix,omitempty"` // a common prefix; it has no other field
	Size         *int64     `json:"size,omitempty"`
	ETag         string     `json:"etag,omitempty"`
	LastModified *time.Time `json:"last_modified,omitempty"`
	StorageClass string     `json:"storage_class,omitempty"`
	VersionID    string     `json:"version_id,omitempty"`
	Latest       *bool      `json:"latest,omitempty"`        // versions only
	DeleteMarker *bool      `json:"delete_marker,omitempty"` // versions only
}

func viewEntry(e cosapi.Entry) entryView {
	if e.Prefix {
		return entryView{Key: e.Key, Prefix: true}
	}
	size := e.Size
	return entryView{
		Key: e.Key, Size: &size, ETag: e.ETag, LastModified: jsonTime(e.Modified),
		StorageClass: e.StorageClass, VersionID: e.VersionID,
	}
}

// lsFlags are the choices of a listing.
type lsFlags struct {
	recursive, bytes bool
	max              int
	after            string
}

func newObjectLs(p *program, f *remoteFlags) *cobra.Command {
	var o lsFlags
	cmd := leaf("ls BUCKET[:/PREFIX]", "List objects, one level at a time or all below a prefix", 1,
		p.onBucket(f, func(ctx context.Context, r *remote, prefix string, _ []string) error {
			if o.max < 0 {
				return fail(exitUsage, "--max %d is not a number of rows", o.max)
			}
			return r.list(ctx, prefix, o)
		}))
	cmd.Long = `List objects, one level at a time or all below a prefix.

A prefix is any beginning of a key, not only a directory: ls b-1:/log/2026- lists
what begins so. The level is what follows up to the next slash.`
	cmd.Flags().BoolVarP(&o.recursive, "recursive", "r", false, "all keys below the prefix instead of one level")
	cmd.Flags().BoolVar(&o.bytes, "bytes", false, "sizes in bytes")
	cmd.Flags().IntVar(&o.max, "max", 0, "at most so many `rows` (default all)")
	cmd.Flags().StringVar(&o.after, "after", "", "begin after this `key`, to continue a list that --max ended")
	return cmd
}

// list prints page after page, so that a bucket of any size can be listed.
func (r *remote) list(ctx context.Context, prefix string, o lsFlags) error {
	lo := cosapi.ListOptions{Prefix: prefix, Delimiter: "/", Marker: o.after}
	if o.recursive {
		lo.Delimiter = ""
	}
	t := r.table("MODIFIED", "SIZE", "CLASS", "KEY")
	for left := o.max; ; {
		if o.max > 0 {
			lo.Max = min(left, cosapi.MaxListPage)
		}
		page, err := r.client.List(ctx, lo)
		if err != nil {
			return err
		}
		for _, e := range page.Entries {
			t.entry(e, o.bytes)
		}
		if err := t.flush(); err != nil || page.Next == "" {
			return err
		}
		if page.Next <= lo.Marker {
			return fail(exitFailed, "the listing of %s does not go on after %q", r.place.bucket, page.Next)
		}
		if left -= len(page.Entries); o.max > 0 && left <= 0 {
			fmt.Fprintf(r.p.stderr, "cosfs: more follows: --after %q\n", page.Next)
			return nil
		}
		lo.Marker = page.Next
	}
}

func (t *table) entry(e cosapi.Entry, bytes bool) {
	if e.Prefix {
		t.item(viewEntry(e), "", "", "DIR", e.Key)
		return
	}
	var size any = byteCount(e.Size)
	if bytes {
		size = e.Size
	}
	t.item(viewEntry(e), e.Modified, size, e.StorageClass, e.Key)
}
