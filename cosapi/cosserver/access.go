package cosserver

import (
	"net/http"
	"slices"
)

// access is what an operation needs to be granted: whose ACL is asked, and for
// which permission. Accounts that sign may do everything; access decides for
// those that do not (cos-api.md 3.4.9). Those that may only read are refused
// whatever is not a GET or HEAD.
type access string

const (
	toAnyone       access = "anyone"
	bucketRead     access = "bucket READ"
	bucketWrite    access = "bucket WRITE"
	bucketReadACP  access = "bucket READ_ACP"
	bucketWriteACP access = "bucket WRITE_ACP"
	objectRead     access = "object READ"
	objectReadACP  access = "object READ_ACP"
	objectWriteACP access = "object WRITE_ACP"
)

// permission is the word at the end.
func (a access) permission() string { return string(a[len("bucket "):]) }

// public tells whether an ACL grants everybody a permission.
func (a aclRecord) public(permission string) bool {
	return slices.ContainsFunc(a.Grants, func(g grant) bool {
		return g.URI == allUsers && (g.Permission == permission || g.Permission == "FULL_CONTROL")
	})
}

// inherits tells whether an object follows its bucket.
func (a aclRecord) inherits() bool { return a.Canned == "" && len(a.Grants) == 0 }

// authorize decides whether the sender may do what is asked.
func (c *call) authorize() error {
	if c.account != nil && c.account.ReadOnly && c.r.Method != http.MethodGet && c.r.Method != http.MethodHead {
		return failure("AccessDenied")
	}
	if c.account != nil || c.s.cfg.Anonymous || c.op.needs == toAnyone {
		return nil
	}
	if c.op.needs == "" {
		return failure("AccessDenied")
	}
	if err := c.granted(c.op.needs, c.bucket, c.key, c.q.get("versionId")); err != nil {
		return err
	}
	if !isCopy(c.r.Header) {
		return nil
	}
	src, err := c.copySource()
	if err != nil {
		return err
	}
	return c.granted(objectRead, src.bucket, src.key, src.version)
}

// granted checks a permission that everybody must have. An object that does
// not exist follows the bucket, so that only those who may list learn which
// names are free.
func (c *call) granted(needs access, bucket, key, version string) error {
	b, err := c.s.store.bucket(bucket)
	if err != nil {
		return err
	}
	acl := b.ACL
	switch needs {
	case objectRead, objectReadACP, objectWriteACP:
		if o, _, err := c.s.store.lookup(bucket, key, version); err == nil && !o.ACL.inherits() {
			acl = o.ACL
		}
	}
	if !acl.public(needs.permission()) {
		return failure("AccessDenied")
	}
	return nil
}
