package main

import (
	"context"
	"strings"

	"github.com/spf13/cobra"

	"cosfs/cosapi"
)

// rmFlags are the choices of a removal.
type rmFlags struct {
	recursive, yes, dryRun, allVersions bool
	versionID                           string
}

func newObjectRm(p *program, f *remoteFlags) *cobra.Command {
	var o rmFlags
	cmd := &cobra.Command{
		Use: "rm BUCKET:/KEY… | rm -r --yes BUCKET[:/DIR]", Short: "Remove objects: one, many of one bucket, or all of a directory",
		Args: rangeArgs(1, -1), ValidArgsFunction: cobra.NoFileCompletions,
		RunE: p.onBucket(f, func(ctx context.Context, r *remote, key string, args []string) error {
			if o.recursive {
				return r.removeBelow(ctx, key, args, o)
			}
			return r.removeNamed(ctx, key, args, o)
		}),
	}
	cmd.Long = `Remove objects: one, many of one bucket, or all of a directory: -r photos removes
photos and photos/…, and not photos.zip.

That an object does not exist is no error: COS does not tell. In a versioned
bucket removing hides an object behind a delete marker; --version-id removes one
version for good, -r --all-versions all of them.`
	fs := cmd.Flags()
	fs.BoolVarP(&o.recursive, "recursive", "r", false, "it and all below it, as a directory; needs --yes or --dry-run")
	fs.BoolVar(&o.yes, "yes", false, "confirm -r")
	fs.BoolVar(&o.dryRun, "dry-run", false, "list what would be removed")
	fs.BoolVar(&o.allVersions, "all-versions", false, "with -r, all versions and delete markers, for good")
	fs.StringVar(&o.versionID, "version-id", "", "`id` of the version, of one object")
	return cmd
}

// removeNamed removes the keys of the arguments.
func (r *remote) removeNamed(ctx context.Context, first string, others []string, o rmFlags) error {
	if o.allVersions || o.versionID != "" && len(others) > 0 {
		return fail(exitUsage, "--all-versions goes with -r, and --version-id with one object")
	}
	ids := []cosapi.ObjectID{{Key: first, VersionID: o.versionID}}
	for _, name := range others {
		bucket, key, err := parseName(name, true)
		if err != nil {
			return err
		}
		if bucket != r.place.bucket {
			return fail(exitUsage, "%s is of another bucket than %s: remove its objects by a command of their own", name, r.place.bucket)
		}
		ids = append(ids, cosapi.ObjectID{Key: key})
	}
	if err := cosapi.CheckKey(first); err != nil {
		return fail(exitUsage, "%q cannot be a key: write BUCKET-APPID:/KEY, or add -r for all below a prefix", first)
	}
	if len(ids) == 1 && !o.dryRun {
		return r.removeOne(ctx, ids[0])
	}
	return r.removeAll(o.dryRun, func(remove removal) error { return remove(ctx, ids) })
}

func (r *remote) removeOne(ctx context.Context, id cosapi.ObjectID) error {
	deleted, err := r.client.DeleteVersion(ctx, id.Key, id.VersionID)
	if err != nil || !r.json {
		return err
	}
	return r.document(struct {
		done
		DeleteMarker bool `json:"delete_marker"`
	}{done{"delete", r.place.bucket, id.Key, deleted.VersionID}, deleted.DeleteMarker})
}

// removeBelow removes page after page what begins with a prefix.
func (r *remote) removeBelow(ctx context.Context, prefix string, others []string, o rmFlags) error {
	switch {
	case len(others) > 0:
		return fail(exitUsage, "-r takes one bucket or prefix at a time")
	case o.versionID != "":
		return fail(exitUsage, "--version-id names one object: leave -r out")
	case !o.yes && !o.dryRun:
		return fail(exitUsage, "-r removes %s: add --yes, or --dry-run to see what it is", treeOf(r.place.bucket, prefix))
	}
	each := r.eachKeys
	if o.allVersions {
		each = r.eachVersions
	}
	return r.removeAll(o.dryRun, func(remove removal) error { return each(ctx, prefix, remove) })
}

// removal deals with a page of what is to be removed.
type removal func(ctx context.Context, ids []cosapi.ObjectID) error

// removeAll removes what find names, or with dryRun lists it.
func (r *remote) removeAll(dryRun bool, find func(removal) error) error {
	if dryRun {
		return find(r.listIDs)
	}
	var t tally
	err := find(func(ctx context.Context, ids []cosapi.ObjectID) error { return r.removeBatch(ctx, ids, &t) })
	if err != nil {
		return err
	}
	return r.showTally("delete", &t)
}

func (r *remote) listIDs(_ context.Context, ids []cosapi.ObjectID) error {
	t := r.table()
	for _, id := range ids {
		t.item(struct {
			Key       string `json:"key"`
			VersionID string `json:"version_id,omitempty"`
		}(id), r.place.bucket+":/"+id.Key, id.VersionID)
	}
	return t.flush()
}

func (r *remote) removeBatch(ctx context.Context, ids []cosapi.ObjectID, t *tally) error {
	failures, err := r.client.DeleteVersions(ctx, ids)
	for _, f := range failures {
		t.fail(r, f.Key, f.VersionID, f.Err)
	}
	if err != nil {
		return err
	}
	t.Done += len(ids) - len(failures)
	return nil
}

// isInTree says whether -r of a name means a key: the name itself, or what is
// below it as a directory. "proj" means proj and proj/a, and not project.txt.
func isInTree(key, name string) bool {
	return key == name || strings.HasPrefix(key, name) && (name == "" || strings.HasSuffix(name, "/") || key[len(name)] == '/')
}

// treeOf names what isInTree selects.
func treeOf(bucket, name string) string {
	switch {
	case name == "":
		return "every object of the bucket " + bucket
	case strings.HasSuffix(name, "/"):
		return "every object below " + bucket + ":/" + showKey(name)
	}
	return "the object " + bucket + ":/" + showKey(name) + " and every object below it as a directory"
}

func (r *remote) eachKeys(ctx context.Context, prefix string, do removal) error {
	for page, err := range r.client.Pages(ctx, cosapi.ListOptions{Prefix: prefix}) {
		if err != nil {
			return err
		}
		var ids []cosapi.ObjectID
		for _, e := range page.Entries {
			if isInTree(e.Key, prefix) {
				ids = append(ids, cosapi.ObjectID{Key: e.Key})
			}
		}
		if err := do(ctx, ids); err != nil {
			return err
		}
	}
	return nil
}

func (r *remote) eachVersions(ctx context.Context, prefix string, do removal) error {
	o := cosapi.VersionsOptions{Prefix: prefix}
	for {
		page, err := r.client.Versions(ctx, o)
		if err != nil {
			return err
		}
		var ids []cosapi.ObjectID
		for _, v := range page.Versions {
			if isInTree(v.Key, prefix) {
				ids = append(ids, cosapi.ObjectID{Key: v.Key, VersionID: v.VersionID})
			}
		}
		if err := do(ctx, ids); err != nil || !page.More {
			return err
		}
		if page.NextKey == o.KeyMarker && page.NextVersionID == o.VersionIDMarker {
			return fail(exitFailed, "the listing of %s does not go on after %q", r.place.bucket, page.NextKey)
		}
		o.KeyMarker, o.VersionIDMarker = page.NextKey, page.NextVersionID
	}
}
