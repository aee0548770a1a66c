package main

import (
	"context"

	"github.com/spf13/cobra"

	"cosfs/cosapi"
)

func newBucketVersions(p *program, f *remoteFlags) *cobra.Command {
	var flat bool
	var limit int
	cmd := leaf("versions BUCKET[:/PREFIX]", "List the versions and delete markers of objects", 1,
		p.onBucket(f, func(ctx context.Context, r *remote, prefix string, _ []string) error {
			if limit < 0 {
				return fail(exitUsage, "--max %d is not a number of rows", limit)
			}
			o := cosapi.VersionsOptions{Prefix: prefix, Delimiter: "/"}
			if flat {
				o.Delimiter = ""
			}
			return r.listVersions(ctx, o, limit)
		}))
	cmd.Flags().BoolVarP(&flat, "recursive", "r", false, "all keys below the prefix instead of one level")
	cmd.Flags().IntVar(&limit, "max", 0, "at most so many `rows` (default all)")
	return cmd
}

func (r *remote) listVersions(ctx context.Context, o cosapi.VersionsOptions, limit int) error {
	t := r.table("MODIFIED", "SIZE", "STATE", "VERSION ID", "KEY")
	for left := limit; ; {
		if limit > 0 {
			o.Max = min(left, cosapi.MaxListPage)
		}
		page, err := r.client.Versions(ctx, o)
		if err != nil {
			return err
		}
		for _, prefix := range page.Prefixes {
			t.item(entryView{Key: prefix, Prefix: true}, "", "", "DIR", "", prefix)
		}
		for _, v := range page.Versions {
			t.versionItem(v)
		}
		left -= len(page.Prefixes) + len(page.Versions)
		if err := t.flush(); err != nil || !page.More || limit > 0 && left <= 0 {
			return err
		}
		if page.NextKey == o.KeyMarker && page.NextVersionID == o.VersionIDMarker {
			return fail(exitFailed, "the listing of %s does not go on after %q", r.place.bucket, page.NextKey)
		}
		o.KeyMarker, o.VersionIDMarker = page.NextKey, page.NextVersionID
	}
}

func (t *table) versionItem(v cosapi.ObjectVersion) {
	view := viewEntry(cosapi.Entry{Object: v.Object})
	view.Latest, view.DeleteMarker = &v.Latest, &v.DeleteMarker
	var size any = byteCount(v.Size)
	state := "old"
	if v.Latest {
		state = "latest"
	}
	if v.DeleteMarker {
		state += " delete marker"
		size, view.Size = "", nil
	}
	t.item(view, v.Modified, size, state, v.VersionID, v.Key)
}
