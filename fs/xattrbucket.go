package fs

import (
	"strings"

	"cosfs/cosapi"
)

// bucketXattr finds an attribute of the bucket, user.cos.bucket.NAME, which
// only the mount's root has. Each is a request, and for reading only; what the
// bucket does not have is ENODATA.
func bucketXattr(n holder, name string) (ask func() (string, error), ok bool) {
	f := n.base().fs
	short, ok := strings.CutPrefix(name, "bucket.")
	if !ok || n.base() != &f.root.node {
		return nil, false
	}
	ask, ok = f.bucketXattrs()[short]
	return ask, ok
}

func (f *FS) bucketXattrs() map[string]func() (string, error) {
	b, ctx := f.bucket, f.ctx
	return map[string]func() (string, error){
		"name":       func() (string, error) { return b.Bucket(), nil },
		"location":   func() (string, error) { return b.BucketLocation(ctx) },
		"versioning": func() (string, error) { return needed(b.BucketVersioning(ctx)) },
		"acl": func() (string, error) {
			acl, err := b.ACL(ctx, "")
			return accessOf(acl).name(), err
		},
		"grants": func() (string, error) {
			acl, err := b.ACL(ctx, "")
			return asJSON(grantList(acl)), err
		},
		"cors": func() (string, error) {
			rules, err := b.BucketCORS(ctx)
			return asJSON(rules), err
		},
		"lifecycle": func() (string, error) {
			rules, err := b.BucketLifecycle(ctx)
			return asJSON(rules), err
		},
		"replication": func() (string, error) {
			r, err := b.BucketReplication(ctx)
			return asJSON(struct {
				Role  string
				Rules []cosapi.ReplicationRule
			}{r.Role, r.Rules}), err
		},
		"tagging": func() (string, error) {
			tags, err := b.BucketTagging(ctx)
			if err != nil {
				return "", err
			}
			return needed(encodeTags(tags), nil)
		},
		"policy": func() (string, error) {
			policy, err := b.BucketPolicy(ctx)
			return string(policy), err
		},
	}
}

// needed makes ENODATA of an empty value.
func needed(value string, err error) (string, error) {
	if err == nil && value == "" {
		return "", errNoXattr
	}
	return value, err
}
