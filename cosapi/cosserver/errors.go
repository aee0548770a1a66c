package cosserver

import (
	"errors"
	"fmt"
	"net/http"
)

// apiError is an error as COS tells it: a code with its status. The statuses
// and texts are those of cos-api.md 4.3 and 4.4; clients go by the code.
type apiError struct {
	status        int
	code, message string
	// deleteMarker says that the key's newest version is a delete marker.
	deleteMarker bool
	// extra are further elements of the body, in pairs of name and text.
	extra [][2]string
}

func (e *apiError) Error() string { return fmt.Sprintf("%s (%d): %s", e.code, e.status, e.message) }

// because replaces the general message by one that names the cause.
func (e *apiError) because(message string) *apiError {
	e.message = message
	return e
}

// failure makes the error of a code. A code that is not in the table is a
// mistake of ours and answers as one.
func failure(code string) *apiError {
	a, ok := answers[code]
	if !ok {
		a = answers["InternalError"]
	}
	return &apiError{status: a.status, code: code, message: a.message}
}

// isCode tells whether err is the error of a code.
func isCode(err error, code string) bool {
	var e *apiError
	return errors.As(err, &e) && e.code == code
}

// answers are the codes this server gives.
var answers = map[string]struct {
	status  int
	message string
}{
	"AccessDenied":                          {http.StatusForbidden, "Access Denied."},
	"AccessForbidden":                       {http.StatusForbidden, "CORS is not configured for this bucket, or no rule matches the request."},
	"AppendPositionErr":                     {http.StatusConflict, "The position is not the length of the object."},
	"AttachmentFull":                        {http.StatusBadRequest, "An ACL has at most 100 grants."},
	"BadDigest":                             {http.StatusBadRequest, "The Content-MD5 you specified did not match what was received."},
	"BucketAlreadyExists":                   {http.StatusConflict, "The requested bucket name is not available."},
	"BucketAlreadyOwnedByYou":               {http.StatusConflict, "The bucket you tried to create already exists, and you own it."},
	"BucketNameTooLong":                     {http.StatusBadRequest, "The bucket name is too long."},
	"BucketNotEmpty":                        {http.StatusConflict, "The bucket you tried to delete is not empty."},
	"EntityTooLarge":                        {http.StatusBadRequest, "Your proposed upload exceeds the maximum allowed object size."},
	"EntityTooSmall":                        {http.StatusBadRequest, "A part other than the last is smaller than 1 MiB."},
	"ExpiredToken":                          {http.StatusBadRequest, "The provided token has expired."},
	"FileAlreadyExists":                     {http.StatusConflict, "The file already exists."},
	"IncompleteBody":                        {http.StatusBadRequest, "You did not provide the number of bytes specified by the Content-Length HTTP header."},
	"InternalError":                         {http.StatusInternalServerError, "We encountered an internal error. Please try again."},
	"InvalidAccessKeyId":                    {http.StatusForbidden, "The Access Key Id you provided does not exist in our records."},
	"InvalidArgument":                       {http.StatusBadRequest, "Invalid Argument."},
	"InvalidBucketName":                     {http.StatusBadRequest, "The specified bucket is not valid."},
	"InvalidBucketState":                    {http.StatusConflict, "The request is not valid with the current state of the bucket."},
	"InvalidCopySource":                     {http.StatusBadRequest, "Copy Source must mention the source bucket and key: sourcebucket/sourcekey."},
	"InvalidDigest":                         {http.StatusBadRequest, "The Content-MD5 you specified is not valid."},
	"InvalidObjectState":                    {http.StatusForbidden, "The operation is not valid for the object's storage class."},
	"InvalidPart":                           {http.StatusBadRequest, "One or more of the specified parts could not be found."},
	"InvalidPartOrder":                      {http.StatusBadRequest, "The list of parts was not in ascending order."},
	"InvalidRange":                          {http.StatusRequestedRangeNotSatisfiable, "The requested range is not satisfiable."},
	"InvalidRequest":                        {http.StatusBadRequest, "Invalid Request."},
	"InvalidSHA1Digest":                     {http.StatusBadRequest, "The x-cos-content-sha1 you specified did not match what was received."},
	"InvalidTag":                            {http.StatusBadRequest, "The tag you provided was not valid."},
	"InvalidURI":                            {http.StatusBadRequest, "Could not parse the specified URI."},
	"KeyTooLong":                            {http.StatusBadRequest, "Your key is too long."},
	"LifeCycleIdNotUnique":                  {http.StatusBadRequest, "Two rules of the lifecycle have the same ID."},
	"ListPartUploadIdIsEmpty":               {http.StatusBadRequest, "The uploadId is empty."},
	"MalformedPolicy":                       {http.StatusBadRequest, "The policy is not well-formed JSON."},
	"MalformedXML":                          {http.StatusBadRequest, "The XML you provided was not well-formed or did not validate."},
	"MetadataTooLarge":                      {http.StatusBadRequest, "Your metadata headers exceed the maximum allowed metadata size."},
	"MethodNotAllowed":                      {http.StatusMethodNotAllowed, "The specified method is not allowed against this resource."},
	"MissingContentLength":                  {http.StatusLengthRequired, "You must provide the Content-Length HTTP header."},
	"MissingRequestBodyError":               {http.StatusBadRequest, "Request body is empty."},
	"MultiBucketNotSupport":                 {http.StatusBadRequest, "A replication has one destination bucket."},
	"NoSuchBucket":                          {http.StatusNotFound, "The specified bucket does not exist."},
	"NoSuchBucketPolicy":                    {http.StatusNotFound, "The bucket has no policy."},
	"NoSuchCORSConfiguration":               {http.StatusNotFound, "The CORS configuration does not exist."},
	"NoSuchKey":                             {http.StatusNotFound, "The specified key does not exist."},
	"NoSuchLifecycleConfiguration":          {http.StatusNotFound, "The lifecycle configuration does not exist."},
	"NoSuchTagSet":                          {http.StatusNotFound, "The tag set does not exist."},
	"NoSuchUpload":                          {http.StatusNotFound, "The specified multipart upload does not exist."},
	"NoSuchVersion":                         {http.StatusNotFound, "The specified version does not exist."},
	"NotImplemented":                        {http.StatusNotImplemented, "A header or parameter you provided asks for something that is not implemented."},
	"NotSupportedStorageClass":              {http.StatusBadRequest, "The storage class you specified is not valid."},
	"ObjectNotAppendable":                   {http.StatusConflict, "The operation is not valid for the current state of the object."},
	"PathConflict":                          {http.StatusConflict, "Path conflict."},
	"PreconditionFailed":                    {http.StatusPreconditionFailed, "Precondition not match."},
	"ReplicationConfigurationNotFoundError": {http.StatusNotFound, "The replication configuration does not exist."},
	"RequestTimeTooSkewed":                  {http.StatusForbidden, "The difference between the request time and the server's time is too large."},
	"RequestTimeout":                        {http.StatusBadRequest, "The body was not received within the timeout period."},
	"RestoreAlreadyInProgress":              {http.StatusConflict, "Object restore is already in progress."},
	"RestoreNonArchiveObject":               {http.StatusMethodNotAllowed, "The object is not archived."},
	"ServiceUnavailable":                    {http.StatusServiceUnavailable, "Please try again."},
	"SignatureDoesNotMatch":                 {http.StatusForbidden, "The Signature you specified is invalid."},
	"SlowDown":                              {http.StatusServiceUnavailable, "Please reduce your request rate."},
	"SsecDecryptHeaderInvalid":              {http.StatusBadRequest, "The SSE-C headers are missing or are not those the object was stored with."},
	"TooManyBuckets":                        {http.StatusBadRequest, "You have attempted to create more buckets than allowed."},
	"XMLSizeLimit":                          {http.StatusBadRequest, "The XML you provided is larger than 2 MiB."},
	"XAmzContentSHA256Mismatch":             {http.StatusBadRequest, "The x-amz-content-sha256 you specified did not match what was received."},
	"SSEHeaderNotAllowed":                   {http.StatusBadRequest, "The encryption headers are not valid together."},
}
