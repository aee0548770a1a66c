package cosserver

import "net/http"

// An operation is one call of the API. Its name is the one counted, logged
// and matched by fault rules.
type operation struct {
	name   string
	handle func(*call) error
	// needs is what somebody unsigned needs to be granted; empty: nothing
	// would do.
	needs access
	sub   string // the sub-resource that selected it
}

// route is a line of the table that selects operations: by method, by
// sub-resource (the presence of a parameter) and, for PUT, by whether a copy
// source is given.
type route struct {
	method, sub string
	copy        bool
	operation
}

// at makes a route; plain ones have no sub-resource.
func at(method, sub, name string, needs access, handle func(*call) error) route {
	return route{method: method, sub: sub, operation: operation{name: name, handle: handle, needs: needs, sub: sub}}
}

// copying is a route that is taken when a copy source is given.
func copying(r route) route {
	r.copy = true
	return r
}

// serviceRoutes, bucketRoutes and objectRoutes are searched from the top;
// sub-resources stand in the order of cos-api.md 1.5.
func serviceRoutes() []route {
	return []route{at(http.MethodGet, "", "GetService", "", (*call).getService)}
}

func bucketRoutes() []route {
	return []route{
		at(http.MethodOptions, "", "OptionsObject", toAnyone, (*call).options),
		at(http.MethodGet, "acl", "GetBucketACL", bucketReadACP, (*call).getBucketACL),
		at(http.MethodPut, "acl", "PutBucketACL", bucketWriteACP, (*call).putBucketACL),
		at(http.MethodGet, "cors", "GetBucketCORS", "", (*call).getConfiguration),
		at(http.MethodPut, "cors", "PutBucketCORS", "", (*call).putConfiguration),
		at(http.MethodDelete, "cors", "DeleteBucketCORS", "", (*call).deleteConfiguration),
		at(http.MethodGet, "lifecycle", "GetBucketLifecycle", "", (*call).getConfiguration),
		at(http.MethodPut, "lifecycle", "PutBucketLifecycle", "", (*call).putConfiguration),
		at(http.MethodDelete, "lifecycle", "DeleteBucketLifecycle", "", (*call).deleteConfiguration),
		at(http.MethodGet, "location", "GetBucketLocation", "", (*call).getLocation),
		at(http.MethodGet, "policy", "GetBucketPolicy", "", (*call).getConfiguration),
		at(http.MethodPut, "policy", "PutBucketPolicy", "", (*call).putConfiguration),
		at(http.MethodDelete, "policy", "DeleteBucketPolicy", "", (*call).deleteConfiguration),
		at(http.MethodGet, "replication", "GetBucketReplication", "", (*call).getConfiguration),
		at(http.MethodPut, "replication", "PutBucketReplication", "", (*call).putConfiguration),
		at(http.MethodDelete, "replication", "DeleteBucketReplication", "", (*call).deleteConfiguration),
		at(http.MethodGet, "tagging", "GetBucketTagging", "", (*call).getConfiguration),
		at(http.MethodPut, "tagging", "PutBucketTagging", "", (*call).putConfiguration),
		at(http.MethodDelete, "tagging", "DeleteBucketTagging", "", (*call).deleteConfiguration),
		at(http.MethodGet, "versioning", "GetBucketVersioning", "", (*call).getVersioning),
		at(http.MethodPut, "versioning", "PutBucketVersioning", "", (*call).putVersioning),
		at(http.MethodGet, "versions", "ListObjectVersions", bucketRead, (*call).listVersions),
		at(http.MethodGet, "uploads", "ListMultipartUploads", bucketRead, (*call).listUploads),
		at(http.MethodPost, "delete", "DeleteMultipleObjects", bucketWrite, (*call).deleteObjects),
		at(http.MethodGet, "", "ListObjects", bucketRead, (*call).listObjects),
		at(http.MethodPut, "", "PutBucket", "", (*call).putBucket),
		at(http.MethodHead, "", "HeadBucket", bucketRead, (*call).headBucket),
		at(http.MethodDelete, "", "DeleteBucket", "", (*call).deleteBucket),
	}
}

