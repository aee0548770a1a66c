package main

import (
	"context"

	"github.com/spf13/cobra"

	"cosfs/cosapi"
)

// configuration is a kind of settings of a bucket that is read, replaced and
// deleted as a whole.
type configuration struct {
	name, what string
	// get shows it.
	get func(ctx context.Context, r *remote) error
	// put decodes a document and replaces it.
	put    func(ctx context.Context, c *cosapi.Client, raw []byte) error
	remove func(ctx context.Context, c *cosapi.Client) error
}

// newConfiguration makes the get, put and delete of one.
func newConfiguration(p *program, f *remoteFlags, conf configuration) *cobra.Command {
	get := leaf("get BUCKET", "Show the "+conf.what, 1,
		p.onBucket(f, func(ctx context.Context, r *remote, _ string, _ []string) error { return conf.get(ctx, r) }))
	put := leaf("put BUCKET FILE", "Replace the "+conf.what+" with a document, JSON or XML; - is stdin", 2,
		p.onBucket(f, func(ctx context.Context, r *remote, _ string, args []string) error {
			raw, err := p.readDocument(args[0])
			if err != nil {
				return err
			}
			if err := conf.put(ctx, r.client, raw); err != nil {
				return err
			}
			return r.done("put "+conf.name, "")
		}))
	remove := leaf("delete BUCKET", "Remove the "+conf.what, 1,
		p.onBucket(f, func(ctx context.Context, r *remote, _ string, _ []string) error {
			if err := conf.remove(ctx, r.client); err != nil {
				return err
			}
			return r.done("delete "+conf.name, "")
		}))
	return group(conf.name, "Get, put or delete the "+conf.what, get, put, remove)
}

// policyConfiguration: a policy is JSON on the wire, and shown as it is.
var policyConfiguration = configuration{
	name: "policy", what: "access policy",
	get: func(ctx context.Context, r *remote) error {
		policy, err := r.client.BucketPolicy(ctx)
		if err != nil {
			return err
		}
		return r.document(policy)
	},
	put:    func(ctx context.Context, c *cosapi.Client, raw []byte) error { return c.PutBucketPolicy(ctx, raw) },
	remove: func(ctx context.Context, c *cosapi.Client) error { return c.DeleteBucketPolicy(ctx) },
}

// newTagging makes the commands of the tags of a bucket or of an object, which
// are one kind of document in two places.
func newTagging(p *program, f *remoteFlags, on string, needKey bool, versionID *string, calls taggingCalls) *cobra.Command {
	at := func(do call) func(*cobra.Command, []string) error { return p.at(f, 0, needKey, do) }
	get := leaf("get "+on, "Show the tags", 1,
		at(func(ctx context.Context, r *remote, key string, _ []string) error {
			tags, err := calls.get(ctx, r.client, key)
			if err != nil {
				return err
			}
			return r.show(viewTags(tags), tagRows(tags)...)
		}))
	var flags []string
	put := &cobra.Command{
		Use: "put " + on + " [FILE]", Short: "Replace the tags, by --tag or a document (JSON or XML; - is stdin)",
		Args: rangeArgs(1, 2), ValidArgsFunction: completeFiles("put " + on + " FILE"),
		RunE: at(func(ctx context.Context, r *remote, key string, args []string) error {
			tags, err := r.tagsOrFile(flags, args)
			if err != nil {
				return err
			}
			if err := calls.put(ctx, r.client, key, tags); err != nil {
				return err
			}
			return r.done("put tagging", key)
		}),
	}
	put.Flags().StringArrayVar(&flags, "tag", nil, "`key=value`; repeatable")
	remove := leaf("delete "+on, "Remove all tags", 1,
		at(func(ctx context.Context, r *remote, key string, _ []string) error {
			if err := calls.remove(ctx, r.client, key); err != nil {
				return err
			}
			return r.done("delete tagging", key)
		}))
	cmd := group("tagging", "Get, put or delete tags", get, put, remove)
	if versionID != nil {
		cmd.PersistentFlags().StringVar(versionID, "version-id", "", "`id` of the version (default the latest)")
	}
	return cmd
}

// taggingCalls are the requests of one of the two places.
type taggingCalls struct {
	get    func(ctx context.Context, c *cosapi.Client, key string) ([]cosapi.Tag, error)
	put    func(ctx context.Context, c *cosapi.Client, key string, tags []cosapi.Tag) error
	remove func(ctx context.Context, c *cosapi.Client, key string) error
}

func newBucketTagging(p *program, f *remoteFlags) *cobra.Command {
	return newTagging(p, f, "BUCKET", false, nil, taggingCalls{
		get: func(ctx context.Context, c *cosapi.Client, _ string) ([]cosapi.Tag, error) {
			return c.BucketTagging(ctx)
		},
		put: func(ctx context.Context, c *cosapi.Client, _ string, tags []cosapi.Tag) error {
			return c.PutBucketTagging(ctx, tags)
		},
		remove: func(ctx context.Context, c *cosapi.Client, _ string) error { return c.DeleteBucketTagging(ctx) },
	})
}

func newObjectTagging(p *program, f *remoteFlags) *cobra.Command {
	var id string
	return newTagging(p, f, "BUCKET:/KEY", true, &id, taggingCalls{
		get: func(ctx context.Context, c *cosapi.Client, key string) ([]cosapi.Tag, error) {
			return c.ObjectTagging(ctx, key, id)
		},
		put: func(ctx context.Context, c *cosapi.Client, key string, tags []cosapi.Tag) error {
			return c.PutObjectTagging(ctx, key, id, tags)
		},
		remove: func(ctx context.Context, c *cosapi.Client, key string) error {
			return c.DeleteObjectTagging(ctx, key, id)
		},
	})
}
