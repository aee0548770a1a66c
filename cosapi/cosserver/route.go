package cosserver

import "net/http"

// An operation is one call of the API. Its name is the one counted, logged
// and matched by fault rules.
type operation struct {
	name   string
	handle func(*call) error
	// data says that the request's body is content, not a document.
	data bool
}

// route is a line of the table that selects operations: by method, by
// sub-resource (the presence of a parameter) and, for PUT, by whether a copy
// source is given.
type route struct {
	method, sub string
	copy        bool
	operation
}

// service, bucket and object requests each have their table, searched from the
// top; sub-resources stand in the order of cos-api.md 1.5.
var serviceRoutes = []route{
	{method: http.MethodGet, operation: operation{name: "GetService", handle: (*call).getService}},
}

var bucketRoutes = []route{
	{method: http.MethodGet, sub: "uploads", operation: operation{name: "ListMultipartUploads", handle: (*call).listUploads}},
	{method: http.MethodPost, sub: "delete", operation: operation{name: "DeleteMultipleObjects", handle: (*call).deleteObjects}},
	{method: http.MethodGet, operation: operation{name: "ListObjects", handle: (*call).listObjects}},
	{method: http.MethodPut, operation: operation{name: "PutBucket", handle: (*call).putBucket}},
	{method: http.MethodHead, operation: operation{name: "HeadBucket", handle: (*call).headBucket}},
	{method: http.MethodDelete, operation: operation{name: "DeleteBucket", handle: (*call).deleteBucket}},
}

var objectRoutes = []route{
	{method: http.MethodGet, sub: "acl", operation: operation{name: "GetObjectACL", handle: (*call).getObjectACL}},
	{method: http.MethodPut, sub: "acl", operation: operation{name: "PutObjectACL", handle: (*call).putObjectACL}},
	{method: http.MethodPost, sub: "uploads", operation: operation{name: "InitiateMultipartUpload", handle: (*call).startUpload}},
	{method: http.MethodPut, sub: "uploadId", copy: true, operation: operation{name: "UploadPartCopy", handle: (*call).copyPart}},
	{method: http.MethodPut, sub: "uploadId", operation: operation{name: "UploadPart", handle: (*call).putPart, data: true}},
	{method: http.MethodGet, sub: "uploadId", operation: operation{name: "ListParts", handle: (*call).listParts}},
	{method: http.MethodPost, sub: "uploadId", operation: operation{name: "CompleteMultipartUpload", handle: (*call).completeUpload}},
	{method: http.MethodDelete, sub: "uploadId", operation: operation{name: "AbortMultipartUpload", handle: (*call).abortUpload}},
	{method: http.MethodPut, copy: true, operation: operation{name: "CopyObject", handle: (*call).copyObject}},
	{method: http.MethodPut, operation: operation{name: "PutObject", handle: (*call).putObject, data: true}},
	{method: http.MethodGet, operation: operation{name: "GetObject", handle: (*call).getObject}},
	{method: http.MethodHead, operation: operation{name: "HeadObject", handle: (*call).headObject}},
	{method: http.MethodDelete, operation: operation{name: "DeleteObject", handle: (*call).deleteObject}},
}

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

// selectOperation finds the operation of a request.
func selectOperation(t target, method string, q query, h http.Header) (operation, error) {
	table := objectRoutes
	switch {
	case t.bucket == "":
		table = serviceRoutes
	case t.key == "":
		table = bucketRoutes
	}
	for _, r := range table {
		if r.method == method && (r.sub == "" || q.has(r.sub)) && (!r.copy || isCopy(h)) {
			if r.sub == "" {
				if err := refuseUnknown(q); err != nil {
					return operation{}, err
				}
			}
			return r.operation, nil
		}
	}
	return operation{}, failure("MethodNotAllowed")
}

func isCopy(h http.Header) bool { return h.Get("x-cos-copy-source") != "" }

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