func objectRoutes() []route {
	return []route{
		at(http.MethodOptions, "", "OptionsObject", toAnyone, (*call).options),
		at(http.MethodGet, "acl", "GetObjectACL", objectReadACP, (*call).getObjectACL),
		at(http.MethodPut, "acl", "PutObjectACL", objectWriteACP, (*call).putObjectACL),
		at(http.MethodPost, "append", "AppendObject", bucketWrite, (*call).appendObject),
		at(http.MethodPost, "restore", "RestoreObject", bucketWrite, (*call).restoreObject),
		at(http.MethodGet, "tagging", "GetObjectTagging", "", (*call).getObjectTagging),
		at(http.MethodPut, "tagging", "PutObjectTagging", "", (*call).putObjectTagging),
		at(http.MethodDelete, "tagging", "DeleteObjectTagging", "", (*call).deleteObjectTagging),
		at(http.MethodPost, "uploads", "InitiateMultipartUpload", bucketWrite, (*call).startUpload),
		copying(at(http.MethodPut, "uploadId", "UploadPartCopy", bucketWrite, (*call).copyPart)),
		at(http.MethodPut, "uploadId", "UploadPart", bucketWrite, (*call).putPart),
		at(http.MethodGet, "uploadId", "ListParts", bucketWrite, (*call).listParts),
		at(http.MethodPost, "uploadId", "CompleteMultipartUpload", bucketWrite, (*call).completeUpload),
		at(http.MethodDelete, "uploadId", "AbortMultipartUpload", bucketWrite, (*call).abortUpload),
		copying(at(http.MethodPut, "", "CopyObject", bucketWrite, (*call).copyObject)),
		at(http.MethodPut, "", "PutObject", bucketWrite, (*call).putObject),
		at(http.MethodGet, "", "GetObject", objectRead, (*call).getObject),
		at(http.MethodHead, "", "HeadObject", objectRead, (*call).headObject),
		at(http.MethodDelete, "", "DeleteObject", bucketWrite, (*call).deleteObject),
	}
}

// routes are the tables of a server.
type routes struct{ service, bucket, object []route }

func newRoutes() routes { return routes{serviceRoutes(), bucketRoutes(), objectRoutes()} }

// find selects the operation of a request.
func (rs routes) find(t target, method string, q query, h http.Header) (operation, error) {
	table := rs.object
	switch {
	case t.bucket == "":
		table = rs.service
	case t.key == "":
		table = rs.bucket
	}
	for _, r := range table {
		if r.method != method || r.sub != "" && !q.has(r.sub) || r.copy && !isCopy(h) {
			continue
		}
		if r.sub == "" && method != http.MethodOptions {
			if err := refuseUnknown(q); err != nil {
				return operation{}, err
			}
		}
		return r.operation, nil
	}
	return operation{}, failure("MethodNotAllowed")
}

func isCopy(h http.Header) bool { return h.Get("x-cos-copy-source") != "" }

// subResources are parameters that turn a request into another one. When no
// route took them the request is refused rather than taken for a plain one:
// DELETE /?website must not delete a bucket.
var subResources = []string{
	"acl", "append", "cors", "delete", "lifecycle", "location", "policy", "replication", "restore", "tagging", "uploadId",
	"uploads", "versioning", "versions",
	// Known to COS or to S3 tools, not to this server.
	"accelerate", "analytics", "domain", "encryption", "inventory", "legal-hold", "logging", "metrics", "notification",
	"object-lock", "origin", "ownershipControls", "publicAccessBlock", "referer", "requestPayment", "retention", "select",
	"symlink", "torrent", "website",
}

// refuseUnknown rejects sub-resources that no route above took, and parameters
// without a value that nobody knows (cos-api.md 1.5).
func refuseUnknown(q query) error {
	for _, name := range subResources {
		if q.has(name) {
			return failure("NotImplemented").because("this server does not offer the sub-resource " + name + " with this method")
		}
	}
	for _, p := range q {
		if p.bare {
			return failure("NotImplemented").because("the sub-resource " + p.Name + " is not known")
		}
	}
	return nil
}
